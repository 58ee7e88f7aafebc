"""Text to token ids: SentencePiece models as the challenge trains them, and its plain bytes.

Ids 0 to 3 are pad, bos, eos and unk for every tokenizer. A document is encoded as bos and then its tokens; there is no
eos (see :mod:`reference_model.data.pack`).
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from reference_model.errors import BadInput

PAD, BOS, EOS, UNK = range(4)
SPECIALS = 4
WORD_MARK = "\u2581"  # SentencePiece writes a space as this character
BYTE_VOCAB = SPECIALS + 256


class Kind(Enum):
    """What one id of a vocabulary stands for, as far as counting bytes cares."""

    MARK = "control, unknown or unused: stands for no text"
    BYTE = "one byte of a character that has no piece of its own"
    PIECE = "text"


class Tokenizer(Protocol):
    """What packing and byte counting need of a tokenizer."""

    @property
    def vocab_size(self) -> int:
        """The number of ids."""

    def kind(self, token: int) -> Kind:
        """Return what id ``token`` stands for."""

    def piece(self, token: int) -> str:
        """Return the text of a :attr:`Kind.PIECE`, with spaces as word marks."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``, without bos."""


class SentencePiece:
    """A SentencePiece model, read from the bytes of its file."""

    def __init__(self, model: bytes, name: str = "tokenizer") -> None:
        """Raise :class:`BadInput` when ``model`` is no model or its special ids aren't the challenge's."""
        self._processor: Any = _sentencepiece().SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except (RuntimeError, ValueError) as error:  # what the C++ side raises for a broken file
            raise BadInput(f"{name}: not a SentencePiece model") from error
        if self._processor.bos_id() != BOS:
            raise BadInput(f"{name}: bos has id {self._processor.bos_id()}, the challenge's shards need {BOS}")

    @property
    def vocab_size(self) -> int:
        """The number of ids."""
        return int(self._processor.GetPieceSize())

    def kind(self, token: int) -> Kind:
        """Return what id ``token`` stands for."""
        processor = self._processor
        if processor.IsControl(token) or processor.IsUnknown(token) or processor.IsUnused(token):
            return Kind.MARK
        return Kind.BYTE if processor.IsByte(token) else Kind.PIECE

    def piece(self, token: int) -> str:
        """Return the text of id ``token``, with spaces as word marks."""
        return str(self._processor.IdToPiece(token))

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``, without bos."""
        return list(self._processor.EncodeAsIds(text))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return, for each token of ``text``, its id and how many of the text's UTF-8 bytes it covers.

        This needs a model that leaves text as it is (``normalization="identity"``). Raises :class:`BadInput` for text
        with a word mark of its own, which a model can't tell from a space.
        """
        spans = [(token, self._width(token)) for token in self.encode(text)]
        if WORD_MARK in text or sum(width for _, width in spans) != len(text.encode()):
            raise BadInput(f"text that holds {WORD_MARK!r} can't be counted byte by byte: {text[:40]!r}")
        return spans

    def _width(self, token: int) -> int:
        return 1 if self.kind(token) is Kind.BYTE else len(self.piece(token).replace(WORD_MARK, " ").encode())

    def normalize(self, text: str) -> str:
        """Return ``text`` as the model sees it: NFKC, runs of blanks as one space."""
        return str(self._processor.Normalize(text)).replace(WORD_MARK, " ")


class Bytes:
    """The challenge's byte260: four specials, then one id for each byte."""

    vocab_size = BYTE_VOCAB

    def kind(self, token: int) -> Kind:
        """Return what id ``token`` stands for."""
        return Kind.MARK if token < SPECIALS else Kind.BYTE

    def piece(self, token: int) -> str:
        """Return nothing: no id of a byte tokenizer is a piece; raises ValueError."""
        raise ValueError(f"id {token} is a byte, not a piece")

    def encode(self, text: str) -> list[int]:
        """Return the ids of the UTF-8 bytes of ``text``."""
        return [SPECIALS + byte for byte in text.encode()]


def load_tokenizer(path: str | os.PathLike[str]) -> Tokenizer:
    """Return the tokenizer in the file ``path`` (a SentencePiece ``.model``, or ``.json`` for bytes).

    Raises :class:`BadInput` when the file is missing or isn't one.
    """
    place = Path(path)
    try:
        raw = place.read_bytes()
    except OSError as error:
        raise BadInput(f"{place}: {error.strerror or error}") from error
    if place.suffix != ".json":
        return SentencePiece(raw, str(place))
    try:
        kind = json.loads(raw).get("tokenizer_type")
    except (ValueError, AttributeError) as error:
        raise BadInput(f"{place}: not the description of a tokenizer") from error
    if kind != "pure_byte":
        raise BadInput(f"{place}: tokenizer_type {kind!r} is not known; expected 'pure_byte'")
    return Bytes()


def describe_bytes() -> bytes:
    """Return the file that stands for the byte tokenizer beside shards."""
    return (json.dumps({"tokenizer_type": "pure_byte", "vocab_size": BYTE_VOCAB}) + "\n").encode()


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, *, normalization: str = "nmt_nfkc", symbols: Sequence[str] = ()
) -> bytes:
    """Return the file of a SentencePiece BPE model trained on ``texts`` with the challenge's options.

    ``symbols`` get an id each and are never split or merged. The same texts give the same bytes. Raises
    :class:`BadInput` when the texts can't fill ``vocab_size``, or leave no room for 256 bytes and the specials.
    """
    if vocab_size < BYTE_VOCAB + len(symbols) + 1:
        raise BadInput(f"a vocabulary of {vocab_size} is too small: bytes and special ids alone take {BYTE_VOCAB}")
    model = io.BytesIO()
    # Long sentences would be left out by the trainer, so it gets lines.
    lines = (line for text in texts for line in text.splitlines() if line.strip())
    options: dict[str, Any] = {
        "sentence_iterator": lines,
        "model_writer": model,
        "model_type": "bpe",
        "vocab_size": vocab_size,
        "character_coverage": 0.999,
        "byte_fallback": True,
        "split_digits": True,
        "normalization_rule_name": normalization,
        "add_dummy_prefix": False,
        "pad_id": PAD,
        "bos_id": BOS,
        "eos_id": EOS,
        "unk_id": UNK,
        "hard_vocab_limit": False,
        "user_defined_symbols": list(symbols),
        "num_threads": 1,  # one order of counting, hence one model
        "minloglevel": 2,
    }
    if normalization == "identity":
        options["remove_extra_whitespaces"] = False
    try:
        _sentencepiece().SentencePieceTrainer.Train(**options)
    except RuntimeError as error:
        raise BadInput(f"no tokenizer of {vocab_size} ids can be trained on this text: {_reason(error)}") from error
    return model.getvalue()


def _reason(error: RuntimeError) -> str:
    # The trainer names its own source line and condition first; what follows is for people.
    return " ".join(str(error).split("]")[-1].split()) or "the text is too short"


def _sentencepiece() -> Any:  # the package has no types
    try:
        import sentencepiece
    except ImportError as error:
        raise BadInput("SentencePiece is not installed; pip install 'golf-audit[reproduce]'") from error
    return sentencepiece
