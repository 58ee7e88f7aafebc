"""Who learns from what, and which scores come after it."""

from auditor.timeline.trackers.adaptation.effects import Adaptations

TRACKERS = (Adaptations,)
