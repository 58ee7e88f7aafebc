"""Keys of look-up tables, and whether the token being scored is in them."""

from auditor.timeline.trackers.keys.caches import Lookups
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.keys.spots import Spots

TRACKERS = (Keys, Lookups, Spots)
