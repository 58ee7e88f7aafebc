"""What the evidence rules ask of a case: whether it is judged, on which track and day; and how they write figures."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.case import Case
from auditor.evidence import scored
from auditor.evidence.run import Run
from auditor.regex import regex
from auditor.submission.names import shown

_DAY = regex(r"(?<!\d)(20\d\d-[01]\d-[0-3]\d)(?!\d)")


def judged(case: Case) -> bool:
    """Tell whether there is a package to judge; a lone script has none."""
    return not case.submission.lone


def record(case: Case) -> bool:
    """Tell whether the submission stands on the record track."""
    return case.submission.track == "record"


def stated_day(case: Case) -> str | None:
    """Return the day of the submission (YYYY-MM-DD): the metadata's, else the one in the folder's name."""
    said = case.evidence.metadata.text("date")
    for text in (said.value if said is not None else "", case.submission.name):
        match = _DAY.search(text)
        if match is not None:
            return match[1]
    return None


def reported(case: Case) -> tuple[Run, ...]:
    """Return the finished runs that the claimed score rests on, as far as that can be told: else all of them."""
    return scored.reported(case.evidence, on_record=record(case))


def score(value: float) -> str:
    """Return bits per byte with the digits that logs print, without trailing zeros beyond the fourth."""
    text = f"{value:.8f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<4}"


def several(items: Sequence[object], most: int = 6) -> str:
    """Return items as one readable list of at most ``most``, made safe to print."""
    texts = [shown(str(item), 80) for item in items[:most]]
    return ", ".join(texts) + (f" and {len(items) - most} more" if len(items) > most else "")


def of_seeds(values: Sequence[object]) -> str:
    """Return seeds as words: ``seed 42``, ``seeds 1, 2``."""
    return f"{'seed' if len(values) == 1 else 'seeds'} {several(values)}"
