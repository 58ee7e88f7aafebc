"""``golf-audit schema``: the JSON Schema of what ``check --format json`` prints."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Print the JSON Schema (2020-12) of `golf-audit check --format json`.

    The document changes only by adding: what a later version adds is valid under this schema too.
    """
    import json

    from reports.contract import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
