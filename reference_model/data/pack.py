"""Any text as shards: documents to tokens, the first of them the validation split.

A packed folder holds ``tokenizer.model``, ``fineweb_train_*.bin`` and ``fineweb_val_*.bin`` as the challenge writes
them, ``val.txt`` and ``packed.json`` (totals, and a hash of all the rest). ``val.txt`` is the validation text as it is
scored, so that an ordinary compressor can be run on the same text. With CaseOps there is a sidecar of bytes per token.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import msgspec

from reference_model.data import caseops
from reference_model.data.folder import TOKENIZER_BYTES, TOKENIZER_MODEL
from reference_model.data.shards import write_shard
from reference_model.data.tokenizer import (
    BOS,
    BYTE_VOCAB,
    Bytes,
    SentencePiece,
    Tokenizer,
    describe_bytes,
    train_tokenizer,
)
from reference_model.data.variants import SHARD_TOKENS
from reference_model.errors import BadInput

Unit = Literal["file", "paragraph", "line"]
VAL_TEXT = "val.txt"
RECORD = "packed.json"


@dataclass(frozen=True)
class Packed:
    """What a packed folder holds; ``sha256`` covers its tokenizer, shards and validation text."""

    vocab_size: int
    documents: int
    val_documents: int
    train_tokens: int
    val_tokens: int
    val_text_bytes: int
    sha256: str


@dataclass(frozen=True)
class Scheme:
    """How to pack: ids of the tokenizer, its kind, the share of text for validation, and tokens in a full shard."""

    vocab_size: int = 1024
    tokenizer: Literal["bpe", "bytes", "caseops"] = "bpe"
    val_share: float = 0.05
    shard_tokens: int = SHARD_TOKENS


def read_documents(paths: Sequence[str | os.PathLike[str]], unit: Unit = "file") -> list[str]:
    """Return the documents in text files: a ``.jsonl`` holds one a line, of any other file each ``unit`` is one.

    A line of a ``.jsonl`` is a string or an object with ``text``. Raises :class:`BadInput` for a file that can't be
    read as UTF-8 text, or when there is no document in any.
    """
    documents = [document for path in paths for document in _documents_of(Path(path), unit)]
    if not documents:
        raise BadInput(f"{', '.join(str(path) for path in paths)}: no text")
    return documents


def pack(documents: Sequence[str], out: str | os.PathLike[str], scheme: Scheme) -> Packed:
    """Train a tokenizer on the training documents, write the packed folder ``out`` and return what it holds.

    The first documents, up to ``scheme.val_share`` of the text, are the validation split and never reach the
    tokenizer. The same documents and scheme give the same files. Raises :class:`BadInput` when ``out`` holds shards
    already, can't be written, or there are too few documents for two splits.
    """
    folder = Path(out)
    if next(folder.glob("fineweb_*.bin"), None) is not None:
        raise BadInput(f"{folder}: holds shards already; give another folder")
    val, train = split(documents, scheme.val_share)
    texts = [caseops.encode(text) for text in train] if scheme.tokenizer == "caseops" else train
    model, tokenizer = _make_tokenizer(texts, scheme)
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        name = TOKENIZER_BYTES if scheme.tokenizer == "bytes" else TOKENIZER_MODEL
        (partial / name).write_bytes(model)
        packed = _write(partial, val, train, tokenizer, scheme)
        (partial / RECORD).write_text(json.dumps(asdict(packed), indent=2) + "\n", encoding="utf-8")
        folder.mkdir(exist_ok=True)
        # The record comes last, so that a folder with a record is whole.
        for path in sorted(partial.iterdir(), key=lambda path: path.name == RECORD):
            path.replace(folder / path.name)
        partial.rmdir()
    except OSError as error:
        raise BadInput(f"{error.filename or folder}: {error.strerror or error}") from error
    return packed


def _write(folder: Path, val: Sequence[str], train: Sequence[str], tokenizer: Tokenizer, scheme: Scheme) -> Packed:
    """Write validation text and all shards beside the tokenizer in ``folder``; return what it holds."""
    scored = [_scored_text(text, tokenizer, scheme) for text in val]
    (folder / VAL_TEXT).write_text("\n".join(scored), encoding="utf-8", newline="")
    return Packed(
        vocab_size=tokenizer.vocab_size,
        documents=len(val) + len(train),
        val_documents=len(val),
        train_tokens=_write_split(folder, "train", train, tokenizer, scheme),
        val_tokens=_write_split(folder, "val", val, tokenizer, scheme),
        val_text_bytes=sum(len(text.encode()) for text in scored),
        sha256=_hash(folder),
    )


def split(documents: Sequence[str], val_share: float) -> tuple[Sequence[str], Sequence[str]]:
    """Return the first documents that make up ``val_share`` of the text (at least one), and the rest."""
    if len(documents) < 2:
        raise BadInput("one document can't be both training and validation text; --documents paragraph splits it")
    wanted = val_share * sum(len(text) for text in documents)
    count = taken = 0
    while count < len(documents) - 1 and (taken < wanted or not count):
        taken += len(documents[count])
        count += 1
    return documents[:count], documents[count:]


def read_record(folder: Path) -> Packed | None:
    """Return what a packed folder says that it holds; None for any other folder. Raises :class:`BadInput`."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Packed)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(f"{path}: not the record of a packed folder; pack the text again") from error


def _documents_of(path: Path, unit: Unit) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BadInput(f"{path}: {reason or error}") from error
    if path.suffix == ".jsonl":
        parts = [_text_of(path, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    elif unit == "file":
        parts = [text]
    else:
        parts = text.split("\n\n") if unit == "paragraph" else text.splitlines()
    return [part for part in parts if part.strip()]


def _text_of(path: Path, number: int, line: str) -> str:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise BadInput(f"{path}, line {number}: not JSON") from error
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise BadInput(f"{path}, line {number}: neither a string nor an object with a string 'text'")
    return text


def _make_tokenizer(texts: Sequence[str], scheme: Scheme) -> tuple[bytes, Tokenizer]:
    if scheme.tokenizer == "bytes":
        if scheme.vocab_size != BYTE_VOCAB:
            raise BadInput(f"the byte tokenizer has {BYTE_VOCAB} ids, not {scheme.vocab_size}")
        return describe_bytes(), Bytes()
    if scheme.tokenizer == "caseops":
        # Bytes are counted on the original text, so nothing may be normalised away before.
        model = train_tokenizer(texts, scheme.vocab_size, normalization="identity", symbols=caseops.OPERATORS)
    else:
        model = train_tokenizer(texts, scheme.vocab_size)
    tokenizer = SentencePiece(model)
    if tokenizer.vocab_size != scheme.vocab_size:
        raise BadInput(
            f"the text is enough for {tokenizer.vocab_size} ids, not for {scheme.vocab_size}; lower --vocab or add text"
        )
    return model, tokenizer


def _write_split(folder: Path, name: str, texts: Sequence[str], tokenizer: Tokenizer, scheme: Scheme) -> int:
    """Write the shards of one split (and, for CaseOps validation text, its sidecar); return the number of tokens."""
    tokens, counts = array("H"), array("H")
    for text in texts:
        for token, count in _encode(text, tokenizer, scheme):
            tokens.append(token)
            counts.append(count)
    for number, start in enumerate(range(0, len(tokens), scheme.shard_tokens)):
        part = slice(start, start + scheme.shard_tokens)
        write_shard(folder / f"fineweb_{name}_{number:06d}.bin", tokens[part])
        if scheme.tokenizer == "caseops" and name == "val":
            write_shard(folder / f"fineweb_{name}_bytes_{number:06d}.bin", counts[part])
    return len(tokens)


def _encode(text: str, tokenizer: Tokenizer, scheme: Scheme) -> Iterator[tuple[int, int]]:
    """Yield the tokens of a document, bos first, each with the bytes of text it stands for (CaseOps only, else 0)."""
    yield BOS, 0
    if scheme.tokenizer == "caseops" and isinstance(tokenizer, SentencePiece):
        encoded = caseops.encode(text)
        spans = tokenizer.spans(encoded)
        counts = caseops.original_bytes(encoded, [width for _, width in spans])
        yield from zip((token for token, _ in spans), counts, strict=True)
    else:
        yield from ((token, 0) for token in tokenizer.encode(text))


def _scored_text(text: str, tokenizer: Tokenizer, scheme: Scheme) -> str:
    """Return the text whose bytes a score divides by: normalised by a BPE model, else as it is."""
    if scheme.tokenizer == "bpe" and isinstance(tokenizer, SentencePiece):
        return tokenizer.normalize(text)
    return text


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name != RECORD and not path.name.startswith("."):
            digest.update(path.name.encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
