"""What is counted, and what divides it."""

from auditor.timeline.trackers.metric.metric import Doubts

TRACKERS = (Doubts,)
