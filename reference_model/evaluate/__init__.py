"""Scores of a finished model: plain, with sliding windows, while learning from what is scored, mixed with counts.

Four conditions make a score valid (issue #1017): a prediction depends on earlier tokens only; it is a distribution
over the whole vocabulary that is fixed before the target is known; a target is scored before anything learns from it;
and the text is gone through once. A score that breaks one says so in :attr:`Score.invalid`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from reference_model.config import Config
from reference_model.data.valset import Val
from reference_model.evaluate.hedge import hedge
from reference_model.evaluate.ngram import ngram
from reference_model.evaluate.roundtrip import roundtrip
from reference_model.evaluate.score import Score
from reference_model.evaluate.score_first import score_first
from reference_model.evaluate.sliding import sliding
from reference_model.model import GPT
from reference_model.train.ranks import Ranks

Evaluation = Callable[[GPT, Val, Config, Ranks], Score]

__all__ = ["Score", "evaluate_all", "evaluations"]


def evaluate_all(
    model: GPT,
    val: Val,
    config: Config,
    ranks: Ranks,
    report: Callable[[Score], None],
    *,
    prefill: npt.NDArray[np.uint16] | None = None,
) -> tuple[Score, ...]:
    """Return all scores that ``config.evaluate`` asks for, the last of which is final; ``report`` gets each at once.

    ``model`` is the reloaded artifact and stays as it is. ``prefill`` is training text for #1499's n-gram cache.
    """
    model.eval()
    scores = []
    for evaluation in evaluations(config, prefill):
        score = evaluation(model, val, config, ranks)
        report(score)
        scores.append(score)
    return tuple(scores)


def evaluations(config: Config, prefill: npt.NDArray[np.uint16] | None = None) -> Iterator[Evaluation]:
    """Yield the evaluations that ``config.evaluate`` asks for, in their order."""
    scheme = config.evaluate
    yield roundtrip
    if scheme.stride:
        yield sliding
    if scheme.score_first.kind != "none":
        yield score_first
    if scheme.ngram_order:
        yield partial(ngram, prefill=prefill)
    if scheme.hedge != "none":
        yield hedge
