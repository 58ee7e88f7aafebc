"""The validation split: its tokens, the bytes each stands for, and where its documents begin."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reference_model.config import Config
from reference_model.data.byte_count import byte_table
from reference_model.data.documents import Positions, document_starts
from reference_model.data.folder import Place, locate
from reference_model.data.loader import check_tokenizer
from reference_model.data.pack import Packed, read_record
from reference_model.data.shards import BadShard
from reference_model.data.stream import Tokens, open_stream, read_sidecar
from reference_model.data.tokenizer import load_tokenizer
from reference_model.data.variants import BYTES_TOLERANCE, Variant, official
from reference_model.errors import BadInput


@dataclass(frozen=True)
class Val:
    """Validation ``tokens`` (N,), the ``byte_counts`` (N,) of each as a target, and ``documents`` (D,), their starts.

    Token 0 is never a target and counts 0 bytes; a later bos is a target of 0 bytes.
    """

    tokens: Tokens
    byte_counts: npt.NDArray[np.uint16]
    documents: Positions

    @property
    def targets(self) -> int:
        """The number of targets: each token but the first."""
        return len(self.tokens) - 1

    def bytes_between(self, first: int, stop: int) -> int:
        """Return the bytes of the targets of positions ``first`` to ``stop`` (exclusive); position p predicts p+1."""
        return int(self.byte_counts[first + 1 : stop + 1].sum(dtype=np.int64))


def open_val(config: Config, folder: str | os.PathLike[str]) -> Val:
    """Return the validation split in ``folder``, trimmed to whole rows of ``config.data.seq_len`` and one token.

    Bytes come from the sidecar where the tokenizer has one (CaseOps, or a packed folder that holds one), else from
    the tokenizer's table. The totals are asserted: the canonical ones for a published variant, for a packed folder
    those of its record. Raises :class:`BadInput` when something is missing, broken, too short or not that split.
    """
    place = locate(folder, config.data.tokenizer)
    check_tokenizer(config, place)
    stream = open_stream(place.shards, "val")
    tokens = stream.take(0, stream.tokens)
    highest = int(tokens.max())
    if highest >= config.model.vocab_size:
        raise BadInput(
            f"{place.shards}: validation token {highest} is beyond model.vocab_size {config.model.vocab_size}"
        )
    variant = official(config.data.tokenizer)
    counts = _byte_counts(tokens, place, variant)
    if variant is not None:
        _assert_totals(variant, counts, place)
    elif (record := read_record(place.shards)) is not None:
        _assert_packed(record, counts, place)
    kept = trimmed(len(tokens), config.data.seq_len)
    if kept < 2:
        raise BadInput(
            f"{place.shards}: {len(tokens)} validation tokens are fewer than one row of {config.data.seq_len}"
        )
    return Val(tokens[:kept], counts[:kept], document_starts(tokens[:kept]))


def trimmed(tokens: int, seq_len: int) -> int:
    """Return how many of ``tokens`` are kept: whole rows of ``seq_len`` targets, and the token before the first."""
    return (tokens - 1) // seq_len * seq_len + 1


def _byte_counts(tokens: Tokens, place: Place, variant: Variant | None) -> npt.NDArray[np.uint16]:
    if variant is not None:
        wanted = variant.sidecar
    else:
        wanted = next(place.shards.glob("fineweb_val_bytes_*.bin"), None) is not None
    if not wanted:
        return byte_table(load_tokenizer(place.tokenizer)).count(tokens)
    counts = read_sidecar(place.shards)
    if len(counts) != len(tokens):
        raise BadShard(
            f"{place.shards}: the sidecar counts {len(counts)} tokens, the validation split has {len(tokens)}"
        )
    counts[0] = 0
    return counts


def _assert_packed(record: Packed, counts: npt.NDArray[np.uint16], place: Place) -> None:
    size = int(counts.sum(dtype=np.int64))
    if (len(counts), size) != (record.val_tokens, record.val_text_bytes):
        raise BadInput(
            f"{place.shards}: {len(counts):,} validation tokens of {size:,} bytes, but {record.val_tokens:,} of "
            f"{record.val_text_bytes:,} were packed: {place.tokenizer.name} or the shards are not those packed here"
        )


def _assert_totals(variant: Variant, counts: npt.NDArray[np.uint16], place: Place) -> None:
    kept = trimmed(len(counts), variant.val_row)
    found = int(counts[:kept].sum(dtype=np.int64))
    if kept - 1 != variant.val_targets or abs(found - variant.val_bytes) > BYTES_TOLERANCE:
        raise BadInput(
            f"{place.shards}: the validation split has {kept - 1:,} targets of {found:,} bytes, but that of "
            f"{variant.name} has {variant.val_targets:,} of {variant.val_bytes:,}: a score over it can't be compared"
        )
