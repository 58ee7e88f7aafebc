"""What an evaluation fits on the window that it scores."""

from auditor.timeline.trackers.slots.slots import Slots

TRACKERS = (Slots,)
