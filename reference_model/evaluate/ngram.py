"""A cache of n-grams beside the model: what followed the same tokens earlier in the validation text.

The context decides everything but the answer: the longest run of previous tokens that has been seen, the counts of
what followed it, and how much they weigh. So each context gives one distribution over the whole vocabulary,
``p = (1 - a) p_model + a counts / total``, which sums to 1, and counts grow only by targets that have been scored
(spec section 5; rulings #1026, #1185 and #993 on what is not allowed).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from reference_model.config import Config
from reference_model.data.valset import Val
from reference_model.errors import BadInput
from reference_model.evaluate.predictions import predictions
from reference_model.evaluate.score import Score, Stopwatch, tensor_of
from reference_model.evaluate.sliding import Windows
from reference_model.model import GPT
from reference_model.train.ranks import Ranks

MOST_WEIGHT = 0.5
PREFILL_TOKENS = 2_000_000  # of training text, in #1499's form
_PUBLISHED = "the cache's weight depends on the target's own loss, and it is filled from training data"
_ROWS = 32

Following = Mapping[int, int]


class Cache:
    """Counts of the tokens that followed each run of up to ``order - 1`` tokens."""

    def __init__(self, order: int) -> None:
        if order < 2:
            raise BadInput(f"evaluate.ngram_order {order} is no context: use 2 or more")
        self._longest = order - 1
        self._following: dict[tuple[int, ...], dict[int, int]] = {}

    def after(self, tokens: Sequence[int], position: int) -> Following | None:
        """Return what followed the longest known context that ends at ``position`` of ``tokens``; None: nothing."""
        for length in range(min(self._longest, position + 1), 0, -1):
            found = self._following.get(tuple(tokens[position + 1 - length : position + 1]))
            if found is not None:
                return found
        return None

    def add(self, tokens: Sequence[int], first: int, stop: int) -> None:
        """Count the targets of positions ``first`` to ``stop`` (exclusive) of ``tokens``, which have been scored."""
        for position in range(first, stop):
            target = tokens[position + 1]
            for length in range(1, min(self._longest, position + 1) + 1):
                context = tuple(tokens[position + 1 - length : position + 1])
                following = self._following.setdefault(context, {})
                following[target] = following.get(target, 0) + 1


def weight(base: float, entropy: float, seen: int) -> float:
    """Return how much the cache counts, 0 to 1: more where the model is unsure and the context was seen often.

    ``entropy`` (nats) is the model's, ``seen`` the total of the counts: neither knows the target.
    """
    return min(MOST_WEIGHT, base * (1.0 + entropy / 3.0)) * seen / (seen + 1)


def mixture(
    probabilities: npt.NDArray[np.float64], following: Following | None, base: float, entropy: float
) -> npt.NDArray[np.float64]:
    """Return the mixed distribution (vocab,) of the model's ``probabilities`` (vocab,) and the cache's counts."""
    if following is None:
        return probabilities
    seen = sum(following.values())
    counts = np.zeros_like(probabilities)
    counts[list(following)] = list(following.values())
    share = weight(base, entropy, seen)
    return (1.0 - share) * probabilities + share * counts / seen


def mixed_nats(nats: float, target: int, following: Following | None, base: float, entropy: float) -> float:
    """Return the nats of ``target`` under :func:`mixture`, given the model's own ``nats`` of it."""
    if following is None:
        return nats
    seen = sum(following.values())
    share = weight(base, entropy, seen)
    return -math.log((1.0 - share) * math.exp(-nats) + share * following.get(target, 0) / seen)


def published_nats(nats: float, target: int, following: Following | None, base: float) -> float:
    """Return #1499's number for ``target``: its weight depends on the target's own loss, so it is no probability."""
    if following is None:
        return nats
    share = min(MOST_WEIGHT, base * (1.0 + nats / 3.0))
    found = following.get(target, 0) / sum(following.values())
    return -math.log(max((1.0 - share) * math.exp(-nats) + share * found, 1e-40))


def ngram(model: GPT, val: Val, config: Config, ranks: Ranks, prefill: npt.NDArray[np.uint16] | None = None) -> Score:
    """Return the score of ``model`` mixed with a cache of n-grams over the windows of ``config.evaluate``.

    ``prefill`` are training tokens that #1499's form counts beforehand; only ``ngram_published`` needs them, and its
    score is tagged invalid. Counting runs in Python, on every rank: minutes for some million targets.
    """
    watch = Stopwatch(ranks)
    scheme, plan = config.evaluate, Windows.of(config, val.targets, rows=_ROWS)
    cache = Cache(scheme.ngram_order)
    if scheme.ngram_published:
        if prefill is None:
            raise BadInput("evaluate.ngram_published needs training tokens to fill its cache from")
        cache.add(prefill.tolist(), 0, len(prefill) - 1)
    tokens: list[int] = val.tokens.tolist()
    nats = 0.0
    chosen = iter(plan.all)
    for prediction in predictions(model, tensor_of(val, ranks.device), plan, ranks):
        losses, entropies = prediction.nats.tolist(), prediction.entropy.tolist()
        for row, entropy_row in zip(losses, entropies, strict=True):
            window = next(chosen)
            for position in range(window.first, window.stop):
                place, target = position - window.start, tokens[position + 1]
                following = cache.after(tokens, position)
                if scheme.ngram_published:
                    nats += published_nats(row[place], target, following, scheme.ngram_weight)
                else:
                    nats += mixed_nats(row[place], target, following, scheme.ngram_weight, entropy_row[place])
            cache.add(tokens, window.first, window.stop)
    return watch.score("ngram", nats, *plan.totals(val), invalid=_PUBLISHED if scheme.ngram_published else plan.invalid)
