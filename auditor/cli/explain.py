"""``golf-audit explain``: what a rule says, and who says so."""

from __future__ import annotations

import sys

import click

from auditor.cli._options import color_option, complete_slugs, known_slug, make_style


@click.command()
@click.argument("slug", required=False, shell_complete=complete_slugs)
@click.option("--examples", is_flag=True, help="Show every example with all its files.")
@color_option
def command(slug: str | None, examples: bool, color: str) -> None:
    """Explain a rule: what it finds and why that matters, an example, what is legal, what to do, who ruled.

    Without SLUG, list what can be explained.
    """
    from auditor import catalogue
    from reports.explain import page, table

    if slug is None:
        click.echo(table(catalogue.load()), nl=False)
        return
    rule = catalogue.find(known_slug(slug))
    assert rule is not None
    style = make_style(color, sys.stdout)
    click.echo(page(rule, style, every=examples), nl=False, color=style.colour)
