"""Reports as one SARIF 2.1.0 log, for code scanning and editors.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; sections are cited as §.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

from auditor import __version__, catalogue
from auditor.baseline.model import remember
from auditor.finding import Finding, NotFollowed, Step, Verdict
from auditor.fix.change import Hunk
from auditor.regex import regex
from auditor.report import Report
from auditor.rule import Rule
from auditor.verdict import weigh
from reports.escape import cut, visible
from reports.excerpt import one_line, place
from reports.fixes import tried_for
from reports.links import rule_page

Json: TypeAlias = "dict[str, Any]"

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LONGEST = 4_000  # characters of one message
_LEVELS = {
    Verdict.FLAG: "error",
    Verdict.HOLD: "warning",
    Verdict.INCOMPLETE: "warning",
    Verdict.UNREADABLE: "error",
    Verdict.CLEAN: "note",
}
_TAG = regex(r"[^a-z0-9]+")
_LINK = regex(r"[\[\]\\]")


def render(reports: Sequence[Report]) -> str:
    """Return the reports as one SARIF log, ending with a newline."""
    return json.dumps(log(reports), indent=2) + "\n"


def log(reports: Sequence[Report]) -> Json:
    """Return a SARIF log with one run per report (§3.13), so that each names its own commit."""
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report) for report in reports]}


def _run(report: Report) -> Json:
    used = sorted({finding.rule for finding in report.findings})
    order = {slug: number for number, slug in enumerate(used)}
    known = {(k.rule, k.path, k.line, k.message): k.fingerprint for k in remember(report)}
    run: Json = {
        "tool": {"driver": _driver(used)},
        "automationDetails": {"id": f"golf-audit/{quote(visible(report.name), safe='')}/"},
        "invocations": [_invocation(report)],
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the repository."}}},
        "results": [
            _result(report, finding, order, known.get((finding.rule, finding.path, finding.line, finding.message)))
            for finding in report.findings
        ],
        "properties": {
            "verdict": report.verdict.value,
            "recommendation": report.recommendation.value,
            "compliance": report.compliance.value,
            "evidence": report.evidence.value,
            "package": report.package.value,
            **({"applied": list(report.applied)} if report.applied is not None else {}),
            **({"hidden": report.hidden} if report.hidden else {}),
        },
    }
    if report.pr is not None and report.sha is not None:
        run["versionControlProvenance"] = [{"repositoryUri": report.challenge.address, "revisionId": report.sha}]
    return run


def _driver(slugs: Sequence[str]) -> Json:
    rules = [_rule(slug, catalogue.find(slug)) for slug in slugs]
    return {"name": "golf-audit", "version": __version__, "semanticVersion": __version__, "rules": rules}


def _rule(slug: str, rule: Rule | None) -> Json:
    if rule is None:
        return {"id": visible(slug)}
    parts = [rule.summary, rule.why, rule.known_problems and f"Known problems: {rule.known_problems}"]
    parts += [rule.counterpart and f"Legal counterpart: {rule.counterpart}", f"Fix: {rule.advice}"]
    parts += [f"{a.ref} ({a.weight}; {a.who}, {a.when}): {a.said}" for a in rule.authority]
    address = rule_page(rule, os.environ.get("GOLF_AUDIT_DOCS") or None)
    return {
        "id": slug,
        **({"helpUri": address} if address is not None else {}),
        "name": "".join(word.capitalize() for word in slug.split("-")),
        "shortDescription": {"text": _plain(rule.title)},
        "fullDescription": {"text": _plain(rule.summary or rule.title)},
        "help": {"text": "\n\n".join(_plain(part) for part in parts if part)},
        "defaultConfiguration": {"level": "note" if rule.legal_reference else "error"},
        "properties": {
            "tags": list(dict.fromkeys((rule.group, _TAG.sub("-", rule.condition.lower()), rule.stage))),
            "precision": "high" if rule.stage == "stable" else "medium",
            "problem.severity": "recommendation" if rule.legal_reference else "error",
        },
    }


def _result(report: Report, finding: Finding, order: Mapping[str, int], fingerprint: str | None) -> Json:
    verdict = weigh(finding)
    said = [finding.message]
    if finding.active_because:
        ran = {True: "Runs", False: "Not counted", None: "Whether it runs is not decided"}[finding.active]
        said.append(f"{ran}: {finding.active_because}.")
    if finding.advice and verdict is not Verdict.CLEAN:
        said.append(f"Fix: {finding.advice}")
    if finding.layer:
        said.append(f"Lines are of the source that the file unpacks to: {place('', finding.line, finding.layer)[1:]}.")
    result: Json = {
        "ruleId": visible(finding.rule),
        "ruleIndex": order[finding.rule],
        "level": _LEVELS[verdict],
        "message": _message(" ".join(said)),
        "properties": {
            "group": finding.group,
            "status": finding.status,
            "active": finding.active,
            "layer": finding.layer,
            "authority": list(finding.authority),
            "severity": finding.severity,
            "confidence": finding.confidence,
        },
    }
    if finding.path is not None:
        result["locations"] = [_location(report, finding.path, finding.line, finding.layer, finding.end_line)]
        if finding.at_root:
            result["locations"][0]["physicalLocation"]["artifactLocation"] = _file(finding.path)
    if finding.trace:
        result["codeFlows"] = [_code_flow(report, finding)]
    changes = _fixes(report, finding)
    if changes:
        result["fixes"] = changes
    if fingerprint is not None:
        result["partialFingerprints"] = {"golfAudit/v1": fingerprint}
    if finding.known is not None:
        result["baselineState"] = "unchanged" if finding.known else "new"
    if finding.overruled is not None:
        ruling = finding.overruled
        why = f"{ruling.who}, {ruling.date}, until {ruling.expires}: {ruling.reason} ({ruling.link})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": cut(why, _LONGEST)}]
    return result


def _fixes(report: Report, finding: Finding) -> list[Json]:
    """Return the change that was tried for a finding (§3.55), whole lines each; none inside of a packed script."""
    tried = tried_for(report, finding)
    if tried is None or not tried.hunks or any(hunk.layer for hunk in tried.hunks):
        return []
    files: dict[str, list[Json]] = {}
    for hunk in tried.hunks:
        files.setdefault(hunk.path, []).append(_replacement(hunk))
    change = tried.change
    said = f"{change.title} ({change.safety})" + (f". {change.effect}" if change.effect else "")
    return [
        {
            "description": _message(said),
            "artifactChanges": [
                {"artifactLocation": _artifact(report, path), "replacements": replacements}
                for path, replacements in files.items()
            ],
        }
    ]


def _replacement(hunk: Hunk) -> Json:
    """Return lines that are replaced (§3.57): from the start of the first to the start of the line after the last."""
    region = {"startLine": hunk.line, "startColumn": 1, "endLine": hunk.line + len(hunk.removed), "endColumn": 1}
    return {"deletedRegion": region, "insertedContent": {"text": "".join(f"{line}\n" for line in hunk.added)}}


def _code_flow(report: Report, finding: Finding) -> Json:
    """Return the path of the data (§3.36): its steps, and last the line that decides where it isn't the last step."""
    steps = list(finding.trace)
    if finding.path is not None and finding.line is not None:
        last = steps[-1]
        if (last.path, last.line, last.layer) != (finding.path, finding.line, finding.layer):
            steps.append(Step(finding.path, finding.line, finding.message, finding.layer))
    return {"threadFlows": [{"locations": [_flow_location(report, step, n) for n, step in enumerate(steps, 1)]}]}


def _flow_location(report: Report, step: Step, number: int) -> Json:
    location = _location(report, step.path, step.line, step.layer)
    location["message"] = _message(step.note)
    return {"location": location, "executionOrder": number}


def _location(report: Report, path: str, line: int | None, layer: int, end_line: int | None = None) -> Json:
    """Return a place (§3.28). A line of an unpacked layer is at the packed file's first line, and named beside it."""
    physical: Json = {"artifactLocation": _artifact(report, path)}
    if layer:
        physical["region"] = {"startLine": 1}
        named = cut(place(path, line, layer), _LONGEST)
        return {"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": named, "kind": "member"}]}
    if line is not None and line >= 1:
        physical["region"] = {"startLine": line}
        if end_line is not None and end_line > line:
            physical["region"]["endLine"] = end_line
        if text := one_line(report, path, line, layer):
            physical["region"]["snippet"] = {"text": cut(text, 400)}
    return {"physicalLocation": physical}


def _artifact(report: Report, path: str) -> Json:
    return _file(posixpath.join(report.folder or "", path))


def _file(where: str) -> Json:
    return {"uri": quote(where.encode("utf-8", "surrogatepass"), safe="/"), "uriBaseId": "SRCROOT"}


def _invocation(report: Report) -> Json:
    """Return what the audit went through (§3.20): what it could not follow is a notification."""
    return {
        "executionSuccessful": True,
        "toolExecutionNotifications": [_notification(report, item) for item in report.not_followed],
    }


def _notification(report: Report, item: NotFollowed) -> Json:
    said = f"Not followed: {item.what}" + ("; the verdict hangs on it" if item.decisive else "")
    return {
        "level": "warning" if item.decisive else "note",
        "message": _message(said),
        "locations": [_location(report, item.path, item.line, item.layer)],
    }


def _message(text: str) -> Json:
    return {"text": _plain(text)}


def _plain(text: str) -> str:
    """Return a plain text message (§3.11): no embedded link, no placeholder, and nothing that doesn't show."""
    shown = cut(text, _LONGEST).replace("{", "{{").replace("}", "}}")
    return _LINK.sub(lambda match: f"\\{match.group()}", shown)
