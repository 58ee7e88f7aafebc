"""What a script's own helper falls back to where a switch is not set."""

from auditor.timeline.trackers.fallbacks.fallbacks import Fallbacks

TRACKERS = (Fallbacks,)
