"""Follow a program abstractly and tell what it does: the timeline that rules read."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.program.model import Program
from auditor.submission.model import Setting
from auditor.timeline.events import Timeline


def follow(program: Program, settings: Sequence[Setting]) -> Timeline:
    """Return the timeline of ``program`` under ``settings`` (the script's defaults first)."""
    from auditor.timeline.engine.machine import Machine

    machine = Machine(program, settings)
    timeline = machine.run()
    if machine.slots.fitted:
        # The evaluation fits something of its own: follow once more, with the positions inside windows.
        timeline = Machine(program, settings, watching=True).run()
    return timeline
