"""``golf-audit challenge``: the challenges that can be audited, and what each asks for."""

from __future__ import annotations

import click

from auditor.cli import Group
from auditor.cli._options import complete_challenges

_EXAMPLES = """\b
Examples:
  golf-audit challenge list
  golf-audit challenge show modded-nanogpt
  golf-audit challenge show parameter-golf --format json
"""


@click.group(cls=Group, epilog=_EXAMPLES)
def command() -> None:
    """Show the challenges whose submissions can be audited.

    A challenge is a file of data. Which one a submission was made to is told by the track's folder that it lies in;
    --challenge of check, sweep, comment and evidence names another.
    """


@command.command("list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_(form: str) -> None:
    """List the challenges: name, repository, tracks, how many rules apply."""
    from auditor import catalogue
    from auditor.challenge import challenges, find
    from auditor.toml import Malformed

    try:
        rows = [
            {
                "name": each.name,
                "title": each.title,
                "repository": each.repository,
                "tracks": [track.folder for track in each.tracks],
                "rules": len(catalogue.applied(each)),
            }
            for each in challenges()
        ]
    except Malformed as error:
        raise click.ClickException(str(error)) from None
    if form == "json":
        import json

        click.echo(json.dumps({"challenges": rows}, indent=2))
        return
    for row in rows:
        click.echo(f"{row['name']}  {row['title']}")
        tracks = ", ".join(track.folder for track in find(str(row["name"])).tracks)
        click.echo(f"  {row['repository']}, {tracks}; {row['rules']} rules")


@command.command()
@click.argument("name", shell_complete=complete_challenges)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(name: str, form: str) -> None:
    """Show all that a challenge fixes, with its sources, and which rules apply to it."""
    from auditor.challenge import UnknownChallenge, find
    from auditor.toml import Malformed
    from reports.challenge import as_json, as_text

    try:
        challenge = find(name)
    except UnknownChallenge as error:
        raise click.UsageError(str(error)) from None
    except Malformed as error:
        raise click.ClickException(str(error)) from None
    click.echo(as_json(challenge) if form == "json" else as_text(challenge), nl=form == "json")
