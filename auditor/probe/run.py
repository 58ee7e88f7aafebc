"""One run of the script in the sandbox, under one draw of validation tokens."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from auditor.durable import FULL
from auditor.probe.printed import Printed, printed_score
from auditor.probe.tokens import Draw
from auditor.probe.trace import MAX_BYTES, Site, read_trace
from auditor.sandbox import Limits, Mechanism, Outcome, Request, Results, import_path, run, scratch_folder
from auditor.smoke.harness.shards import TRAIN_TOKENS
from auditor.smoke.plan import Plan
from auditor.smoke.results import MAX_BYTES as MAX_EVENTS
from auditor.smoke.results import Event, read_events
from auditor.smoke.runner import OLDER
from auditor.submission.model import Submission

_THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONHASHSEED": "0"}

Spans = Mapping[str, list[tuple[int, int]]]


@dataclass(frozen=True)
class Ran:
    """What a run left: its ``sites`` by name, the score it ``printed``, how it ended and what stood in for what."""

    sites: Mapping[str, Site]
    printed: Printed | None
    outcome: Outcome
    events: tuple[Event, ...]
    vocabulary: int | None

    @property
    def trouble(self) -> str | None:
        """Why the run can't be judged; None where it went to its end."""
        failed = next((e for e in self.events if e.name == "failed"), None)
        if failed is not None:
            place = f" ({failed.text('path')}:{failed.facts['line']})" if failed.facts.get("line") else ""
            return failed.text("message") + place
        if self.outcome.stopped is not None:
            return f"stopped: {self.outcome.stopped} after {self.outcome.seconds:.0f} s"
        if not any(e.name == "end" for e in self.events):
            return f"the process ended with code {self.outcome.code}"
        return None


def run_script(
    submission: Submission,
    planned: Plan,
    draw: Draw,
    limits: Limits,
    *,
    use: Mechanism | None = None,
    spans: Spans | None = None,
    amount: float = 0.0,
    bare: bool = False,
    train: int = TRAIN_TOKENS,
    claimed: str | None = None,
) -> Ran:
    """Run the script to its end with the validation tokens of ``draw``; ``amount`` is added at ``spans``.

    A shard has no header with ``bare``, and one of training data has ``train`` tokens. Of several scores, the one that
    counts is printed after the words ``claimed``.
    The sandbox holds this draw only: no other run's tokens, nor what they are drawn from. Raises
    :class:`auditor.sandbox.NoSandbox`.
    """
    orders: dict[str, object] = {"draw": asdict(draw), "bare": bare, "train": train}
    if spans is not None:
        orders["perturb"] = {"spans": spans, "amount": amount}
    with scratch_folder() as scratch:
        lay_out(submission, planned, scratch, limits.file_bytes)
        script = scratch / "repository" / "records" / "track" / "submission" / planned.script
        results, orders_path = scratch / "results", scratch / "orders"
        orders_path.write_text(json.dumps(orders), encoding="ascii")
        command = (sys.executable, "-P", "-m", "auditor.probe.harness", str(results), str(orders_path), str(script))
        environment = {**planned.environment, "PYTHONPATH": import_path(), **_THREADS, **OLDER}
        request = Request((*command, *planned.arguments), scratch, environment=environment, limits=limits)
        told: dict[str, bytes | None] = {}

        def collect(left: Results) -> None:
            told["events"] = left.read(results.name, MAX_EVENTS)
            told["trace"] = left.read(f"{results.name}.trace", MAX_BYTES)

        outcome = run(request, use=use, collect=collect)
    events = read_events(told.get("events"))
    size = next((e.facts["size"] for e in events if e.name == "vocabulary" and "size" in e.facts), None)
    return Ran(
        read_trace(told.get("trace")),
        printed_score(outcome.output, claimed),
        outcome,
        events,
        size if isinstance(size, int) and 8 <= size < 1 << 16 else None,
    )


def lay_out(submission: Submission, planned: Plan, scratch: Path, file_bytes: int) -> None:
    """Lay the submission out as the challenge's repository does."""
    folder = scratch / "repository" / "records" / "track" / "submission"
    for path in planned.files:
        place = folder / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(submission.tree.read(path, file_bytes))
        except OSError as error:
            if error.errno in FULL or path == planned.script:
                raise
            # A name that is too long here, or two that are one; the script tells if it needs it.
