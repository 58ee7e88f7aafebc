"""``golf-audit check``: audit submissions and tell the verdict."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from msgspec import Struct

from auditor.cli import EXIT_FOUND, complain
from auditor.cli._beside import beside_options, read_smoke, same_lines
from auditor.cli._config import Configured
from auditor.cli._form import form_options
from auditor.cli._grades import Least, grade_options
from auditor.cli._inputs import Audits, input_options, read_rulings, rulings_option
from auditor.cli._options import color_option, make_style, slugs_option
from auditor.cli._shape import FORMS, Shape, write

if TYPE_CHECKING:
    from auditor.baseline.model import Baseline
    from auditor.cli._inputs import Reader
    from auditor.report import Report
    from auditor.rulings.model import Ruling
    from auditor.submission.model import Submission
    from reports.comment import Form


_EXAMPLES = """\b
Examples:
  golf-audit check records/track_10min_16mb/2026-04-01_Name
  golf-audit check --repo parameter-golf/.git --pr 1234 --format markdown
  golf-audit check --all records -q --statistics
  golf-audit check --baseline known.json --rulings rulings.toml records/*/*
"""


@click.command(cls=Configured, epilog=_EXAMPLES)
@input_options
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    default="text",
    show_default=True,
    help="text for a terminal, json for programs, markdown for a review comment, html for a page of its own, "
    "sarif for code scanning, github for annotations of a workflow.",
)
@click.option("--output", "-o", metavar="FILE", type=click.Path(), help="Write to FILE, not standard output.")
@slugs_option("--select", "Apply only these rules (comma-separated).")
@slugs_option("--ignore", "Leave these rules out (comma-separated).")
@click.option(
    "--baseline",
    metavar="FILE",
    type=click.Path(),
    help="Findings that are known (see golf-audit baseline): they are told apart, and don't count for the exit code.",
)
@rulings_option
@click.option(
    "--since",
    metavar="SHA|REPORT",
    help="Also tell what changed since an earlier head, or an earlier report in JSON, and what that had wrong.",
)
@beside_options
@grade_options
@form_options
@click.option(
    "--fixes",
    is_flag=True,
    help="Try the changes that rules offer, and show those that take their findings away: as suggestions (markdown), "
    "SARIF fixes or hunks (json). Audits again for each.",
)
@click.option("--timeline", is_flag=True, help="Also show what the script does, event by event.")
@click.option("-q", "--quiet", is_flag=True, help="One line for each submission.")
@click.option("-v", "--verbose", is_flag=True, help="Also show severities and confidences, the timeline, and times.")
@click.option("--statistics", is_flag=True, help="Also count verdicts and findings, after all reports.")
@click.option("--watch", is_flag=True, help="Audit again whenever files change, on one screen (golf-audit[watch]).")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even when something is reported.")
@color_option
def command(
    readers: Sequence[tuple[str, Reader]],
    form: str,
    output: str | None,
    select: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    baseline: str | None,
    rulings: str | None,
    since: str | None,
    smoke: str | None,
    results: str | None,
    least: Least,
    comment_form: Callable[[], Form],
    fixes: bool,
    timeline: bool,
    quiet: bool,
    verbose: bool,
    statistics: bool,
    watch: bool,
    exit_zero: bool,
    color: str,
) -> int:
    """Audit submissions and give a verdict on each.

    PATH is a record folder, a checkout that contains one, a single script, or - for a script on standard input.
    Nothing of it is ever run.

    Exit code 0: nothing to report; 1: at least one FLAG, HOLD,
    INCOMPLETE or UNREADABLE; 2: wrong usage or unreadable input; 3: internal error.
    """
    if quiet and verbose:
        raise click.UsageError("Give --quiet or --verbose, not both.")
    if (quiet or verbose or statistics) and form != "text":
        raise click.UsageError("--quiet, --verbose and --statistics go with --format text.")
    if fixes and form not in ("markdown", "sarif", "json"):
        raise click.UsageError("--fixes goes with --format markdown, sarif or json; golf-audit fix shows a diff.")
    judge = _Judge(
        select,
        ignore or (),
        read_rulings(rulings),
        _read_baseline(baseline),
        least,
        exhibits=form == "html",
        timed=verbose,
        fixes=fixes,
    )
    if watch and (form != "text" or output is not None or since is not None):
        raise click.UsageError("--watch shows text on a terminal; it goes with no other format, --output or --since.")
    watched = _watched() if watch else []
    shape = Shape(
        form,
        timeline or verbose,
        color,
        comment_form,
        read_smoke(smoke),
        same_lines(results),
        quiet=quiet,
        verbose=verbose,
        statistics=statistics,
    )

    def once(stream: TextIO) -> int:
        audits = Audits()
        reports = audits.run(readers, judge)
        if since is None:
            write(reports, stream, shape)
        else:
            from auditor.cli import _since

            _since.write(reports, _since.Since(since, judge), stream, form, comment_form, make_style(color, stream))
        return audits.exit_code(found=0 if exit_zero else EXIT_FOUND)

    if watch:
        from auditor.cli import _watch

        return _watch.watch(watched, once)
    with _opened(output) as stream:
        return once(stream)


def _watched() -> list[str]:
    """Return the PATHs to be watched; raises a usage error for what can't change under our eyes."""
    given: Sequence[str] = click.get_current_context().params.get("paths") or ()
    if not given or "-" in given:
        raise click.UsageError("--watch needs PATHs: what is read from git objects or standard input doesn't change.")
    return list(given)


class _Judge(Struct, frozen=True):
    """Makes the report on a submission, by the options."""

    select: tuple[str, ...] | None
    ignore: tuple[str, ...]
    rulings: tuple[Ruling, ...]
    baseline: Baseline | None
    least: Least
    exhibits: bool = False  # with the curves and sizes that a page shows
    timed: bool = False  # with a line on standard error about each submission
    fixes: bool = False  # with the changes that take findings away

    def __call__(self, submission: Submission) -> Report:
        from auditor.check import audit

        started = time.perf_counter()
        report = audit(submission, select=self.select, ignore=self.ignore, rulings=self.rulings)
        if self.fixes:
            from auditor.fix.offer import with_changes

            report = with_changes(report, submission, lambda changed: audit(changed, rulings=self.rulings))
        if self.timed:
            complain(f"{report.name}: audited in {time.perf_counter() - started:.2f} s")
        if self.exhibits:
            from auditor.evidence.exhibits import exhibit

            report = exhibit(report, submission)
        if self.baseline is None:
            return self.least.of(report)
        from auditor import catalogue
        from auditor.baseline.model import compare

        applied = self.select or [rule.slug for rule in catalogue.load()]
        return self.least.of(compare(report, self.baseline, [slug for slug in applied if slug not in self.ignore]))


def _read_baseline(path: str | None) -> Baseline | None:
    if path is None:
        return None
    from auditor.baseline.file import read
    from auditor.toml import Malformed

    try:
        return read(Path(path))
    except Malformed as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _opened(output: str | None) -> Iterator[TextIO]:
    """Yield the stream to write to; a FILE that can't be written is told in one line."""
    if output is None or output == "-":
        yield sys.stdout
        return
    try:
        with Path(output).open("w", encoding="utf-8") as stream:
            yield stream
    except OSError as error:
        raise click.ClickException(f"can't write {output}: {error.strerror}") from None
