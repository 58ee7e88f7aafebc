"""``golf-audit cluster``: one comment on several pull requests that share a pattern."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import EXIT_FOUND
from auditor.cli._config import Configured
from auditor.cli._form import form_options
from auditor.cli._inputs import Audits, read_rulings, rulings_option

if TYPE_CHECKING:
    from auditor.cli._inputs import Reader
    from auditor.submission.model import Submission
    from reports.comment import Form

_EXAMPLES = """\b
Examples:
  golf-audit cluster target-in-key 770 779 803 --repo parameter-golf/.git
"""


@click.command(cls=Configured, epilog=_EXAMPLES)
@click.argument("slug", metavar="SLUG")
@click.argument("numbers", metavar="N...", nargs=-1, required=True, type=click.IntRange(min=1))
@click.option("--repo", metavar="GIT_DIR", required=True, type=click.Path(), help="Read from git objects.")
@click.option("--output", "-o", metavar="FILE", type=click.Path(), help="Write to FILE, not standard output.")
@rulings_option
@form_options
@click.option("--exit-zero", is_flag=True, help="Exit 0 even when something is reported.")
def command(
    slug: str,
    numbers: tuple[int, ...],
    repo: str,
    output: str | None,
    rulings: str | None,
    comment_form: Callable[[], Form],
    exit_zero: bool,
) -> int:
    """Explain one rule's pattern once, and show it in several pull requests.

    SLUG is a rule; N... are the pull requests. They are grouped by what their decisive lines say. Other rules are
    not told of: golf-audit check does.

    Exit codes as of golf-audit check, for this rule alone.
    """
    from auditor import catalogue
    from auditor.check import audit
    from auditor.cli._options import known_slug
    from reports.cluster import render
    from reports.comment import TemplateFault

    rule = catalogue.find(known_slug(slug))
    assert rule is not None
    form, ruled = comment_form(), read_rulings(rulings)
    audits = Audits()
    readers = [(f"#{number}", _reader(repo, number)) for number in dict.fromkeys(numbers)]
    reports = list(audits.run(readers, lambda each: audit(each, select=(rule.slug,), rulings=ruled)))
    try:
        text = render(rule, reports, form)
    except TemplateFault as error:
        raise click.ClickException(str(error)) from None
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        try:
            Path(output).write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"can't write {output}: {error.strerror}") from None
    return audits.exit_code(found=0 if exit_zero else EXIT_FOUND)


def _reader(repo: str, number: int) -> Reader:
    def read() -> Sequence[Submission]:
        from auditor import submission

        return submission.read_git(repo, pr=number)

    return read
