"""golf-audit: a compliance auditor for OpenAI's parameter-golf challenge.

From Python: :func:`audit`, :func:`audit_pull_request` and :func:`read_results`, as ``docs/api.md`` shows them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.api import Report, Unread, audit, audit_pull_request, read_results

__version__ = "0.1.0"

__all__ = ["Report", "Unread", "__version__", "audit", "audit_pull_request", "read_results"]


def __getattr__(name: str) -> Any:
    # Lazy: the command line imports this package and wants to be there at once.
    if name in __all__:
        from auditor import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
