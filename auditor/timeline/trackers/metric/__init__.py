"""What is counted, and what divides it."""

from auditor.timeline.trackers.metric.best import Best
from auditor.timeline.trackers.metric.fractions import Fractions
from auditor.timeline.trackers.metric.largest import Largest
from auditor.timeline.trackers.metric.metric import Doubts
from auditor.timeline.trackers.metric.parts import Parts
from auditor.timeline.trackers.metric.stops import Stops
from auditor.timeline.trackers.metric.units import Units

TRACKERS = (Doubts, Parts, Stops, Units, Best, Largest, Fractions)
