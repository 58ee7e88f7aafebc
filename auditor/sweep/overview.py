"""A sweep at one glance: its submissions, their counts by verdict, rule and week, and what belongs together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.finding import Verdict
from auditor.sweep.clusters import Lineage, Pattern, lineages, patterns
from auditor.sweep.work import Row

_MOST_FINDINGS = 8  # of one submission, the worst first
_COUNTED = {"violation": 2, "hold": 1, "incomplete": 0}


@dataclass(frozen=True)
class Entry:
    """One submission of the sweep; ``val_bpb`` is logged (else claimed), as are ``artifact_bytes``.

    ``error`` says why there is no verdict. ``findings`` are (rule, status, place, message), the worst first.
    """

    pr: int
    name: str
    sha: str
    day: str  # ISO date of the head, "" where not known
    track: str
    verdict: str
    recommendation: str
    compliance: str
    evidence: str
    package: str
    rules: tuple[str, ...]
    val_bpb: float | None
    artifact_bytes: int | None
    findings: tuple[tuple[str, str, str, str], ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Overview:
    """All of it; ``weeks`` maps the Monday of a week to counts by verdict, ``rules`` a slug to submissions."""

    entries: tuple[Entry, ...]
    verdicts: Mapping[str, int]
    rules: Mapping[str, int]
    weeks: Mapping[str, Mapping[str, int]]
    patterns: tuple[Pattern, ...]
    lineages: tuple[Lineage, ...]


def overview(rows: Iterable[Row]) -> Overview:
    """Return the overview of a sweep's rows, in the order of their pull requests."""
    ordered = sorted(rows, key=lambda row: (row["pr"], row.get("name") or row.get("report", {}).get("name", "")))
    entries = tuple(_entry(row) for row in ordered)
    verdicts = Counter(entry.verdict for entry in entries)
    order = [verdict.value for verdict in sorted(Verdict, key=lambda v: -v.severity)]
    rules = Counter(rule for entry in entries for rule in entry.rules)
    return Overview(
        entries=entries,
        verdicts={name: verdicts[name] for name in (*order, "ERROR") if verdicts[name]},
        rules=dict(sorted(rules.items(), key=lambda item: (-item[1], item[0]))),
        weeks=_weeks(entries),
        patterns=patterns(ordered),
        lineages=lineages(ordered),
    )


def _entry(row: Row) -> Entry:
    day = datetime.fromtimestamp(row["when"], UTC).date().isoformat() if row.get("when") is not None else ""
    if "error" in row:
        name, error = str(row.get("name", "")), f"{row.get('kind', 'error')}: {row['error']}"
        return Entry(
            row["pr"], name, row.get("sha") or "", day, "", "ERROR", "", "", "", "", (), None, None, error=error
        )
    report = row["report"]
    counted = [f for f in report["findings"] if f["status"] in _COUNTED and f["active"] is not False]
    counted.sort(key=lambda finding: -_COUNTED[finding["status"]])
    measured, claimed = report["measured"], report["claims"]
    sizes = [run["artifact_bytes"] for run in measured["runs"] if run["artifact_bytes"] is not None]
    bpb = measured["mean_val_bpb"]
    return Entry(
        pr=row["pr"],
        name=report["name"],
        sha=row.get("sha") or "",
        day=day,
        track=report["track"],
        verdict=report["verdict"],
        recommendation=report["recommendation"],
        compliance=report["compliance"]["verdict"],
        evidence=report["evidence"]["verdict"],
        package=report["package"]["verdict"],
        rules=tuple(dict.fromkeys(finding["rule"] for finding in counted)),
        val_bpb=bpb if bpb is not None else claimed["val_bpb"],
        artifact_bytes=max(sizes, default=claimed["artifact_bytes"]),
        findings=tuple(_finding(finding) for finding in counted[:_MOST_FINDINGS]),
    )


def _finding(finding: Mapping[str, Any]) -> tuple[str, str, str, str]:
    where = "" if finding["path"] is None else str(finding["path"])
    where += "" if finding["line"] is None else f":{finding['line']}"
    undecided = finding["status"] == "violation" and finding["active"] is None
    return finding["rule"], "hold" if undecided else finding["status"], where, finding["message"]


def _weeks(entries: Sequence[Entry]) -> dict[str, dict[str, int]]:
    weeks: dict[str, Counter[str]] = {}
    for entry in entries:
        if entry.day:
            day = datetime.fromisoformat(entry.day).date()
            weeks.setdefault((day - timedelta(days=day.weekday())).isoformat(), Counter())[entry.verdict] += 1
    return {week: dict(weeks[week]) for week in sorted(weeks)}
