"""Summaries of runs: a figure in one that its run doesn't print, where the like ones repeat what theirs print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from auditor.evidence.model import Log
from auditor.evidence.printed import Metric
from auditor.evidence.run import Run
from auditor.evidence.series import kind

_TELLING = 5  # decimals from which a score isn't repeated by chance


def of_their_runs(logs: Sequence[Log]) -> tuple[Log, ...]:
    """Return the logs with scores of summaries that aren't their run's as such: role ``retold``.

    What a launcher prints behind a run repeats, in the other logs, a score that the script has printed with its loss.
    Where it repeats none, it was not measured there, and the script's own last line is the score.
    """
    runs = [run for log in logs for run in log.runs]
    summing = {name for name in {kind(m) for run in runs for m in _bare(run)} if _sums_up(name, runs)}
    if not summing:
        return tuple(logs)
    return tuple(replace(log, runs=tuple(_own(run, summing) for run in log.runs)) for log in logs)


def _bare(run: Run) -> Iterable[Metric]:
    """Yield the final scores without a loss that come after one with a loss."""
    scores = run.scores
    first = next((m.line for m in scores if m.val_loss is not None), None)
    return (m for m in scores if first is not None and m.line > first and m.val_loss is None)


def _sums_up(name: str, runs: Sequence[Run]) -> bool:
    """Tell whether lines of one kind repeat a score of the run, in all runs that print it but one."""
    told = [(run, m) for run in runs for m in _bare(run) if kind(m) == name]
    repeated = [m for run, m in told if m.decimals >= _TELLING and _before(run, m)]
    return len(told) > 1 and len(repeated) == len(told) - 1


def _before(run: Run, metric: Metric) -> bool:
    """Tell whether an earlier score of the run, printed with its loss, is the same."""
    return any(
        m.line < metric.line
        and m.val_loss is not None
        and abs(m.val_bpb - metric.val_bpb) <= 0.5 * 10.0 ** -min(m.decimals, metric.decimals) + 1e-12
        for m in run.scores
    )


def _own(run: Run, summing: set[str]) -> Run:
    foreign = {id(m) for m in _bare(run) if kind(m) in summing and not _before(run, m)}
    if not foreign:
        return run
    return replace(run, metrics=tuple(replace(m, role="retold") if id(m) in foreign else m for m in run.metrics))
