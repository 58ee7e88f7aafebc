"""Findings as workflow commands, which GitHub shows as annotations at the lines of a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from auditor.finding import Finding, NotFollowed, Verdict
from auditor.report import Report
from auditor.verdict import weigh
from reports.absent import unchecked
from reports.escape import cut, visible
from reports.excerpt import place
from reports.fixes import fixable

_TITLE, _MESSAGE = 250, 3_000  # characters; GitHub cuts a message off at 4 KB
_COMMANDS = {
    Verdict.FLAG: "error",
    Verdict.UNREADABLE: "error",
    Verdict.HOLD: "warning",
    Verdict.INCOMPLETE: "warning",
    Verdict.CLEAN: "notice",
}


def render(report: Report) -> str:
    """Return one line per finding, the worst first, and one with the verdict; it ends with a newline.

    GitHub shows ten errors, ten warnings and ten notices of a step: so notes about code that can't run are left out.
    """
    counted = [f for f in report.findings if f.active is not False and f.overruled is None]
    ordered = sorted(counted, key=lambda finding: -weigh(finding).severity)
    decisive = [_not_followed(report, item) for item in report.not_followed if item.decisive]
    advice = f"{report.verdict.value}, recommendation {report.recommendation.value}"
    lack = f", {unchecked(report)}" if unchecked(report) else ""
    groups = (
        f"compliance {report.compliance.value}, evidence {report.evidence.value}{lack}, package {report.package.value}"
    )
    kind = _COMMANDS[report.verdict]
    verdict = _command(kind, None, None, None, f"golf-audit: {report.name}", f"{advice} ({groups})")
    return "".join([verdict, *(_finding(report, finding) for finding in ordered), *decisive])


def _not_followed(report: Report, item: NotFollowed) -> str:
    packed = f"{place(item.path, item.line, item.layer)}: " if item.layer else ""
    message = f"{packed}The verdict hangs on it: {item.what}"
    path = posixpath.join(report.folder or "", item.path)
    return _command("warning", path, 1 if item.layer else item.line, None, "not followed", message)


def _finding(report: Report, finding: Finding) -> str:
    change = f"fixable {fixable(finding)}" if fixable(finding) else ""
    said: Iterable[str] = (finding.message, finding.active_because, finding.advice, change)
    packed = f"{place(finding.path, finding.line, finding.layer)}: " if finding.layer else ""
    verdict = weigh(finding)
    line, end = (1, None) if finding.layer else (finding.line, finding.end_line)
    title = f"{'note' if verdict is Verdict.CLEAN else verdict.value}: {finding.rule}"
    message = packed + " | ".join(part for part in said if part)
    return _command(_COMMANDS[verdict], finding.path_from(report.folder), line, end, title, message)


def _command(kind: str, path: str | None, line: int | None, end: int | None, title: str, message: str) -> str:
    properties = []
    if path is not None:
        properties.append(("file", visible(path)))
        properties += [("line", str(line))] if line is not None else []
        properties += [("endLine", str(end))] if line is not None and end is not None and end > line else []
    properties.append(("title", cut(title, _TITLE)))
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties)
    return f"::{kind} {listed}::{_data(cut(message, _MESSAGE))}\n"


def _data(text: str) -> str:
    """Return text as the data of a command: what could end it is spelled by its byte."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
