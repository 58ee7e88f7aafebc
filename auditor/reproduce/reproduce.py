"""From a wish to a judgement: plan, runs one after the other, records, judgement. The only place that ties them."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from auditor.reproduce import data
from auditor.reproduce.collect import Kept, collect
from auditor.reproduce.conditions import same_machine
from auditor.reproduce.judge import judge
from auditor.reproduce.launch import Exit, Stopped, launch_reference, launch_submission, log_path
from auditor.reproduce.machine import commit_of, look
from auditor.reproduce.measure import measure
from auditor.reproduce.model import CannotReproduce, Claim, Commit, Machine, Plan, PlannedRun, Reproduction, Status
from auditor.reproduce.plan import Wanted
from auditor.reproduce.record import RECORD, finished, read_record, recorded_machine, write_record
from auditor.reproduce.reference import plan_reference
from auditor.reproduce.submitted import Subject, challenge_layout, plan_submission, read_submission
from auditor.submission.model import Submission

_REFERENCE = Path(__file__).resolve().parents[2] / "reference_model"


@dataclass(frozen=True)
class Job:
    """What is to be done: the plan, the claim, and the submission (None: the reference model)."""

    plan: Plan
    claim: Claim | None
    subject: Subject | None
    commit: Commit


class Teller(Protocol):
    """Follows the runs for the user."""

    def begin(self, plan: Plan, run: PlannedRun) -> None:
        """Say that a seed starts."""

    def line(self, text: str) -> None:
        """Show a line of the running seed's output."""

    def end(self, run: PlannedRun, status: Status, exit_: Exit | None) -> None:
        """Say that a seed ended; ``exit_`` is None when that was before."""


def prepare(
    wanted: Wanted, machine: Machine | None = None, submission: Submission | None = None, held_by: str | None = None
) -> Job:
    """Return the job for ``wanted`` on a machine, this one if none is given; nothing is written, nothing is run.

    ``submission`` was read already; ``held_by`` is what holds a stranger's script on the machine that is given.
    Raises :class:`CannotReproduce`, ``NoSandbox``, or the reference model's ``BadInput``.
    """
    machine = look() if machine is None else machine
    if wanted.path is None and submission is None:
        plan, claim = plan_reference(wanted, machine)
        return Job(plan, claim, None, commit_of(_REFERENCE))
    if submission is not None:
        plan, claim, subject = plan_submission(wanted, machine, submission, held_by)
        return Job(plan, claim, subject, Commit(submission.sha, None))
    assert wanted.path is not None
    plan, claim, subject = plan_submission(wanted, machine, read_submission(wanted.path), held_by)
    place = Path(wanted.path)
    return Job(plan, claim, subject, commit_of(place if place.is_dir() else place.parent))


def checked(job: Job) -> Job:
    """Return the job with what its data folder holds among its notes; raises :class:`CannotReproduce` for bad data."""
    plan = job.plan
    if plan.data is None:
        return job
    return replace(job, plan=replace(plan, found=data.check(plan.data, plan.tokenizer)))


def carry_out(job: Job, teller: Teller, *, resume: bool) -> Reproduction:
    """Run every seed that isn't done, record each, and return what all of them show.

    A seed that fails stays in the count; with ``resume`` those done or failed before are kept. Raises
    :class:`CannotReproduce` where the output folder holds runs already (and ``resume`` isn't given), and
    :class:`Stopped` after Ctrl-C.
    """
    if importlib.util.find_spec("torch") is None:
        raise CannotReproduce("torch is not installed; pip install 'golf-audit[reproduce]'")
    _make_room(job.plan, resume=resume)
    job, found = _with_data(job)
    for run in job.plan.runs:
        record = read_record(run) if resume else None
        if record is not None and (finished(job.plan, run) or record.get("status") == "failed"):
            teller.end(run, record["status"], None)
            continue
        teller.begin(job.plan, run)
        _carry_out(job, run, teller, found)
    return look_back(job)


def look_back(job: Job) -> Reproduction:
    """Return what the recorded runs of a job show, on the machines that they were on."""
    runs = tuple(measure(run) for run in job.plan.runs)
    plan = replace(job.plan, machine=_machine(job))
    return Reproduction(plan, job.claim, runs, judge(plan, job.claim, runs), job.commit)


def _machine(job: Job) -> Machine:
    """Return the machine of the runs; where there were several, one that isn't the claim's speaks for all."""
    there = [machine for run in job.plan.runs if (machine := recorded_machine(run)) is not None]
    if job.claim is not None:
        claim = job.claim
        there.sort(key=lambda machine: same_machine(machine, claim))
    return there[0] if there else job.plan.machine


def _make_room(plan: Plan, *, resume: bool) -> None:
    there = [run.folder for run in plan.runs if (run.folder / RECORD).exists() or log_path(run).exists()]
    if there and not resume:
        raise CannotReproduce(f"{there[0]}: there are runs already; --resume goes on with them, --output names another")
    try:
        plan.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotReproduce(f"{plan.output}: can't be made ({error.strerror}); --output names another") from error
    free = shutil.disk_usage(plan.output).free
    if plan.disk_bytes is not None and free < plan.disk_bytes:
        raise CannotReproduce(f"{plan.output}: {free:,} bytes are free, the runs write about {plan.disk_bytes:,}")


def _with_data(job: Job) -> tuple[Job, dict[str, object]]:
    """Return the job with its data in place, and where that is, with hashes."""
    plan = job.plan
    if plan.data is not None:
        return job, {"path": str(plan.data), "files": data.hashes(plan.data)}
    demo = data.demo_folder()
    files = data.hashes(demo)
    if job.subject is not None:
        data.lay_out(demo, challenge_layout(plan.output))
    return job, {"path": str(demo), "files": files}


def _carry_out(job: Job, run: PlannedRun, teller: Teller, found: dict[str, object]) -> None:
    started = datetime.now(UTC)
    kept = [Kept()]
    try:
        if job.subject is None:
            end = launch_reference(run, teller.line)
        else:
            end = launch_submission(
                run, job.plan, job.subject, teller.line, lambda left: kept.append(collect(run, left))
            )
    except Stopped as stop:
        _record(job, run, stop.exit, "interrupted", started, found, Kept())
        teller.end(run, "interrupted", stop.exit)
        raise
    status: Status = "done" if end.ok else "failed"
    _record(job, run, end, status, started, found, kept[-1])
    teller.end(run, status, end)


def _record(
    job: Job, run: PlannedRun, end: Exit, status: Status, started: datetime, found: dict[str, object], kept: Kept
) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    artifact, code = _artifact(job, run, kept)
    write_record(
        job.plan, run, end,
        status=status, started=started, commit=job.commit, data=found, artifact=artifact, code_bytes=code,
        stand_ins=kept.stand_ins,
    )  # fmt: skip


def _artifact(job: Job, run: PlannedRun, kept: Kept) -> tuple[Path | None, int | None]:
    """Return the model's file, which lies beside the log, and the bytes of the code that counts."""
    if job.subject is None:
        from reference_model.artifact.total import counted_code
        from reference_model.produce import ARTIFACT

        path = run.folder / ARTIFACT
        return (path if path.is_file() else None), counted_code()
    from auditor.evidence.sizes import read_sizes

    sizes = read_sizes(job.subject.submission)
    return kept.artifact, None if sizes.code_bytes is None else sizes.code_bytes + sizes.helper_bytes
