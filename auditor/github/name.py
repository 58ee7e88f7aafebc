"""What a repository on GitHub can be called."""

from __future__ import annotations

from auditor.regex import regex

_NAME = regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}")


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of a repository: OWNER/NAME."""
    return _NAME.fullmatch(text) is not None and not text.endswith(("/.", "/.."))
