"""Training under a clock: ranks, gradient accumulation, warm-up, the loop, checkpoints."""
