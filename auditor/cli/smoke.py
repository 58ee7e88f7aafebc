"""``golf-audit smoke``: whether the script imports, builds its model and runs one forward pass, on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import EXIT_FOUND
from auditor.cli._options import color_option
from auditor.cli._ran import require, tables, tell

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
        from reports.smoke import print_table

        text = tables(print_table, reports, color)
    tell(text, output)
    if any(report.failed for report in reports) and not exit_zero:
        raise click.exceptions.Exit(EXIT_FOUND)


def _run(path: str, timeout: float, memory: float, no_sandbox: bool) -> list[SmokeReport]:
    from auditor.sandbox import NoSandbox
    from auditor.smoke.runner import smoke
    from auditor.submission import read_path
    from auditor.submission.model import Unread

    require("torch", "numpy")
    try:
        return [
            smoke(each, seconds=timeout, memory_bytes=int(memory * (1 << 30)), use="none" if no_sandbox else None)
            for each in read_path(path)
        ]
    except (Unread, NoSandbox) as error:
        raise click.ClickException(str(error)) from None
