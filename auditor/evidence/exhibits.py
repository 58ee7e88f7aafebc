"""What only a page shows of a submission: its curves and the sizes of its files."""

from __future__ import annotations

from dataclasses import replace

from auditor.evidence.curves import read_curves
from auditor.evidence.logs import LARGEST_LOG
from auditor.evidence.sizes import read_sizes
from auditor.evidence.text import Unreadable
from auditor.report import Curve, DiskSize, Report
from auditor.submission.model import Submission, Unread

_MOST_LOGS = 12


def exhibit(report: Report, submission: Submission) -> Report:
    """Return the report with the curves of its first 12 logs and the sizes of script, helpers and artifacts."""
    return replace(report, curves=_curves(submission), sizes=_sizes(submission))


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
