"""What the commands that run a submission once have in common: what they need, and how they tell what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from auditor.cli._extra import missing
from auditor.cli._options import make_style

if TYPE_CHECKING:
    from rich.console import Console

Told = TypeVar("Told")


def require(*packages: str) -> None:
    """Raise a usage error when this interpreter, which runs the script, lacks a package."""
    import importlib.util

    lacking = [name for name in packages if importlib.util.find_spec(name) is None]
    if lacking:
        raise missing(lacking, "reproduce")


def tables(print_table: Callable[[Console, Told], None], reports: Sequence[Told], color: str) -> str:
    """Return the reports as text for the terminal, one table after the other."""
    import io

    from rich.console import Console

    style = make_style(color, sys.stdout)
    out = io.StringIO()
    console = Console(
        file=out, width=style.width, force_terminal=style.colour, no_color=not style.colour, highlight=False
    )
    for report in reports:
        print_table(console, report)
    return out.getvalue()


def tell(text: str, output: Path | None) -> None:
    """Print the text, or write it to a file; a usage error where that can't be written."""
    if output is None:
        click.echo(text, nl=False, color=True)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {str(output)!r}: {error.strerror or error}") from None
