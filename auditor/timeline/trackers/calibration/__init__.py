"""What a model is told without training it."""

from auditor.timeline.trackers.calibration.calibration import Calibrations

TRACKERS = (Calibrations,)
