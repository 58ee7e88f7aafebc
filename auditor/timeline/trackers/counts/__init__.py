"""Tables that count validation tokens: whether they hold a token before it is scored."""

from auditor.timeline.trackers.counts.answers import Answers
from auditor.timeline.trackers.counts.counts import Counts, Stores

TRACKERS = (Counts, Stores, Answers)
