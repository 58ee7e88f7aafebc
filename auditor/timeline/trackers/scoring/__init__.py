"""What is scored: the model applied to validation tokens, and the scores that are reported."""

from auditor.timeline.trackers.scoring.scores import Scores

TRACKERS = (Scores,)
