"""Self-declared compliance in submission.json, held against the logs and what was found in the code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TypeAlias

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.scored import distinct, finished, seeds
from auditor.finding import Status, Step
from auditor.regex import regex
from auditor.submission.names import shown
from rules import prequant_ttt, score_after_adapt, slot_scored_region
from rules.limits import cap
from rules.scored_runs import record

_LATE_SECONDS = 602.0  # the loop looks at the clock once a step, and prints after a synchronisation
_LATE_EVALUATION = 600.0

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


def _score_first(case: Case) -> Belied | None:
    what = "the model is adapted on validation tokens{} before it scores them"
    return _in_code(case, (prequant_ttt, score_after_adapt), what)


def _no_slot(case: Case) -> Belied | None:
    return _in_code(case, (slot_scored_region,), "a delta is fitted{} on positions that are then scored with it")


def _in_code(case: Case, rules: Sequence[ModuleType], what: str) -> Belied | None:
    """Return what speaks against a flag where one of the rules finds a violation that is active in the code."""
    for rule in rules:
        for found in rule.check(case):
            if found.status == "violation" and found.active and found.path is not None and found.line is not None:
                layer = f", layer {found.layer}" if found.layer else ""
                where = Step(found.path, found.line, "the step that learns", found.layer)
                return "note", what.format(f" ({shown(found.path)}:{found.line}{layer})"), (where,)
    return None


# What a self-declared boolean says, by its key, and what speaks against it.
_DECLARED: tuple[tuple[re.Pattern[str], Callable[[Case], Belied | None]], ...] = (
    (regex(r"(?:three|3)_?seed|seeds?_?(?:three|3)\b|multi_?seed"), _three_seeds),
    (regex(r"(?:artifact|size|bytes|submission|total).*(?:under|below|within|le|lt|cap|16)"), _under_cap),
    (regex(r"train.*(?:under|below|within|le|lt).*(?:600|10)|train.*budget"), _train_in_time),
    (regex(r"score_?first|no_pre_?quant|legal_ttt"), _score_first),
    (regex(r"no_slot\b"), _no_slot),
    (regex(r"eval.*(?:under|below|within|le|lt).*(?:600|10)|eval.*budget"), _eval_in_time),
)
