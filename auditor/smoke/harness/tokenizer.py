"""A tokenizer with the size that its file's name tells: the pieces are stand-ins, their number is not."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import sys
from types import ModuleType
from typing import Any

from auditor.smoke.harness.journal import Journal
from auditor.smoke.harness.shards import vocabulary

_FIRST_BYTE = 4  # after pad, bos, eos and unk
_BYTES = 256


class SentencePieceProcessor:
    """The part of SentencePiece's class that scripts read byte tables from."""

    _size = 1024

    def __init__(self, model_file: Any = None, model_proto: Any = None, **_options: Any) -> None:
        if model_file is not None:
            self.Load(model_file)

    def Load(self, model_file: Any = None, **_options: Any) -> bool:  # noqa: N802
        """Take the size from the model's file or name."""
        path = os.fspath(model_file)
        self._size = vocabulary(os.path.basename(path))  # noqa: PTH119
        try:
            with open(path) as source:  # noqa: PTH123
                self._size = int(json.load(source)["stand-in"])
        except (OSError, ValueError, KeyError, TypeError):
            return True  # a real model that is not read here: its name tells the size
        return True

    load = Load
    LoadFromFile = Load

    def vocab_size(self) -> int:
        """Return the number of pieces."""
        return self._size

    GetPieceSize = get_piece_size = piece_size = __len__ = vocab_size

    def id_to_piece(self, token: Any) -> Any:
        """Return a piece; every other one starts a word."""
        if isinstance(token, list | tuple):
            return [self.id_to_piece(each) for each in token]
        token = int(token)
        if token < _FIRST_BYTE:
            return ("<pad>", "<s>", "</s>", "<unk>")[token]
        if self.is_byte(token):
            return f"<0x{token - _FIRST_BYTE:02X}>"
        if token == _FIRST_BYTE + _BYTES:
            return "\u2581"
        return ("\u2581" if token % 2 else "") + format(token, "x")

    IdToPiece = id_to_piece

    def piece_to_id(self, piece: Any) -> Any:
        """Return the id of a piece, else that of the unknown."""
        if isinstance(piece, list | tuple):
            return [self.piece_to_id(each) for each in piece]
        if piece == "\u2581":
            return _FIRST_BYTE + _BYTES
        names = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
        try:
            return names[piece] if piece in names else min(int(str(piece).lstrip("\u2581"), 16), self._size - 1)
        except ValueError:
            return 3

    PieceToId = piece_to_id

    def is_byte(self, token: int) -> bool:
        """Tell whether an id is a byte's fall-back."""
        return _FIRST_BYTE <= token < _FIRST_BYTE + _BYTES

    def is_control(self, token: int) -> bool:
        """Tell whether an id is one of the controls."""
        return 0 <= token < _FIRST_BYTE - 1

    def is_unknown(self, token: int) -> bool:
        """Tell whether an id is the unknown's."""
        return token == _FIRST_BYTE - 1

    def is_unused(self, token: int) -> bool:
        """Tell whether an id has no piece: none."""
        return False

    IsByte, IsControl, IsUnknown, IsUnused = is_byte, is_control, is_unknown, is_unused

    def bos_id(self) -> int:
        """Return the id that begins a document."""
        return 1

    def eos_id(self) -> int:
        """Return the id of the end."""
        return 2

    def pad_id(self) -> int:
        """Return the id of padding."""
        return 0

    def unk_id(self) -> int:
        """Return the id of the unknown."""
        return 3

    def encode(self, text: Any, *_args: Any, **options: Any) -> Any:
        """Return a text's bytes as ids."""
        if isinstance(text, list | tuple):
            return [self.encode(each) for each in text]
        ids = [_FIRST_BYTE + byte for byte in str(text).encode()]
        return [self.id_to_piece(token) for token in ids] if options.get("out_type") is str else ids

    EncodeAsIds = encode_as_ids = Encode = encode

    def decode(self, ids: Any, *_args: Any, **_options: Any) -> Any:
        """Return the pieces of ids as text."""
        if isinstance(ids, int):
            ids = [ids]
        if len(ids) and isinstance(ids[0], list | tuple):
            return [self.decode(each) for each in ids]
        return "".join(self.id_to_piece(int(token)) for token in ids).replace("\u2581", " ")

    DecodeIds = decode_ids = Decode = decode


def install(journal: Journal) -> None:
    """Let ``import sentencepiece`` find the stand-in: the model's own file is one, too."""
    module = ModuleType("sentencepiece")
    module.__spec__ = importlib.machinery.ModuleSpec("sentencepiece", None)

    class Processor(SentencePieceProcessor):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            journal.stand_in("sentencepiece")
            super().__init__(*args, **kwargs)

    Processor.__name__ = Processor.__qualname__ = "SentencePieceProcessor"
    module.SentencePieceProcessor = Processor  # type: ignore[attr-defined]
    module.__version__ = "0.2.0"  # type: ignore[attr-defined]
    sys.modules["sentencepiece"] = module
