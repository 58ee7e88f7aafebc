"""Switching off what a finding is about: the default in the script, and what documents set it to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.change import Change, Edit, Part
from auditor.fix.scores import scores
from auditor.program import ir
from auditor.program.source import Source
from auditor.program.unpack import decode_text
from auditor.regex import regex
from auditor.settings import lookup
from auditor.submission.model import Override, Unread
from auditor.timeline.events import Event, Forward, Lookup, Mixture, Switch, Timeline
from auditor.timeline.values.frames import Guard

_MOST_WAYS = 4
_LARGEST = 1024 * 1024  # bytes of a document that is changed
_OPPOSITES: Mapping[str, str] = {"1": "0", "true": "false", "on": "off", "yes": "no", "enabled": "disabled"}
_NUMBER = regex(r"[1-9]\d{0,8}(?:\.\d{1,9})?\Z|0?\.\d{0,8}[1-9]\d{0,8}\Z")
_COUNT = regex(r"[1-9]\d{0,8}\Z")
# What is a size, a length or a schedule closes no part of the program when it is nought: it breaks another one.
_MEASURE = regex(
    r"stride|seq|batch|iter|step|seed|wallclock|second|world|rank|size|layer|dim|chunk|head|vocab|token|shard|every|lr\b"
    r"|rate|decay|momentum|clip|warm|beta|eps(?!och)|min_|max_|_min\b|_max\b",
    re.IGNORECASE,
)
_SOME = regex(r">\s*0(?![.\d])|>=\s*1(?![.\d])|!=\s*0(?![.\d])|(?<![.\d])0\s*<(?!=)")
_COMPARES = regex(r"[<>]|==|!=|\bin\b|%")
_EFFECT = (
    "The score loses what this gains, and only a new run tells how much; logs of runs that had it on no longer show "
    "the submission."
)
_ONE_ROUND = (
    "The rounds score what is reported, so one has to stay. The score loses what the others gain, and only a new run "
    "tells how much; logs of runs with more no longer show the submission."
)


def switch_off(case: Case, finding: Finding) -> Change | None:
    """Return the change that switches off what a finding of the script is about; None where no switch does.

    Switches are tried from the innermost condition outwards. Where a log shows that a run had one on, changing it
    would leave the claimed score without a run: then there is none.
    """
    timeline = case.timeline
    if timeline is None or finding.path is None or finding.line is None or finding.active is False:
        return None
    if finding.status == "note":
        return None  # it changes no verdict: nothing has to be switched off
    events = list(_events(timeline, finding))
    # A way that isn't taken with what is in play (the second of several copies) hangs on other switches.
    events = [event for event in events if event.bits & timeline.in_play] or events
    running = 0
    for event in events:
        running |= event.bits & timeline.in_play
    ways: list[Change] = []
    for name in _names(timeline, events):
        once = _scores_in_rounds(case, timeline, events, name)
        if once and any(isinstance(event, Mixture | Lookup) for event in events):
            continue  # how a prediction is made is the same in the first round
        way = _off(case, timeline, timeline.switches[name], running, once=once)
        if way is not None and way not in ways:
            ways.append(way)
    if not ways:
        return None
    first, *others = ways[:_MOST_WAYS]
    return Change(first.title, first.safety, first.parts, first.effect, tuple(others))


def _events(timeline: Timeline, finding: Finding) -> Iterator[Event]:
    """Yield what happens at the finding's line; where nothing does, what happens at the lines on its way."""
    at = {(finding.path, finding.layer, finding.line)}
    found = [event for event in timeline.events if _at(event, at)]
    if not found:
        found = [e for e in timeline.events if _at(e, {(s.path, s.layer, s.line) for s in finding.trace})]
    yield from found


def _at(event: Event, places: set[tuple[str | None, int, int | None]]) -> bool:
    sites = [event.site, getattr(event, "mixing", None), getattr(event, "at", None)]
    return any((s.source.path, s.source.layer, s.line) in places for s in sites if s is not None)


def _names(timeline: Timeline, events: Sequence[Event]) -> list[str]:
    """Return the switches that can close the way to the events, the innermost and plainest first.

    One that chooses between two ways to do the same comes last: it switches neither off.
    """
    found: dict[str, tuple[bool, bool, int]] = {}
    modes = {(type(event), guard.site) for event in timeline.events for guard in event.guards if not guard.taken}
    others = {(guard.site, guard.taken) for event in events for guard in event.guards}
    for event in events:
        for depth, guard in enumerate(reversed(event.guards)):
            for name in guard.settings:
                switch = timeline.switches.get(name)
                if switch is None or switch.launched or not guard.taken or not _may_close(guard, name):
                    continue
                plain = (switch.default or "").strip().lower() in {*_OPPOSITES, "", *_OPPOSITES.values()}
                if not plain and (guard.asks or _MEASURE.search(name) or not _asks_for_some(guard, name)):
                    continue
                if (guard.site, not guard.taken) in others:
                    continue  # the other arm does the same
                rank = ((type(event), guard.site) in modes, not plain, depth)
                found[name] = min(found.get(name, rank), rank)
    # Of several ways to a line all have to be closed: the second of two passes is not the first.
    whole = [name for name in found if all(any(name in g.settings for g in e.guards) for e in events)]
    return sorted(whole, key=lambda name: found[name])


def _asks_for_some(guard: Guard, name: str) -> bool:
    """Return whether a condition asks for more than none of what a switch is called by, which nought then closes.

    One about what was worked out of the switch (``hard_windows > 0`` of ``HARD_FRACTION``) may need it for more.
    """
    text = guard.site.source.text[guard.site.start : guard.site.end].split("\n", 1)[0]
    words = name.lower().split("_")
    called = any(
        re.search(rf"(?<![a-z0-9]){re.escape('_'.join(words[at:]))}(?![a-z0-9_])", text.lower())
        for at in range(len(words))
    )
    return called and (_SOME.search(text) is not None or _COMPARES.search(text) is None)


def _may_close(guard: Guard, name: str) -> bool:
    """Return whether a condition is about few switches: one that weighs many is no switch of the part behind it."""
    return len(guard.settings) <= 4 and name in guard.settings


def _scores_in_rounds(case: Case, timeline: Timeline, events: Sequence[Event], name: str) -> bool:
    """Return whether a switch counts the rounds of a loop on the way to ``events``, in which the score is made.

    With no round at all, what is printed after the loop would be the score of nothing.
    """
    loops = {guard.site for event in events for guard in event.guards if name in guard.settings and _loop(case, guard)}
    if not loops:
        return False
    after = [report for report in scores(timeline) if not any(guard.site in loops for guard in report.guards)]
    return any(
        isinstance(event, Forward)
        and any(guard.site in loops for guard in event.guards)
        and any(report is other for report in event.reports for other in after)
        for event in timeline.events
    )


def _loop(case: Case, guard: Guard) -> bool:
    """Return whether a condition is what a ``for`` loop goes over."""
    source = guard.site.source
    unit = next((u for u in (case.program.units.values() if case.program else ()) if u.source is source), None)
    return unit is not None and any(node.iter.start == guard.site.start for node in unit.index.of(ir.For))


def _off(case: Case, timeline: Timeline, switch: Switch, running: int, *, once: bool) -> Change | None:
    """Return the change that gives a switch its off value (``once``: one round) wherever a setting has it on."""
    parts: dict[Part, None] = {}
    said: list[str] = []
    for index, setting in enumerate(timeline.settings):
        if not running & 1 << (index + 1):
            continue
        given = lookup(setting, switch.name) if setting.kind != "defaults" else None
        if given is None:
            edit = _default(case, switch, once)
        elif setting.kind in ("log", "mention"):
            return None  # the log shows, or the README says, that it was on
        else:
            edit = _in_document(case, given, once)
        if edit is None:
            return None
        parts[edit] = None
        said.append("by default" if given is None else f"in {given.path}")
    if not parts:
        return None
    where = " and ".join(dict.fromkeys(said))
    if once:
        return Change(f"Set {switch.name} to 1 {where}", "unsafe", tuple(parts), _ONE_ROUND)
    return Change(f"Switch {switch.name} off {where}", "unsafe", tuple(parts), _EFFECT)


def _default(case: Case, switch: Switch, once: bool) -> Edit | None:
    """Return the edit of the default that the script gives a switch, where it is a literal."""
    source, node = switch.site.source, _literal(case, switch)
    return None if node is None else literal_edit(source, node, one(node.value) if once else off(node.value))


def default_of(case: Case, switch: Switch) -> ir.Const | None:
    """Return the literal that the script gives a switch by default, None where it is anything else."""
    return _literal(case, switch)


def literal_edit(source: Source, node: ir.Const, value: str | None) -> Edit | None:
    """Return the edit that gives a literal another value, within its quotes; None where it is written otherwise."""
    if value is None:
        return None
    text = source.text[node.start : node.end]
    inside = text[1:-1] if isinstance(node.value, str) else text
    if isinstance(node.value, str) and (text[:1] not in "'\"" or inside != node.value):
        return None
    start = node.start + (1 if isinstance(node.value, str) else 0)
    return Edit(source.path, start, start + len(inside), inside, value, source.layer)


def off(value: object) -> str | None:
    """Return what is written for a switch that is off, next to how it is written on; None for what is no switch."""
    if isinstance(value, bool):
        return "False" if value else None
    if isinstance(value, int | float):
        return None if value <= 0 else "0" if isinstance(value, int) else "0.0"
    if not isinstance(value, str):
        return None
    word = value.strip()
    other = _OPPOSITES.get(word.lower())
    if other is not None:
        return other.capitalize() if word[:1].isupper() and word[1:].islower() else other
    return "0" if _NUMBER.match(word) else None


def one(value: object) -> str | None:
    """Return what is written for a count of one round; None for what is no count, or not more than that."""
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return "1" if _COUNT.match(text) and int(text) > 1 else None


def _literal(case: Case, switch: Switch) -> ir.Const | None:
    """Return the default in the call that reads a switch: what follows its name, or what is called ``default``."""
    site = switch.site
    unit = next((u for u in (case.program.units.values() if case.program else ()) if u.source is site.source), None)
    if unit is None or unit.module is None:
        return None
    for node in unit.index.of(ir.Call):
        if node.end <= site.start or node.start >= site.end:
            continue
        found = _after_name(node, switch.name)
        if found is not None:
            return found
    return None


def _after_name(call: ir.Call, name: str) -> ir.Const | None:
    plain = [arg for arg in call.args if arg.keyword is None and not arg.star]
    named = next((at for at, arg in enumerate(plain) if _names_it(arg.value, name)), None)
    if named is None:
        return None
    for arg in call.args:
        if arg.keyword == "default" and isinstance(arg.value, ir.Const):
            return arg.value
    if named + 1 < len(plain):
        value = plain[named + 1].value
        if isinstance(value, ir.Call) and len(value.args) == 1:
            value = value.args[0].value  # such as str(1)
        return value if isinstance(value, ir.Const) else None
    return None


def _names_it(node: ir.Expr, name: str) -> bool:
    if not isinstance(node, ir.Const) or not isinstance(node.value, str):
        return False
    return node.value == name or node.value.lstrip("-").replace("-", "_") == name


def _in_document(case: Case, given: Override, once: bool) -> Edit | None:
    """Return the edit of the assignment that a document gives a switch."""
    value = one(given.value) if once else off(given.value)
    if value is None:
        return None
    try:
        text = decode_text(case.submission.tree.read(given.path, _LARGEST))[0]
    except Unread:
        return None
    source = Source(given.path, text)
    starts = source.line_starts
    if given.line > len(starts):
        return None
    begin = starts[given.line - 1]
    # A command may go on over lines: its assignments stand on its first one, or on those after it.
    end = starts[min(given.line + 30, len(starts)) - 1] if given.line < len(starts) else len(text)
    pattern = re.compile(rf"(?<![\w-]){re.escape(given.name)}=([\"']?){re.escape(given.value)}(?=\1(?![\w.]))")
    match = pattern.search(text, begin, max(end, begin + len(source.line_text(given.line))))
    if match is None:
        return None
    start = match.end() - len(given.value)
    return Edit(given.path, start, match.end(), given.value, value)
