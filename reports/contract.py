"""The JSON of ``check`` as types, from which its published JSON Schema is made; it changes only by adding."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from auditor.finding import Group, Level, Recommendation, Status, Verdict
from auditor.fix.change import Safety
from auditor.submission.model import Track

SCHEMA_VERSION = 1

Line = Annotated[int, Meta(ge=1, description="Counts from 1, in the readable layer.")]
Layer = Annotated[int, Meta(ge=0, description="0 is the file itself; each unpacking of a packed script adds 1.")]


class GroupJson(TypedDict):
    """One of the three verdicts."""

    verdict: Verdict


class ClaimsJson(TypedDict):
    """What the submission says of itself; null where it says nothing."""

    val_bpb: Annotated[float | None, Meta(description="Bits per byte.")]
    artifact_bytes: int | None
    seeds: list[int]


class RunJson(TypedDict):
    """What one log shows; every number comes from a log line or a file on disk."""

    log: str
    seed: int | None
    val_bpb: Annotated[float | None, Meta(description="Bits per byte.")]
    val_loss: Annotated[float | None, Meta(description="Nats per token.")]
    artifact_bytes: int | None
    train_seconds: float | None
    eval_seconds: float | None
    steps: int | None
    world_size: Annotated[int | None, Meta(description="Processes that trained.")]


class MeasuredJson(TypedDict):
    """The runs and their mean; nothing is filled in from the claims."""

    runs: list[RunJson]
    mean_val_bpb: float | None
    std_val_bpb: Annotated[float | None, Meta(description="Sample standard deviation; null for fewer than two runs.")]


class StepJson(TypedDict):
    """One step on the path of the data."""

    path: str
    line: Line
    layer: Layer
    note: str


class OverruledJson(TypedDict):
    """The ruling on the auditor's side by which a finding doesn't count; dates are ISO dates."""

    who: str
    date: str
    link: str
    reason: str
    expires: str
    path: Annotated[str, Meta(description="The file that holds the ruling.")]
    line: int | None


class HunkJson(TypedDict):
    """Lines of a file and what stands in their place."""

    path: str
    layer: Layer
    line: Annotated[int, Meta(ge=1, description="Of the first removed line; where none is, of the line that follows.")]
    removed: list[str]
    added: list[str]


class FixJson(TypedDict):
    """A change against a finding; ``golf-audit fix`` tries it and makes it."""

    title: str
    safety: Annotated[Safety, Meta(description="unsafe: what the program does changes, and with it the score.")]
    effect: Annotated[str, Meta(description="What becomes of the score; empty for a safe change.")]
    files: list[str]
    hunks: NotRequired[
        Annotated[list[HunkJson], Meta(description="With --fixes, of a change that was tried and takes it away.")]
    ]


class FindingJson(TypedDict):
    """One fact about the submission, with the line that shows it."""

    rule: str
    group: Group
    status: Status
    active: Annotated[bool | None, Meta(description="Whether the code runs under a setting in play; null: undecided.")]
    active_because: str
    path: str | None
    line: Line | None
    end_line: Line | None
    layer: Layer
    message: str
    trace: list[StepJson]
    authority: Annotated[list[str], Meta(description="Pull requests (#462) or README of openai/parameter-golf.")]
    advice: str
    severity: Annotated[Level, Meta(description="How much it matters if it is right.")]
    confidence: Annotated[Level, Meta(description="How sure it is.")]
    known: NotRequired[Annotated[bool, Meta(description="Whether the baseline has it; absent without a baseline.")]]
    overruled: NotRequired[OverruledJson]
    fix: NotRequired[Annotated[FixJson, Meta(description="The change that its rule offers; absent without one.")]]


class NotFollowedJson(TypedDict):
    """Something that the analysis could not follow."""

    path: str
    line: int | None
    what: str
    decisive: Annotated[bool, Meta(description="Whether a verdict hangs on it.")]
    escapes: Annotated[list[str], Meta(description="What of interest goes into it: the model, validation tokens.")]
    known: NotRequired[bool]
    layer: NotRequired[Annotated[Layer, Meta(description="Absent for the file as it lies there.")]]


class RestsOnJson(TypedDict):
    """One thing that the score that may be claimed rests on."""

    what: str
    followed: Annotated[bool, Meta(description="Compliance is CLEAN only where every entry was followed.")]
    path: str
    line: int | None
    layer: Layer
    note: str


class GoneJson(TypedDict):
    """A finding that the baseline has and this audit has not."""

    rule: str
    path: str | None
    line: int | None
    message: str


class BaselineJson(TypedDict):
    """How the report compares with its baseline."""

    known: int
    new: int
    gone: list[GoneJson]


class WasJson(TypedDict):
    """What a finding weighed in the earlier audit, and where it was."""

    verdict: Verdict
    path: str | None
    line: int | None


class NowJson(TypedDict):
    """What a finding that no longer counts has become."""

    path: str | None
    line: int | None
    because: str


class ChangeJson(TypedDict):
    """One finding of a re-audit."""

    rule: str
    verdict: Verdict
    path: str | None
    line: int | None
    message: str
    was: NotRequired[WasJson]
    now: NotRequired[NowJson]


class SinceJson(TypedDict):
    """What changed since an earlier head, or an earlier report."""

    sha: str | None
    verdict: Verdict
    gone: list[ChangeJson]
    remaining: list[ChangeJson]
    new: list[ChangeJson]
    wrong: Annotated[
        list[ChangeJson] | None,
        Meta(description="What an earlier report said of that head, and isn't so; null where that isn't known."),
    ]
    missed: Annotated[list[ChangeJson] | None, Meta(description="What it didn't say; null where that isn't known.")]


class ReportJson(TypedDict):
    """One submission's verdicts and what they rest on."""

    submission: Annotated[str, Meta(description="The PATH as given.")]
    name: Annotated[str, Meta(description="The record folder's own name.")]
    track: Track
    pr: int | None
    sha: Annotated[str | None, Meta(description="Head commit, when read from git.")]
    script: str | None
    verdict: Annotated[Verdict, Meta(description="The worst of the three: FLAG, HOLD, UNREADABLE, INCOMPLETE, CLEAN.")]
    recommendation: Recommendation
    compliance: GroupJson
    evidence: GroupJson
    package: GroupJson
    claims: ClaimsJson
    measured: MeasuredJson
    findings: list[FindingJson]
    not_followed: list[NotFollowedJson]
    rests_on: list[RestsOnJson]
    baseline: NotRequired[BaselineJson]
    since: NotRequired[SinceJson]
    applied: NotRequired[
        Annotated[list[str], Meta(description="The rules that were applied; absent when all of them were.")]
    ]
    hidden: NotRequired[Annotated[int, Meta(description="Findings below what --min-severity or --confidence asks.")]]
    timeline: NotRequired[Annotated[list[str], Meta(description="What the script does, one line per event.")]]


class ToolJson(TypedDict):
    """What made the document."""

    name: Literal["golf-audit"]
    version: str


class DocumentJson(TypedDict):
    """What ``golf-audit check --format json`` prints."""

    schema_version: Literal[1]
    tool: ToolJson
    reports: list[ReportJson]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document that ``check --format json`` prints.

    Fields that a later version adds are valid under it.
    """
    (reference,), components = msgspec.json.schema_components([DocumentJson], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"golf-audit check --format json, schema_version {SCHEMA_VERSION}",
        **reference,
        "$defs": dict(sorted(components.items())),
    }
