"""What the settings in play leave open: files that aren't shipped, values that no text tells, runs that differ."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from auditor.settings import is_incidental, lookup
from auditor.submission.model import STARTED, Override, Setting
from auditor.timeline.events import Switch, Timeline
from auditor.timeline.values.frames import Guard

_OFF = frozenset({"", "0", "false", "no", "off"})
_ON = frozenset({"1", "true", "yes", "on"})


def left_open(settings: Sequence[Setting], names: Collection[str]) -> str:
    """Return the words on what could still give one of the switches ``names`` another value, "" where nothing could."""
    untold = next((given for setting in settings for given in setting.untold if given.name in names), None)
    if untold is not None:
        return f"{untold.path}:{untold.line} gives {untold.name} a value that can't be told"
    lacking = next((lack for setting in settings for lack in setting.lacking), None)
    return not_shipped(lacking) if lacking is not None else ""


def not_shipped(lacking: Override) -> str:
    """Return the words on a file that a command starts, or reads its environment from, and that isn't shipped."""
    how = "starts" if lacking.value == STARTED else "reads"
    return f"what {lacking.name} sets, which {lacking.path}:{lacking.line} {how}, is not shipped"


def unknown_run(timeline: Timeline, guards: Sequence[Guard]) -> Override | None:
    """Return the run script that the main run starts and that isn't shipped; None where it can't decide.

    It decides where a switch is on the way that something other than it would set, and no log tells what was run.
    """
    if any(setting.kind == "log" for setting in timeline.settings):
        return None
    on_the_way = {name for guard in guards for name in guard.settings}
    if not any((switch := timeline.switches.get(name)) is not None and not switch.launched for name in on_the_way):
        return None
    main = [setting for setting in timeline.settings if setting.kind == "command" and setting.run == 0]
    return next((lack for setting in main for lack in setting.lacking if lack.value == STARTED), None)


def deciding_of(timeline: Timeline, names: list[str], running: int) -> list[str]:
    """Return the switches without those that are on in one of the settings ``running`` and off in another.

    As one side of an ``or``: what runs either way is not turned on by it. All of them where no other is left.
    """
    those = [index for index in range(len(timeline.settings)) if running & 1 << (index + 1)]

    def both(name: str) -> bool:
        switch = timeline.switches.get(name)
        given = [] if switch is None else [(switch.values[index] or "").strip().lower() in _OFF for index in those]
        return len(set(given)) > 1

    return [name for name in names if not both(name)] or names


def _differing(timeline: Timeline, of_main: int) -> list[tuple[Switch, int]]:
    """Return the switches that a command of the main run sets otherwise than the defaults, with its index."""
    indices = [i for i in range(len(timeline.settings)) if of_main & 1 << (i + 1)]
    return [(s, i) for s in timeline.switches.values() for i in indices if not _same(s.values[i], s.values[0])]


def _same(one: str | None, other: str | None) -> bool:
    """Return whether two values of a switch are one, however they are written: ``600`` and ``600.0``, ``0`` and off."""
    if one is None or other is None:
        return one is other
    said = [value.strip("'\" ").lower() for value in (one, other)]
    if said[0] == said[1] or any(all(value in words for value in said) for words in (_ON, _OFF)):
        return True
    try:
        return float(said[0]) == float(said[1])
    except ValueError:
        return False


def shown_by(timeline: Timeline, logs: Sequence[int], of_main: int, guards: Sequence[Guard]) -> int:
    """Return the logs that tell, of what the main command turns off, that it ran: the others are merely silent.

    They print a switch of what that command closes, or a line that is printed behind it only.
    """
    closed = [guard for guard in guards if not guard.opens & of_main]
    names = {name for guard in closed for name in guard.settings}
    if not closed or any(guard.way in timeline.heard for guard in closed):
        return sum(1 << (i + 1) for i in logs)
    return sum(1 << (i + 1) for i in logs if any(lookup(timeline.settings[i], name) is not None for name in names))


def printed_on(timeline: Timeline, logs: list[int], of_main: int) -> bool:
    """Return whether a log prints a switch that the main command sets, and not as that does."""
    commands = [i for i in range(len(timeline.settings)) if of_main & 1 << (i + 1)]
    for switch, index in ((s, i) for s in timeline.switches.values() for i in commands):
        if is_incidental(switch.name) or lookup(timeline.settings[index], switch.name) is None:
            continue  # runs with other seeds are one documented run
        for log in logs:
            printed = lookup(timeline.settings[log], switch.name)
            if printed is not None and not _same(switch.values[log], switch.values[index]):
                return True
    return False


def set_by(timeline: Timeline, of_main: int, guards: Sequence[Guard]) -> str:
    """Say which switches on the way the main command sets otherwise than the defaults, and where; "" for none."""
    on_the_way = {name for guard in guards for name in guard.settings}
    parts = []
    for switch, index in _differing(timeline, of_main):
        given = lookup(timeline.settings[index], switch.name)
        if given is not None and switch.name in on_the_way:
            parts.append(f"{switch.name}={given.value}, {given.path}:{given.line}")
    return "; ".join(parts[:3])
