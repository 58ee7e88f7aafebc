"""Data that a score rests on directly."""

from auditor.timeline.trackers.files.opened import Openings

TRACKERS = (Openings,)
