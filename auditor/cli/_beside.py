"""What a comment tells beside the report: a smoke test that was run, and pull requests with the same lines."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from auditor.report import Report
    from auditor.smoke.model import Step

_OPTIONS = (
    click.option(
        "--smoke",
        metavar="FILE",
        type=click.Path(),
        help="In a comment, also tell what golf-audit smoke --format json found.",
    ),
    click.option(
        "--results",
        metavar="FILE",
        type=click.Path(),
        help="In a comment, also name the pull requests that have the same lines in these results of a sweep.",
    ),
)


def beside_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --smoke and --results."""
    return functools.reduce(lambda function, option: option(function), reversed(_OPTIONS), command)


def read_smoke(path: str | None) -> Mapping[str, tuple[Step, ...]]:
    """Return the steps of the smoke tests in a file by the submission's name; none without a file."""
    if path is None:
        return {}
    from auditor.smoke.earlier import read
    from auditor.toml import Malformed

    try:
        return read(Path(path))
    except Malformed as error:
        raise click.ClickException(str(error)) from None


def same_lines(path: str | None) -> Callable[[Report], Mapping[int, Sequence[int]]]:
    """Return what tells, of a report, which pull requests in a sweep's results have the same lines, by finding."""
    if path is None:
        return lambda report: {}
    from auditor.submission.model import Unread
    from auditor.sweep.clusters import alike
    from auditor.sweep.latest import latest
    from auditor.sweep.results import read_rows, survey

    try:
        if not Path(path).is_file():
            raise Unread(f"{path}: no such file; golf-audit sweep writes one")
        survey(Path(path))
        rows = latest(read_rows(Path(path)))
    except Unread as error:
        raise click.ClickException(str(error)) from None
    return lambda report: alike(rows, report)
