"""An earlier report as ``golf-audit check --format json`` wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from auditor.documents import read_document
from auditor.finding import Finding, Group, Level, NotFollowed, Recommendation, Status, Step, Verdict
from auditor.report import Claims, MeasuredRun, Report
from auditor.submission.model import Track

_LARGEST = 256 * 1024 * 1024  # bytes: the JSON of a sweep


class _Graded(msgspec.Struct, frozen=True):
    verdict: Verdict


class _Step(msgspec.Struct, frozen=True):
    path: str
    line: int
    note: str = ""
    layer: int = 0


class _Overruled(msgspec.Struct, frozen=True):
    who: str = ""


class _Finding(msgspec.Struct, frozen=True):
    rule: str
    group: Group
    status: Status
    message: str
    active: bool | None = True
    active_because: str = ""
    path: str | None = None
    line: int | None = None
    end_line: int | None = None
    layer: int = 0
    trace: list[_Step] = []
    authority: list[str] = []
    advice: str = ""
    overruled: _Overruled | None = None
    severity: Level = "medium"
    confidence: Level = "medium"


class _NotFollowed(msgspec.Struct, frozen=True):
    path: str
    line: int | None
    what: str
    decisive: bool = False
    layer: int = 0


class _Run(msgspec.Struct, frozen=True):
    log: str
    seed: int | None = None
    val_bpb: float | None = None
    val_loss: float | None = None
    artifact_bytes: int | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    steps: int | None = None
    world_size: int | None = None


class _Claims(msgspec.Struct, frozen=True):
    val_bpb: float | None = None
    artifact_bytes: int | None = None
    seeds: list[int] = []


class _Measured(msgspec.Struct, frozen=True):
    runs: list[_Run] = []


class _Report(msgspec.Struct, frozen=True):
    submission: str
    name: str
    track: Track
    sha: str | None
    script: str | None
    verdict: Verdict
    recommendation: Recommendation
    compliance: _Graded
    evidence: _Graded
    package: _Graded
    findings: list[_Finding]
    not_followed: list[_NotFollowed] = []
    claims: _Claims = _Claims()
    measured: _Measured = _Measured()
    pr: int | None = None


class _Document(msgspec.Struct, frozen=True):
    schema_version: int
    reports: list[_Report]


def read(path: Path) -> tuple[Report, ...]:
    """Return the reports in a file; raises :class:`~auditor.toml.Malformed`.

    They hold no sources: the code that they were about isn't in the file.
    """
    advice = "give the output of 'golf-audit check --format json', or a commit"
    document = read_document(path, _Document, "report", advice, limit=_LARGEST, version=1)
    return tuple(_report(each) for each in document.reports)


def from_json(values: Mapping[str, Any]) -> Report:
    """Return the report that one entry of ``reports`` in such a file says; raises ``msgspec.ValidationError``."""
    return _report(msgspec.convert(values, _Report))


def _report(given: _Report) -> Report:
    return Report(
        submission=given.submission,
        name=given.name,
        track=given.track,
        sha=given.sha,
        script=given.script,
        verdict=given.verdict,
        recommendation=given.recommendation,
        compliance=given.compliance.verdict,
        evidence=given.evidence.verdict,
        package=given.package.verdict,
        # What a ruling had overruled didn't count then, and doesn't now.
        findings=tuple(_finding(each) for each in given.findings if each.overruled is None),
        not_followed=tuple(NotFollowed(n.path, n.line, n.what, n.decisive, layer=n.layer) for n in given.not_followed),
        claims=Claims(given.claims.val_bpb, given.claims.artifact_bytes, tuple(given.claims.seeds)),
        runs=tuple(MeasuredRun(**msgspec.structs.asdict(run)) for run in given.measured.runs),
        pr=given.pr,
    )


def _finding(given: _Finding) -> Finding:
    return Finding(
        rule=given.rule,
        group=given.group,
        status=given.status,
        message=given.message,
        path=given.path,
        line=given.line,
        end_line=given.end_line,
        layer=given.layer,
        active=given.active,
        active_because=given.active_because,
        trace=tuple(Step(s.path, s.line, s.note, s.layer) for s in given.trace),
        authority=tuple(given.authority),
        advice=given.advice,
        severity=given.severity,
        confidence=given.confidence,
    )
