"""A queue of pull requests as a table for a terminal, as CSV, as JSON and as records for a data frame."""

from __future__ import annotations

import csv
import io
import json
import math
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from auditor.finding import Verdict
from auditor.sweep.triage import Group, Item
from reports.escape import cut, visible
from reports.text import Style

PIPE_WIDTH = 160  # columns, where nobody's terminal says how many there are
_REASON, _NAME = 30, 400  # characters: the narrowest column of reasons, the longest text
_MOST_GROUPS = 20  # of the text
_VERDICTS = frozenset(verdict.value for verdict in Verdict)
_NUMBERS = (3, 4, 5)  # columns that are aligned to the right
_ACTIONS = {"REQUEST-CHANGES": "CHANGES", "MERGE-NON-RECORD": "NON-RECORD"}

Record = dict[str, object]


def ordered(items: Iterable[Item], by: str) -> list[Item]:
    """Return the items by what is to go first: ``verdict`` (as they are), ``pr``, ``score``, ``bytes`` or ``age``.

    Pull requests go newest first, scores best first, bytes largest first, ages oldest first; unknown ones last.
    """
    found = list(items)
    if by == "pr":
        return sorted(found, key=lambda item: -item.entry.pr)
    if by == "score":
        return sorted(found, key=lambda item: _last(item.entry.val_bpb))
    if by == "bytes":
        return sorted(found, key=lambda item: -(item.entry.artifact_bytes or -1))
    if by == "age":
        return sorted(found, key=lambda item: item.entry.day or "~")
    return found


def age(day: str, today: date) -> int | None:
    """Return how many days ago a head was written; None where its day isn't known."""
    return (today - date.fromisoformat(day)).days if day else None


def records(items: Iterable[Item], today: date) -> Iterator[Record]:
    """Yield a record for each pull request; text is as the submission has it."""
    for item in items:
        entry = item.entry
        yield {
            "pr": entry.pr,
            "verdict": entry.verdict,
            "recommendation": entry.recommendation or None,
            "reason": entry.reason,
            "rules": " ".join(entry.rules),
            "val_bpb": _finite(entry.val_bpb),
            "artifact_bytes": entry.artifact_bytes,
            "age_days": age(entry.day, today),
            "head": entry.sha or None,
            "day": entry.day or None,
            "track": entry.track or None,
            "name": entry.name or None,
            "submissions": item.submissions,
            "group": item.group,
        }


def as_json(items: Iterable[Item], groups: Iterable[Group], today: date, repo: str) -> str:
    """Return the queue as one JSON document: ``items`` as :func:`records` has them, and ``groups``."""
    rows = [{**record, "rules": str(record["rules"]).split()} for record in records(items, today)]
    shared = [{**vars(group), "prs": list(group.prs), "command": cluster_command(group, repo)} for group in groups]
    return json.dumps({"schema_version": 1, "items": rows, "groups": shared}, indent=1) + "\n"


def as_csv(items: Iterable[Item], today: date) -> str:
    """Return the queue as CSV with a header; text that a spreadsheet would take for a formula gets an apostrophe."""
    out = io.StringIO()
    rows = list(records(items, today))
    names = list(rows[0]) if rows else list(_columns(today))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return out.getvalue()


def as_text(items: Sequence[Item], groups: Sequence[Group], style: Style, columns: int, today: date, repo: str) -> str:
    """Return the queue as lines of at most ``columns`` characters, and after them its groups."""
    head = ("PR", "verdict", "advice", "val_bpb", "bytes", "age", "reason")
    rows = [_line(item, today) for item in items]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)][:-1]
    room = max(columns - sum(widths) - 2 * len(widths), _REASON)
    lines = [style.faint(_join(head, widths, room))]
    for item, row in zip(items, rows, strict=True):
        told = _join(row, widths, room)
        verdict = item.entry.verdict
        if style.colour and verdict in _VERDICTS:
            told = told.replace(verdict, style.word(Verdict(verdict)), 1)
        lines.append(told)
    lines.append(f"{len(items):,} pull requests: {_counts(items)}")
    shown = {item.entry.pr for item in items}
    listed = [group for group in groups if len(shown.intersection(group.prs)) > 1]
    if listed:
        lines += ["", style.strong(f"{len(listed)} groups share a cause on the same lines; each can be posted at once")]
    for group in listed[:_MOST_GROUPS]:
        lines.append(f"  {len(group.prs)} with {group.rule}: {group.title}")
        lines.append(style.faint(f"    {cluster_command(group, repo)}"))
    if len(listed) > _MOST_GROUPS:
        lines.append(f"  {len(listed) - _MOST_GROUPS} smaller ones are left out here; --format json has them")
    return "\n".join(lines) + "\n"


def cluster_command(group: Group, repo: str) -> str:
    """Return the command that writes one comment on a group."""
    return f"golf-audit cluster {group.rule} {' '.join(map(str, group.prs))} --repo {shlex.quote(visible(repo))}"


def _line(item: Item, today: date) -> tuple[str, ...]:
    entry = item.entry
    days = age(entry.day, today)
    bpb = _finite(entry.val_bpb)
    several = f" [worst of {item.submissions}]" if item.submissions > 1 else ""
    return (
        f"#{entry.pr}",
        entry.verdict,
        _ACTIONS.get(entry.recommendation, entry.recommendation),
        "" if bpb is None else f"{bpb:.4f}",
        "" if entry.artifact_bytes is None else f"{entry.artifact_bytes:,}",
        "" if days is None else f"{days} d",
        cut(entry.reason, _NAME) + several,
    )


def _join(row: Sequence[str], widths: Sequence[int], room: int) -> str:
    cells = []
    for number, (text, width) in enumerate(zip(row, widths, strict=False)):
        cells.append(text.rjust(width) if number in _NUMBERS else text.ljust(width))
    return "  ".join([*cells, cut(row[-1], room)]).rstrip()


def _counts(items: Iterable[Item]) -> str:
    counts: dict[str, int] = {}
    for item in items:
        counts[item.entry.verdict] = counts.get(item.entry.verdict, 0) + 1
    return ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items()) or "none"


def _columns(today: date) -> Iterator[str]:
    yield from ("pr", "verdict", "recommendation", "reason", "rules", "val_bpb", "artifact_bytes", "age_days")
    yield from ("head", "day", "track", "name", "submissions", "group")


def _last(value: float | None) -> float:
    return math.inf if _finite(value) is None or value is None else value


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _cell(value: Any) -> object:
    if isinstance(value, str):
        shown = cut(value, _NAME)
        return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t")) else shown
    return "" if value is None else value
