"""A submission's own script as what is to be run: its documented command, its claim, and what that takes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from auditor.challenge import default
from auditor.evidence.frontier import load as load_frontier
from auditor.evidence.model import Evidence
from auditor.evidence.read import read_evidence
from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.reproduce.conditions import same_machine
from auditor.reproduce.model import Bar, Budget, CannotReproduce, Claim, Machine, Plan, PlannedRun
from auditor.reproduce.plan import Wanted, choose_processes, choose_seeds, launcher, parse_changes, threads
from auditor.reproduce.python import refuse_newer_python
from auditor.reproduce.switches import Switches, switches
from auditor.sandbox import Mechanism, NoSandbox, mechanism, why_none
from auditor.settings import settings_in_play
from auditor.submission import read_path
from auditor.submission.model import Setting, Submission, Unread
from auditor.submission.names import shown

JOURNAL = "stand_ins.jsonl"
WORK = "work"  # of a seed's folder: the copy of the submission in which its script runs
_PLACES = ("DATA_PATH", "DATA_DIR", "TOKENIZER_PATH", "RUN_ID", "TRAIN_FILES", "VAL_FILES", "OUTPUT_DIR", "LOG_DIR")
_OURS = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "HF_TOKEN", "WANDB_API_KEY", "PYTHONPATH")
_GRACE = 600.0  # seconds for imports, compilation and packing, which no cap covers
_DEMO_VOCABULARY = "1024"


@dataclass(frozen=True)
class Subject:
    """A submission that can be started: its files and what its script listens to."""

    submission: Submission
    script: str
    switches: Switches


def read_submission(path: str) -> Submission:
    """Return the one submission at ``path``; raises :class:`CannotReproduce`."""
    try:
        found = read_path(path)
    except Unread as error:
        raise CannotReproduce(str(error)) from None
    if len(found) > 1:
        names = ", ".join(shown(each.name) for each in found[:5])
        raise CannotReproduce(f"{path}: {len(found)} submissions are here ({names}); give the folder of one")
    return found[0]


def read_subject(submission: Submission) -> tuple[Subject, Evidence]:
    """Return what can be started of a submission, and its evidence; raises :class:`CannotReproduce`."""
    given = shown(submission.given)
    challenge, covered = submission.challenge, default()
    if challenge.metric.name != covered.metric.name or challenge.time is None or challenge.artifact is None:
        raise CannotReproduce(
            f"{given}: a submission to {challenge.name}, which reproduce doesn't cover: it judges "
            f"{covered.metric.name} under caps on time and size, as {covered.name} has them; give the script itself "
            "to see whether it runs"
        )
    if submission.script is None:
        raise CannotReproduce(f"{given}: no train script here; give the script itself")
    program = load_program(submission)
    if not isinstance(program, Program):
        raise CannotReproduce(f"{given}: {program.path}: {program.reason}")
    refuse_newer_python(program)
    return Subject(submission, submission.script, switches(program)), read_evidence(submission)


def plan_submission(
    wanted: Wanted, machine: Machine, submission: Submission, held_by: str | None = None
) -> tuple[Plan, Claim | None, Subject]:
    """Return what runs, what it is held against, and the submission; raises :class:`CannotReproduce`.

    ``held_by`` is what holds it on a machine that isn't this one.
    """
    if wanted.preset is not None:
        raise CannotReproduce("--preset is for the reference model; a submission's script has its own settings")
    subject, evidence = read_subject(submission)
    claim = claim_of(submission, evidence)
    held = _held_by(wanted.sandbox) if held_by is None else held_by
    stand_ins = not machine.gpus
    processes = 1 if stand_ins else choose_processes(wanted.processes, machine)
    if stand_ins and wanted.processes not in (None, 1):
        raise CannotReproduce("--nproc: without a GPU a submission's script runs under stand-ins, in one process")
    output = wanted.output or Path("runs", f"reproduce-{submission.name}")
    documented = _documented(subject, evidence)
    given = _given(wanted, subject, output, demo=wanted.data is None)
    environment = {**_variables(documented), **given}
    runs = tuple(
        _planned(subject, seed, output / f"seed_{seed}", environment, documented, processes, machine)
        for seed in choose_seeds(wanted.seeds, evidence.claims().seeds)
    )
    plan = Plan(
        subject=shown(submission.name),
        kind="submission",
        runs=runs,
        processes=processes,
        data=wanted.data,
        output=output,
        budget=wanted.budget,
        machine=machine,
        changes=wanted.changes,
        seconds=None if wanted.changes else len(runs) * (wanted.budget.train + wanted.budget.evaluate),
        disk_bytes=None,
        held_by=held,
        stand_ins=stand_ins,
        notes=tuple(_notes(wanted, subject, claim, documented, machine)),
        wall=wanted.wall,
    )
    return plan, claim, subject


def claim_of(submission: Submission, evidence: Evidence) -> Claim | None:
    """Return what a submission claims: its scores by seed, else its mean; None where it names no score."""
    claims = evidence.claims()
    each = {c.seed: c.value for c in evidence.metadata.all("val_bpb", per_seed=True)}
    each = each or {c.seed: c.value for c in evidence.readme.all("val_bpb", per_seed=True)}
    scores = tuple(each.values()) or (() if claims.val_bpb is None else (claims.val_bpb,))
    if not scores and claims.artifact_bytes is None:
        return None
    totals = {int(v.value) for run in evidence.runs for v in run.numbers("val_tokens")}
    parameters = {int(v.value) for run in evidence.runs for v in run.numbers("parameters")}
    return Claim(
        source=submission.metadata or submission.readme or submission.name,
        scores=scores,
        artifact_bytes=() if claims.artifact_bytes is None else (claims.artifact_bytes,),
        parameters=parameters.pop() if len(parameters) == 1 else None,
        val_tokens=totals.pop() if len(totals) == 1 else None,
        bar=_bar(submission) if submission.track == "record" else None,
    )


def _bar(submission: Submission) -> Bar | None:
    """Return the row that the submission had to beat: the best before its pull request, or before its own row."""
    frontier = load_frontier()
    own = frontier.own(submission.pr, submission.name)
    number = submission.pr or (own.pr if own else None)
    row = frontier.before(number) if number is not None else frontier.current
    sample = row.sample if row is not None else None
    if row is None or sample is None:
        return None
    return Bar(f"{row.name} (#{row.pr})" if row.pr else row.name, sample, frontier.bar(row.date).p)


def _held_by(sandbox: bool) -> str:
    if not sandbox:
        return "nothing: --no-sandbox"
    chosen: Mechanism = mechanism()
    if chosen == "none":
        raise NoSandbox(why_none())
    return chosen


def _documented(subject: Subject, evidence: Evidence) -> Setting | None:
    """Return the main documented command, None where no document has one."""
    found = settings_in_play(subject.submission)
    return next((setting for setting in found if setting.kind == "command"), None)


def _variables(documented: Setting | None) -> dict[str, str]:
    """Return the environment of a documented command, without what belongs to its author's machine."""
    if documented is None:
        return {}
    return {
        name: override.value
        for name, override in documented.overrides.items()
        if name.isupper() and name not in _PLACES and name not in _OURS
    }


def _options(documented: Setting | None) -> list[str]:
    """Return the command-line options of a documented command, but for the seed's."""
    out = []
    for name, override in (documented.overrides if documented else {}).items():
        if name.isupper() or name == "seed":
            continue
        out += [f"--{name}"] if override.value == "True" else [f"--{name}", override.value]
    return out


def _given(wanted: Wanted, subject: Subject, output: Path, *, demo: bool) -> dict[str, str]:
    """Return the variables that are set on purpose: where the data is, the caps, and the user's own."""
    listens = subject.switches.variables
    data = challenge_layout(output) if demo else (wanted.data or Path("data")).resolve()
    given = {}
    if demo:
        given = {
            "DATA_PATH": str(data / "datasets" / "fineweb10B_sp1024"),
            "DATA_DIR": f"{data}{os.sep}",
            "TOKENIZER_PATH": str(data / "tokenizers" / "fineweb_1024_bpe.model"),
            "VOCAB_SIZE": _DEMO_VOCABULARY,
        }
    cap = subject.switches.train_cap
    if wanted.budget.given and cap is not None:
        given[cap] = f"{wanted.budget.train:g}"
    return {name: value for name, value in given.items() if name in listens} | parse_changes(wanted.changes)


def challenge_layout(output: Path) -> Path:
    """Return the folder in which the demo's data lies as scripts expect the challenge's."""
    return (output / "data").resolve()


def _planned(
    subject: Subject,
    seed: int,
    folder: Path,
    environment: Mapping[str, str],
    documented: Setting | None,
    processes: int,
    machine: Machine,
) -> PlannedRun:
    listens = subject.switches.seed
    given = {**environment, **({listens: str(seed)} if listens and not listens.startswith("-") else {})}
    options = _options(documented) + ([listens, str(seed)] if listens and listens.startswith("-") else [])
    work = (folder / WORK).resolve()
    script = str(work / subject.script)
    if machine.gpus:
        # Even one process gets the launcher: that is how the challenge starts a script.
        start = launcher(sys.executable, processes) if processes > 1 else _alone(sys.executable)
        return PlannedRun(seed, folder, (*start, script, *options), given)
    start = (sys.executable, "-P", "-m", "auditor.reproduce.stand_ins", str(work / JOURNAL))
    return PlannedRun(seed, folder, (*start, script, *options), {**threads(machine, 1), **given})


def _alone(python: str) -> tuple[str, ...]:
    return (python, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "1")


def _notes(
    wanted: Wanted, subject: Subject, claim: Claim | None, documented: Setting | None, machine: Machine
) -> list[str]:
    notes = []
    if subject.switches.seed is None:
        notes.append("the script reads no seed that can be set from outside: its runs differ by chance alone")
    if documented is None:
        notes.append("no document says how to start it: the script's defaults are run")
    else:
        notes.append(f"started as {documented.label} says")
    if wanted.data is None:
        notes.append("no --data: the demo's text stands for the challenge's, so scores mean nothing but that it runs")
    if not machine.gpus:
        notes.append("no GPU here: stand-ins take the place of CUDA, compiled and fused kernels")
    elif claim is not None and not same_machine(machine, claim):
        notes.append(f"the claim is about {claim.hardware}; this is {machine.hardware}")
    return notes


def wall_seconds(plan: Plan) -> float:
    """Return the longest that one run may take before it is ended."""
    return run_seconds(plan.budget, plan.wall)


def run_seconds(budget: Budget, wall: float | None) -> float:
    """Return the longest that a run may take under caps; ``wall`` where the user said."""
    return budget.train + budget.evaluate + _GRACE if wall is None else wall
