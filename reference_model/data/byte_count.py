"""How many bytes of text a token stands for: the denominator of val_bpb.

A piece that begins with a word mark stands for a space and the rest, but the space belongs to the text only where the
token before is text too: after a bos there is none. So the bytes of a target depend on the token before it:
``bytes(t) = base[t] + (space[t] and not boundary[previous])``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reference_model.data.tokenizer import WORD_MARK, Kind, Tokenizer
from reference_model.errors import BadInput

Tokens = npt.NDArray[np.uint16]
_STEP = 1 << 22  # tokens looked up at a time, to keep the intermediate arrays small


@dataclass(frozen=True)
class ByteTable:
    """Per id, each of shape (vocab,): bytes without the leading space, whether there is one, and whether it is text.

    ``boundary`` is true for ids that stand for no text; a space after them isn't counted.
    """

    base: npt.NDArray[np.uint16]
    space: npt.NDArray[np.bool_]
    boundary: npt.NDArray[np.bool_]

    def count(self, tokens: Tokens) -> npt.NDArray[np.uint16]:
        """Return the bytes (N,) of each of ``tokens`` (N,) as a target after its predecessor.

        Position 0 is never a target: 0 bytes. Raises :class:`BadInput` for an id beyond the table.
        """
        counts = np.zeros(tokens.shape, dtype=np.uint16)
        for start in range(1, len(tokens), _STEP):
            part = np.asarray(tokens[start - 1 : start + _STEP])
            highest = int(part.max())
            if highest >= len(self.base):
                raise BadInput(f"token id {highest} is beyond the tokenizer's vocabulary of {len(self.base)}")
            target, previous = part[1:], part[:-1]
            counts[start : start + _STEP] = self.base[target] + (self.space[target] & ~self.boundary[previous])
        return counts


def byte_table(tokenizer: Tokenizer, vocab_size: int = 0) -> ByteTable:
    """Return the table of ``tokenizer`` for a model of ``vocab_size`` ids (at least the tokenizer's own number).

    Raises :class:`BadInput` for a tokenizer that this way of counting gets wrong: one without the lone word mark as
    an id (issue #897), or with a word mark inside a piece, which would count 3 bytes for one space.
    """
    size = max(tokenizer.vocab_size, vocab_size)
    base = np.zeros(size, dtype=np.uint16)
    space = np.zeros(size, dtype=np.bool_)
    boundary = np.ones(size, dtype=np.bool_)
    pieces = 0
    lone_mark = False
    for token in range(tokenizer.vocab_size):
        kind = tokenizer.kind(token)
        if kind is Kind.MARK:
            continue
        boundary[token] = False
        if kind is Kind.BYTE:
            base[token] = 1
            continue
        pieces += 1
        piece = tokenizer.piece(token)
        lone_mark = lone_mark or piece == WORD_MARK
        rest = piece.removeprefix(WORD_MARK)
        if WORD_MARK in rest:
            raise BadInput(f"the tokenizer's piece {token} has a space inside: its bytes can't be counted by a table")
        space[token] = rest != piece
        base[token] = len(rest.encode())
    if pieces and not lone_mark:
        raise BadInput("the tokenizer has no id for a lone space: a table would count its bytes wrongly (issue #897)")
    return ByteTable(base, space, boundary)
