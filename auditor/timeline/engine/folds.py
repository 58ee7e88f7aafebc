"""Constants: what comes of an operation on them, setting by setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditor.timeline.engine import (
    parameters,
)
from auditor.timeline.values.atoms import BITS, TRAIN, VAL, replaced
from auditor.timeline.values.constants import LN2, loose_wildcard
from auditor.timeline.values.folding import FoldError, fold_binary, string_origins
from auditor.timeline.values.payloads import (
    SOME,
    Known,
    Payload,
    PerSetting,
    Value,
    at_setting,
    per_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def fold(machine: Machine, compute: Callable[..., object], *values: Value) -> Value:
    """Return ``compute`` of constants, per setting where they differ, and SOME where unknown."""
    origins = 0
    known = True
    differs = False
    for value in values:
        origins |= value.m
        kind = type(value.p)
        if kind is not Known:
            known = False
            differs = differs or kind is PerSetting
    if origins & machine.params:
        origins = parameters.settle(machine, origins)
    if known:
        try:
            result = compute(*[v.p.v for v in values])  # type: ignore[union-attr]
        except FoldError:
            return Value(SOME, origins)
        if type(result) is str:
            for value in values:
                if loose_wildcard(value):
                    origins &= ~(VAL | TRAIN)
            for value in values:
                origins |= value.m & (VAL | TRAIN) & ~loose_wildcard(value)
            named = string_origins(result)
            origins = origins & ~(VAL | TRAIN) | named if named else origins  # the whole text says what it names
        elif type(result) is float and (abs(result - LN2) < 1e-6 or abs(result - 1 / LN2) < 1e-6):
            origins |= BITS
        return Value(Known(result), origins)
    if differs:
        each: list[Payload] = []
        for index in range(machine.count):
            parts = [at_setting(v.p, index) for v in values]
            if all(isinstance(p, Known) for p in parts):
                try:
                    result = compute(*[p.v for p in parts])  # type: ignore[union-attr]
                except FoldError:
                    each.append(SOME)
                    continue
                if isinstance(result, str) and (named := string_origins(result)):
                    origins = replaced(origins, named, 1 << index)  # as above, under this setting
                each.append(Known(result))
            else:
                each.append(SOME)
        return Value(per_setting(each), origins)
    return Value(SOME, origins)


def constant(machine: Machine, op: str, left: Value, right: Value) -> Value | None:
    """Return an operation on constants; None where an operand, or under some setting a token's share, is none."""
    if not isinstance(left.p, Known | PerSetting) or not isinstance(right.p, Known | PerSetting):
        return None
    out = machine.fold(lambda a, b: fold_binary(op, a, b), left, right)
    if out.m & VAL and not all(isinstance(at_setting(out.p, i), Known) for i in range(machine.count)):
        return None
    return out
