"""How the learning rate and Muon's momentum change over a run (spec section 3).

Time is training time: validation, warm-up and checkpoints are outside it. All groups share one multiplier.
"""

from __future__ import annotations

from reference_model.config import Optim, Schedule


def budget(schedule: Schedule) -> float:
    """Return the seconds that training may take: the cap less the reserve for quantisation; 0 without a cap."""
    return schedule.cap_seconds - schedule.reserve_seconds if schedule.cap_seconds > 0 else 0.0


def fraction(schedule: Schedule, step: int, elapsed: float) -> float:
    """Return how much of the run is over, from 0: of the time (``elapsed`` seconds), or of the steps without a cap."""
    seconds = budget(schedule)
    return elapsed / seconds if seconds > 0 else step / max(schedule.iterations, 1)


def multiplier(schedule: Schedule, step: int, elapsed: float) -> float:
    """Return what every learning rate is multiplied by after ``step`` steps in ``elapsed`` seconds.

    ``fraction``: 1, then straight down over the last ``warmdown_fraction`` of the run, to ``min_lr`` at the least
    (#1334). ``iterations``: straight down over the time that the last ``warmdown_iterations`` steps are expected to
    take at the speed so far (the challenge's own script).
    """
    if schedule.warmdown == "fraction":
        width = schedule.warmdown_fraction
        done = fraction(schedule, step, elapsed)
        return 1.0 if width <= 0 or done < 1.0 - width else max((1.0 - done) / width, schedule.min_lr)
    if schedule.warmdown_iterations <= 0:
        return 1.0
    seconds = budget(schedule)
    if seconds <= 0:
        left = schedule.iterations - step
        return min(1.0, max(left, 0) / schedule.warmdown_iterations)
    warmdown = schedule.warmdown_iterations * elapsed / max(step, 1)
    left_seconds = max(seconds - elapsed, 0.0)
    return left_seconds / max(warmdown, 1e-12) if left_seconds <= warmdown else 1.0


def momentum(optim: Optim, step: int) -> float:
    """Return Muon's momentum at ``step``: linear from its start to its end over the warm-up, then constant."""
    done = min(step / optim.momentum_warmup, 1.0) if optim.momentum_warmup > 0 else 1.0
    return (1.0 - done) * optim.momentum_start + done * optim.momentum
