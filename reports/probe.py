"""A probe as JSON, as a table, as a comment and as a page: all that the script said passes through ``escape``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.probe.model import RULES, ProbeReport, Result
from auditor.probe.words import comment_line, result_line, verdict_line
from reports.escape import cut, markdown, visible
from reports.html.page import fill

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1
_COLOURS = {"PASS": "green", "FAIL": "red", "SKIP": "yellow"}
_REASON, _NAME, _CUT = 400, 200, 12
LIMITS = (
    "An experiment shows what this script did at toy size, with its own switches, on a CPU. PASS is no proof: what "
    "needs a trained model, full tables or a GPU may not show. The script shares a process with what watches it."
)


def to_json(reports: Sequence[ProbeReport]) -> str:
    """Return the reports as one JSON document."""
    tool = {"name": "golf-audit", "version": __version__}
    return json.dumps({"schema_version": SCHEMA_VERSION, "tool": tool, "reports": [_entry(r) for r in reports]})


def _entry(report: ProbeReport) -> Mapping[str, object]:
    compared = report.compared
    return {
        "submission": report.submission,
        "name": report.name,
        "script": report.script,
        "setting": report.setting,
        "sandbox": report.mechanism,
        "seed": report.seed,
        "runs": report.runs,
        "seconds": report.seconds,
        "memory_bytes": report.memory,
        "failed": report.failed,
        "hold": report.hold,
        "line": visible(comment_line(report)),
        "experiments": [_result(report, result) for result in report.results],
        "printed": visible(report.printed),
        "cut": [visible(each) for each in report.cut],
        "stand_ins": [visible(name) for name in report.stand_ins],
        "check": None
        if compared is None
        else {
            "compliance": compared.verdict,
            "violations": list(compared.findings),
            "standing": dict(compared.standing),
        },
    }


def _result(report: ProbeReport, result: Result) -> Mapping[str, object]:
    seen = result.seen
    return {
        "experiment": result.experiment,
        "status": result.status,
        "reason": visible(result.reason),
        "place": visible(result.place),
        "token": None if seen is None else seen.position,
        "before": None if seen is None else seen.before,
        "after": None if seen is None else seen.after,
        "sum_over_candidates": result.total,
        "odds_bits": result.bits,
        "tokens": result.tokens,
    }


def print_table(console: Console, report: ProbeReport) -> None:
    """Print one report: a line per experiment, what follows, and how the script was run."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(cut(report.name, _NAME), style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("experiment", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for result in report.results:
        text = cut(result_line(report, result), _REASON)
        table.add_row(Text(result.experiment), Text(result.status, style=_COLOURS[result.status]), Text(text))
    console.print(table)
    console.print(Text(cut(verdict_line(report), _REASON), style="bold" if report.failed else ""))
    for name, text in _facts(report):
        console.print(Text(f"{name:<10} {cut(text, _REASON)}"))


def _facts(report: ProbeReport) -> list[tuple[str, str]]:
    if report.script is None:
        return []
    guarded = "without a sandbox" if report.mechanism == "none" else f"in a sandbox ({report.mechanism})"
    left = f" and {len(report.cut) - _CUT} more" if len(report.cut) > _CUT else ""
    facts = [
        ("printed", report.printed),
        ("cut", ", ".join(report.cut[:_CUT]) + left),
        ("stand-ins", ", ".join(report.stand_ins[:40])),
        (
            "run",
            f"{report.setting}; {report.runs} runs {guarded}, {report.seconds:.1f} s, {report.memory >> 20:,} MiB, "
            f"seed {report.seed}",
        ),
    ]
    return [(name, text) for name, text in facts if text]


def to_markdown(reports: Sequence[ProbeReport]) -> str:
    """Return the reports as a comment: a line for each, the experiments below it."""
    parts = []
    for report in reports:
        lines = [
            f"**Probe of {markdown(cut(report.name, _NAME))}**: {markdown(cut(comment_line(report), _REASON))}",
            "",
        ]
        for result in report.results:
            lines.append(
                f"- {result.experiment}: **{result.status}**: {markdown(cut(result_line(report, result), _REASON))}"
            )
        lines += ["", f"<sub>{LIMITS}</sub>", ""]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def to_html(reports: Sequence[ProbeReport]) -> str:
    """Return the reports as one page that loads nothing."""
    shown = [
        {
            "name": report.name,
            "line": verdict_line(report),
            "failed": report.failed,
            "results": [
                {"name": r.experiment, "asks": RULES[r.experiment], "status": r.status, "text": result_line(report, r)}
                for r in report.results
            ],
            "facts": _facts(report),
        }
        for report in reports
    ]
    return fill(
        "probe.html.j2", {"title": "golf-audit probe", "reports": shown, "limits": LIMITS}, styles=["probe.css"]
    )
