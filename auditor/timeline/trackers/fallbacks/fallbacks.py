"""The defaults of switches that the program's own helpers read: ``flag("X", False)`` falls back to its argument.

A helper asks the environment without a default and gives its argument where there is nothing: what the switch is
then is what the followed call gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.values.payloads import Bound, Function, Known, Value, at_setting

if TYPE_CHECKING:
    from auditor.program import ir
    from auditor.timeline.engine.arguments import Args

_UNSET = "None"  # what a read without a default gives, as a switch's value
_MEANT = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class Fallbacks(Tracker):
    """Calls of helpers that name a switch."""

    @heeds(of=(Function, Bound), but=())
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Give a switch that this call reads the default that the call falls back to."""
        for argument in args.all():
            if isinstance(argument.p, Known) and isinstance(argument.p.v, str):
                self._answered(argument.p.v, args, node, out)
        return out

    def _answered(self, key: str, args: Args, node: ir.Call, out: Value) -> None:
        switch = self.machine.switches.get(key)
        if switch is None or switch.default or _UNSET not in switch.values or switch.site != self.machine.site(node):
            return
        given = [v for v in (a.p.v for a in args.all() if isinstance(a.p, Known)) if v != key]
        answers = {
            index: payload.v
            for index, value in enumerate(switch.values)
            if value == _UNSET and isinstance(payload := at_setting(out.p, index + 1), Known)
        }
        told = {index: text for index, v in answers.items() if (text := _written(given, v)) is not None}
        if not told:
            return
        values = tuple(told.get(index, value) for index, value in enumerate(switch.values))
        self.machine.switches[key] = replace(switch, default=next(iter(told.values())), values=values)


def _written(given: list[object], answer: object) -> str | None:
    """Return the argument that a helper's answer is, as the call gives it; None where the answer is none of them."""
    if answer is None:
        return None
    for argument in given:
        same = argument == answer and isinstance(argument, bool) == isinstance(answer, bool)
        if same or (isinstance(answer, bool) and _MEANT.get(str(argument).lower()) is answer):
            return str(argument)
        if isinstance(argument, str) and argument == str(answer):
            return argument
    return None
