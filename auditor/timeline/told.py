"""Which switches a log proves to have been on: what it prints, only a branch prints that no setting in play takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from auditor.case import Case
from auditor.submission.model import Unread
from auditor.timeline.events import Event, Timeline, Words
from auditor.timeline.values.frames import Guard

_LARGEST = 8_000_000  # bytes of a log
_LEAST = 12  # characters that a text has to have of its own
_GAP = "[^\\n{}'\"]{0,40}?"  # what stands in a text between its constant parts; not the script that a log begins with


def closed(timeline: Timeline, events: Sequence[Event], reports: Sequence[Event]) -> list[Guard]:
    """Return the conditions of ``events`` that no setting in play passes and that a report doesn't lie behind, too."""
    out: list[Guard] = []
    for event in events:
        for guard in event.guards:
            if guard.opens & timeline.in_play or guard in out:
                continue
            if not reports or any(not _among(guard, report.guards) for report in reports):
                out.append(guard)
    return out


def excluded(guards: Sequence[Guard], proven: Sequence[Guard]) -> bool:
    """Return whether one of ``guards`` is the other branch of a condition that is proven."""
    return any(_asks(g)[0] == _asks(p)[0] and _asks(g)[1] != _asks(p)[1] for g in guards for p in proven)


def proves(proven: Sequence[Guard], guard: Guard) -> bool:
    """Return whether a condition is among the proven ones."""
    return _among(guard, proven)


def proven(case: Case, timeline: Timeline) -> list[Guard]:
    """Return the conditions under which a log's own words were printed; of words on both branches neither is proven."""
    patterns = [(words, pattern) for words in timeline.words if (pattern := _pattern(words)) is not None]
    if not patterns:
        return []
    texts = list(_texts(case))
    found = [g for words, pattern in patterns if any(pattern.search(text) for text in texts) for g in words.guards]
    return [guard for guard in found if not excluded([guard], found)]


def _pattern(words: Words) -> re.Pattern[str] | None:
    if len("".join(words.parts).strip()) < _LEAST:
        return None
    return re.compile(_GAP.join(re.escape(part) for part in words.parts) + "(?![{'\"])")


def _texts(case: Case) -> Iterator[str]:
    for path in case.submission.logs:
        try:
            yield case.submission.tree.read(path, _LARGEST).decode("utf-8", "replace")
        except Unread:
            continue  # the evidence has noted it as a problem


def _among(guard: Guard, others: Sequence[Guard]) -> bool:
    return any(_asks(guard) == _asks(other) for other in others)


def _asks(guard: Guard) -> tuple[tuple[str, ...], bool]:
    """Return what a condition asks, in its own words, and whether the branch is taken where it holds."""
    site, taken = guard.site, guard.taken
    text = " ".join(site.source.text[site.start : site.end].split())
    while text.startswith("not "):
        text, taken = text[4:], not taken
    return ((text, *guard.settings), taken)
