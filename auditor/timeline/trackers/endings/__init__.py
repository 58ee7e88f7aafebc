"""What ends a loop of training."""

from auditor.timeline.trackers.endings.endings import Endings

TRACKERS = (Endings,)
