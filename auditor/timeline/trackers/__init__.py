"""One room for each question that a reviewer asks: each listens to the engine and writes events.

A room's ``TRACKERS`` take part; nothing has to be registered, and taking a room away takes its findings away.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.timeline.engine.signals import Tracker


@cache
def found() -> tuple[type[Tracker], ...]:
    """Return the trackers of all rooms."""
    rooms = sorted(room.name for room in pkgutil.iter_modules(__path__) if room.ispkg)
    return tuple(kind for room in rooms for kind in importlib.import_module(f"{__name__}.{room}").TRACKERS)
