"""What a score rests on: which parts of it were followed, and which were not."""

from auditor.timeline.trackers.ledger.ledger import Ledger

TRACKERS = (Ledger,)
