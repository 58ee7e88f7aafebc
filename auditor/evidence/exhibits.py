"""What only a page shows of a submission: its curves, the sizes of its files, and logs that a path leads through."""

from __future__ import annotations

from dataclasses import replace

from auditor.evidence.curves import read_curves
from auditor.evidence.logs import LARGEST_LOG
from auditor.evidence.sizes import read_sizes
from auditor.evidence.text import Unreadable, decode
from auditor.program.source import Source
from auditor.report import Curve, DiskSize, Report
from auditor.submission.model import Submission, Unread

_MOST_LOGS = 12
_QUOTABLE = 8 * 1024 * 1024  # bytes of a log that a page may quote


def exhibit(report: Report, submission: Submission) -> Report:
    """Return the report with the curves of its first 12 logs and the sizes of script, helpers and artifacts.

    Files that only a step of a finding's path lies in are cited too.
    """
    cited = {**_passed(report, submission), **report.cited}
    return replace(report, curves=_curves(submission), sizes=_sizes(submission), cited=cited)


def _passed(report: Report, submission: Submission) -> dict[str, Source]:
    paths = dict.fromkeys(step.path for finding in report.findings for step in finding.trace if step.layer == 0)
    found: dict[str, Source] = {}
    for path in paths:
        if (path, 0) in report.sources or path in report.cited or len(found) >= _MOST_LOGS:
            continue
        try:
            text = decode(submission.tree.read(path, _QUOTABLE), _QUOTABLE).data
        except (Unread, Unreadable):
            continue  # the step still names its line
        found[path] = Source(path, text.decode("utf-8", "replace"))
    return found


def _curves(submission: Submission) -> tuple[Curve, ...]:
    curves: list[Curve] = []
    for path in submission.logs[:_MOST_LOGS]:
        try:
            curves += read_curves(path, submission.tree.read(path, LARGEST_LOG))
        except (Unread, Unreadable):
            continue  # the evidence has noted it as a problem, and a rule tells it
    return tuple(curves)


def _sizes(submission: Submission) -> tuple[DiskSize, ...]:
    sizes = read_sizes(submission)
    script = (DiskSize("script", sizes.script.path, sizes.script.size),) if sizes.script is not None else ()
    helpers = tuple(DiskSize("helper", file.path, file.size) for file in sizes.reachable)
    artifacts = tuple(DiskSize("artifact", file.path, file.size) for file in sizes.artifacts)
    return (*script, *helpers, *artifacts)
