"""Sentences and cells that all forms of the report share."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.reproduce.model import Measured, Plan, Reproduction

COLUMNS = ("seed", "state", "val_bpb", "steps", "train s", "eval s", "artifact", "peak memory")
MARKS = {"met": "✓", "missed": "✗", "open": "?", "shown": "·"}


def cells(run: Measured) -> tuple[str, ...]:
    """Return a run as a row of :data:`COLUMNS`; what isn't known is a dash."""
    return (
        str(run.seed),
        run.status,
        _number(run.val_bpb, ".6f"),
        _number(run.steps, ","),
        _number(run.train_seconds, ".1f"),
        _number(run.eval_seconds, ".1f"),
        _number(run.artifact_bytes, ","),
        "–" if not run.peak_memory else f"{run.peak_memory / 2**20:,.0f} MiB",
    )


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``40 s``, ``7 min``, ``2 h 10 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def size(count: int) -> str:
    """Return bytes as people say them, decimal as the challenge counts."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def plan_lines(plan: Plan, spent: float | None = None) -> Iterator[tuple[str, str]]:
    """Yield what will run as pairs of label and text; ``spent`` seconds are what it took, where it is over."""
    seeds = ", ".join(str(run.seed) for run in plan.runs)
    yield "runs", f"{plan.subject}, seed{'s' if len(plan.runs) > 1 else ''} {seeds}, one after the other"
    processes = f", {plan.processes} processes" if plan.processes > 1 else ""
    yield "machine", f"{plan.machine.hardware} ({plan.machine.cpu}){processes}"
    yield "held by", plan.held_by
    yield "data", str(plan.data) if plan.data is not None else "the demo's: the English text that Python brings"
    if plan.found:
        yield "shards", plan.found
    time = "not known before the first seed is done" if plan.seconds is None else f"about {duration(plan.seconds)}"
    if spent is not None:
        time = f"took {duration(spent)}"
    caps = f"caps: training {plan.budget.train:g} s, evaluation {plan.budget.evaluate:g} s"
    yield "time", f"{time}; {caps if plan.capped else 'training ends with its last step, not by the clock'}"
    if plan.disk_bytes is not None:
        yield "disk", f"at most {size(plan.disk_bytes)}"
    yield "output", str(plan.output)
    if plan.changes:
        yield "changed", ", ".join(plan.changes)
    for note in plan.notes:
        yield "note", note


def report_lines(found: Reproduction) -> Iterator[tuple[str, str]]:
    """Yield what ran, as :func:`plan_lines` says it, with the time that it took."""
    spent = [run.wall_seconds for run in found.runs if run.wall_seconds is not None]
    return plan_lines(found.plan, sum(spent) if spent else None)


def verdict_line(found: Reproduction) -> str:
    """Return the verdict and why."""
    return f"{found.judgement.verdict}: {found.judgement.because}"


def mean_line(found: Reproduction) -> str | None:
    """Return mean, sd and interval of the runs' own scores; None without one."""
    sample, interval = found.judgement.sample, found.judgement.interval
    if sample is None:
        return None
    if sample.sd is None or interval is None:
        return f"val_bpb {sample.mean:.6f}, one run"
    low, high = interval
    return f"val_bpb {sample.mean:.6f}, sd {sample.sd:.6f}, 95 % interval {low:.6f} to {high:.6f}, n {sample.n}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
