"""The report as one HTML file: no scripts, nothing loaded, plots within it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from auditor.reproduce.model import Reproduction
from auditor.reproduce.report import plots, words
from reports.escape import visible

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
body { overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .15rem .8rem .15rem 0; text-align: right; vertical-align: top; }
td.text, th.text { text-align: left; }
.verdict { font-size: 1.1rem; padding: .6rem .9rem; border-left: .3rem solid; margin: 1rem 0; }
.REPRODUCED { border-color: #2a8a4a; } .INCONCLUSIVE { border-color: #c08a10; }
.NOT-REPRODUCED, .OVER-BUDGET { border-color: #c03030; }
.met { color: #1f7a3e; } .missed { color: #b42828; } .open { color: #8a6200; }
@media (prefers-color-scheme: dark) { .met { color: #6fce90; } .missed { color: #ff8f8f; } .open { color: #e8b84a; } }
.wide { overflow-x: auto; }
.wide td, .wide th { overflow-wrap: normal; white-space: nowrap; }
td.name { text-align: left; overflow-wrap: normal; }
figure { margin: 1rem 0; }
figure svg { display: block; width: 100%; max-width: 44rem; height: auto; }
@media (max-width: 40rem) { body { margin: 1rem auto; padding: 0 .8rem; } td, th { padding-right: .5rem; } }
"""
_VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'


def render(found: Reproduction) -> str:
    """Return the page. Every text is escaped; the plots are our own SVG."""
    judgement = found.judgement
    title = f"Reproduction of {_safe(found.plan.subject)}"
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="verdict {judgement.verdict}"><strong>{judgement.verdict}</strong> {_safe(judgement.because)}</p>',
        _rows(words.report_lines(found)),
        "<h2>Runs</h2>",
        _runs(found),
        *(f"<p>seed {run.seed} {run.status}: {_safe(run.reason)}</p>" for run in found.runs if run.reason),
        f"<p>{_safe(words.mean_line(found) or 'no score')}</p>",
        "<h2>Checks</h2>",
        _checks(found),
        _list("Missing for a judgement of the score", judgement.missing),
        _list("What can be concluded all the same", judgement.concluded),
        *(f'<h2>{name}</h2><figure aria-label="{name}">{svg}</figure>' for name, svg in plots.draw(found)),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8">{_VIEWPORT}<title>{title}</title>'
        f"<style>{_STYLE}</style>\n<main>" + "\n".join(parts) + "</main>\n</html>\n"
    )


def _runs(found: Reproduction) -> str:
    head = "".join(f"<th>{name}</th>" for name in words.COLUMNS)
    rows = ("".join(f"<td>{_safe(cell)}</td>" for cell in words.cells(run)) for run in found.runs)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    # Within reach of the keyboard, since a phone's width makes it scroll.
    return f'<div class="wide" role="region" aria-label="Runs" tabindex="0"><table><tr>{head}</tr>{body}</table></div>'


def _checks(found: Reproduction) -> str:
    rows = (
        f'<tr><td class="{check.status}">{words.MARKS[check.status]}</td><td class="name">{_safe(check.name)}</td>'
        f'<td class="text">{_safe(check.text)}</td></tr>'
        for check in found.judgement.checks
    )
    return f"<table>{''.join(rows)}</table>"


def _rows(pairs: Iterable[tuple[str, str]]) -> str:
    rows = (f'<tr><td class="name">{_safe(a)}</td><td class="text">{_safe(b)}</td></tr>' for a, b in pairs)
    return f"<table>{''.join(rows)}</table>"


def _list(title: str, entries: tuple[str, ...]) -> str:
    if not entries:
        return ""
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{_safe(entry)}</li>' for entry in entries)}</ul>"


def _safe(text: str) -> str:
    return escape(visible(text))
