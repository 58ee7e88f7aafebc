"""Which of a queue's submissions are worth a run: the best claims that nothing speaks against."""

from __future__ import annotations

import math
from collections.abc import Iterable

from auditor.campaign.model import Entry
from auditor.finding import Verdict
from auditor.sweep.overview import Entry as Swept

_NOT_RUN = frozenset({Verdict.FLAG.value, Verdict.UNREADABLE.value, "ERROR"})


def best(entries: Iterable[Swept], top: int, *, every: bool = False) -> tuple[tuple[Entry, ...], int]:
    """Return the pull requests with the ``top`` best claimed scores, and how many better ones were passed over.

    Passed over is what the audit flagged or couldn't read: its score can't stand whatever a run shows (``every`` runs
    them too). Of a pull request with several submissions the best that counts is meant.
    """
    ordered = sorted((e for e in entries if e.val_bpb is not None and math.isfinite(e.val_bpb)), key=_score)
    chosen: dict[int, Entry] = {}
    passed: set[int] = set()
    for entry in ordered:
        if len(chosen) == top:
            break
        if entry.verdict in _NOT_RUN and not every:
            passed.add(entry.pr)
        elif entry.pr not in chosen:
            chosen[entry.pr] = Entry(pr=entry.pr, name=entry.name or None)
    return tuple(chosen.values()), len(passed - set(chosen))


def _score(entry: Swept) -> tuple[float, int]:
    return (entry.val_bpb if entry.val_bpb is not None else math.inf), entry.pr
