"""Seeds of one or many jobs through an executor: what is done is kept, what fails is recorded, what is lost is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from auditor.executors.model import Executor, ExecutorError, Failure, Outcome, Unit
from auditor.reproduce.launch import log_path
from auditor.reproduce.model import CannotReproduce, PlannedRun, Status
from auditor.reproduce.record import RECORD, finished, read_record
from auditor.reproduce.remote import Node, Order, deposit, node_of, unit, write_lost
from auditor.reproduce.reproduce import Job

_PROBE = "what machine is it"
_OVER = frozenset({"crash", "timeout", "memory"})  # the run's own end; what else fails may be tried again


@dataclass(frozen=True)
class Afar:
    """A job, planned for the nodes' machine, and what they are asked for (its seed is put in for each)."""

    job: Job
    order: Order


@dataclass(frozen=True)
class Ended:
    """How one seed of a job ended; ``before``: in an earlier command."""

    afar: Afar
    run: PlannedRun
    status: Status
    reason: str = ""
    node: str = ""
    attempts: int = 1
    before: bool = False


def probe(executor: Executor) -> Node:
    """Return one of the nodes that runs will meet; raises ExecutorError where none answers."""
    executor.submit(Unit(_PROBE, None))
    for outcome in executor.results():
        if outcome.failure is not None:
            raise ExecutorError(f"a node can't be asked what it is: {outcome.failure.text}")
        return node_of(outcome.value)
    raise ExecutorError("no node answers")


def unfinished(jobs: Sequence[Afar]) -> list[tuple[Afar, PlannedRun]]:
    """Return the seeds that have neither finished nor failed; raises CannotReproduce for another command's runs."""
    return [
        (afar, run)
        for afar in jobs
        for run in afar.job.plan.runs
        if not finished(afar.job.plan, run) and (read_record(run) or {}).get("status") != "failed"
    ]


def carry_out_afar(jobs: Sequence[Afar], executor: Executor, tell: Callable[[Ended], None], *, resume: bool) -> None:
    """Run every seed that isn't done and lay down what came of it; ``tell`` hears of each.

    Raises :class:`CannotReproduce` where runs are there and ``resume`` isn't given, ``ExecutorError`` where nothing can
    be run any more. What was done by then is kept.
    """
    for afar in jobs:
        there = [r.folder for r in afar.job.plan.runs if (r.folder / RECORD).exists() or log_path(r).exists()]
        if there and not resume:
            raise CannotReproduce(
                f"{there[0]}: there are runs already; --resume goes on with them, --output names another"
            )
    todo = unfinished(jobs)
    waiting = {(id(afar), run.seed) for afar, run in todo}
    for afar in jobs:
        for run in afar.job.plan.runs:
            if (id(afar), run.seed) not in waiting:
                record = read_record(run) or {}
                tell(Ended(afar, run, record["status"], str(record.get("reason") or ""), before=True))
    units: dict[str, tuple[Afar, PlannedRun]] = {}
    for afar, run in todo:
        asked = unit(afar.job.plan, run, replace(afar.order, seed=run.seed))
        units[asked.key] = afar, run
        executor.submit(asked)
    for outcome in executor.results():
        afar, run = units[outcome.key]
        tell(_laid_down(afar, run, outcome))


def _laid_down(afar: Afar, run: PlannedRun, outcome: Outcome) -> Ended:
    plan, failure = afar.job.plan, outcome.failure
    if failure is None:
        status = deposit(plan, run, outcome.value, outcome.node, outcome.attempts)
        reason = str(outcome.value["record"].get("reason") or "")
        return Ended(afar, run, status, reason, outcome.node, outcome.attempts)
    status = "failed" if failure.kind in _OVER else "interrupted"
    why = _words(failure)
    write_lost(plan, run, why, outcome.node, outcome.attempts, status)
    return Ended(afar, run, status, why, outcome.node, outcome.attempts)


def _words(failure: Failure) -> str:
    return f"the process that ran it {failure.text}" if failure.kind == "crash" else failure.text
