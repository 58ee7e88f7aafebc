"""Self-declared compliance in submission.json, held against the logs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.scored import distinct, finished, seeds
from auditor.finding import Status, Step
from auditor.regex import regex
from auditor.submission.names import shown
from rules.limits import cap
from rules.scored_runs import record

_LATE_SECONDS = 602.0  # the loop looks at the clock once a step, and prints after a synchronisation
_LATE_EVALUATION = 600.0

_ADAPTED = regex(r"\s*pre_?quant_?ttt\S{0,20}\s?:\s?epoch\b", re.IGNORECASE)

Belied: TypeAlias = tuple[Status, str, tuple[Step, ...]]
"""How much it weighs, what speaks against it, and the lines that do."""


def belied(case: Case) -> Iterator[tuple[Claim[bool], Belied]]:
    """Yield each flag that is declared to be true and that the logs, or the metadata itself, belie."""
    for claim in case.evidence.metadata.declared:
        if not claim.value:
            continue
        for pattern, against in _DECLARED:
            said = against(case) if pattern.search(claim.name.lower()) else None
            if said is not None:
                yield claim, said


def _three_seeds(case: Case) -> Belied | None:
    runs = distinct(case.evidence)
    shown, named = seeds(runs), case.evidence.metadata.seeds
    count = len(shown) or (1 if runs else 0)
    if not runs or count >= 3 or len(runs) >= 3:
        return None
    status: Status = "violation" if record(case) and len(named) < 3 else "hold"
    own = f", and it names {len(named)} itself" if named and len(named) < 3 else ""
    return status, f"the logs show {count} seed{'s' if count > 1 else ''}{own}", ()


def _under_cap(case: Case) -> Belied | None:
    sizes = [size for run in case.evidence.runs if (size := run.artifact_bytes) is not None]
    worst = max(sizes, key=lambda v: v.value, default=None)
    if worst is None or worst.value <= cap(case):
        return None
    return "note", f"a log totals {worst.value:,} bytes", (Step(worst.path, worst.line or 1, "the total"),)


def _train_in_time(case: Case) -> Belied | None:
    times = [t for run in finished(case.evidence) if (t := run.train_seconds) is not None]
    worst = max(times, key=lambda v: v.value, default=None)
    if worst is None or worst.value <= _LATE_SECONDS:
        return None
    return "note", f"a log shows {worst.value:,.1f} s of training", (Step(worst.path, worst.line or 1, "the clock"),)


def _eval_in_time(case: Case) -> Belied | None:
    times = [t for run in finished(case.evidence) if (t := run.eval_seconds) is not None]
    worst = max(times, key=lambda v: v.value, default=None)
    if worst is None or worst.value <= _LATE_EVALUATION:
        return None
    return "note", f"a log shows {worst.value:,.1f} s of evaluation", (Step(worst.path, worst.line or 1, "the clock"),)


def _no_adaptation_before(case: Case) -> Belied | None:
    """Return what a log of the claimed score prints of training on the validation set before quantisation."""
    for run in finished(case.evidence):
        for metric in run.metrics:
            if _ADAPTED.match(metric.text) is not None:
                said = f"a log prints “{shown(metric.text, 60)}”"
                return "note", said, (Step(metric.path, metric.line, "adaptation before quantisation"),)
    return None


# What a self-declared boolean says, by its key, and what speaks against it.
_DECLARED: tuple[tuple[re.Pattern[str], Callable[[Case], Belied | None]], ...] = (
    (regex(r"(?:three|3)_?seed|seeds?_?(?:three|3)\b|multi_?seed"), _three_seeds),
    (regex(r"(?:artifact|size|bytes|submission|total).*(?:under|below|within|le|lt|cap|16)"), _under_cap),
    (regex(r"train.*(?:under|below|within|le|lt).*(?:600|10)|train.*budget"), _train_in_time),
    (regex(r"^no_?pre_?quant_?(?:ttt|adapt)|^no_(?:val_)?adapt\w*_before_quant"), _no_adaptation_before),
    (regex(r"eval.*(?:under|below|within|le|lt).*(?:600|10)|eval.*budget"), _eval_in_time),
)
