"""Numbers that values are known to be, setting by setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.timeline.values.payloads import Known, PerSetting, Value, at_setting

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def numbers(machine: Machine, value: Value) -> dict[int, float]:
    """Return the constant number that a value is, by the number of the setting in play (those where it is one)."""
    if not isinstance(value.p, Known | PerSetting):
        return {}
    out: dict[int, float] = {}
    for index in range(1, machine.count):
        payload = at_setting(value.p, index)
        if isinstance(payload, Known) and isinstance(payload.v, int | float) and not isinstance(payload.v, bool):
            out[index] = float(payload.v)
    return out
