"""``golf-audit smoke``: whether the script imports, builds its model and runs one forward pass, on a CPU."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import EXIT_FOUND
from auditor.cli._extra import missing
from auditor.cli._options import color_option, make_style

if TYPE_CHECKING:
    from auditor.smoke.model import SmokeReport


@click.command()
@click.argument("path", type=click.Path())
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to FILE instead."
)
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(min=1.0), default=120.0, show_default=True)
@click.option("--memory", metavar="GIB", type=click.FloatRange(min=1.0), default=12.0, show_default=True)
@click.option("--no-sandbox", is_flag=True, help="Run the script unguarded, with all that you may do. Trust it first.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 when a step fails, too.")
@color_option
def command(
    path: str,
    form: str,
    output: Path | None,
    timeout: float,
    memory: float,
    no_sandbox: bool,
    exit_zero: bool,
    color: str,
) -> None:
    """Run a submission's script up to its first forward pass, in a sandbox, on a CPU.

    PATH is a record folder, a checkout that contains one, or a single script. It needs torch and numpy beside
    golf-audit. What only a GPU has is replaced and named; data and tokenizer are made up. Exit code 1 when a step
    fails, 2 when PATH can't be read or nothing can hold the script.
    """
    reports = _run(path, timeout, memory, no_sandbox)
    if form == "json":
        from reports.smoke import to_json

        text = to_json(reports) + "\n"
    else:
        text = _text(reports, color)
    if output is None:
        click.echo(text, nl=False, color=True)
    else:
        _write(output, text)
    if any(report.failed for report in reports) and not exit_zero:
        raise click.exceptions.Exit(EXIT_FOUND)


def _run(path: str, timeout: float, memory: float, no_sandbox: bool) -> list[SmokeReport]:
    from auditor.sandbox import NoSandbox
    from auditor.smoke.runner import smoke
    from auditor.submission import read_path
    from auditor.submission.model import Unread

    _needs("torch", "numpy")
    try:
        return [
            smoke(each, seconds=timeout, memory_bytes=int(memory * (1 << 30)), use="none" if no_sandbox else None)
            for each in read_path(path)
        ]
    except (Unread, NoSandbox) as error:
        raise click.ClickException(str(error)) from None


def _needs(*packages: str) -> None:
    """Raise a usage error when this interpreter, which runs the script, lacks a package."""
    import importlib.util

    lacking = [name for name in packages if importlib.util.find_spec(name) is None]
    if lacking:
        raise missing(lacking, "reproduce")


def _text(reports: list[SmokeReport], color: str) -> str:
    import io

    from rich.console import Console

    from reports.smoke import print_table

    style = make_style(color, sys.stdout)
    out = io.StringIO()
    console = Console(
        file=out, width=style.width, force_terminal=style.colour, no_color=not style.colour, highlight=False
    )
    for report in reports:
        print_table(console, report)
    return out.getvalue()


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {str(output)!r}: {error.strerror or error}") from None
