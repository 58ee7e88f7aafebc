"""Whether a model's forward lets a position read later ones."""

from auditor.timeline.trackers.forwards.forwards import Forwards
from auditor.timeline.trackers.forwards.noise import Noise

TRACKERS = (Noise, Forwards)
