"""Generators as values: whether something is one, and what it gives."""

from __future__ import annotations

from auditor.timeline.values.payloads import (
    UNKNOWN,
    Either,
    PerSetting,
    Stream,
    Value,
    join,
)


def streams(value: Value) -> bool:
    """Return whether ``value`` may be a generator."""
    p = value.p
    if isinstance(p, PerSetting | Either):
        return any(isinstance(option, Stream) for option in (p.each if isinstance(p, PerSetting) else p.options))
    return isinstance(p, Stream)


def element(stream: Stream) -> Value:
    """Return what a generator gives, any of it: its body is followed, once."""
    if stream.element is None or not stream.spent:
        found: list[Value] = []

        def keep(item: Value) -> Value:
            found.append(item)
            return UNKNOWN

        stream.spent = True
        stream.pull(keep)
        for item in found:
            stream.element = item if stream.element is None else join(stream.element, item)
    return stream.element or UNKNOWN
