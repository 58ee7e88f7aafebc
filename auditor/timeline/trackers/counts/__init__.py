"""Tables that count validation tokens: whether they hold a token before it is scored."""

from auditor.timeline.trackers.counts.answers import Answers
from auditor.timeline.trackers.counts.counts import Counts, Stores
from auditor.timeline.trackers.counts.rescored import Rescored

TRACKERS = (Counts, Stores, Answers, Rescored)
