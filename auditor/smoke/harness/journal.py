"""The file in scratch to which the harness tells what happened, one JSON object per line."""

from __future__ import annotations

import json
import os
from time import monotonic, process_time

MAX_TEXT = 300


class Journal:
    """Appends events and flushes each: what was told stays told, however the process ends."""

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._begun = monotonic()
        self._said: set[str] = set()

    def tell(self, event: str, **facts: object) -> None:
        """Write one event with its time in seconds since the harness started."""
        line = {"event": event, "at": round(monotonic() - self._begun, 3), **facts}
        if event == "end":
            line["cpu"] = round(process_time(), 3)
        os.write(self._handle, json.dumps(line).encode("ascii", "replace") + b"\n")

    def once(self, event: str, **facts: object) -> None:
        """Write an event the first time only."""
        if event not in self._said:
            self._said.add(event)
            self.tell(event, **facts)

    def stand_in(self, name: str) -> None:
        """Note that ``name`` was replaced and used."""
        key = f"stand-in {name}"
        if key not in self._said and len(self._said) < 200:
            self._said.add(key)
            self.tell("stand-in", name=name[:MAX_TEXT])
