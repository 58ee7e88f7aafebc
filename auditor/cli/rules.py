"""``golf-audit rules``: list the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import click

from auditor.finding import Group
from auditor.rule import Condition

_EXAMPLES = """\b
Examples:
  golf-audit rules --group compliance --condition C1,C2
  golf-audit rules --format json
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="GROUPS",
    callback=lambda ctx, param, values: _among(get_args(Group), values),
    help=f"Only rules of these groups: {', '.join(get_args(Group))}.",
)
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    metavar="CONDITIONS",
    callback=lambda ctx, param, values: _among(get_args(Condition), values),
    help=f"Only rules on these conditions: {', '.join(get_args(Condition))}.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(groups: tuple[str, ...], conditions: tuple[str, ...], form: str) -> None:
    """List the rules: slug, condition, the weightiest authority behind it, title.

    Conditions are those of the challenge: C1 to C4 (how a token may be scored), budget, data, metric,
    package, statistics.
    """
    from auditor import catalogue
    from reports.explain import as_json, table

    rules = [rule for rule in catalogue.load() if rule.group in groups and rule.condition in conditions]
    if form == "json":
        import json

        click.echo(json.dumps({"rules": [as_json(rule) for rule in rules]}, indent=2))
    else:
        click.echo(table(rules), nl=False)


def _among(known: Sequence[str], values: Sequence[str]) -> tuple[str, ...]:
    """Return the comma-separated values in the spelling of ``known``; all of them when none is given."""
    spelling = {name.lower(): name for name in known}
    chosen = []
    for value in (part.strip() for each in values for part in each.split(",")):
        if value.lower() not in spelling:
            raise click.BadParameter(f"{value!r} is none of {', '.join(known)}.")
        chosen.append(spelling[value.lower()])
    return tuple(chosen) or tuple(known)
