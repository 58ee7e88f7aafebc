"""One seed as a unit of work: planned and run where it arrives, and sent back as a record, a log and an artifact.

The node plans for itself, as its own machine is: what is sent is the wish, the submission's files and the seed. It
leaves nothing behind there. What comes back is laid where a run of this machine would have left it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from auditor.durable import write_text, write_whole
from auditor.executors.model import Late, Lost, Unit
from auditor.reproduce.launch import Exit, log_path
from auditor.reproduce.machine import look
from auditor.reproduce.model import CannotReproduce, Machine, Plan, PlannedRun, Status
from auditor.reproduce.place import DataPlace, obtain
from auditor.reproduce.plan import Wanted
from auditor.reproduce.record import RECORD, fingerprint
from auditor.reproduce.reproduce import Job, carry_out, checked, prepare
from auditor.sandbox import NoSandbox, mechanism, scratch_folder
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission, Unread

_LARGEST_FILE = 64 << 20  # bytes of one file of a submission, of a log and of an artifact that travel
_LARGEST_LOG = 16 << 20
_CAP = 32_000_000  # bytes of an artifact that travels: twice what is allowed


@dataclass(frozen=True)
class Order:
    """What a node is asked for: one seed of a wish. ``preset`` is the text of a preset file of the user's own."""

    wanted: Wanted
    seed: int
    submission: Submission | None = None
    data: DataPlace | None = None
    preset: str | None = None


@dataclass(frozen=True)
class Node:
    """A node as runs meet it: its machine, and what holds a stranger's script there."""

    machine: Machine
    held_by: str


@dataclass(frozen=True)
class Runs:
    """The task: an :class:`Order` is run and sent back; None asks what the machine is."""

    def prepare(self) -> None:
        """Do nothing before the first one: it takes minutes anyway."""

    def __call__(self, order: Order | None) -> dict[str, Any]:
        """Return plain data; raises :class:`Lost` for what another node may be able to do."""
        if order is None:
            return {"machine": asdict(look()), "held_by": mechanism()}
        try:
            with scratch_folder() as folder:
                return _run(order, folder)
        except (CannotReproduce, NoSandbox) as error:
            raise Lost(str(error)) from None


def node_of(told: Mapping[str, Any]) -> Node:
    """Return what a node said of itself."""
    return Node(msgspec.convert(told["machine"], Machine), str(told["held_by"]))


def _packed(order: Order) -> Order:
    """Return the order with its submission's files in memory, so that it can travel; what is too large stays behind."""
    submission, files = order.submission, {}
    if submission is None:
        return order
    for name in submission.tree.paths():
        try:
            files[name] = submission.tree.read(name, _LARGEST_FILE)
        except Unread:
            continue
    return replace(order, submission=replace(submission, tree=MemoryTree(files), elsewhere=None))


def unit(plan: Plan, run: PlannedRun, order: Order) -> Unit:
    """Return a seed as a unit; its key is what tells its run from others by content."""
    return Unit(f"{run.folder} {fingerprint(plan, run)}", Late(lambda: _packed(order)))


def deposit(plan: Plan, run: PlannedRun, sent: Mapping[str, Any], node: str, attempts: int) -> Status:
    """Lay down what came back of a seed, as if it had run here, and return how it ended.

    The record goes last: where it is, everything is.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    if sent["log"] is not None:
        write_whole(log_path(run), [zlib.decompress(sent["log"])])
    record = dict(sent["record"])
    name = PurePosixPath(str((record.get("artifact") or {}).get("path", ""))).name
    if sent["artifact"] is not None and name:
        write_whole(run.folder / name, [sent["artifact"]])
    record |= {"fingerprint": fingerprint(plan, run), "node": node, "attempts": attempts}
    write_text(run.folder / RECORD, json.dumps(record, indent=2) + "\n")
    status: Status = record["status"]
    return status


def write_lost(plan: Plan, run: PlannedRun, why: str, node: str, attempts: int, status: Status) -> None:
    """Record a seed that no node sent anything of: it failed, or is interrupted and tried when asked again."""
    run.folder.mkdir(parents=True, exist_ok=True)
    record = {
        "schema_version": 1,
        "subject": plan.subject,
        "seed": run.seed,
        "status": status,
        "reason": why,
        "fingerprint": fingerprint(plan, run),
        "node": node,
        "attempts": attempts,
    }
    write_text(run.folder / RECORD, json.dumps(record, indent=2) + "\n")


class _Quiet:
    """Tells nobody."""

    def begin(self, plan: Plan, run: PlannedRun) -> None:
        """Say nothing."""

    def line(self, text: str) -> None:
        """Say nothing."""

    def end(self, run: PlannedRun, status: Status, exit_: Exit | None) -> None:
        """Say nothing."""


def _run(order: Order, folder: Path) -> dict[str, Any]:
    wanted = replace(order.wanted, output=folder / "out")
    if order.data is not None:
        wanted = replace(wanted, data=obtain(order.data))
    if order.preset is not None:
        assert wanted.preset is not None
        own = folder / Path(wanted.preset).name
        own.write_text(order.preset, encoding="utf-8")
        wanted = replace(wanted, preset=str(own))
    job = checked(prepare(wanted, submission=order.submission))
    runs = tuple(run for run in job.plan.runs if run.seed == order.seed)
    if not runs:
        raise CannotReproduce(f"seed {order.seed} isn't among those planned on this node")
    alone = replace(job, plan=replace(job.plan, runs=runs))
    carry_out(alone, _Quiet(), resume=False)
    return _sent(alone, runs[0])


def _sent(job: Job, run: PlannedRun) -> dict[str, Any]:
    record = json.loads((run.folder / RECORD).read_text(encoding="utf-8"))
    log = log_path(run)
    name = (record.get("artifact") or {}).get("path")
    artifact = run.folder / name if name else None
    travels = artifact is not None and artifact.is_file() and artifact.stat().st_size <= _CAP
    text = None
    if log.is_file():
        with log.open("rb") as file:
            text = zlib.compress(file.read(_LARGEST_LOG))
    return {"record": record, "log": text, "artifact": artifact.read_bytes() if travels and artifact else None}
