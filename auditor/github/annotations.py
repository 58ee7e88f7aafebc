"""A check run's annotations: findings at their lines in the pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from auditor.finding import Finding, Verdict
from auditor.report import Report
from auditor.verdict import weigh, worst
from reports.escape import cut
from reports.excerpt import place

Level = Literal["notice", "warning", "failure"]
Conclusion = Literal["success", "neutral", "failure"]

_TITLE, _MESSAGE = 255, 4_000  # characters; GitHub takes 255 and 64 KB
_LEVELS: dict[Verdict, Level] = {Verdict.FLAG: "failure", Verdict.HOLD: "warning", Verdict.INCOMPLETE: "warning"}


@dataclass(frozen=True)
class Annotation:
    """One finding at lines of a file; ``path`` counts from the repository's root."""

    path: str
    start_line: int
    end_line: int
    annotation_level: Level
    title: str
    message: str


def annotate(reports: Iterable[Report]) -> tuple[Annotation, ...]:
    """Return the annotations of reports whose folder in the repository is known, the worst first.

    What lies in no file has no annotation; what lies in a packed script is at its first line, and says where.
    """
    order: tuple[Level, ...] = ("failure", "warning", "notice")
    found = [each for report in reports if report.folder is not None for each in _of(report, report.folder)]
    return tuple(sorted(found, key=lambda annotation: order.index(annotation.annotation_level)))


def conclusion(reports: Iterable[Report]) -> Conclusion:
    """Return what the reports come to as a check: failure for a FLAG, success when all is CLEAN, else neutral."""
    verdict = worst(report.verdict for report in reports)
    return "failure" if verdict is Verdict.FLAG else "success" if verdict is Verdict.CLEAN else "neutral"


def _of(report: Report, folder: str) -> Iterator[Annotation]:
    for finding in report.findings:
        if finding.path is None or (weigh(finding) is Verdict.CLEAN and finding.line is None):
            continue
        start, end = _lines(finding)
        packed = "" if finding.layer == 0 else f"{place(finding.path, finding.line, finding.layer)}: "
        yield Annotation(
            path=finding.path_from(folder) or finding.path,
            start_line=start,
            end_line=end,
            annotation_level=_LEVELS.get(weigh(finding), "notice"),
            title=cut(f"{weigh(finding).value}: {finding.rule}", _TITLE),
            message=cut(f"{packed}{finding.message}", _MESSAGE),
        )


def _lines(finding: Finding) -> tuple[int, int]:
    if finding.layer or finding.line is None:
        return 1, 1
    return finding.line, max(finding.end_line or finding.line, finding.line)
