"""Tasks for the executors' tests. They travel to fresh processes, so they live in a module without pytest."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.executors.child import retire
from auditor.executors.model import Lost


@dataclass(frozen=True)
class Telling:
    """Does what a payload says, (verb, value); ``place`` is a folder in which it leaves traces."""

    place: str = ""

    def prepare(self) -> None:
        return

    def __call__(self, payload: tuple[str, Any]) -> Any:
        verb, value = payload
        if verb == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif verb == "sleep":
            time.sleep(value)
        elif verb == "exit":
            raise SystemExit(0)
        elif verb == "raise":
            raise UnpicklableError(value, "second")
        elif verb == "memory":
            bytearray(64 << 30)
        elif verb == "fill":
            retire()
        elif verb == "refuse":
            raise Lost(f"no {value} here")
        elif verb == "trace":
            with (Path(self.place) / str(value)).open("a") as file:
                file.write(f"{os.getpid()}\n")
            time.sleep(0.2)
        elif verb == "once":
            # The first time around the process that hosts this one is lost, as with a node.
            mark = Path(self.place) / f"once-{value}"
            if not mark.exists():
                mark.write_text("")
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(30)
        elif verb == "pid":
            return os.getpid()
        return value


class UnpicklableError(Exception):
    """It takes more than it passes on, so that it can't be made again from what was pickled."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)
        self.two = two
