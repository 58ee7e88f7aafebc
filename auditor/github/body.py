"""The comment under a pull request, marked as ours."""

from __future__ import annotations

_MARKER = "<!-- golf-audit: review -->\n"

ROOM = len(_MARKER)
"""Characters that the mark takes."""


def marked(comment: str) -> str:
    """Return a comment with the hidden mark by which it is found again."""
    return _MARKER + comment


def is_ours(body: str) -> bool:
    """Tell whether a comment's body is marked as one of ours; whose it is, its author tells."""
    return body.startswith(_MARKER.strip())
