"""How predictions are blended."""

from auditor.timeline.trackers.mixtures.mixtures import Mixtures
from auditor.timeline.trackers.mixtures.ratios import Ratios

TRACKERS = (Mixtures, Ratios)
