"""The validation set as logs show it: tokens by tokenizer, and the bytes that a run's scores were divided by."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from auditor.challenge.model import Data
from auditor.evidence.counted import Counted
from auditor.evidence.denominator import bytes_per_token
from auditor.evidence.printed import Metric, Value
from auditor.evidence.run import Run
from auditor.regex import regex

WRONG = 0.003  # relative: ten times what honest runs differ by
SAME_TOKENS = 0.002  # relative: whole sequences cut the end differently

_SAME_TEXT = 0.05  # relative: a denominator that is off by so little is off, and the text the same

_VOCABULARY = regex(r"sp[_-]?(\d{3,5})(?!\d)|fineweb_(\d{3,5})_bpe")
_PER_BYTE = (1.0, 1 / math.log(2))
_NAMES = ("train_data", "tokenizer", "val_data")


class Rightly(Struct, frozen=True):
    """Where some line of a submission's logs divides rightly: for which token counts, with which tokenizers."""

    tokens: frozenset[float]
    tokenizers: frozenset[str]


class Denominator(Struct, frozen=True):
    """What a run's counted score was divided by.

    ``ratio`` is bytes per token by loss and score, ``tokens`` the printed number of validation tokens. ``name`` is
    the tokenizer, ``named`` whether data or file names say so (else it is concluded from the vocabulary's size).
    ``mixed``: other lines over the same tokens divide rightly, so that this one prints two quantities.
    """

    counted: Counted
    ratio: float
    tokens: Value[float] | None
    name: str | None
    named: bool
    mixed: bool
    data: Data

    @property
    def implied(self) -> float | None:
        """Return the bytes of the validation set that the score implies."""
        return None if self.tokens is None else self.ratio * self.tokens.value

    @property
    def whole(self) -> bool:
        """Tell whether the number of tokens is that of the whole set with a known tokenizer."""
        return self.tokens is not None and is_a_whole_count(self.tokens.value, self.data)


def rightly_divided(runs: Sequence[Run], data: Data) -> Rightly:
    """Return where some line of the runs divides its score by the validation set's bytes."""
    counts: set[float] = set()
    tokenizers: set[str] = set()
    for run in runs:
        tokens, name = validation_tokens(run), tokenizer(run, data)[0]
        usual = data.bytes_per_token.get(name or "")
        for m in run.metrics:
            ratio = bytes_per_token(m.val_loss, m.val_bpb) if m.val_loss is not None else None
            if ratio is None or m.role not in ("final", "pre-quant"):
                continue
            if tokens is not None and data.bytes is not None and abs(ratio * tokens.value / data.bytes - 1) <= WRONG:
                counts.add(tokens.value)
            if name is not None and usual is not None and abs(ratio / usual - 1) <= WRONG:
                tokenizers.add(name)
    return Rightly(frozenset(counts), frozenset(tokenizers))


def denominator(counted: Counted, rightly: Rightly, data: Data) -> Denominator | None:
    """Return what a counted score was divided by, None when its log prints no loss per token beside it.

    ``rightly`` tells of all runs of the submission.
    """
    run, score = counted.run, counted.exact
    loss = _loss(run, score)
    rounded = 0.5 * 10.0**-score.decimals
    if loss is None or rounded / max(score.val_bpb, rounded) + rounded / max(loss, rounded) > WRONG:
        return None  # what rounding leaves out would make as much of a difference
    ratio = None if loss is None else bytes_per_token(loss, score.val_bpb)
    name, named = tokenizer(run, data)
    if ratio is None or (name != "bytes" and _is_per_byte(ratio)):
        return None
    tokens = validation_tokens(run)
    if tokens is not None and tokens.value in data.also_tokens:
        return None
    mixed = tokens.value in rightly.tokens if tokens is not None else name in rightly.tokenizers
    return Denominator(counted, ratio, tokens, name, named, mixed, data)


def text_scored(run: Run, data: Data) -> float:
    """Return the bytes of the text that a run scored: the whole set's, or what its losses say of another one's."""
    whole = float(data.bytes or 0)
    tokens = validation_tokens(run)
    if tokens is None or is_a_whole_count(tokens.value, data):
        return whole
    for m in reversed(run.metrics):
        ratio = bytes_per_token(m.val_loss, m.val_bpb) if m.val_loss is not None else None
        if ratio is None or m.role not in ("final", "pre-quant") or _is_per_byte(ratio):
            continue
        implied = ratio * tokens.value
        return whole if abs(implied / whole - 1) <= _SAME_TEXT else implied
    return whole


def is_a_whole_count(tokens: float, data: Data) -> bool:
    """Tell whether a number of tokens is that of the whole set with any known tokenizer."""
    return tokens in data.also_tokens or any(_same(tokens, usual) for usual in data.tokens_of.values())


def validation_tokens(run: Run) -> Value[float] | None:
    """Return the largest printed number of validation tokens: others are of parts."""
    return max(run.numbers("val_tokens"), key=lambda v: v.value, default=None)


def tokenizer(run: Run, data: Data) -> tuple[str | None, bool]:
    """Return the known tokenizer that a run used, and whether the name of a file or folder says so."""
    names = " ".join(str(v.value).lower() for field in _NAMES for v in run.all(field))
    match = _VOCABULARY.search(names)
    size = (match[1] or match[2]) if match else ""
    if size == "8192":
        kind = (
            "caseops" if "caseops" in names or "lossless_caps" in names else "casefold" if "casefold" in names else ""
        )
        return f"sp8192 {kind}".strip(), True
    if size:
        plain = f"sp{size}" in data.bytes_per_token and "case" not in names
        return (f"sp{size}", True) if plain else (None, False)
    vocabulary = run.first("vocab_size")
    if vocabulary is not None and f"sp{vocabulary.value:.0f}" in data.bytes_per_token:
        return f"sp{vocabulary.value:.0f}", False
    return None, False


def is_count_of(tokens: float, name: str | None, data: Data) -> bool | None:
    """Tell whether a number of tokens is the whole set's with a tokenizer, None when that is not known."""
    usual = data.tokens_of.get(name or "")
    return None if usual is None else _same(tokens, usual)


def _loss(run: Run, score: Metric) -> float | None:
    if score.val_loss is not None:
        return score.val_loss
    last = run.score
    return run.val_loss if last is not None and last.line == score.line else None


def _is_per_byte(ratio: float) -> bool:
    return any(abs(ratio / unit - 1) <= WRONG for unit in _PER_BYTE)


def _same(tokens: float, usual: int) -> bool:
    return abs(tokens / usual - 1) <= SAME_TOKENS
