"""``golf-audit rules``: list the rules."""

from __future__ import annotations

import click


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(form: str) -> None:
    """List the rules."""
    from auditor import catalogue
    from reports.explain import as_json, table

    rules = catalogue.load()
    if form == "json":
        import json

        click.echo(json.dumps({"rules": [as_json(rule) for rule in rules]}, indent=2))
    else:
        click.echo(table(rules), nl=False)
