"""How far the bytes that a table counts are from those of the raw text, and by how much that moves a score.

A model that normalises text (``nmt_nfkc``) spells "½" as "1⁄2", five bytes for two, and U+FDFA as 33 for three; runs
of blanks become one. Any SentencePiece model takes a word mark in the text for a space, one byte for three, and the
table counts no space after a bos. The metric divides by the bytes of the raw text, so each of these moves it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference_model.data.byte_count import byte_table
from reference_model.data.tokenizer import BOS, WORD_MARK, Tokenizer

_PROBES = {
    "a fraction": "½",
    "a ligature of 18 letters (U+FDFA)": "\ufdfa",
    "a full-width letter": "\uff45",
    "two spaces": "a  b",
    "a word mark of the text's own (U+2581)": f"a{WORD_MARK}b",
    "a space at the start": " a",
}


@dataclass(frozen=True)
class Drift:
    """Bytes of a text, and those that the table counts for its tokens after a bos."""

    raw: int
    counted: int

    @property
    def moved(self) -> float:
        """Return by which part bits per byte are off: -0.1 reads a tenth lower than it is. Infinite for no bytes."""
        return self.raw / self.counted - 1 if self.counted else float("inf")


def drift(tokenizer: Tokenizer, text: str) -> Drift:
    """Return the bytes of ``text`` and what a table counts for it; raises :class:`BadInput` as ``byte_table`` does."""
    tokens = np.array([BOS, *tokenizer.encode(text)], dtype=np.uint16)
    return Drift(len(text.encode()), int(byte_table(tokenizer).count(tokens).sum(dtype=np.int64)))


def drifts(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Return one sentence for each kind of text that a table of this tokenizer counts wrongly."""
    found = ((name, drift(tokenizer, text)) for name, text in _PROBES.items())
    return tuple(_told(name, each) for name, each in found if each.counted != each.raw)


def _told(name: str, each: Drift) -> str:
    if not each.counted:
        return f"{name} counts no byte for {each.raw}"
    way = "lower" if each.moved < 0 else "higher"
    return f"{name} counts {each.counted} bytes for {each.raw}: bits per byte of it read {abs(each.moved):.0%} {way}"
