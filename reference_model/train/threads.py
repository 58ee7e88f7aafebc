"""How many threads a training step is worth on a CPU.

A small step is thousands of short operations, and a thread that joins in each of them is woken and waits as often: it
costs processor time, and the sums that it takes part in come out in another order. On one thread a demo's score does
not depend on the number of cores.
"""

from __future__ import annotations

from reference_model.config import Config
from reference_model.model.size import parameters

_WORTH_SHARING = 1 << 33  # parameters times tokens of a step; the demo has 6e8, the challenge's smallest system 3e12


def worth(config: Config, cores: int) -> int:
    """Return how many of ``cores`` threads should compute a step of ``config``: one where it is small, else all."""
    return max(1, cores) if parameters(config.model) * config.data.batch_tokens >= _WORTH_SHARING else 1
