"""Runs on other machines than the one that the record track is timed on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.challenge.model import Hardware
from auditor.evidence.counted import Counted, training_runs
from auditor.evidence.run import Run
from auditor.finding import Finding, Status
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import and_others, is_timed, limited, on_line, strictness
from rules.evidence_examples import PLAIN, RECORD, log, metadata, record
from rules.limits import hardware

SLUG = "hardware"

_SAID = regex(r"\b(\d{1,3})\s?[x×]\s?(?:nvidia\s)?([a-z]*\d+\w*)", re.IGNORECASE)

_Fact = tuple[Status, str, str, int | None]


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for the runs on other hardware, and for metadata that states other hardware."""
    if not is_timed(case):
        return
    facts = [fact for each in training_runs(case.evidence) if (fact := _judge(case, each)) is not None]
    if facts:
        status, message, path, line = min(facts, key=lambda f: f[0] != "violation")
        status, message = limited(case, status, and_others(message, len(facts) - 1))
        yield on_line(SLUG, status, message, path, line)
        return
    yield from _stated(case)


def _judge(case: Case, counted: Counted) -> _Fact | None:
    """Return what is wrong with a run's machine, None when nothing is or the log doesn't name it."""
    run, asked = counted.run, hardware(case)
    world = run.world_size
    if world is not None and world.value != asked.gpus:
        processes = "one process" if world.value == 1 else f"{world.value} processes"
        message = f"This run used {processes}; records are timed on {asked.gpus} {asked.card}."
        return strictness(case, counted), message, world.path, world.line
    return _card(case, counted, run, asked)


def _card(case: Case, counted: Counted, run: Run, asked: Hardware) -> _Fact | None:
    gpu = run.gpu
    if gpu is None:
        return None
    if _is(asked.named, gpu.value):
        if not _is(asked.slower, gpu.value):
            return None
        return (
            "hold",
            f"This run used {gpu.value}; records are timed on the SXM version of the H100.",
            gpu.path,
            gpu.line,
        )
    if _is(asked.as_fast, gpu.value):
        message = f"This run used {gpu.value}, not an H100 SXM; a maintainer merged such a run once (#39)."
        return "hold", message, gpu.path, gpu.line
    message = f"This run used {gpu.value}; records are timed on {asked.gpus} {asked.card}."
    return strictness(case, counted), message, gpu.path, gpu.line


def _is(pattern: str, name: str) -> bool:
    return re.search(pattern, name, re.IGNORECASE) is not None


def _stated(case: Case) -> Iterator[Finding]:
    """Yield a hold when the metadata states other hardware than the record track's."""
    asked = hardware(case)
    said = case.evidence.metadata.text("hardware") or case.evidence.metadata.text("gpu")
    match = _SAID.search(said.value) if said is not None else None
    if said is None or match is None or (int(match[1]) == asked.gpus and _is(asked.named, match[2])):
        return
    message = f"The metadata states {match[0]!r} as hardware; records are timed on {asked.gpus} {asked.card}."
    yield on_line(SLUG, "hold", message, said.path, said.line)


RULE = Rule(
    slug=SLUG,
    title="Not timed on 8 H100 SXM",
    group="evidence",
    condition="budget",
    summary="The log of a counted run shows another number of processes than eight, or another card than the H100 SXM.",
    why="Ten minutes mean something only on one machine. Times on another one, or projected from it, don't show that "
    "the run fits.",
    advice="Rerun on 8 H100 SXM, or submit as non-record and state the hardware.",
    counterpart="Logs with world_size:8 and an nvidia-smi block that names H100 80GB HBM3.",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "records train and evaluate on 8xH100 SXM"),
        Authority("#1959", "cocohearts", "2026-05", "audit", "4xH100, with projected timing"),
        Authority("#2103", "cocohearts", "2026-05", "audit", "a single run on 1xH100"),
    ),
    check=check,
    needs=("hardware",),
    invalid=(
        Example(
            "four processes",
            PLAIN,
            "world_size:4",
            RECORD | {"train_seed2.log": log(2, 1.22434570, world_size=4)},
        ),
        Example(
            "another card",
            PLAIN,
            "L40S",
            RECORD | {"train_seed2.log": log(2, 1.22434570, gpu="NVIDIA L40S")},
        ),
        Example(
            "the card with fewer watts",
            PLAIN,
            "PCIe",
            RECORD | {"train_seed2.log": log(2, 1.22434570, gpu="NVIDIA H100 PCIe")},
            status="hold",
        ),
        Example(
            "the metadata says so",
            PLAIN,
            '"hardware"',
            {"submission.json": metadata(1.2244, seeds=(1,), hardware="1xH100 80GB")},
            status="hold",
        ),
    ),
    valid=(
        Example("eight H100", PLAIN, files=RECORD),
        Example(
            "non-record work on one card",
            PLAIN,
            files=record(1.2244, world_size=1)
            | {"submission.json": metadata(1.2244, seeds=(1,), track="non-record-16mb")},
        ),
        Example(
            "a smoke test beside the claimed runs",
            PLAIN,
            files=RECORD | {"smoke.log": log(99, 3.2101, world_size=1)},
        ),
    ),
    known_problems="A log that prints neither processes nor a card is not judged.",
)
