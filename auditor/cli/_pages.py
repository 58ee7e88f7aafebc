"""The help of every command as one Markdown page.

python -m auditor.cli._pages docs/commands.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

_WIDTH = 100


def page() -> str:
    """Return the page: what ``golf-audit COMMAND --help`` prints, for each command."""
    from auditor.cli import cli

    parts = ["# Commands\n\nWhat `golf-audit COMMAND --help` prints.\n"]
    with click.Context(
        cli, info_name="golf-audit", terminal_width=_WIDTH, max_content_width=_WIDTH, **cli.context_settings
    ) as context:
        for name, command, inner in _commands(context):
            parts.append(f"## {name}\n\n```text\n{command.get_help(inner).rstrip()}\n```\n")
    return "\n".join(parts)


def _commands(context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield (name as it is typed, command, its context) of every command, those of a group after the group."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        with click.Context(
            command, parent=context, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH
        ) as inner:
            yield inner.command_path, command, inner
            if isinstance(command, click.Group):
                yield from _commands(inner)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), "utf-8")
