"""The JSON that scripts outside the project rely on: ``schema_version`` 1, changed only by adding."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from auditor import __version__
from auditor.finding import Finding, NotFollowed, Overruled, RestsOn
from auditor.fix.change import Change, Tried
from auditor.report import MeasuredRun, Report
from reports.fixes import tried_for

if TYPE_CHECKING:
    from reports.contract import (
        DocumentJson,
        FindingJson,
        FixJson,
        NotFollowedJson,
        OverruledJson,
        ReportJson,
        RestsOnJson,
        RunJson,
    )

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

_PLACES = 8  # logs print at most eight decimals, so a mean has no more to say


def document(reports: Iterable[ReportJson]) -> DocumentJson:
    """Return the whole document that holds ``reports``, each made by :func:`to_json`."""
    return {
        "schema_version": 1,
        "tool": {"name": "golf-audit", "version": __version__},
        "reports": list(reports),
    }


def to_json(report: Report, *, timeline: bool = False) -> ReportJson:
    """Return one report as plain JSON values; ``timeline`` adds the list of what the script does."""
    out: ReportJson = {
        "submission": report.submission,
        "name": report.name,
        "track": report.track,
        "pr": report.pr,
        "sha": report.sha,
        "script": report.script,
        "verdict": report.verdict,
        "recommendation": report.recommendation,
        "compliance": {"verdict": report.compliance},
        "evidence": {"verdict": report.evidence},
        "package": {"verdict": report.package},
        "claims": {
            "val_bpb": _finite(report.claims.val_bpb),
            "artifact_bytes": report.claims.artifact_bytes,
            "seeds": list(report.claims.seeds),
        },
        "measured": {
            "runs": [_run(run) for run in report.runs],
            "mean_val_bpb": mean_bpb(report.runs),
            "std_val_bpb": std_bpb(report.runs),
        },
        "findings": [_finding(report, finding) for finding in report.findings],
        "not_followed": [_not_followed(item) for item in report.not_followed],
        "rests_on": [_rests_on(item) for item in report.rests_on],
    }
    if report.baseline is not None:
        out["baseline"] = {
            "known": report.baseline.known,
            "new": report.baseline.new,
            "gone": [
                {"rule": gone.rule, "path": gone.path, "line": gone.line, "message": gone.message}
                for gone in report.baseline.gone
            ],
        }
    if report.applied is not None:
        out["applied"] = list(report.applied)
    if report.hidden:
        out["hidden"] = report.hidden
    if timeline:
        out["timeline"] = list(report.timeline)
    return out


def mean_bpb(runs: Iterable[MeasuredRun]) -> float | None:
    """Return the mean of the runs' bits per byte, None when no run has any, or they are of several vocabularies."""
    runs = tuple(runs)
    found = scores(runs) if one_vocabulary(runs) else []
    return round(math.fsum(found) / len(found), _PLACES) if found else None


def std_bpb(runs: Iterable[MeasuredRun]) -> float | None:
    """Return the sample standard deviation of the runs' bits per byte, None for fewer than two."""
    runs = tuple(runs)
    found = scores(runs)
    if len(found) < 2 or not one_vocabulary(runs):
        return None
    mean = math.fsum(found) / len(found)
    squares = math.fsum((one - mean) ** 2 for one in found)
    return round(math.sqrt(squares / (len(found) - 1)), _PLACES)


def one_vocabulary(runs: Iterable[MeasuredRun]) -> bool:
    """Tell whether no two of the runs with a score that count are known to be of different vocabularies."""
    each = [run for run in runs if run.val_bpb is not None]
    counted = [run for run in each if run.claimed] or each
    return len({run.vocabulary for run in counted if run.vocabulary is not None}) < 2


def scores(runs: Iterable[MeasuredRun]) -> list[float]:
    """Return the runs' bits per byte, of those that the claimed score rests on where that is known.

    A run whose log lies there twice (same seed, same score) counts once.
    """
    found: dict[tuple[int | str, float], float] = {}
    each = list(runs)
    for number, run in enumerate([run for run in each if run.claimed] or each):
        if run.val_bpb is not None and math.isfinite(run.val_bpb):
            found[run.seed if run.seed is not None else f"run {number}", run.val_bpb] = run.val_bpb
    return list(found.values())


def _finite(number: float | None) -> float | None:
    # A log may print nan or inf, which JSON has no word for.
    return number if number is not None and math.isfinite(number) else None


def _run(run: MeasuredRun) -> RunJson:
    return {
        "log": run.log,
        "seed": run.seed,
        "val_bpb": _finite(run.val_bpb),
        "val_loss": _finite(run.val_loss),
        "artifact_bytes": run.artifact_bytes,
        "train_seconds": _finite(run.train_seconds),
        "eval_seconds": _finite(run.eval_seconds),
        "steps": run.steps,
        "world_size": run.world_size,
    }


def _finding(report: Report, finding: Finding) -> FindingJson:
    out: FindingJson = {
        "rule": finding.rule,
        "group": finding.group,
        "status": finding.status,
        "active": finding.active,
        "active_because": finding.active_because,
        "path": finding.path,
        "line": finding.line,
        "end_line": finding.end_line,
        "layer": finding.layer,
        "message": finding.message,
        "trace": [
            {"path": step.path, "line": step.line, "layer": step.layer, "note": step.note} for step in finding.trace
        ],
        "authority": list(finding.authority),
        "advice": finding.advice,
        "severity": finding.severity,
        "confidence": finding.confidence,
    }
    if finding.known is not None:
        out["known"] = finding.known
    if finding.overruled is not None:
        out["overruled"] = _overruled(finding.overruled)
    if finding.fix is not None:
        out["fix"] = _fix(finding.fix, tried_for(report, finding))
    return out


def _fix(change: Change, tried: Tried | None) -> FixJson:
    shown = change if tried is None else tried.change
    out: FixJson = {
        "title": shown.title,
        "safety": shown.safety,
        "effect": shown.effect,
        "files": list(shown.paths),
    }
    if tried is not None:
        out["hunks"] = [
            {
                "path": hunk.path,
                "layer": hunk.layer,
                "line": hunk.line,
                "removed": list(hunk.removed),
                "added": list(hunk.added),
            }
            for hunk in tried.hunks
        ]
    return out


def _not_followed(item: NotFollowed) -> NotFollowedJson:
    out: NotFollowedJson = {
        "path": item.path,
        "line": item.line,
        "what": item.what,
        "decisive": item.decisive,
        "escapes": list(item.escapes),
    }
    if item.layer:
        out["layer"] = item.layer
    if item.known is not None:
        out["known"] = item.known
    return out


def _rests_on(item: RestsOn) -> RestsOnJson:
    return {
        "what": item.what,
        "followed": item.followed,
        "path": item.path,
        "line": item.line,
        "layer": item.layer,
        "note": item.note,
    }


def _overruled(ruling: Overruled) -> OverruledJson:
    return {
        "who": ruling.who,
        "date": ruling.date,
        "link": ruling.link,
        "reason": ruling.reason,
        "expires": ruling.expires,
        "path": ruling.path,
        "line": ruling.line,
    }
