"""One smoke test: a scratch folder, the sandbox, and what its results say."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from auditor.durable import FULL
from auditor.evidence.read import read_evidence
from auditor.sandbox import Limits, Mechanism, Outcome, Request, Results, import_path, run, scratch_folder
from auditor.smoke.judge import steps_of
from auditor.smoke.model import STEPS, SmokeReport, Step
from auditor.smoke.plan import Plan, plan
from auditor.smoke.results import MAX_BYTES, Event, read_events
from auditor.submission.model import Submission

_TAIL = 1500  # characters
OLDER = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}  # scripts load what they saved, as torch did before 2.6
_THREADS = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
_OF_THE_SETTING = ("script", "exit")
_BEFORE_THE_MODEL = ("import", "hyperparameters", "model")
SECONDS, MEMORY_BYTES = 120.0, 12 << 30


def smoke(
    submission: Submission,
    *,
    seconds: float = SECONDS,
    memory_bytes: int = MEMORY_BYTES,
    use: Mechanism | None = None,
) -> SmokeReport:
    """Run the smoke test of one submission and return its report.

    ``seconds`` and ``memory_bytes`` are its limits, ``use`` the sandbox's mechanism (None: the strongest). Raises
    :class:`auditor.sandbox.NoSandbox` when nothing can hold the script.
    """
    planned = plan(submission, read_evidence(submission))
    if isinstance(planned, str):
        steps = tuple(Step(name, "SKIP", planned) for name in STEPS)
        return SmokeReport(submission.given, submission.name, None, "", steps)
    limits = Limits(
        wall_seconds=seconds,
        memory_bytes=memory_bytes,
        processes=1024,
        file_bytes=1 << 30,
        scratch_bytes=2 << 30,
        output_bytes=16 << 20,
    )
    begun = time.monotonic()
    steps, outcome, events = _attempt(submission, planned, limits, use)
    trouble = next((step for step in steps if step.cause in _OF_THE_SETTING), None)
    if trouble is not None and trouble.name in _BEFORE_THE_MODEL and (planned.environment or planned.arguments):
        again = planned.at_defaults()
        others = _attempt(submission, again, limits, use)
        if _reached(others[0]) > _reached(steps):
            steps, outcome, events = others
            planned = replace(again, setting=f"{again.setting} (under {planned.setting}: {trouble.reason})")
    return SmokeReport(
        submission=submission.given,
        name=submission.name,
        script=planned.script,
        setting=planned.setting,
        steps=steps,
        stand_ins=tuple(dict.fromkeys(e.text("name") for e in events if e.name == "stand-in")),
        facts=_facts(events),
        mechanism=outcome.mechanism,
        seconds=round(time.monotonic() - begun, 2),
        tail=outcome.output[-_TAIL:],
    )


def _attempt(
    submission: Submission, planned: Plan, limits: Limits, use: Mechanism | None
) -> tuple[tuple[Step, ...], Outcome, tuple[Event, ...]]:
    with scratch_folder() as folder:
        outcome, events = _run(submission, planned, folder, limits, use)
    return steps_of(planned, events, outcome), outcome, events


def _reached(steps: tuple[Step, ...]) -> int:
    """Return how many steps passed."""
    return sum(step.status == "PASS" for step in steps)


def _run(
    submission: Submission, planned: Plan, scratch: Path, limits: Limits, use: Mechanism | None
) -> tuple[Outcome, tuple[Event, ...]]:
    """Lay the submission out as the challenge's repository does, and run its script under the harness."""
    folder = scratch / "repository" / "records" / "track" / "submission"
    for path in planned.files:
        place = folder / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(submission.tree.read(path, limits.file_bytes))
        except OSError as error:
            if error.errno in FULL or path == planned.script:
                raise
            # A name that is too long here, or two that are one; the script tells if it needs it.
    results = scratch / "results"
    command = (sys.executable, "-P", "-m", "auditor.smoke.harness", str(results), str(folder / planned.script))
    environment = {**planned.environment, "PYTHONPATH": import_path(), **_THREADS, **OLDER}
    request = Request((*command, *planned.arguments), scratch, environment=environment, limits=limits)
    told: list[bytes | None] = []

    def collect(left: Results) -> None:
        told.append(left.read(results.name, MAX_BYTES))

    outcome = run(request, use=use, collect=collect)
    return outcome, read_events(told[0] if told else None)


def _facts(events: tuple[Event, ...]) -> dict[str, int | float]:
    out: dict[str, int | float] = {}
    for event in events:
        if event.name == "shape":
            out.update((name, value) for name, value in event.facts.items() if not isinstance(value, str))
        for name, field, key in (
            ("model", "parameters", "parameters"), ("loss", "value", "loss"), ("forward", "tokens", "tokens"),
            ("artifact", "bytes", "artifact_bytes"), ("end", "cpu", "cpu_seconds"),
        ):  # fmt: skip
            value = event.number(field) if event.name == name else None
            if value is not None and value == value and abs(value) != float("inf"):
                out[key] = value
    return out
