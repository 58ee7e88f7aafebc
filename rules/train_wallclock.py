"""Training that takes longer than the ten minutes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.case import Case
from auditor.evidence.counted import Counted, training_runs
from auditor.evidence.printed import Value
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import and_others, is_timed, limited, on_line, strictness
from rules.evidence_examples import PLAIN, RECORD, log, metadata
from rules.limits import time

SLUG = "train-wallclock"

_FAR = 60.0  # seconds


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for the slowest training, and one for an artifact that takes longer to make than that."""
    if not is_timed(case):
        return
    limit = time(case)
    timed = [(each, v) for each in training_runs(case.evidence) if (v := each.run.train_seconds) is not None]
    over = sorted(
        (pair for pair in timed if pair[1].value > limit.train_seconds + limit.noise), key=lambda pair: -pair[1].value
    )
    if over:
        yield _slow(case, over, sum(v.value > limit.train_seconds for _, v in timed) - 1)
    made = [v for each in training_runs(case.evidence) if (v := each.run.last("production_time")) is not None]
    late = [v for v in made if v.value > limit.train_seconds]
    if late:
        worst = max(late, key=lambda v: v.value)
        yield on_line(
            SLUG,
            "hold",
            and_others(
                f"Making the artifact took {worst.value:.1f} s by this log, more than the {limit.train_seconds:.0f} s; "
                "a maintainer called such timings not ready for a record (#2121), and took others (#1868).",
                len(late) - 1,
            ),
            worst.path,
            worst.line,
        )


def _slow(case: Case, over: list[tuple[Counted, Value[float]]], others: int) -> Finding:
    """Return the finding on the slowest of the runs that trained for too long; ``others`` did so by however little."""
    counted, seconds = over[0]
    limit = time(case)
    beyond = seconds.value - limit.train_seconds
    if beyond <= limit.slack:
        message = (
            f"Training took {seconds.value:.2f} s, {beyond:.2f} s more than allowed; {limit.slack:g} s are let pass, "
            "for the clock is looked at between steps."
        )
        return on_line(SLUG, "note", and_others(message, others), seconds.path, seconds.line)
    long = sum(v.value - limit.train_seconds > limit.slack for _, v in over)
    took = f"{seconds.value:.{1 if beyond < _FAR else 0}f}"  # what is far beyond may be printed in minutes
    message = f"Training took {took} s by this log; {limit.train_seconds:.0f} s are allowed."
    # A summary may count compilation or set-up, which a step's own clock does not.
    own_clock = counted.run.last("stop_time") is not None or counted.run.first("train_time") is not None
    message = and_others(message, long - 1)
    status, message = limited(case, strictness(case, counted), message) if own_clock else ("hold", message)
    found = on_line(SLUG, status, message, seconds.path, seconds.line)
    cap = f"Set the cap to {limit.train_seconds:.0f} s and run again, or submit to the non-record track."
    return replace(found, advice=cap) if beyond > _FAR else found


RULE = Rule(
    slug=SLUG,
    title="Trained for longer than 600 s",
    group="evidence",
    condition="budget",
    summary="The training time that the log of a counted run prints is above 600 s. Up to 2 s more are a note, a "
    "tenth of a second nothing: the clock is looked at between steps, and accepted logs end slightly late.",
    why="Scores are compared at ten minutes of training on 8 H100. More time is more steps, and a lower loss.",
    advice="Stop by the clock with a margin of a step, and lower the cap where synchronisation adds time.",
    counterpart="A loop that stops at the wall-clock cap and prints stopping_early with a train_time of 600 s or less.",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "training takes at most 10 minutes on 8xH100"),
        Authority("#2121", "cocohearts", "2026-05", "audit", "timings above 600 s; not ready for a record"),
    ),
    check=check,
    needs=("time",),
    invalid=(
        Example(
            "a cap of 900 s",
            PLAIN,
            "stopping_early",
            {"train_seed1.log": log(1, 1.2244, stop=900.04), "submission.json": metadata(1.2244, seeds=(1,))},
        ),
        Example(
            "one of three seeds ran on",
            PLAIN,
            "train_time:604000ms step:13780/20000",
            RECORD | {"train_seed3.log": log(3, 1.22444, stop=604.0)},
        ),
        Example(
            "the artifact takes longer to make than the training is allowed",
            PLAIN,
            "artifact_production_wallclock",
            {
                "train_seed1.log": log(1, 1.2244) + "artifact_production_wallclock: 825.352s (must be < 600.0)\n",
                "submission.json": metadata(1.2244, seeds=(1,)),
            },
            status="hold",
        ),
    ),
    valid=(
        Example("three seeds that stop in time", PLAIN, files=RECORD),
        Example(
            "half a second late",
            PLAIN,
            files={"train_seed1.log": log(1, 1.2244, stop=600.5), "submission.json": metadata(1.2244, seeds=(1,))},
        ),
        Example(
            "a declared non-record run of hours",
            PLAIN,
            files={
                "train_seed1.log": log(1, 1.2244, stop=7200.0),
                "submission.json": metadata(1.2244, seeds=(1,), track="non-record-16mb"),
            },
        ),
        Example(
            "a longer run beside the claimed one",
            PLAIN,
            files=RECORD | {"ablation_long.log": log(99, 1.2001, stop=1200.0)},
        ),
    ),
    known_problems="A log that prints no training time is not judged here, and neither is what no clock counts.",
)
