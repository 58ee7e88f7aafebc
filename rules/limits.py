"""The challenge's budgets as the rules on evidence apply them, in one place."""

from __future__ import annotations

TRAIN_SECONDS = 600.0  # README: training takes at most ten minutes
EVAL_SECONDS = 600.0  # README: and so does evaluation, apart from training
CLOCK_SLACK = 2.0  # seconds: the clock is looked at between steps, so most honest runs end slightly late
CLOCK_NOISE = 0.1  # seconds that a synchronisation before the printing adds
RESERVE_SLACK = 15.0  # seconds beyond the training time by which accepted rows end their calibration
GPUS = 8  # H100 SXM
