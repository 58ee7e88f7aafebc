"""Who learns from what, and which scores come after it."""

from auditor.timeline.trackers.adaptation.by_hand import ByHand
from auditor.timeline.trackers.adaptation.effects import Adaptations
from auditor.timeline.trackers.adaptation.shifts import Shifts
from auditor.timeline.trackers.adaptation.writes import Writes

TRACKERS = (Adaptations, ByHand, Shifts, Writes)
