"""What the score that may be claimed rests on: entries that were followed, and entries that were not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from auditor.regex import regex
from auditor.timeline.claims import claimed_reports
from auditor.timeline.events import Event, Forward, Load, Lookup, Mixture, MixtureKind, Opaque, Report, Timeline
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.frames import Site

_TABLES: dict[MixtureKind, str] = {
    "pseudo": "a blend with a row that gives every token the same mass",
    "bytes": "a blend of the token's loss with a prediction of its bytes",
    "gate": "a weight that depends on the token's own loss",
    "told": "a weight that is computed from the token being scored",
    "heated": "predictions that are scaled by what is computed from the token being scored",
    "raised": "a probability that is raised for some of the tokens that may come, and lowered for none",
    "peak": "the largest of several predictions",
    "bonus": "a loss that is lowered where a hint names the token, and raised nowhere",
    "hint": "a hint that depends on the kind of the token being scored",
    "oracle": "the better one of several losses",
    "ratio": "a count divided by the count of another table",
    "blend": "a blend of whole predictions",
    "unweighted": "probabilities that are added without weights",
    "doubled": "the probabilities of two tokens, added",
    "bent": "a loss that a multiple of its own power is taken off",
    "loose": "a blend with weights that nothing makes add up to one",
    "noisy": "the probability that either of two predictions is right",
    "lifted": "predictions that are raised after their softmax",
    "powers": "the root of a sum of powers of predictions",
    "smoothed": "a count that is raised by more than its share of the divisor",
    "overweight": "a blend with weights that add up to more than one",
    "scaled": "a loss that is multiplied by a constant",
    "shift": "a loss that a constant is taken off",
    "rescored": "losses that take the place of first ones, made with a table that was filled in between",
    "pointed": "a prediction that is changed at the token being scored",
    "preview": "counts of the tokens that are scored next",
    "counted": "a table that counts the tokens before they are scored",
}
_SCORE = regex(r"loss|bpb|bits|nll|score|perplexity|ppl|entropy")
_WORD = regex(r"[A-Za-z]{3}")  # what else is printed before a value may be a piece of its format
_MOST_TEXT = 800  # characters of a print
_ADAPTED, _FRESH = "adapted on the same tokens before", "no adaptation on these tokens seen before"
_PLURAL = ("tokens", "parameters", "weights", "names")


class Entry(Struct, frozen=True):
    """One thing that the score rests on; ``site`` is where, ``note`` what else there is to know of it."""

    what: str
    followed: bool
    site: Site
    note: str = ""
    escapes: tuple[str, ...] = ()


def rests_on(timeline: Timeline, submitted: tuple[str, ...]) -> tuple[Entry, ...]:
    """Return what the claimed score rests on, in program order, opaque entries last.

    ``submitted`` are the log lines with the claimed score: a report that they show is told, whatever turned it on.
    Where they don't tell which report prints it, every report that a setting in play reaches may be it: what was
    followed of one score settles nothing about another one.
    """
    reports = claimable(timeline, submitted)
    live = timeline.in_play
    proven = [r for r in claimed_reports(timeline, submitted) if r not in reports]
    if proven and not any(r.bits & live for r in claimed_reports(timeline, submitted)):
        told, live = proven, live | _bits(proven)  # a log has the line: what it needs ran
    else:
        told = reports
    found: dict[tuple[object, ...], Entry] = {}
    for event in timeline.events:
        entry = _followed(event, told, live)
        if entry is not None and event.bits & live:
            place = (entry.what, entry.site.source.path, entry.site.line)
            if place not in found or (entry.note == _ADAPTED and found[place].note == _FRESH):
                found[place] = entry  # a line that scores before an adaptation and after it: the latter is told
    entries = [*found.values()]
    entries += [Entry(sentence(o), False, o.site, escapes=o.escapes) for o in opaque(timeline, reports)]
    entries += [Entry(u.what, False, u.site, escapes=u.escapes) for u in timeline.unfollowed if u.decisive]
    return tuple(entries)


def _bits(events: Iterable[Event]) -> int:
    bits = 0
    for event in events:
        bits |= event.bits
    return bits


def claimable(timeline: Timeline, submitted: tuple[str, ...]) -> list[Report]:
    """Return the reports that may print the claimed score."""
    reports = [r for r in timeline.of(Report) if r.bits & timeline.in_play]
    claimed = claimed_reports(timeline, submitted)
    return [r for r in reports if r in claimed] or reports


def opaque(timeline: Timeline, reports: Iterable[Report]) -> list[Opaque]:
    """Return what could not be followed and ``reports`` may rest on, under a setting in play, each place once."""
    found: dict[int, Opaque] = {}
    for report in reports:
        for each in report.opaque:
            if each.bits & report.bits & timeline.in_play:
                found.setdefault(id(each), each)
    told = {(u.site.source.path, u.site.start) for u in timeline.unfollowed if u.decisive}
    unique = [each for each in found.values() if (each.site.source.path, each.site.start) not in told]
    return sorted(unique, key=lambda each: (each.site.source.path, each.site.start))


def sentence(opaque: Opaque) -> str:
    """Say what could not be followed, and what goes into it."""
    if not opaque.escapes:
        return f"a score may rest on {opaque.what}"
    *first, last = opaque.escapes
    listed = f"{', '.join(first)} and {last}" if first else last
    goes = "go" if first or last.split()[0] in _PLURAL or last.startswith("validation") else "goes"
    return f"{listed} {goes} into {opaque.what}"


def _followed(event: Event, reports: Sequence[Report], live: int) -> Entry | None:
    if isinstance(event, Load):
        return Entry(f"{event.split} data read from a file", True, event.site) if "val" in event.split else None
    if isinstance(event, Forward):
        if not any(r in reports for r in event.reports):
            return None
        note = _ADAPTED if any(bits & live for bits in event.conflicts.values()) else _FRESH
        kind = "validation tokens" if event.kinds & VAL else "tokens"
        return Entry(f"{event.model} applied to {kind}", True, event.site, note)
    if isinstance(event, Lookup):
        if any(r in reports for r in event.reports):
            return Entry("a table that is looked up", True, event.site)
        return None
    if isinstance(event, Mixture):
        if any(r in reports for r in event.reports):
            return Entry(_TABLES[event.kind], True, event.site)
        return None
    if isinstance(event, Report) and event in reports and tells_a_score(event):
        named = f'the report "{event.label}"' if _WORD.search(event.label) else "a report"
        return Entry(named, True, event.site)
    return None


def tells_a_score(report: Report) -> bool:
    """Return whether what is printed calls itself a score: not the loss of a training step, not a file's bytes."""
    text = report.site.source.text[report.site.start : report.site.end][:_MOST_TEXT]
    return bool(_SCORE.search(f"{report.label} {text}".lower().replace("train_loss", "")))
