"""Which runs a submission's claimed score rests on, and how strictly the record track's budgets judge them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from auditor.case import Case
from auditor.evidence.model import Evidence, Metric, Run
from auditor.finding import Finding, Group, Status

_EXACT = 6e-5  # bits per byte: half a unit of the fourth decimal, the shortest claim seen
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Counted:
    """A run that counts, and the line of it that does.

    ``claimed`` is True when that line prints what is claimed: for its seed, for the submission, or as a part of
    the claimed mean. Otherwise the run counts for want of better.
    """

    run: Run
    score: Metric
    claimed: bool


def counted_runs(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs behind the claimed score; every run with a final score when no log prints the claim."""
    found = _of_their_seeds(evidence) or _of_the_whole(evidence)
    if found:
        return found
    return tuple(Counted(run, run.scores[-1], False) for run in evidence.runs if run.scores)


def training_runs(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs that trained what the counted ones score: themselves, or their seed's own training log."""
    counted = counted_runs(evidence)
    out = [each for each in counted if each.run.train_seconds is not None]
    seeds = {each.run.seed.value for each in out if each.run.seed is not None}
    for each in counted:
        seed = each.run.seed
        if each.run.train_seconds is not None or seed is None or seed.value in seeds:
            continue
        logs = [r for r in evidence.runs if r.train_seconds and r.seed and r.seed.value == seed.value]
        out += [Counted(run, each.score, each.claimed and len(logs) == 1) for run in logs]
        seeds.add(seed.value)
    return tuple(out)


def is_timed(case: Case) -> bool:
    """Tell whether the record track's limits of time and hardware apply to a submission."""
    return not case.submission.lone and case.submission.track != "non-record"


def strictness(case: Case, counted: Counted) -> Status:
    """Return how a broken limit weighs: a violation where the run surely stands for a record, else a hold."""
    return "violation" if counted.claimed and case.submission.track == "record" else "hold"


def on_line(
    rule: str, status: Status, message: str, path: str, line: int | None, *, group: Group = "evidence"
) -> Finding:
    """Return a finding about one line of a log or document."""
    return Finding(rule=rule, group=group, status=status, message=message, path=path, line=line, end_line=line)


def and_others(message: str, count: int) -> str:
    """Return the message, ended by how many more runs show the same."""
    return message if count < 1 else f"{message} {count} other {'run shows' if count == 1 else 'runs show'} the same."


def _of_their_seeds(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs that print what is claimed for their seed."""
    claims = evidence.metadata.all("val_bpb", per_seed=True) or evidence.readme.all("val_bpb", per_seed=True)
    by_seed: dict[int | None, list[float]] = {}
    for claim in claims:
        by_seed.setdefault(claim.seed, []).append(claim.value)
    out: list[Counted] = []
    for run in evidence.runs:
        if run.seed is None:
            continue
        wanted = by_seed.get(run.seed.value, [])
        hit = _last(m for m in run.scores if any(abs(m.val_bpb - value) <= _EXACT for value in wanted))
        if hit is not None:
            out.append(Counted(run, hit, True))
    return tuple(out)


def _of_the_whole(evidence: Evidence) -> tuple[Counted, ...]:
    """Return the runs whose mean, or one of which, is the claimed score."""
    claimed = evidence.claims().val_bpb
    if claimed is None:
        return ()
    groups: dict[str, list[Counted]] = {}
    for run in evidence.runs:
        last = {_DIGITS.sub("", m.label): m for m in run.scores}
        for label, metric in last.items():
            groups.setdefault(label, []).append(Counted(run, metric, True))
    seeds = frozenset(evidence.claims().seeds)
    for group in groups.values():
        named = [c for c in group if c.run.seed is not None and c.run.seed.value in seeds]
        for some in (named, group):
            if len(some) > 1 and abs(fmean(c.score.val_bpb for c in some) - claimed) <= _EXACT:
                return tuple(some)
    alone = [c for group in groups.values() for c in group if abs(c.score.val_bpb - claimed) <= _EXACT]
    kept: dict[tuple[str, int], Counted] = {(c.run.path, c.run.first_line): c for c in alone}
    return tuple(kept.values())


def _last(metrics: Iterable[Metric]) -> Metric | None:
    found = None
    for metric in metrics:
        found = metric
    return found
