"""A defect of ours that costs one submission a part of its audit, and nothing else."""

from __future__ import annotations

from msgspec import Struct

from auditor.finding import NotFollowed


class Failure(Struct, frozen=True):
    """An exception of the audit itself: where in the submission, and what of the audit it was (a rule, the engine)."""

    error: Exception
    part: str
    path: str
    line: int | None = None

    def as_not_followed(self) -> NotFollowed:
        """Return the entry by which the report says it; no verdict better than HOLD can rest on what is left."""
        return NotFollowed(self.path, self.line, failed(self.error, self.part), decisive=True)


def failed(error: Exception, part: str) -> str:
    """Return what a report says of a failure, on one line."""
    said = " ".join(str(error).split())[:160]
    return f"golf-audit failed here ({part}: {type(error).__name__}{f': {said}' if said else ''})"
