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


def described(error: BaseException) -> str:
    """Return an exception in one line: its type, what it says, and where in whose code it was raised."""
    said = str(error).strip().splitlines()
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = ""
    if place is not None:
        code = place.tb_frame.f_code
        where = f" (in {code.co_name}, {code.co_filename.rsplit('/', 1)[-1]}:{place.tb_lineno})"
    return f"{type(error).__name__}: {said[0][:300] if said else ''}{where}"
