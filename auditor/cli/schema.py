"""``golf-audit schema``: the JSON Schema of what ``check --format json`` prints, and of the configuration."""

from __future__ import annotations

import click


@click.command()
@click.option("--config", is_flag=True, help="That of golf-audit.toml instead, for editors.")
def command(config: bool) -> None:
    """Print the JSON Schema (2020-12) of `golf-audit check --format json`.

    The document changes only by adding: what a later version adds is valid under this schema too.
    """
    import json

    if config:
        from auditor.config.schema import config_schema

        schema = config_schema()
    else:
        from reports.contract import json_schema

        schema = json_schema()
    click.echo(json.dumps(schema, indent=2))
