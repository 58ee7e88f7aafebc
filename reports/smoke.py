"""A smoke test as JSON and as a table: all that the harness and the script said passes through ``escape``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.smoke.model import CAUSES, SmokeReport
from reports.escape import cut, visible

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1
_COLOURS = {"PASS": "green", "FAIL": "red", "SKIP": "yellow"}
_REASON = 240  # characters
_STAND_INS = 40


def to_json(reports: Sequence[SmokeReport]) -> str:
    """Return the reports as one JSON document."""
    tool = {"name": "golf-audit", "version": __version__}
    document = {"schema_version": SCHEMA_VERSION, "tool": tool, "reports": [_entry(r) for r in reports]}
    return json.dumps(document)


def _entry(report: SmokeReport) -> Mapping[str, object]:
    return {
        "submission": report.submission,
        "name": report.name,
        "script": report.script,
        "setting": report.setting,
        "sandbox": report.mechanism,
        "seconds": report.seconds,
        "failed": report.failed,
        "steps": [
            {
                "step": step.name,
                "status": step.status,
                "reason": visible(step.reason),
                "seconds": step.seconds,
                "cause": step.cause,
            }
            for step in report.steps
        ],
        "stand_ins": [visible(name) for name in report.stand_ins],
        "facts": dict(report.facts),
    }


def print_table(console: Console, report: SmokeReport) -> None:
    """Print one report: a line per step, what stood in for what, and how the script was run."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(cut(report.name, 200), style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("step", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for step in report.steps:
        took = "" if step.seconds is None else f"{step.seconds:.1f} s"
        reason = cut(step.reason, _REASON)
        if step.cause is not None and step.status == "FAIL":
            reason = f"{CAUSES[step.cause]}: {reason}"
        table.add_row(Text(step.name), Text(step.status, style=_COLOURS[step.status]), Text(took), Text(reason))
    console.print(table)
    if report.stand_ins:
        names = ", ".join(cut(name, 60) for name in report.stand_ins[:_STAND_INS])
        console.print(Text(f"stand-ins  {names}"))
    if report.script is not None:
        guarded = "without a sandbox" if report.mechanism == "none" else f"in a sandbox ({report.mechanism})"
        console.print(Text(f"run        {cut(report.setting, 200)}; {guarded}, {report.seconds:.1f} s"))
