"""``--min-severity`` and ``--confidence``: which findings are shown."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

import click
from msgspec import Struct

from auditor.finding import Level

if TYPE_CHECKING:
    from auditor.report import Report

_LEVELS = get_args(Level)
_OPTIONS = (
    click.option("--min-severity", type=click.Choice(_LEVELS), help="Show only findings that matter at least so much."),
    click.option("--confidence", type=click.Choice(_LEVELS), help="Show only findings that are at least so sure."),
)


class Least(Struct, frozen=True):
    """The least severity and confidence of a finding that is shown; None: any."""

    severity: Level | None = None
    confidence: Level | None = None

    def of(self, report: Report) -> Report:
        """Return a report with the findings that are to be shown; its verdicts stay those of all of them."""
        if self.severity is None and self.confidence is None:
            return report
        from auditor.grade import narrow

        return narrow(report, self.severity or "low", self.confidence or "low")


def grade_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --min-severity and --confidence; it gets them as ``least``."""

    @functools.wraps(command)
    def wrapped(min_severity: Level | None, confidence: Level | None, **others: Any) -> Any:
        return command(least=Least(min_severity, confidence), **others)

    return functools.reduce(lambda function, option: option(function), reversed(_OPTIONS), wrapped)
