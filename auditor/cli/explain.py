"""``golf-audit explain``: what a rule says, and who says so."""

from __future__ import annotations

import sys

import click

from auditor.cli._options import color_option, complete_slugs, known_slug, make_style

_EXAMPLES = """\b
Examples:
  golf-audit explain prequant-ttt
  golf-audit explain prequant-ttt --full
"""


@click.command(epilog=_EXAMPLES)
@click.argument("slug", required=False, shell_complete=complete_slugs)
@click.option("--full", is_flag=True, help="Also why it matters, a whole example, known problems, and who said what.")
@click.option("--examples", is_flag=True, help="All of that, and every example with all its files.")
@color_option
def command(slug: str | None, full: bool, examples: bool, color: str) -> None:
    """Explain a rule on one screen: what it finds, what to do, the line that decides, whose word it is.

    Without SLUG, list what can be explained.
    """
    from auditor import catalogue
    from reports.explain import brief, page, table

    if slug is None:
        click.echo(table(catalogue.load()), nl=False)
        return
    rule = catalogue.find(known_slug(slug))
    assert rule is not None
    style = make_style(color, sys.stdout)
    told = page(rule, style, every=examples) if full or examples else brief(rule, style)
    click.echo(told, nl=False, color=style.colour)
