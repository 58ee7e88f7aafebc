"""What GitHub didn't do, as one line."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 (it names what happened, not a fault of the program)
    """GitHub didn't do what was asked; the text is one line fit for a user, without the token.

    ``status`` is GitHub's HTTP status (None: no answer came). ``unanswered`` tells that it isn't known whether it
    was done all the same: GitHub failed, or the line broke.
    """

    def __init__(self, message: str, status: int | None = None, *, unanswered: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.unanswered = unanswered
