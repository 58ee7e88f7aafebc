"""What simple compressors make of the same validation text: a score means something beside these.

Unigram: how often each token stood in the training text, and nothing else. bzip2 and xz: the programs, on the
validation text alone. All in bits per byte of that text.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from reference_model.data.tokenizer import SPECIALS, WORD_MARK, Bytes, Kind, Tokenizer
from reference_model.data.valset import Val

MOST_BYTES = 32_000_000  # of text: beyond, xz alone takes a minute

Tokens = npt.NDArray[np.uint16]


def yardsticks(val: Val, train: Tokens, tokenizer: Tokenizer) -> dict[str, float]:
    """Return bits per byte of ``val`` by name: ``unigram`` fitted on the tokens ``train`` (N,), ``bzip2``, ``xz``."""
    text = decoded(val.tokens, tokenizer)
    size = int(val.byte_counts.sum(dtype=np.int64))
    return {
        "unigram": unigram(val.tokens[1:], train, tokenizer.vocab_size) * (len(val.tokens) - 1) / size,
        "bzip2": 8 * len(bz2.compress(text, 9)) / size,
        "xz": 8 * len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)) / size,
    }


def unigram(targets: Tokens, train: Tokens, vocab_size: int) -> float:
    """Return the mean bits of ``targets`` under the frequencies of ``train``, one added to each token's count."""
    counts = np.bincount(train, minlength=vocab_size).astype(np.float64) + 1.0
    bits = -np.log2(counts / counts.sum())
    return float(bits[targets].mean())


def decoded(tokens: Tokens, tokenizer: Tokenizer) -> bytes:
    """Return the text of ``tokens`` as the byte count of a score sees it: no bytes for marks and document starts."""
    return b"".join(_parts(tokens, tokenizer))


def _parts(tokens: Tokens, tokenizer: Tokenizer) -> Iterator[bytes]:
    after_mark = True  # a space at the start of a document stands for no text
    for token in tokens.tolist():
        kind = tokenizer.kind(token)
        if kind is Kind.PIECE:
            piece = tokenizer.piece(token)
            text = piece.replace(WORD_MARK, " ")
            yield text[1:].encode() if after_mark and piece.startswith(WORD_MARK) else text.encode()
        elif kind is Kind.BYTE:
            yield bytes([_byte(token, tokenizer)])
        after_mark = kind is Kind.MARK


def _byte(token: int, tokenizer: Tokenizer) -> int:
    if isinstance(tokenizer, Bytes):
        return token - SPECIALS
    return int(tokenizer.piece(token)[1:-1], 16)  # "<0x0A>"


def affordable(val: Val) -> bool:
    """Whether the text is short enough for all yardsticks to take seconds."""
    total = int(val.byte_counts.sum(dtype=np.int64))
    return 0 < total <= MOST_BYTES
