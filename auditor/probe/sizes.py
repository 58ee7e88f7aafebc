"""Bytes of validation tokens under the stand-in tokenizer, as the challenge counts them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from auditor.probe.tokens import Tokens
from auditor.smoke.harness.tokenizer import SentencePieceProcessor


def byte_counts(tokens: Tokens, size: int) -> npt.NDArray[np.int64]:
    """Return the bytes of each of (tokens,), the first of which has no token before it.

    A byte token is one byte, a control none; a leading space counts, but not at the start of a document.
    Source: ``eval_val`` of the challenge's train_gpt.py.
    """
    pieces = SentencePieceProcessor()
    pieces._size = size
    base, spaced = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=bool)
    edge = np.zeros(size, dtype=bool)
    for token in range(size):
        if pieces.is_control(token) or pieces.is_unknown(token) or pieces.is_unused(token):
            edge[token] = True
        elif pieces.is_byte(token):
            base[token] = 1
        else:
            piece = str(pieces.id_to_piece(token))
            spaced[token] = piece.startswith("\u2581")
            base[token] = len(piece.removeprefix("\u2581").encode("utf-8"))
    before = np.concatenate(([0], tokens[:-1]))
    return np.asarray(base[tokens] + (spaced[tokens] & ~edge[before]))
