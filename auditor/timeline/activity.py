"""Under which settings something happens, in words: the difference between a violation, a hold and a note."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from auditor.finding import Finding, Status, Step
from auditor.regex import regex
from auditor.settings import is_incidental, lookup
from auditor.submission.model import Setting
from auditor.timeline.events import Event, Timeline
from auditor.timeline.hanging import also, conditions
from auditor.timeline.unheard import silence
from auditor.timeline.unsettled import deciding_of, left_open, not_shipped, printed_on, set_by, shown_by, unknown_run
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.folding import string_origins
from auditor.timeline.values.frames import Guard, Site

_DEFAULTS = 1 << 1  # the first setting in play
_OFF = frozenset({"0", "0.0", "false", "no", "off", "none", ""})
_MOST = 3  # switches that are named
_PLACE = frozenset("/\\*")  # what a place has in it, and a choice doesn't
_SIZE = regex(r"-?[\d_.]+(e-?\d+)?")
_UNSEEN = "was seen to make it count"
_UNSET = "None"  # what a switch is that is read without a default and set by nothing


class Activity(Struct, frozen=True):
    """Whether something runs (None: could not be decided), what a violation of it amounts to, and why."""

    active: bool | None
    status: Status
    because: str

    def found(self, site: Site, *, rule: str, status: Status, message: str, trace: tuple[Step, ...] = ()) -> Finding:
        """Return a finding on the code at ``site``, with what is known of whether it runs."""
        return Finding(
            rule=rule,
            group="compliance",
            status=status,
            message=message,
            path=site.source.path,
            line=site.line,
            end_line=site.end_line,
            layer=site.source.layer,
            active=self.active,
            active_because=self.because,
            trace=trace,
        )


def activity(timeline: Timeline, bits: int, events: Sequence[Event], beside: Sequence[Event] = ()) -> Activity:
    """Judge something that needs all of ``events`` and happens under the settings ``bits``.

    ``beside`` tells of further conditions that it hangs on, and is not judged by.

    It is a violation where it runs under a setting in play; a hold where a log of the reported score prints
    its switch as off, where a switch could not be evaluated, or where the run script that is documented isn't
    shipped; a note where no setting in play reaches it.
    """
    guards = conditions(events)
    ways = conditions((*events[1:], *events[:1], *beside), made=True)  # what turns the first of them on tells most
    running = bits & timeline.in_play
    unknown = unknown_run(timeline, guards)
    if not running:
        return Activity(False, "note" if unknown is None else "hold", _off(timeline, guards))
    open_bits = 0
    for event in events:
        open_bits |= event.undecided
    if not running & ~open_bits:
        return Activity(None, "hold", _open_because(timeline, guards))
    running &= ~open_bits
    said = sum(1 << (i + 1) for i, s in enumerate(timeline.settings) if s.kind == "mention")
    if not running & ~said:
        return Activity(True, "hold", f"{_on(timeline, running, ways)}; no command or log sets it")
    running &= ~said
    logs = [i for i, s in enumerate(timeline.settings) if s.kind == "log"]
    if logs and not any(running & 1 << (i + 1) for i in logs):
        denied = _denied_by_log(timeline, guards, logs, running)
        if denied:
            unseen = f"but {denied}, and with what it prints this was not seen to run"
            return Activity(True, "hold", f"{_on(timeline, running, ways)}; {unseen}")
    silent = silence(timeline.unheard, guards, timeline.settings, lambda name: _looks_like_switch(timeline, name))
    others = running & ~sum(1 << (i + 1) for i in logs) if silent else running
    if not others:
        return Activity(False, "note", silent)
    if silent and not others & _DEFAULTS:  # what is on by default is the submission's, whatever was logged
        return Activity(True, "hold", f"{_on(timeline, running, ways)}; but {silent}")
    running = others
    commands = [i for i, s in enumerate(timeline.settings) if s.kind == "command"]
    main = min((timeline.settings[i].run for i in commands), default=0)
    aside = sum(1 << (i + 1) for i in commands if timeline.settings[i].run != main)
    if guards and not running & ~aside:
        because = f"{_on(timeline, running, ways)}; the run of the first command that was followed doesn't"
        return Activity(True, "hold", because)
    of_main = sum(1 << (i + 1) for i in commands if timeline.settings[i].run == main)
    logged = running & shown_by(timeline, logs, of_main, guards)  # what is seen to have run outranks what is documented
    if of_main and not logged and not running & of_main and not printed_on(timeline, logs, of_main):
        given = set_by(timeline, of_main, guards)
        if given:
            told = f"; {silent}" if silent else ", and no log shows whether it ran" if logs else ""
            because = f"{_on(timeline, running, ways)}; but not as the main command sets it ({given}){told}"
            return Activity(True, "hold", because)
    if unknown is not None:
        return Activity(True, "hold", f"{_on(timeline, running, ways)}; but {not_shipped(unknown)}")
    return Activity(True, "violation", _on(timeline, running, ways))


def _open_because(timeline: Timeline, guards: list[Guard]) -> str:
    guards = [guard for guard in guards if guard.may[0] & guard.may[1] & timeline.in_play] or guards
    names = list(dict.fromkeys(name for guard in guards for name in guard.settings))
    if names and not any(name in timeline.switches for name in names):
        return f"it hangs on what could not be told: {', '.join(names)}"
    return f"a condition on the way could not be evaluated: {', '.join(names) or 'unknown'}"


def _deciding(timeline: Timeline, guards: list[Guard], bit: int) -> list[str]:
    """Return the switches that look as if they turn the thing on or off, most telling first."""
    names = list(dict.fromkeys(name for guard in guards for name in _alone(timeline, guard.opening(bit))))
    inside = {name for guard in guards if guard.asks for name in guard.settings}
    return [name for name in _telling(timeline, names) if name not in inside or _looks_like_switch(timeline, name)]


def _alone(timeline: Timeline, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a condition reads that tells why it holds: not sizes that it compares, nor where files lie."""
    told = names if len(names) < 2 or any(_looks_like_switch(timeline, n) for n in names) else ()
    return tuple(n for n in told if not set(_reading(timeline, n, 0) or "") & _PLACE)


def _telling(timeline: Timeline, names: list[str]) -> list[str]:
    """Return those of the switches that look as if they turn something on or off; all where none does."""
    flags = [n for n in names if _looks_like_switch(timeline, n)]
    return flags or names


def _looks_like_switch(timeline: Timeline, name: str) -> bool:
    switch = timeline.switches.get(name)
    if switch is None:
        return False
    values = {v for v in (switch.default, *switch.values) if v is not None}
    return bool(values & {"0", "1", "True", "False", "true", "false", "on", "off", ""})


def _place(timeline: Timeline, name: str) -> str:
    switch = timeline.switches.get(name)
    if switch is None:
        return ""
    layer = f" (layer {switch.site.source.layer})" if switch.site.source.layer else ""
    return f" ({switch.site.source.path}:{switch.line}{layer})"


def _on(timeline: Timeline, running: int, guards: list[Guard]) -> str:
    """Say which setting runs it: the defaults if they do, else the first of which it can be told what it sets to."""
    index, told = _unlike_the_defaults(timeline, running, guards) if not running & _DEFAULTS else (-1, "")
    if not told:
        index = (running & -running).bit_length() - 2
        told = _first(timeline, running, guards)
    return "; ".join(part for part in (told, also(timeline, guards, index, told)) if part)


def _first(timeline: Timeline, running: int, guards: list[Guard]) -> str:
    """Say what runs it under the first of the settings ``running``."""
    low = running & -running
    index = low.bit_length() - 2
    setting = timeline.settings[index]
    names = deciding_of(timeline, _deciding(timeline, guards, low), running)
    everywhere = "it runs with every setting that was followed" if running == timeline.in_play else _under(setting)
    # What a launcher sets is the machine, not a choice: told where nothing else is.
    own = [name for name in names if (switch := timeline.switches.get(name)) is None or not switch.launched]
    given = sorted(own or names, key=lambda name: lookup(setting, name) is not None)
    # An off default is a reason where a condition asks for it ("unless skipped"), and nothing that is on tells more.
    telling = [name for name in given if lookup(setting, name) is not None or not _off_by_default(timeline, name)]
    # Where it doesn't run by default, only what closes the way there tells why: what is set beside doesn't.
    closed = not low & _DEFAULTS
    if closed and not any(g.opens & low and not g.opens & _DEFAULTS for g in guards):
        return everywhere
    parts = [_value(timeline, name, index) for name in (telling or ([] if closed else given))[-3:]]
    return "; ".join(part for part in parts if part) or everywhere


def _under(setting: Setting) -> str:
    if setting.kind == "log":
        return f"it runs with what {setting.label} prints"
    return f"it runs with {'the settings of the command at ' if setting.kind == 'command' else ''}{setting.label}"


def _unlike_the_defaults(timeline: Timeline, running: int, guards: list[Guard]) -> tuple[int, str]:
    """Say what a setting, and which, sets that lets it run there and not by default; "" where that can't be told.

    Where no condition on the way is closed by default, it is the data: the switch that names validation data there.
    """
    closed = [g for g in guards if not g.opens & _DEFAULTS]
    for index in range(len(timeline.settings)):
        bit = 1 << (index + 1)
        if not running & bit:
            continue
        opened = dict.fromkeys(name for g in closed if g.opens & bit for name in g.closing(_DEFAULTS))
        told = _turned(timeline, opened, index) if closed else _data(timeline, index)
        parts = [part for name in told[-3:] if (part := _value(timeline, name, index))]
        if parts:
            return index, "; ".join([*parts, *_unprinted(timeline, index, guards)])
    return -1, ""


def _unprinted(timeline: Timeline, index: int, guards: list[Guard]) -> list[str]:
    """Say what else it hangs on that a log doesn't print, and that another setting in play has otherwise."""
    setting, bit = timeline.settings[index], 1 << (index + 1)
    if setting.kind != "log":
        return []
    others = [g for g in guards if g.passes & bit and timeline.in_play & ~g.passes]
    names = dict.fromkeys(name for g in others for name in g.settings if _looks_like_switch(timeline, name))
    unsaid = [name for name in names if lookup(setting, name) is None and _is_set(timeline, name)]
    return [f"{part}, which that log does not print" for name in unsaid[:2] if (part := _value(timeline, name, index))]


def _is_set(timeline: Timeline, name: str) -> bool:
    """Return whether a command or a log in play gives a switch another value than its default."""
    return any(_set_apart(timeline, name, i) for i in range(len(timeline.settings)))


def _set_apart(timeline: Timeline, name: str, index: int) -> bool:
    """Return whether a setting gives a switch a value, or one that differs from its default's."""
    if lookup(timeline.settings[index], name) is not None:
        return True
    switch = timeline.switches.get(name)
    return switch is not None and switch.values[index] not in (None, switch.values[0])


def _turned(timeline: Timeline, names: Iterable[str], index: int) -> list[str]:
    """Return those of the switches that a setting gives a value: those to which it gives another one, if any."""
    apart = [name for name in names if _set_apart(timeline, name, index)]
    other = [n for n in apart if (s := timeline.switches.get(n)) is None or s.values[index] != s.values[0]]
    choices = [name for name in other if not set(_reading(timeline, name, index) or "") & _PLACE]
    return choices or other or apart


def _data(timeline: Timeline, index: int) -> list[str]:
    """Return the switches that name validation data in a setting, and not by default."""
    return [
        switch.name
        for switch in timeline.switches.values()
        if string_origins(switch.values[index] or "") & VAL
        and switch.values[0] is not None
        and not string_origins(switch.values[0]) & VAL
    ]


def _value(timeline: Timeline, name: str, index: int) -> str:
    """Say what a switch is in one setting, and which line says so; nothing of a switch that was never read."""
    setting, switch = timeline.settings[index], timeline.switches.get(name)
    given = lookup(setting, name) if setting.kind != "defaults" else None
    if given is not None:
        if setting.kind == "log":
            return f"{name} is {given.value} in the logged run ({given.path}:{given.line})"
        if setting.label.partition(" ")[0] == f"{given.path}:{given.line}":
            return f"{name} is {given.value} in {setting.label}"
        return f"{name} is {given.value} ({given.path}:{given.line}) in the run of {setting.label}"
    if switch is None:
        return ""
    value = switch.values[index] if switch.values[index] is not None else switch.default
    if value == _UNSET and not switch.default:
        value = ""
    if switch.launched:
        return f"{name} is {value} as a launcher sets it"
    if value != switch.default and setting.kind != "defaults" and value != switch.values[0]:
        return f"{name} is {value} in {setting.label}"
    if value and value != switch.default:
        return f"{name} defaults to {value}{_place(timeline, name)}"
    if not switch.default:
        return f"{name} is not set by default{_place(timeline, name)}"
    return f"{name} defaults to {switch.default}{_place(timeline, name)}"


def switched_off(timeline: Timeline, events: Sequence[Event]) -> bool:
    """Return whether a switch can be told that keeps the events from happening under a setting in play."""
    return bool(_closing(timeline, conditions(events))[0])


def _closing(timeline: Timeline, guards: list[Guard]) -> tuple[dict[tuple[str, str | None], str], set[str], int]:
    """Return what is said of each switch, by its value, that closes the way, as it was evaluated under each setting.

    Then those that do wherever something does, and the settings where none is seen to.
    """
    parts: dict[tuple[str, str | None], str] = {}
    unseen = 0
    everywhere: set[str] | None = None
    for index in range(len(timeline.settings)):
        bit = 1 << (index + 1)
        closed = [g for g in guards if not g.opens & bit]
        if not closed:
            unseen |= bit
            continue
        closing = {name for guard in closed for name in guard.closing(bit)}
        everywhere = closing if everywhere is None else everywhere & closing
        names = [name for guard in closed for name in _telling(timeline, list(guard.closing(bit)))]
        for name in list(dict.fromkeys(names))[:_MOST]:
            value = _reading(timeline, name, index)
            if not _looks_like_switch(timeline, name) and value is not None and _SIZE.fullmatch(value):
                continue  # a size decides with what it is compared to, which is not told here
            said = _value(timeline, name, index)
            if said:
                parts.setdefault((name, value), said)
    return parts, everywhere or set(), unseen


def _off(timeline: Timeline, guards: list[Guard]) -> str:
    """Say which switch closes the way in each setting in play; nothing more where no condition is seen to do it."""
    parts, everywhere, unseen = _closing(timeline, guards)
    common = {part: said for part, said in parts.items() if part[0] in everywhere}
    told = list((common or parts).values())[:_MOST]
    if told and not common:  # a value that another setting overrides is no reason there
        told[0] = f"each setting closes the way otherwise: {told[0]}"
    parts = common or parts
    if not told:
        return f"no setting in play {_UNSEEN}"
    said = _said_on(timeline, list(dict.fromkeys(name for name, _ in parts)), unseen)
    if said:
        return "; ".join([*told, said])
    left = left_open(timeline.settings, {name for name, _ in parts})
    if left:
        return "; ".join([*told, f"no other setting in play turns it on, and {left}"])
    others = any(setting.among_others for setting in timeline.settings)
    off = len(parts) == 1 and all(value in _OFF for _, value in parts)
    where = "of the claimed runs" if others else "in play"
    return "; ".join([*told, f"no setting {where} {'turns it on' if off else _UNSEEN}"])


def _reading(timeline: Timeline, name: str, index: int) -> str | None:
    """Return the value of a switch in one setting, in lower case and without quotes; None where it is not known."""
    switch = timeline.switches.get(name)
    if switch is None:
        return None
    value = switch.values[index] if switch.values[index] is not None else switch.default
    return (value or "").strip("'\" ").lower()


def _off_by_default(timeline: Timeline, name: str) -> bool:
    """Return whether a switch's default reads as off: one that reads as on keeps nothing from running."""
    switch = timeline.switches.get(name)
    return switch is None or (switch.default or "").strip("'\" ").lower() in _OFF


def _said_on(timeline: Timeline, names: list[str], under: int) -> str:
    """Say which log or command, of those ``under``, gives one of the switches a value that reads as on."""
    for index, setting in enumerate(timeline.settings):
        for name in (n for n in names if under & 1 << (index + 1) and not is_incidental(n)):
            given = lookup(setting, name) if setting.kind != "defaults" else None
            told = given.value.strip().lower() if given is not None else ""
            if given is not None and told not in _OFF and not set(told) & _PLACE:  # a place is no switch
                log = setting.kind == "log"
                return (
                    f"{'the log prints' if log else f'{setting.label} sets'} {given.name} {'as' if log else 'to'} "
                    f"{given.value} ({given.path}:{given.line}), which was not seen to make it count either"
                )
    return ""


def _same_value(timeline: Timeline, name: str, log: int, running: int) -> bool:
    """Return whether a log prints the very value that a switch has where the thing runs."""
    switch = timeline.switches.get(name)
    if switch is None or switch.values[log] is None:
        return False
    return all(value == switch.values[log] for i, value in enumerate(switch.values) if running & 1 << (i + 1))


def _denied_by_log(timeline: Timeline, guards: list[Guard], logs: list[int], running: int) -> str:
    """Return what a log prints that turns the thing off, or nothing when no log prints its switch."""
    for index in logs:
        bit = 1 << (index + 1)
        setting = timeline.settings[index]
        for guard in guards:
            if guard.passes & bit:
                continue
            for name in guard.settings:
                override = setting.overrides.get(name.lower()) or setting.overrides.get(name)
                if override is not None and not _same_value(timeline, name, index, running):
                    return f"the log prints {override.name} as {override.value} ({override.path}:{override.line})"
            break  # this is the guard that closes the way; those behind it are never asked
    return ""
