"""Follow a program abstractly and tell what it does: the timeline that rules read."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from auditor.program.model import Program
from auditor.submission.model import Setting
from auditor.timeline.events import Timeline
from auditor.timeline.unheard import heard, unheard


def follow(program: Program, settings: Sequence[Setting]) -> Timeline:
    """Return the timeline of ``program`` under ``settings`` (the script's defaults first)."""
    from auditor.timeline import trackers
    from auditor.timeline.engine.machine import Machine
    from auditor.timeline.library import Libraries

    kinds = trackers.found()
    machine = Machine(program, settings, Libraries(), kinds)
    timeline = machine.run()
    closer, relevance = machine.signals.wants_closer(), machine.relevance
    machine.release()
    if closer:
        machine = Machine(program, settings, Libraries(), kinds, closely=True, relevance=relevance)
        timeline = machine.run()
        machine.release()
    return replace(timeline, unheard=unheard(program, settings), heard=heard(program, settings))
