"""Where a script reaches out of the machine."""

from auditor.timeline.trackers.network.network import Outside

TRACKERS = (Outside,)
