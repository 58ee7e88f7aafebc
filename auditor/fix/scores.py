"""What becomes of the scores that a program prints: a change of what it does must leave one, and say what it leaves."""

from __future__ import annotations

from collections.abc import Collection

from auditor.regex import regex
from auditor.report import Printed, Report
from auditor.timeline.events import Report as Print
from auditor.timeline.events import Timeline
from auditor.timeline.rests import tells_a_score
from auditor.timeline.values.frames import Site

_MOST = 3  # lines that a sentence names
_BITS = regex(r"bpb|bits|byte")


def scores(timeline: Timeline) -> list[Print]:
    """Return the reports that print a score: those in bits per byte, where any does; a loss may be of anything."""
    found = [e for e in timeline.events if isinstance(e, Print) and tells_a_score(e)]
    text = {id(e): f"{e.label} {e.site.source.text[e.site.start : e.site.end]}".lower() for e in found}
    return [e for e in found if _BITS.search(text[id(e)])] or found


def printed(timeline: Timeline) -> tuple[Printed, ...]:
    """Return the scores that are printed, once for each statement and each setting in play that reaches it."""
    found: dict[tuple[str, int, str, str], set[tuple[str, int, str]]] = {}
    for event in scores(timeline):
        source = event.site.source
        for number, setting in enumerate(timeline.settings, start=1):
            if event.bits & 1 << number:
                at = (source.path, event.site.line, source.text[event.site.start : event.site.end], setting.label)
                counts = found.setdefault(at, set())
                counts.update(_line(forward.site) for forward in event.forwards if forward.bits & 1 << number)
    return tuple(Printed(*at, tuple(sorted(counts))) for at, counts in found.items())


def ends(timeline: Timeline) -> dict[str, bool]:
    """Return of each setting in play, by its label, whether the program comes to its last line under it."""
    return {s.label: bool(timeline.finished & 1 << number) for number, s in enumerate(timeline.settings, start=1)}


def broken(before: Report, after: Report) -> str | None:
    """Return how a change broke the program or its score, None where it did not.

    It did where the program no longer comes to its end under a setting (a check of its own refuses the new value), and
    where a score is still printed that counts no prediction any more.
    """
    for label, ended in before.ends.items():
        if ended and not after.ends.get(label, True):
            return f"with {label} the program would no longer come to its end"
    counted = {_key(each): each for each in before.printed if each.counts}
    for each in after.printed:
        if not each.counts and _key(each) in counted:
            return f"the score printed at {each.path}:{each.line} would count no prediction any more"
    return None


def what_is_left(before: Report, after: Report) -> str:
    """Return what a change leaves of the scores that are printed, in a sentence; empty where all of them stay whole.

    ``before`` and ``after`` are the audits without and with the change. Lines are those of ``before``.
    """
    now = {_key(each): each for each in after.printed}
    gone: dict[tuple[str, int], None] = {}
    less: dict[tuple[tuple[str, int], ...], dict[tuple[str, int], None]] = {}
    for each in before.printed:
        left = now.get(_key(each))
        if left is None:
            gone[each.path, each.line] = None
            continue
        lost = tuple((path, line) for path, line, text in each.counts if (path, text) not in _texts(left))
        if lost and _texts(left) < _texts(each):
            less.setdefault(lost, {})[each.path, each.line] = None
    said = [f"{_scores(at)} no longer {_count(at)} what is predicted at {_places(lost)}." for lost, at in less.items()]
    still = {(each.path, each.line) for each in before.printed if _key(each) in now}
    only = {place: None for place in gone if place not in still}
    if only:
        said.append(f"{_scores(only)} {'is' if len(only) == 1 else 'are'} no longer printed.")
    return " ".join(said)


def _key(each: Printed) -> tuple[str, str, str]:
    return each.path, each.statement, each.label


def _texts(each: Printed) -> frozenset[tuple[str, str]]:
    return frozenset((path, text) for path, _, text in each.counts)


def _line(site: Site) -> tuple[str, int, str]:
    return site.source.path, site.line, site.source.line_text(site.line).strip()


def _scores(places: Collection[tuple[str, int]]) -> str:
    return f"The score{'s' if len(places) > 1 else ''} printed at {_places(places)}"


def _count(places: Collection[tuple[str, int]]) -> str:
    return "counts" if len(places) == 1 else "count"


def _places(places: Collection[tuple[str, int]]) -> str:
    shown = [f"{path}:{line}" for path, line in sorted(set(places))]
    last = f"{len(shown) - _MOST} more" if len(shown) > _MOST else shown.pop()
    return f"{', '.join(shown[:_MOST])} and {last}" if shown else last
