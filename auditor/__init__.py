"""golf-audit: a compliance auditor for OpenAI's parameter-golf challenge."""

__version__ = "0.1.0"
