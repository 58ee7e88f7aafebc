"""The plan and the report as people read them on a terminal."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from auditor.reproduce.model import Plan, Reproduction
from auditor.reproduce.report import words
from reports.escape import visible

_COLOURS = {"REPRODUCED": "green", "NOT-REPRODUCED": "red", "OVER-BUDGET": "red", "INCONCLUSIVE": "yellow"}
_MARKS = {"met": "green", "missed": "red", "open": "yellow", "shown": "dim"}


def make_console(stream: TextIO, width: int, *, colour: bool) -> Console:
    """Return the console that plan and report are printed on."""
    return Console(file=stream, width=width, no_color=not colour, highlight=False, force_terminal=colour or None)


def print_plan(plan: Plan, console: Console, *, commands: bool) -> None:
    """Print what will run; ``commands`` adds the command and environment of every run."""
    table = Table.grid(padding=(0, 2))
    for label, text in words.plan_lines(plan):
        table.add_row(Text(label, style="dim"), Text(visible(text)))
    console.print(table)
    if commands:
        for run in plan.runs:
            given = "".join(f"{name}={value} " for name, value in sorted(run.given.items()))
            console.print()
            console.print(Text(visible(given + " ".join(run.command))), soft_wrap=True)


def print_report(found: Reproduction, console: Console) -> None:
    """Print what the runs showed and what follows."""
    judgement = found.judgement
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in words.COLUMNS:
        table.add_column(name, justify="left" if name == "state" else "right", no_wrap=True)
    for run in found.runs:
        table.add_row(*words.cells(run))
    console.print(table)
    for run in found.runs:
        if run.reason:
            console.print(Text(visible(f"seed {run.seed} {run.status}: {run.reason}"), style="red"))
    mean = words.mean_line(found)
    if mean:
        console.print(Text(mean))
    console.print()
    _print_checks(found, console)
    _print_list("missing for a judgement of the score", judgement.missing, console)
    _print_list("what can be concluded all the same", judgement.concluded, console)
    verdict = Text(judgement.verdict, style=f"bold {_COLOURS[judgement.verdict]}")
    console.print(verdict + Text(visible(f"  {judgement.because}"), style="not bold"))


def _print_checks(found: Reproduction, console: Console) -> None:
    table = Table.grid(padding=(0, 1))
    for check in found.judgement.checks:
        mark = Text(words.MARKS[check.status], style=_MARKS[check.status])
        table.add_row(mark, Text(check.name), Text(visible(check.text)))
    console.print(table)
    console.print()


def _print_list(title: str, lines: tuple[str, ...], console: Console) -> None:
    if not lines:
        return
    console.print(Text(title, style="dim"))
    table = Table.grid(padding=(0, 1))
    for line in lines:
        table.add_row(" –", Text(visible(line)))
    console.print(table)
    console.print()
