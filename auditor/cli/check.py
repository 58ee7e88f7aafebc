"""``golf-audit check``: audit submissions and tell the verdict."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from auditor.cli import EXIT_FOUND, EXIT_INTERNAL, EXIT_USAGE, complain, report_internal
from auditor.cli._options import color_option, make_style, slugs_option

if TYPE_CHECKING:
    from auditor.report import Report
    from auditor.submission.model import Submission
    from reports.text import Style

    Reader = Callable[[], Sequence[Submission]]


_EXAMPLES = """\b
Examples:
  golf-audit check records/track_10min_16mb/2026-04-01_Name
  golf-audit check --repo parameter-golf/.git --pr 1234 --format markdown
"""


@click.command(epilog=_EXAMPLES)
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@click.option("--repo", metavar="GIT_DIR", type=click.Path(), help="Read from git objects, without a checkout.")
@click.option("--pr", metavar="N", type=click.IntRange(min=1), help="With --repo: the head of pull request N.")
@click.option("--rev", metavar="REV", help="With --repo: a branch, tag or other revision.")
@click.option("--sha", metavar="SHA", help="With --repo: this commit (of pull request N, when --pr is given).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="text for a terminal, json for programs, markdown for a review comment.",
)
@click.option("--output", "-o", metavar="FILE", type=click.Path(), help="Write to FILE, not standard output.")
@slugs_option("--select", "Apply only these rules (comma-separated).")
@slugs_option("--ignore", "Leave these rules out (comma-separated).")
@click.option("--timeline", is_flag=True, help="Also show what the script does, event by event.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even when something is reported.")
@color_option
def command(
    paths: tuple[str, ...],
    repo: str | None,
    pr: int | None,
    rev: str | None,
    sha: str | None,
    form: str,
    output: str | None,
    select: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    timeline: bool,
    exit_zero: bool,
    color: str,
) -> int:
    """Audit submissions and give a verdict on each.

    PATH is a record folder, a checkout that contains one, or a single script. Nothing of it is ever run.

    Exit code 0: nothing to report; 1: at least one FLAG, HOLD,
    INCOMPLETE or UNREADABLE; 2: wrong usage or unreadable input; 3: internal error.
    """
    if paths and repo:
        raise click.UsageError("Give PATHs or --repo, not both.")
    if not paths and not repo:
        raise click.UsageError("Nothing to check: give a PATH, or --repo with --pr, --rev or --sha.")
    if repo and not (pr or rev or sha):
        raise click.UsageError("--repo needs --pr, --rev or --sha.")
    if not repo and (pr or rev or sha):
        raise click.UsageError("--pr, --rev and --sha need --repo.")

    from auditor import submission

    def from_path(path: str) -> Reader:
        return lambda: submission.read_path(path)

    def from_git() -> Sequence[Submission]:
        assert repo is not None
        return submission.read_git(repo, pr=pr, rev=rev, sha=sha)

    readers: list[tuple[str, Reader]] = [(repo, from_git)] if repo else [(p, from_path(p)) for p in paths]
    progress = _Progress()
    with _opened(output) as stream:
        reports = progress.audited(readers, select, ignore or ())
        _write(reports, stream, form, timeline, make_style(color, stream))
    return progress.exit_code(exit_zero)


class _Progress:
    """Audits one input after the other and remembers what the exit code must say."""

    def __init__(self) -> None:
        self._found = self._unread = self._failed = False

    def audited(
        self,
        readers: Sequence[tuple[str, Reader]],
        select: tuple[str, ...] | None,
        ignore: tuple[str, ...],
    ) -> Iterator[Report]:
        """Yield a report per submission; what can't be read or audited is told on standard error."""
        from auditor.check import audit
        from auditor.finding import Verdict
        from auditor.submission.model import Unread

        for given, read in readers:
            where = ""  # a PATH that can't be read is named by the error itself
            try:
                submissions = read()
                where = f"{given}: "
                for submission in submissions:
                    report = audit(submission, select=select, ignore=ignore)
                    self._found |= report.verdict is not Verdict.CLEAN
                    yield report
            except Unread as error:
                self._unread = True
                complain(f"{where}{error}")
            except Exception as error:
                # A defect of ours spoils this input only, and the exit code says so.
                self._failed = True
                report_internal(error, given)

    def exit_code(self, exit_zero: bool) -> int:
        """Return 3, 2, 1 or 0: the worst that happened."""
        if self._failed:
            return EXIT_INTERNAL
        if self._unread:
            return EXIT_USAGE
        return EXIT_FOUND if self._found and not exit_zero else 0


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


def _write(reports: Iterator[Report], stream: TextIO, form: str, timeline: bool, style: Style) -> None:
    """Write ``reports`` to ``stream``, each as soon as the form allows."""
    if form == "json":
        import json

        from reports.schema import document, to_json

        json.dump(document([to_json(report, timeline=timeline) for report in reports]), stream, indent=2)
        stream.write("\n")
        return
    if form == "markdown":
        from reports.markdown import render as render_markdown

        for number, report in enumerate(reports):
            stream.write(("\n---\n\n" if number else "") + render_markdown(report, timeline=timeline))
        return
    from reports.text import render, render_timeline

    for number, report in enumerate(reports):
        stream.write(("\n" if number else "") + render(report, style))
        if timeline:
            stream.write("\n" + render_timeline(report, style))
        stream.flush()
