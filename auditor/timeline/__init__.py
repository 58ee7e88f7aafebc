"""Follow a program abstractly and tell what it does: the timeline that rules read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.program.model import Program
from auditor.submission.model import Setting
from auditor.timeline.events import Timeline
from auditor.timeline.unheard import heard, unheard

if TYPE_CHECKING:
    from auditor.timeline.engine.relevance import Relevance


def follow(program: Program, settings: Sequence[Setting]) -> Timeline:
    """Return the timeline of ``program`` under ``settings`` (the script's defaults first)."""
    timeline, closer, relevance = _run(program, settings)
    if closer:
        timeline, _, _ = _run(program, settings, closely=True, relevance=relevance)
    return replace(timeline, unheard=unheard(program, settings), heard=heard(program, settings), closely=closer)


def follow_alone(program: Program, timeline: Timeline, bit: int) -> Timeline:
    """Return the timeline of ``program`` under one of the settings of ``timeline``, as closely as that was followed."""
    alone, _, _ = _run(program, timeline.settings, closely=timeline.closely, alone=bit)
    return replace(alone, unheard=timeline.unheard, heard=timeline.heard, closely=timeline.closely)


def _run(
    program: Program,
    settings: Sequence[Setting],
    *,
    closely: bool = False,
    relevance: Relevance | None = None,
    alone: int = 0,
) -> tuple[Timeline, bool, Relevance]:
    """Return a timeline, whether a tracker wants more kept apart, and which parts of the program matter."""
    from auditor.timeline import trackers
    from auditor.timeline.engine.machine import Machine
    from auditor.timeline.library import Libraries

    machine = Machine(
        program, settings, Libraries(), trackers.found(), closely=closely, relevance=relevance, alone=alone
    )
    try:
        return machine.run(), not closely and bool(machine.signals.wants_closer()), machine.relevance
    finally:
        machine.release()
