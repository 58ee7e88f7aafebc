"""What a module holds, as far as all settings agree."""

from __future__ import annotations

from auditor.timeline.values.payloads import Either, Heap, Known, PerSetting, Value


def plain(value: Value | None) -> object:
    """Return an object or a constant that all settings agree on."""
    if value is None:
        return None
    if isinstance(value.p, Heap):
        return value.p
    if isinstance(value.p, Either):
        return next((option for option in value.p.options if isinstance(option, Heap)), None)
    if isinstance(value.p, Known):
        return value.p.v
    if isinstance(value.p, PerSetting):
        each = {repr(p.v) for p in value.p.each[1:] if isinstance(p, Known)}
        first = value.p.each[1] if len(value.p.each) > 1 else None
        if len(each) == 1 and all(isinstance(p, Known) for p in value.p.each[1:]) and isinstance(first, Known):
            return first.v
    return None
