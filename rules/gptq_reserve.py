"""Calibration on training data that ends after the training time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.case import Case
from auditor.evidence.counted import Counted, training_runs
from auditor.evidence.printed import Value
from auditor.evidence.run import Run
from auditor.finding import Finding, Status
from auditor.rule import Authority, Example, Rule
from auditor.timeline.trackers.calibration.found import calibrations
from rules.claimed_runs import and_others, is_timed, limited, on_line, strictness
from rules.evidence_examples import PLAIN, RECORD, log, metadata, record
from rules.limits import time

SLUG = "gptq-reserve"

_FROM_BUDGET = (
    "Take the reserve off the budget, not off a longer limit: stop as long before its end as the log measures."
)


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for the run whose calibration ends the latest; one that trains for longer anyway is told so."""
    if not is_timed(case):
        return
    over = [(each, end) for each in training_runs(case.evidence) if (end := _end(each.run)) is not None]
    limit = time(case)
    over = [p for p in over if (stop := p[0].run.last("stop_time")) is None or stop.value <= limit.other_budget]
    over = sorted((p for p in over if p[1].value > limit.train_seconds), key=lambda p: -p[1].value)
    if not over:
        return
    counted, end = over[0]
    status, message = _weigh(case, counted, end)
    advice = _FROM_BUDGET if _from_longer(case, counted.run) else ""
    yield replace(on_line(SLUG, status, and_others(message, len(over) - 1), end.path, end.line), advice=advice)


def _end(run: Run) -> Value[float] | None:
    """Return when calibration ended, in seconds of training time, None where the log doesn't time both.

    Calibration on what the model generated reads no training data, so no budget is asked for it.
    """
    stop, took = run.last("stop_time"), run.last("hessian_time")
    if stop is None or took is None or run.all("selfgen_time"):
        return None
    return Value(stop.value + took.value, took.path, took.line)


def _from_longer(case: Case, run: Run) -> bool:
    """Tell whether a reserve doesn't end training before the budget: it was taken off a longer limit."""
    limit, reserve, stop = time(case), run.last("reserve"), run.last("stop_time")
    return (
        reserve is not None and stop is not None and limit.slack < reserve.value and stop.value >= limit.train_seconds
    )


def _weigh(case: Case, counted: Counted, end: Value[float]) -> tuple[Status, str]:
    run, limit = counted.run, time(case)
    beyond = end.value - limit.train_seconds
    reserve, stop = run.last("reserve"), run.last("stop_time")
    trained = 0.0 if stop is None else stop.value
    reads = case.timeline is not None and any(True for _ in calibrations(case.timeline, "train"))
    message = (
        f"Training stops at {trained:.1f} s and calibration{' on training data' if reads else ''} takes "
        f"{end.value - trained:.1f} s more: {end.value:.1f} s together, at least {beyond:.1f} s beyond the budget."
    )
    if beyond <= limit.slack:
        return "note", f"{message} Accepted rows do the same (#1493)."
    early = limit.train_seconds - stop.value if stop is not None else 0.0
    if reserve is None and early < limit.slack:
        return limited(case, strictness(case, counted), f"{message} No time was reserved for it.")
    if beyond <= limit.reserve:
        strictly = "By the letter what follows the budget is evaluation, which may read no training data"
        return "hold", f"{message} {strictly}; accepted rows overshoot by seconds too (#1787, #1855)."
    if reserve is not None and _from_longer(case, run):
        return "hold", f"{message} {reserve.value:.1f} s are reserved, but training stops no earlier for it."
    kept_back = early if reserve is None else reserve.value
    return "hold", f"{message} The reserve of {kept_back:.1f} s is far too small; no accepted row needed so much."


def _calibrated(stop: float, took: float, reserve: float | None) -> dict[str, str]:
    lines = "" if reserve is None else f"gptq:reserving {reserve:g}s, effective={(600 - reserve) * 1000:.0f}ms\n"
    lines += f"GPTQ:collected 67 Hessians in {took:g}s\n"
    return record(1.2244, 1.2245, 1.2246, stop=stop, after_training=lines)


_GENERATED = "gptq:generated 64 sequences in 196.7s\nGPTQ:collected 67 Hessians in 20.1s\n"

RULE = Rule(
    slug=SLUG,
    title="Calibration ends after the training time",
    group="evidence",
    condition="budget",
    summary="The training clock stops, then Hessians are collected on training data; by the log both together take "
    "more than 600 s.",
    why="Work on training data belongs to training and its ten minutes. A reserve that is too small moves the rest of "
    "the calibration into the time of evaluation, where training data must not be read.",
    advice="Raise the reserve to the time that the log measures, and print the cumulative time after calibration.",
    counterpart="A stop at 586 s and 6.7 s of calibration (#1060).",
    authority=(
        Authority("#606", "valerio-oai", "2026-03", "official", "calibration reads training data after the 600 s"),
        Authority("#1028", "valerio-oai", "2026-03", "official", "the same; only time inside training counts"),
        Authority("#1855", "cocohearts", "2026-04", "audit", "accepted, though its log ends at 604.3 s"),
        Authority("#1950", "community", "2026-04", "community", "what follows the Hessians is outside both budgets"),
    ),
    check=check,
    needs=("time",),
    invalid=(
        Example(
            "no reserve, and 40 s of calibration",
            PLAIN,
            "Hessians",
            {
                "train_seed1.log": _calibrated(599.9, 40.0, None)["train_seed1.log"],
                "submission.json": metadata(1.2244, seeds=(1,)),
            },
        ),
        Example(
            "a reserve of half a second for 6.9 s, as accepted rows have it",
            PLAIN,
            "Hessians in 7.9s",
            _calibrated(599.6, 6.9, 0.5) | {"train_seed2.log": _calibrated(599.6, 7.9, 0.5)["train_seed2.log"]},
            status="hold",
        ),
        Example(
            "a reserve of 4 s for 30 s",
            PLAIN,
            "Hessians in 30.5s",
            _calibrated(596.0, 30.0, 4.0) | {"train_seed3.log": _calibrated(596.0, 30.5, 4.0)["train_seed3.log"]},
            status="hold",
        ),
    ),
    valid=(
        Example("a reserve that is enough", PLAIN, files=_calibrated(588.0, 11.3, 12.0)),
        Example("no calibration", PLAIN, files=RECORD),
        Example("eight tenths of a second late", PLAIN, files=_calibrated(588.0, 12.8, 12.0)),
        Example(
            "calibration on the model's own text",
            PLAIN,
            files={
                "train_seed1.log": log(1, 1.2244, after_training=_GENERATED),
                "submission.json": metadata(1.2244, seeds=(1,)),
            },
        ),
    ),
    known_problems="The log of a run that trains for longer anyway is train-wallclock's.",
)
