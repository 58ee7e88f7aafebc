"""The facts at the head of a report: what is claimed, what the logs show."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from auditor import catalogue
from auditor.report import Comparison, MeasuredRun, Report
from reports.schema import mean_bpb, scores, std_bpb

# Bits per byte between logs: seeds of one work differ by less; a mean over more says nothing.
_ONE_WORK = 0.02
_SHORTEST = 6e-5  # bits per byte: half a unit of the fourth decimal, the shortest claim seen
_ROUNDED = 0.001  # bits per byte, from which five decimals tell of a score


def facts(report: Report) -> tuple[tuple[str, str], ...]:
    """Return (label, value) pairs in reading order; a fact that nobody states is left out.

    Values hold text of the submission as it is: escape them for their medium.
    """
    script = " ".join(part for part in (report.script or "", f"at {report.sha}" if report.sha else "") if part)
    pairs = (
        ("track", report.track),
        ("script", script),
        ("val_bpb", _scores(report)),
        ("seeds", _seeds(report)),
        ("bytes", _bytes(report)),
        ("seconds", _seconds(report)),
    )
    return tuple((label, value) for label, value in pairs if value)


def against(baseline: Comparison) -> str:
    """Return in one line how a report compares with its baseline."""
    return f"baseline: {baseline.known} known, {baseline.new} new, {len(baseline.gone)} gone"


def partial(report: Report) -> str:
    """Return in one sentence that only some rules were applied; empty when all of them were."""
    if report.applied is None:
        return ""
    return f"Only {len(report.applied)} of {len(catalogue.load())} rules were applied, so no merge is recommended"


def _scores(report: Report) -> str:
    parts = []
    runs = [replace(run, val_bpb=run.claimed_bpb) if run.claimed else run for run in report.runs]
    mean, std, found = mean_bpb(runs), std_bpb(runs), scores(runs)
    if found and mean is None:
        parts.append(f"{min(found):.5f} to {max(found):.5f} logged ({len(found)} runs, of several vocabularies)")
    elif mean is not None and max(found) - min(found) > _ONE_WORK:
        parts.append(f"{min(found):.5f} to {max(found):.5f} logged ({len(found)} runs)")
    elif mean is not None:
        count = len(found)
        spread = "" if std is None else f", sd {std:.5f}" if mean >= _ROUNDED else f", sd {std:.3g}"
        others = len(scores(replace(run, claimed_bpb=None) for run in report.runs)) - count
        counted = list(report.runs) if others > 0 else [run for run in runs if run.claimed] or runs
        several = len({run.log for run in counted if run.val_bpb is not None}) < count + max(others, 0)
        logs = "runs" if several else "logs"
        all_told = f" of {count + others}" if others > 0 else ""
        of = f"1{all_told} {logs if all_told else 'log'}" if count == 1 else f"mean of {count}{all_told} {logs}{spread}"
        parts.append(f"{mean:.5f} logged ({of})" if mean >= _ROUNDED else f"{mean:.3g} logged ({of})")
    if report.claims.val_bpb is not None and _borne_out(
        report.claims.val_bpb, report.claims.score_at, found, _SHORTEST
    ):
        parts.append(f"{report.claims.val_bpb:g} {_said(report.claims.score_at)}")
    return ", ".join(parts)


def _seeds(report: Report) -> str:
    logged = sorted({run.seed for run in report.runs if run.seed is not None})
    parts = []
    if logged:
        parts.append(f"{' '.join(map(str, logged))} of the logs")
    if report.claims.seeds and sorted(set(report.claims.seeds)) != logged:
        parts.append(f"{' '.join(map(str, report.claims.seeds))} {_said(report.claims.seeds_at)}")
    return ", ".join(parts)


def _bytes(report: Report) -> str:
    parts = []
    sized = [run for run in _counted(report) if run.artifact_bytes is not None]
    sized = sized or [run for run in report.runs if run.artifact_bytes is not None]
    if sized:
        largest = max(sized, key=lambda run: run.artifact_bytes or 0)
        said = "of the logged model and the script on disk" if largest.with_disk else "logged"
        parts.append(f"{largest.artifact_bytes:,} {said}{' (largest)' if len(sized) > 1 else ''}")
    totals = [run.artifact_bytes for run in report.runs if run.artifact_bytes is not None]
    if report.claims.artifact_bytes is not None and _borne_out(
        report.claims.artifact_bytes, report.claims.bytes_at, totals, 0
    ):
        parts.append(f"{report.claims.artifact_bytes:,} {_said(report.claims.bytes_at)}")
    return ", ".join(parts)


def _borne_out(value: float, where: str, logged: Iterable[float], slack: float) -> bool:
    """Return whether a figure is a plain claim, or one that the logs show: what stands elsewhere may be another's."""
    return not where or any(abs(value - each) <= slack for each in logged)


def _said(where: str) -> str:
    """Return that a figure is claimed, or where it stands if that may be of another work or a trial."""
    return f"in {where}" if where else "claimed"


def _seconds(report: Report) -> str:
    runs = _counted(report)
    train = [run.train_seconds for run in runs if run.train_seconds is not None]
    train = train or [run.train_seconds for run in report.runs if run.train_seconds is not None]
    # Of several timed passes the last need not be the one that gives the score, and clocks may hold each other.
    evaluation = [run.eval_seconds for run in runs if run.eval_seconds is not None and run.validation_seconds is None]
    parts = []
    if train:
        parts.append(f"training {max(train):.1f}")
    if evaluation:
        parts.append(f"timed evaluation {max(evaluation):.1f}")
    return ", ".join(parts) + (" (longest)" if len(train) > 1 or len(evaluation) > 1 else "")


def _counted(report: Report) -> list[MeasuredRun]:
    """Return the runs that the claimed score rests on where that is known, else all of them."""
    return [run for run in report.runs if run.claimed] or list(report.runs)
