"""Shards of tokens as the challenge stores them.

A shard is a header of 256 little-endian int32 (1,024 bytes) followed by its tokens as little-endian uint16.
``header[0]`` is 20240520, ``header[1]`` is 1 and ``header[2]`` the number of tokens; the rest is 0. Files are named
``fineweb_train_000000.bin`` and ``fineweb_val_000000.bin`` and read in the order of their names; a document may
straddle two shards. A sidecar ``fineweb_val_bytes_000000.bin`` has the same form and holds bytes per token.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reference_model.errors import BadInput

MAGIC = 20240520
VERSION = 1
HEADER_BYTES = 256 * 4
TOKEN_BYTES = 2
MAX_TOKEN = (1 << 16) - 1


class BadShard(BadInput):
    """A file that is not a whole shard; the text is one line that names the file and what is wrong."""


@dataclass(frozen=True)
class Shard:
    """One shard on disk: its path and how many tokens its header promises (and its size confirms)."""

    path: Path
    tokens: int

    def read(self, start: int = 0, stop: int | None = None) -> array[int]:
        """Return the tokens ``start`` (inclusive) to ``stop`` (exclusive; None: the end), as uint16.

        Raises IndexError when the range leaves the shard, :class:`BadShard` when the file has shrunk since.
        """
        stop = self.tokens if stop is None else stop
        if not 0 <= start <= stop <= self.tokens:
            raise IndexError(f"{self.path}: tokens {start} to {stop} of {self.tokens}")
        out: array[int] = array("H")
        if start == stop:
            return out
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            first = HEADER_BYTES + start * TOKEN_BYTES
            last = HEADER_BYTES + stop * TOKEN_BYTES
            if len(view) < last:
                raise BadShard(f"{self.path}: the file ends before token {stop}")
            out.frombytes(view[first:last])
        if sys.byteorder == "big":
            out.byteswap()
        return out


def open_shard(path: str | os.PathLike[str]) -> Shard:
    """Return the shard at ``path`` after checking magic, version and exact size; raises :class:`BadShard`."""
    place = Path(path)
    try:
        size = place.stat().st_size
        with place.open("rb") as file:
            header = file.read(HEADER_BYTES)
    except OSError as error:
        raise BadShard(f"{place}: {error.strerror or error}") from error
    if len(header) < HEADER_BYTES:
        raise BadShard(f"{place}: {size} bytes are less than a shard's header of {HEADER_BYTES}")
    magic, version, tokens = struct.unpack_from("<3i", header)
    if magic != MAGIC:
        raise BadShard(f"{place}: not a token shard (magic {magic}, expected {MAGIC})")
    if version != VERSION:
        raise BadShard(f"{place}: shard version {version}, expected {VERSION}")
    expected = HEADER_BYTES + tokens * TOKEN_BYTES
    if tokens < 0 or size != expected:
        raise BadShard(f"{place}: {size} bytes where {tokens} tokens need {expected}; fetch the file again")
    return Shard(place, tokens)


def write_shard(path: str | os.PathLike[str], tokens: Iterable[int]) -> Shard:
    """Write ``tokens`` (each 0 to 65,535) as a shard and return it; raises ValueError for any other value.

    The file appears under its name only when it is whole: it is written beside it and renamed.
    """
    data: array[int] = array("H")
    for index, token in enumerate(tokens):
        if not 0 <= token <= MAX_TOKEN:
            raise ValueError(f"token {token} at position {index} does not fit a shard (0 to {MAX_TOKEN})")
        data.append(token)
    place = Path(path)
    count = len(data)
    if sys.byteorder == "big":
        data.byteswap()
    header = struct.pack("<3i", MAGIC, VERSION, count).ljust(HEADER_BYTES, b"\0")
    partial = place.with_name(f".{place.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(header)
            data.tofile(file)
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)
    return Shard(place, count)


def split_shards(folder: str | os.PathLike[str], split: str) -> tuple[Shard, ...]:
    """Return the shards of ``split`` (``train`` or ``val``) in ``folder``, in the order of their names.

    Sidecars with bytes per token are left out. Raises :class:`BadShard` when there is none or one is broken.
    """
    place = Path(folder)
    paths = sorted(p for p in place.glob(f"fineweb_{split}_*.bin") if "_bytes_" not in p.name)
    if not paths:
        raise BadShard(f"{place}: no fineweb_{split}_*.bin in this folder")
    return tuple(open_shard(path) for path in paths)
