"""A score that submission.json files under val_loss.

The early form of submission.json asks for both keys, and some who fill in one take the other's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from auditor.evidence.claims import ClaimSet
from auditor.evidence.run import Run
from auditor.regex import regex

_LEAST_DECIMALS = 3  # of a figure that is known again by its digits
_IN_WORDS = regex(r"(?<![\w.])(\d\.\d{3,18})(?![\w.])")


def score_by_its_name(metadata: ClaimSet, readme: ClaimSet, runs: Iterable[Run]) -> ClaimSet:
    """Return the claims of submission.json with a loss that is the score under the score's name.

    That is so where it names no score, and its ``val_loss`` has the digits of a score that the README or a log tells
    (bits per byte) and of no loss that a log tells (nats per token).
    """
    loss = metadata.first("val_loss")
    if loss is None or metadata.retracted or any(c.name == "val_bpb" for c in metadata.numbers):
        return metadata
    if loss.decimals < _LEAST_DECIMALS:
        return metadata
    runs = tuple(runs)
    near = 0.5 * 10.0**-loss.decimals + 1e-9
    if any(abs(value - loss.value) <= near for value in _losses(runs)):
        return metadata
    if not any(abs(value - loss.value) <= near for value in _scores(readme, runs)):
        return metadata
    named = (replace(claim, name="val_bpb") if claim.name == "val_loss" else claim for claim in metadata.numbers)
    return replace(metadata, numbers=tuple(named))


def _losses(runs: tuple[Run, ...]) -> Iterator[float]:
    for run in runs:
        yield from (m.val_loss for m in run.metrics if m.val_loss is not None)
        yield from (v.value for v in run.numbers("val_loss"))


def _scores(readme: ClaimSet, runs: tuple[Run, ...]) -> Iterator[float]:
    yield from (claim.value for claim in readme.all("val_bpb"))
    for title in readme.texts:
        yield from (float(digits) for digits in _IN_WORDS.findall(title.value))
    for run in runs:
        yield from (m.val_bpb for m in run.metrics if m.role in ("final", "pre-quant"))
