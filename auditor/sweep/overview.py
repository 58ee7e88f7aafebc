"""A sweep at one glance: its submissions, their counts by verdict, rule and week, and what belongs together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auditor import catalogue
from auditor.causes import causes
from auditor.finding import Finding, Verdict
from auditor.reaudit.earlier import from_json
from auditor.report import Report
from auditor.sweep.clusters import Lineage, Pattern, lineages, patterns
from auditor.sweep.latest import latest
from auditor.sweep.work import Row
from auditor.verdict import weigh

_MOST_FINDINGS = 8  # of one submission, the worst first


@dataclass(frozen=True)
class Entry:
    """One submission of the sweep; ``val_bpb`` is logged (else claimed), as are ``artifact_bytes``.

    ``error`` says why there is no verdict, ``reason`` in words what the verdict rests on. ``findings`` are (rule,
    status, place, message), the worst first.
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
    reason: str = ""


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
    ordered = sorted(
        latest(rows), key=lambda row: (row["pr"], row.get("name") or row.get("report", {}).get("name", ""))
    )
    entries = tuple(entry_of(row) for row in ordered)
    return counted(entries, patterns(ordered), lineages(ordered))


def counted(entries: tuple[Entry, ...], shared: tuple[Pattern, ...] = (), copies: tuple[Lineage, ...] = ()) -> Overview:
    """Return the overview of some entries: their counts, and what belongs together."""
    verdicts = Counter(entry.verdict for entry in entries)
    order = [verdict.value for verdict in sorted(Verdict, key=lambda v: -v.severity)]
    rules = Counter(rule for entry in entries for rule in entry.rules)
    return Overview(
        entries=entries,
        verdicts={name: verdicts[name] for name in (*order, "ERROR") if verdicts[name]},
        rules=dict(sorted(rules.items(), key=lambda item: (-item[1], item[0]))),
        weeks=_weeks(entries),
        patterns=shared,
        lineages=copies,
    )


def _named(row: Row) -> object:
    return row.get("report", {}).get("name", "")


def entry_of(row: Row) -> Entry:
    """Return what one row says."""
    day = datetime.fromtimestamp(row["when"], UTC).date().isoformat() if row.get("when") is not None else ""
    if "error" in row:
        name, error = str(row.get("name", "")), f"{row.get('kind', 'error')}: {row['error']}"
        sha = row.get("sha") or ""
        return Entry(
            row["pr"],
            name,
            sha,
            day,
            "",
            "ERROR",
            "",
            "",
            "",
            "",
            (),
            None,
            None,
            error=error,
            reason=str(row["error"]).removeprefix(f"#{row['pr']}: "),
        )
    report = from_json(row["report"])
    found = causes(report)
    sizes = [run.artifact_bytes for run in report.runs if run.artifact_bytes is not None]
    bpb = row["report"]["measured"]["mean_val_bpb"]
    own = [finding for cause in found for finding in cause]
    return Entry(
        pr=row["pr"],
        name=report.name,
        sha=row.get("sha") or "",
        day=day,
        track=report.track,
        verdict=report.verdict.value,
        recommendation=report.recommendation.value,
        compliance=report.compliance.value,
        evidence=report.evidence.value,
        package=report.package.value,
        rules=tuple(dict.fromkeys(finding.rule for finding in own)),
        val_bpb=bpb if bpb is not None else report.claims.val_bpb,
        artifact_bytes=max(sizes, default=report.claims.artifact_bytes),
        findings=tuple(_finding(finding) for finding in own[:_MOST_FINDINGS]),
        reason=_reason(report, found),
    )


def _reason(report: Report, found: Sequence[Sequence[Finding]]) -> str:
    """Return in words what the verdict rests on: the weightiest cause, or what could not be followed."""
    leading = [cause for cause in found if weigh(cause[0]) is report.verdict]
    if leading:
        first = leading[0][0]
        rule = catalogue.find(first.rule)
        where = _place(first.path, first.line)
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        return f"{rule.title if rule is not None else first.rule}{f' ({where})' if where else ''}{more}"
    lost = next((item for item in report.not_followed if item.decisive), None)
    if report.verdict is Verdict.CLEAN:
        return "Nothing was found against it"
    if report.verdict is Verdict.UNREADABLE:
        return "The script could not be read"
    return f"Could not be followed: {lost.what} ({_place(lost.path, lost.line)})" if lost is not None else ""


def _finding(finding: Finding) -> tuple[str, str, str, str]:
    undecided = finding.status == "violation" and finding.active is None
    return finding.rule, "hold" if undecided else finding.status, _place(finding.path, finding.line), finding.message


def _place(path: str | None, line: int | None) -> str:
    return "" if path is None else path if line is None else f"{path}:{line}"


def _weeks(entries: Sequence[Entry]) -> dict[str, dict[str, int]]:
    weeks: dict[str, Counter[str]] = {}
    for entry in entries:
        if entry.day:
            day = datetime.fromisoformat(entry.day).date()
            weeks.setdefault((day - timedelta(days=day.weekday())).isoformat(), Counter())[entry.verdict] += 1
    return {week: dict(weeks[week]) for week in sorted(weeks)}
