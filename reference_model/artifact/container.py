"""The file that holds a model: magic, a JSON index, streams of raw numbers. No pickle: loading it runs nothing.

Layout, all integers little-endian::

    8 bytes   magic "GOLFREF1"
    4 bytes   length of the index
    index     zlib of UTF-8 JSON {"streams": [[name, compressor, shuffled, bytes], ...],
                                  "tensors": [{"name", "parts": [[field, dtype, stream, offset, shape], ...]}, ...]}
    streams   one after the other, each compressed

A stream holds its integers first, those of few bits before those of many, and all kinds by name; the index has no
spaces. So two saves of the same state are the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reference_model.artifact.compress import CODERS, Coder, Stored, coder, decompress, tried
from reference_model.artifact.roles import order_rows, role_of, undo_order
from reference_model.artifact.shuffle import shuffle, unshuffle
from reference_model.config import Config
from reference_model.errors import BadInput, RunFailed
from reference_model.quantize.qtensor import LowRank, QTensor

MAGIC = b"GOLFREF1"
_DTYPES = {"int8": torch.int8, "float16": torch.float16, "float32": torch.float32, "uint16": torch.uint16}
_MAX_INDEX = 1 << 24


@dataclass(frozen=True)
class Artifact:
    """The bytes of the file, and of each of its streams what every coder made of it, the one that it holds first."""

    data: bytes
    streams: Mapping[str, Sequence[Stored]]

    @property
    def coder(self) -> str:
        """Return what undoes its streams; where they differ, that of the most bytes."""
        bytes_of: dict[str, int] = {}
        for stored in self.streams.values():
            bytes_of[stored[0].coder.name] = bytes_of.get(stored[0].coder.name, 0) + len(stored[0].data)
        return max(bytes_of, key=lambda name: bytes_of[name])

    def why(self) -> str:
        """Return one line: which coders the streams took, and what the others would have made of the largest."""
        _, largest = max(self.streams.items(), key=lambda stream: len(stream[1][0].data))
        first, *others = largest
        if not others:
            return f"container: {first.coder.label}, as published"
        sizes = ", ".join(f"{stored.coder.label} {len(stored.data):,}" for stored in others)
        many = f"the largest of {len(self.streams)} streams: " if len(self.streams) > 1 else ""
        return f"container: {many}{first.coder.label}, the smallest at {len(first.data):,} bytes ({sizes})"


def encode(tensors: Mapping[str, QTensor], config: Config) -> Artifact:
    """Return the artifact for ``tensors`` with the shuffle of ``config`` and the coders that it allows.

    As published it is the published system's own; else each stream takes the smallest of all that are installed.
    """
    scheme = config.quantize
    by_role = scheme.compressor == "roles"
    parts = [
        (name, field, value) for name, tensor in sorted(tensors.items()) for field, value in _parts(tensor, by_role)
    ]
    streams: dict[str, bytearray] = {}
    index: dict[str, list[list[Any]]] = {name: [] for name in sorted(tensors)}
    for name, field, value in sorted(parts, key=_place):
        stream = role_of(name, field, str(value.dtype)) if by_role else "all"
        data = streams.setdefault(stream, bytearray())
        index[name].append([field, str(value.dtype).removeprefix("torch."), stream, len(data), list(value.shape)])
        data += _bytes(value)
    table, blobs = [], []
    made: dict[str, Sequence[Stored]] = {}
    for stream, data in sorted(streams.items()):
        shuffled = scheme.byte_shuffle
        plain = shuffle(bytes(data)) if shuffled else bytes(data)
        made[stream] = tried(plain, _allowed(config))
        stored = made[stream][0]
        table.append([stream, stored.coder.name, int(shuffled), len(stored.data)])
        blobs.append(stored.data)
    entries = [{"name": name, "parts": places} for name, places in index.items()]
    text = json.dumps({"streams": table, "tensors": entries}, separators=(",", ":"), sort_keys=True)
    head = zlib.compress(text.encode(), 9)
    return Artifact(MAGIC + struct.pack("<I", len(head)) + head + b"".join(blobs), made)


def decode(data: bytes, where: str = "artifact") -> dict[str, QTensor]:
    """Return the tensors in ``data``; raises :class:`BadInput`, naming ``where``, for anything that is not whole."""
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + 4:
        raise BadInput(f"{where}: not an artifact of the reference model (no {MAGIC.decode()} at its start)")
    (length,) = struct.unpack_from("<I", data, len(MAGIC))
    start = len(MAGIC) + 4
    if length > _MAX_INDEX or start + length > len(data):
        raise BadInput(f"{where}: the file ends within its index; pack the run again")
    try:
        index = json.loads(decompress(data[start : start + length], "zlib"))
        streams = _streams(data[start + length :], index["streams"])
        return {entry["name"]: _tensor(entry["parts"], streams) for entry in index["tensors"]}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadInput(f"{where}: the artifact is broken ({error}); pack the run again") from error


def save(path: Path, artifact: Artifact) -> int:
    """Write the artifact to ``path`` and return its size in bytes.

    The file appears under its name only when it is whole. Raises :class:`RunFailed` when it can't be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(artifact.data)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise RunFailed(f"{path}: the artifact can't be written ({error.strerror or error})") from error
    return len(artifact.data)


def load(path: Path) -> dict[str, QTensor]:
    """Return the tensors in the file at ``path``; raises :class:`BadInput` when it isn't a whole artifact."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from error
    return decode(data, str(path))


def _allowed(config: Config) -> Sequence[Coder]:
    """Return the coders that a stream may take. Streams by role took the smallest in the published system too.

    For a stranger's file to open everywhere, only that one asks for the program lrzip.
    """
    by_role = config.quantize.compressor == "roles"
    if config.mode == "published":
        names = ("brotli", "lzma", "lrzip") if by_role else (config.quantize.compressor,)
        return [coder(name) for name in names]  # type: ignore[arg-type]
    return [known for known in CODERS if by_role or known.name != "lrzip"]


def _place(part: tuple[str, str, Tensor]) -> tuple[bool, int]:
    """Return what a stream is ordered by: integers before all else, and among them by the bits that they use.

    They are the bulk. A scale between two matrices ends what a compressor knows of them; and it counts symbols block by
    block, so that a block of 33 values and of 127 in turn costs what neither does alone (#1453: .54 % of the artifact).
    """
    value = part[2]
    if value.dtype is not torch.int8:
        return True, 0
    return False, int(value.abs().max()).bit_length() if value.numel() else 0


def _parts(tensor: QTensor, by_role: bool) -> Iterable[tuple[str, Tensor]]:
    if tensor.values is not None:
        yield "values", tensor.values
        return
    assert tensor.integers is not None
    assert tensor.scale is not None
    if by_role and tensor.integers.ndim == 2:
        order, rows = order_rows(tensor.integers)
        yield "order", order
        yield "transposed", rows.T
    else:
        yield "integers", tensor.integers
    yield "scale", tensor.scale
    if tensor.low_rank is not None:
        yield "a", tensor.low_rank.a
        yield "a_scale", tensor.low_rank.a_scale
        yield "b", tensor.low_rank.b
        yield "b_scale", tensor.low_rank.b_scale


def _bytes(value: Tensor) -> bytes:
    array = value.detach().cpu().contiguous().numpy()
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _streams(data: bytes, table: list[list[Any]]) -> dict[str, bytes]:
    out, start = {}, 0
    for name, compressor, shuffled, length in table:
        if not 0 <= length <= len(data) - start:
            raise ValueError(f"stream {name} ends beyond the file")
        plain = decompress(data[start : start + length], compressor)
        out[name] = unshuffle(plain) if shuffled else plain
        start += length
    if start != len(data):
        raise ValueError(f"{len(data) - start} bytes follow the last stream")
    return out


def _tensor(parts: list[list[Any]], streams: Mapping[str, bytes]) -> QTensor:
    fields = {field: _read(streams[stream], dtype, offset, shape) for field, dtype, stream, offset, shape in parts}
    if "values" in fields:
        return QTensor(values=fields["values"])
    integers = fields["integers"] if "integers" in fields else undo_order(fields["order"], fields["transposed"].T)
    low_rank = None
    if "a" in fields:
        low_rank = LowRank(fields["a"], fields["a_scale"], fields["b"], fields["b_scale"])
    return QTensor(integers=integers, scale=fields["scale"], low_rank=low_rank)


def _read(stream: bytes, dtype: str, offset: int, shape: list[int]) -> Tensor:
    if dtype not in _DTYPES:
        raise ValueError(f"unknown dtype {dtype}")
    count = math.prod(shape)
    if min([0, offset, *shape]) < 0 or offset + count * _DTYPES[dtype].itemsize > len(stream):
        raise ValueError("a tensor lies outside its stream")
    array = np.frombuffer(stream, dtype=np.dtype(dtype).newbyteorder("<"), count=count, offset=offset)
    return torch.from_numpy(array.astype(dtype).reshape(shape))
