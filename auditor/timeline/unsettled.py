"""What the settings in play leave open: files that aren't shipped, values that the text doesn't tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from auditor.submission.model import STARTED, Override, Setting


def left_open(settings: Sequence[Setting], names: Collection[str]) -> str:
    """Return the words on what could still give one of the switches ``names`` another value, "" where nothing could."""
    untold = next((given for setting in settings for given in setting.untold if given.name in names), None)
    if untold is not None:
        return f"{untold.path}:{untold.line} gives {untold.name} a value that can't be told"
    lacking = next((lack for setting in settings for lack in setting.lacking), None)
    return not_shipped(lacking) if lacking is not None else ""


def not_shipped(lacking: Override) -> str:
    """Return the words on a file that a command starts, or reads its environment from, and that isn't shipped."""
    how = "starts" if lacking.value == STARTED else "reads"
    return f"what {lacking.name} sets, which {lacking.path}:{lacking.line} {how}, is not shipped"
