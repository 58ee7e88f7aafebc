"""What decides which prediction of a token counts, and how much of it: choices, gates, weights, shifts."""

from auditor.timeline.trackers.selection.knowing import Knowing
from auditor.timeline.trackers.selection.marks import Marks
from auditor.timeline.trackers.selection.outliers import Outliers
from auditor.timeline.trackers.selection.pointed import Pointed
from auditor.timeline.trackers.selection.powers import Powers
from auditor.timeline.trackers.selection.running import Running
from auditor.timeline.trackers.selection.several import Several
from auditor.timeline.trackers.selection.shares import Shares
from auditor.timeline.trackers.selection.totals import Totals
from auditor.timeline.trackers.selection.tracker import Selection

TRACKERS = (Marks, Selection, Knowing, Pointed, Shares, Powers, Running, Totals, Several, Outliers)
