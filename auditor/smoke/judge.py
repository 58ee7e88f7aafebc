"""From what the harness told, and how the run ended, to a status per step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.sandbox import Outcome
from auditor.smoke.counts import printed_parameters
from auditor.smoke.model import CAUSES, Cause, Status, Step
from auditor.smoke.plan import Plan
from auditor.smoke.results import Event

LOWEST, HIGHEST = 0.75, 2.0
"""Bounds of an untrained model's loss, in ln(vocabulary): below it knows the answer, above it is broken."""

_CAUSES: dict[str, Cause] = {
    "package": "package", "kernel": "kernel", "data": "data", "python": "python", "script": "script", "exit": "exit",
    "memory": "memory", "disk": "disk", "processes": "processes",
}  # fmt: skip
_STOPPED: dict[str, Cause] = {
    "wallclock": "wallclock", "memory": "memory", "output": "output", "processes": "processes", "disk": "disk",
    "interrupted": "interrupted",
}  # fmt: skip
_MILESTONES = {"import": "imported", "model": "model", "forward": "forward"}
"""The steps that a failure can be blamed for, and the events that say they are done."""


_OF_LAYERS = frozenset({"mamba_ssm", "fla", "transformer_engine", "liger_kernel", "apex", "xformers", "bitsandbytes"})
"""Packages whose layers have parameters; their stand-ins have none."""


@dataclass(frozen=True)
class Failure:
    """What ended a run: ``cause``, ``reason`` in one line, the ``step`` that it ended.

    ``blames`` is False where it says nothing against the script: this machine can't tell.
    """

    cause: Cause
    reason: str
    step: str
    blames: bool


def steps_of(planned: Plan, events: Sequence[Event], outcome: Outcome) -> tuple[Step, ...]:
    """Return the eight steps in order. Bytes and logged counts are our own reading, the rest the harness's word."""
    told = {event.name: event for event in events}
    hollow = sorted({e.text("name") for e in events if e.name == "stand-in"} & _OF_LAYERS)
    ready = told.get("ready")
    imported, model = told.get("imported"), told.get("model")
    since = ready.at if ready else 0.0
    failure = _failure(told, outcome, planned)
    steps = [
        _reached("import", imported, failure, imported.at - since if imported else None),
        _hyperparameters(told.get("shape"), failure),
        _reached("model", model, failure, model.at - imported.at if model and imported else None, _kind(model)),
        _parameters(planned, model, failure, outcome.output, hollow),
        _forward(told.get("forward"), failure),
        _loss(told.get("loss"), told.get("shape"), told.get("forward"), failure),
        _code(planned),
        _artifact(told.get("artifact"), failure),
    ]
    return tuple(steps)


def _failure(told: dict[str, Event], outcome: Outcome, planned: Plan) -> Failure | None:
    """Return what ended the run before its time, and the first step that it kept from happening."""
    found = _end(told, outcome)
    if found is None:
        return None
    cause, reason = found
    missing = (name for name, event in _MILESTONES.items() if event not in told)
    gentle = cause == "kernel" or (cause == "python" and planned.parses)
    return Failure(cause, reason, next(missing, "artifact"), blames=not gentle)


def _end(told: dict[str, Event], outcome: Outcome) -> tuple[Cause, str] | None:
    failed = told.get("failed")
    if failed is not None:
        place = f" ({failed.text('path')}:{failed.facts['line']})" if failed.facts.get("line") else ""
        return _CAUSES.get(failed.text("cause"), "script"), failed.text("message") + place
    if outcome.stopped is not None:
        seconds = f" after {outcome.seconds:.0f} s" if outcome.stopped == "wallclock" else ""
        return _STOPPED[outcome.stopped], CAUSES[_STOPPED[outcome.stopped]] + seconds
    if "end" in told:
        return None if "forward" in told else ("exit", "the script ends before it calls its model")
    code = outcome.code or 0
    signal = -code if code < 0 else code - 128  # a sandbox tells a signal as a shell does
    how = f"signal {signal}" if 0 < signal < 65 else f"exit code {code}"
    where = "" if "ready" in told else "; the harness did not start: can all users read torch and numpy?"
    return "crash", f"the process ended on its own with {how}{where}"


def _reached(
    name: str, event: Event | None, failure: Failure | None, seconds: float | None = None, reason: str = ""
) -> Step:
    """Return PASS for a step that was reached, FAIL where the failure came first, SKIP after that."""
    if event is not None:
        return Step(name, "PASS", reason, None if seconds is None else round(max(seconds, 0.0), 3))
    if failure is None:
        return Step(name, "SKIP", "the harness told nothing of it")
    status: Status = "FAIL" if failure.step == name and failure.blames else "SKIP"
    return Step(name, status, failure.reason, cause=failure.cause)


def _kind(model: Event | None) -> str:
    return model.text("kind") if model else ""


def _hyperparameters(shape: Event | None, failure: Failure | None) -> Step:
    if shape is None or not shape.facts:
        return Step(
            "hyperparameters",
            "SKIP",
            failure.reason if failure else "none found",
            cause=failure.cause if failure else None,
        )
    text = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in shape.facts.items())
    return Step("hyperparameters", "PASS", text)


def _parameters(planned: Plan, model: Event | None, failure: Failure | None, output: str, hollow: list[str]) -> Step:
    count = model.facts.get("parameters") if model else None
    if not isinstance(count, int):
        return Step(
            "parameters", "SKIP", failure.reason if failure else "not counted", cause=failure.cause if failure else None
        )
    if not planned.parameters:
        return Step("parameters", "PASS", f"{count:,}; no log prints a count")
    if count in planned.parameters:
        return Step("parameters", "PASS", f"{count:,}, as in {planned.parameters[count]}")
    logged, place = next(iter(planned.parameters.items()))
    if hollow:
        reason = f"{count:,} without the layers of {', '.join(hollow)}, for which nothing stands in"
        return Step("parameters", "SKIP", reason, cause="kernel")
    same = ", and the script prints the same" if count in printed_parameters(output) else ""
    reason = (
        f"{count:,} at {planned.setting}{same}; but {logged:,} in {place}: other settings, or other code, ran there"
    )
    return Step("parameters", "FAIL", reason, cause="mismatch")


def _forward(forward: Event | None, failure: Failure | None) -> Step:
    tokens = forward.facts.get("tokens", 0) if forward else 0
    seconds = forward.number("seconds") if forward else None
    mode = forward.text("mode") if forward else ""
    return _reached("forward", forward, failure, seconds, f"{tokens:,} tokens" + (f", {mode}" if mode else ""))


def _loss(loss: Event | None, shape: Event | None, forward: Event | None, failure: Failure | None) -> Step:
    value = loss.number("value") if loss else None
    if value is None:
        reason = "the forward pass gives neither a loss nor logits" if forward else failure.reason if failure else ""
        return Step("loss", "SKIP", reason, cause=failure.cause if failure and not forward else None)
    vocab = shape.number("vocab") if shape else None
    if not math.isfinite(value):
        where = loss.text("how") if loss else ""
        return Step("loss", "FAIL", f"the loss is {value}" + (f": {where}" if where else ""), cause="mismatch")
    if vocab is None or vocab < 2:
        return Step("loss", "SKIP", f"{value:.4f}; the vocabulary is not known")
    text = f"{value:.4f} against ln({vocab:,}) = {math.log(vocab):.4f}"
    if value < LOWEST * math.log(vocab):
        return Step("loss", "FAIL", f"{text}: too low for random tokens and an untrained model", cause="mismatch")
    if value > HIGHEST * math.log(vocab):
        return Step("loss", "FAIL", f"{text}: far above", cause="mismatch")
    return Step("loss", "PASS", text)


def _code(planned: Plan) -> Step:
    if planned.code_bytes is None:
        return Step("code bytes", "SKIP", "the script's size is not known")
    helpers = f" + {planned.helper_bytes:,} of files that it reaches" if planned.helper_bytes else ""
    return Step("code bytes", "PASS", f"{planned.code_bytes:,}{helpers}")


def _artifact(artifact: Event | None, failure: Failure | None) -> Step:
    if artifact is None:
        return Step("artifact", "SKIP", failure.reason if failure else "", cause=failure.cause if failure else None)
    size = artifact.facts.get("bytes")
    text = artifact.text("reason") + (f": {size:,} bytes untrained, under zlib" if isinstance(size, int) else "")
    status: Status = {"pass": "PASS", "fail": "FAIL"}.get(artifact.text("status"), "SKIP")  # type: ignore[assignment]
    cause = _CAUSES.get(artifact.text("cause"))
    if cause == "kernel":
        status = "SKIP"
    return Step("artifact", status, text, artifact.number("seconds"), cause if status != "PASS" else None)
