"""The harness's file, read as a stranger's: known events, known fields, plain values, all of it capped."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

MAX_BYTES = 256 * 1024
MAX_EVENTS = 400
MAX_TEXT = 300

_FIELDS: Mapping[str, Mapping[str, type]] = {
    "begin": {},
    "ready": {},
    "imported": {},
    "model": {"kind": str, "parameters": int},
    "shape": dict.fromkeys(("vocab", "dim", "layers", "heads", "kv_heads", "sequence"), int),
    "forward": {"seconds": float, "tokens": int, "mode": str},
    "loss": {"value": float, "how": str},
    "failed": {"cause": str, "message": str, "path": str, "line": int},
    "artifact": {"status": str, "reason": str, "bytes": int, "seconds": float, "cause": str},
    "stand-in": {"name": str},
    "vocabulary": {"size": int},
    "cut": {"what": str},
    "end": {"cpu": float},
}
_MAY_BE_NO_NUMBER = frozenset({("loss", "value")})
"""A loss that isn't finite is a finding; the harness tells it in words, as JSON has no number for it."""


@dataclass(frozen=True)
class Event:
    """One thing that the harness told, ``at`` seconds after its start; ``facts`` hold only fields of the right type."""

    name: str
    at: float
    facts: Mapping[str, str | int | float]

    def text(self, field: str) -> str:
        """Return a field as text, empty when it is not there."""
        return str(self.facts.get(field, ""))

    def number(self, field: str) -> float | None:
        """Return a numeric field."""
        value = self.facts.get(field)
        return None if value is None or isinstance(value, str) else value


def read_events(data: bytes | None) -> tuple[Event, ...]:
    """Return the events of a results file's first ``MAX_BYTES`` in order; what is malformed is passed over."""
    return tuple(islice(_events((data or b"")[:MAX_BYTES]), MAX_EVENTS))


def _events(data: bytes) -> Iterator[Event]:
    for line in data.split(b"\n"):
        try:
            document = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict) and (event := _event(document)) is not None:
            yield event


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _event(document: dict[str, object]) -> Event | None:
    name, at = document.get("event"), document.get("at")
    if not isinstance(name, str) or name not in _FIELDS or not isinstance(at, int | float) or not 0 <= at < 1e6:
        return None
    facts: dict[str, str | int | float] = {}
    for field, kind in _FIELDS[name].items():
        value = document.get(field)
        if kind is str and isinstance(value, str):
            facts[field] = value[:MAX_TEXT]
        elif kind is int and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 50:
            facts[field] = value
        elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            if math.isfinite(value):
                facts[field] = float(min(max(value, -1e15), 1e15))
        elif (name, field) in _MAY_BE_NO_NUMBER and value in ("nan", "inf", "-inf"):
            facts[field] = float(str(value))
    return Event(name, float(at), facts)
