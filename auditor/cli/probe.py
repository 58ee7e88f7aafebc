"""``golf-audit probe``: experiments on the script itself, with validation tokens that it can't have seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import EXIT_FOUND
from auditor.cli._options import color_option
from auditor.cli._ran import require, tables, tell

if TYPE_CHECKING:
    from auditor.probe.model import ProbeReport

_EXPERIMENTS = ("future", "order", "answer", "reported")


def _chosen(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """Return the experiments that a list names."""
    names = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    unknown = [name for name in names if name not in _EXPERIMENTS]
    if unknown or not names:
        raise click.BadParameter(f"{', '.join(unknown) or value!r}: there are {', '.join(_EXPERIMENTS)}")
    return names


@click.command()
@click.argument("path", type=click.Path())
@click.option(
    "--experiments",
    metavar="NAMES",
    default=",".join(_EXPERIMENTS),
    show_default=True,
    callback=_chosen,
    help="Which to make, with commas between them.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown", "html"]), default="text", show_default=True
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to FILE instead."
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=1.0),
    default=240.0,
    show_default=True,
    help="Of each run; there are two to five.",
)
@click.option("--memory", metavar="GIB", type=click.FloatRange(min=1.0), default=12.0, show_default=True)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Draw the validation tokens of an earlier probe. [default: new ones]"
)
@click.option("--no-sandbox", is_flag=True, help="Run the script unguarded, with all that you may do. Trust it first.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 when an experiment fails, too.")
@color_option
def command(
    path: str,
    experiments: tuple[str, ...],
    form: str,
    output: Path | None,
    timeout: float,
    memory: float,
    seed: int | None,
    no_sandbox: bool,
    exit_zero: bool,
    color: str,
) -> None:
    """Run a submission's script whole, at toy size, and see what its score depends on.

    PATH is a record folder, a checkout that contains one, or a single script. Two validation sets that share a prefix
    show whether the future matters (future) and whether a token is reported that was scored again (order); tokens drawn
    at random show whether the predictions add up to more than one (answer), and whether the printed score is theirs
    (reported). It runs in a sandbox, on a CPU; it needs torch and numpy beside golf-audit. Exit code 1 when an
    experiment fails, 2 when PATH can't be read or nothing can hold the script.
    """
    reports = _run(path, experiments, timeout, memory, seed, no_sandbox)
    text = _told(reports, form, color)
    tell(text, output)
    if any(report.failed for report in reports) and not exit_zero:
        raise click.exceptions.Exit(EXIT_FOUND)


def _run(
    path: str, experiments: tuple[str, ...], timeout: float, memory: float, seed: int | None, no_sandbox: bool
) -> list[ProbeReport]:
    require("torch", "numpy")
    from auditor.probe.probe import probe
    from auditor.sandbox import NoSandbox
    from auditor.submission import read_path
    from auditor.submission.model import Unread

    try:
        return [
            probe(
                each,
                experiments=experiments,
                seconds=timeout,
                memory_bytes=int(memory * (1 << 30)),
                seed=seed,
                use="none" if no_sandbox else None,
            )
            for each in read_path(path)
        ]
    except (Unread, NoSandbox) as error:
        raise click.ClickException(str(error)) from None


def _told(reports: list[ProbeReport], form: str, color: str) -> str:
    from reports.probe import print_table, to_html, to_json, to_markdown

    if form == "json":
        return to_json(reports) + "\n"
    if form == "markdown":
        return to_markdown(reports)
    if form == "html":
        return to_html(reports)
    return tables(print_table, reports, color)
