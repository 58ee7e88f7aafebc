"""Findings as an editor's diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lsprotocol import types

from auditor import catalogue
from auditor.finding import Finding, Verdict
from auditor.lsp.positions import Lines
from auditor.program.source import Source
from auditor.report import Report
from auditor.verdict import weigh
from reports.escape import cut
from reports.excerpt import place
from reports.fixes import fixable

_SEVERITIES = {
    Verdict.FLAG: types.DiagnosticSeverity.Error,
    Verdict.UNREADABLE: types.DiagnosticSeverity.Error,
    Verdict.HOLD: types.DiagnosticSeverity.Warning,
    Verdict.INCOMPLETE: types.DiagnosticSeverity.Warning,
    Verdict.CLEAN: types.DiagnosticSeverity.Information,
}
_LONGEST = 2_000  # characters of a message
_ON = "submission.json"  # what a finding that lies nowhere is shown at


def diagnostics(report: Report, folder: Path, texts: Mapping[str, str]) -> dict[str, list[types.Diagnostic]]:
    """Return the diagnostics of a report by file, its path below the folder.

    Left out are legal patterns and code that can't run: an editor shows what there is to do.
    """
    out: dict[str, list[types.Diagnostic]] = {}
    for finding in report.findings:
        if finding.overruled is None and finding.active is not False and not _is_legal(finding):
            path = finding.path or report.script or _ON
            out.setdefault(path, []).append(_diagnostic(finding, folder, texts.get(path, "")))
    for item in report.not_followed:
        if item.decisive:
            where = texts.get(item.path, "")
            out.setdefault(item.path, []).append(
                types.Diagnostic(
                    lines(where, item.line, None),
                    f"Not followed: {cut(item.what, _LONGEST)}; the verdict hangs on it",
                    severity=types.DiagnosticSeverity.Warning,
                    source="golf-audit",
                )
            )
    return out


def lines(text: str, first: int | None, last: int | None) -> types.Range:
    """Return the range of whole lines, which count from 1 and end at line feeds only; of none, the first line."""
    source, places = Source("", text), Lines(text)
    start = source.line_starts[min(first or 1, len(source.line_starts)) - 1]
    number = min(max(last or 1, first or 1), len(source.line_starts))
    end = source.line_starts[number - 1] + len(source.line_text(number))
    return types.Range(types.Position(*places.place(start)), types.Position(*places.place(end)))


def _diagnostic(finding: Finding, folder: Path, text: str) -> types.Diagnostic:
    layered = bool(finding.layer)
    said = [cut(finding.message, _LONGEST)]
    if layered:
        said.append(f"({place('', finding.line, finding.layer)[1:]} of what the file unpacks to)")
    if finding.advice and weigh(finding) is not Verdict.CLEAN:
        said.append(f"Fix: {finding.advice}")
    if fixable(finding):
        said.append(f"Fixable: {finding.fix.title if finding.fix is not None else ''}")
    related = [
        types.DiagnosticRelatedInformation(
            types.Location((folder / step.path).as_uri(), _line(step.line, step.layer)), cut(step.note, 200)
        )
        for step in finding.trace[:20]
    ]
    return types.Diagnostic(
        lines(text, None if layered else finding.line, None if layered else finding.end_line),
        "\n".join(said),
        severity=_SEVERITIES[weigh(finding)],
        code=finding.rule,
        source="golf-audit",
        related_information=related or None,
    )


def _line(line: int, layer: int) -> types.Range:
    at = types.Position(0 if layer else max(0, line - 1), 0)
    return types.Range(at, at)


def _is_legal(finding: Finding) -> bool:
    rule = catalogue.find(finding.rule)
    return rule is not None and rule.legal_reference
