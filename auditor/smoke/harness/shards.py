"""Synthetic data in the challenge's shard format: 256 little-endian int32 of header, then uint16 tokens."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC, VERSION, HEADER = 20240520, 1, 256
BOS = 1
TRAIN_TOKENS, VAL_TOKENS = 1 << 20, 1 << 18
DOCUMENT = 600  # tokens between two starts of a document
Tokens = npt.NDArray[Any]
Validation = Callable[[int], Tokens]
"""Gives the validation tokens, (tokens,), for a vocabulary's size."""
_VOCABULARY = re.compile(
    r"sp[_-]?(?:bpe[_-]?)?(\d{3,6}|\d{1,3}k)(?!\d)|(?<!\d)(\d{3,6})[_-]?(?:bpe|vocab)|(?:vocab|v|bpe)[_-]?(\d{3,6})(?!\d)",
    re.I,
)


def vocabulary(path: str) -> int:
    """Return the vocabulary that the run is set to (VOCAB_SIZE), else the path's name tells, else 1,024.

    A command that sets the one and not the other was run where the files had the right one. The run's own folder, which
    is called at random, tells nothing.
    """
    path = _told(path)
    given = os.environ.get("VOCAB_SIZE", "")
    if re.fullmatch(r"[1-9]\d{1,4}", given):
        return int(given)
    if "byte260" in path:
        return 260
    found = [next(group for group in match.groups() if group) for match in _VOCABULARY.finditer(path)]
    if not found:
        return 1024
    last = found[-1].lower()
    return min(int(last[:-1]) * 1024 if last.endswith("k") else int(last), 65_536)


def _told(path: str) -> str:
    """Return the part of a path that the script named."""
    return path.removeprefix(os.environ.get("HOME", ""))


@dataclass(frozen=True)
class Sets:
    """What the shards hold: ``val`` gives other validation tokens than uniform ones; ``bare`` ones have no header.

    ``train`` is how many tokens a shard for training has.
    """

    val: Validation | None = None
    bare: bool = False
    train: int = TRAIN_TOKENS

    def write_shard(self, path: str, *, sidecar: bool, val: bool, size: int) -> None:
        """Write one shard of ids below ``size``; a sidecar holds bytes per token instead."""
        body = self.val(size) if val and self.val is not None else None
        if sidecar or body is None:
            count = VAL_TOKENS if val else self.train
            body = _uniform(path, count if body is None else len(body), None if sidecar else size)
        header = np.zeros(0 if self.bare else HEADER, "<i4")
        header[:3] = (MAGIC, VERSION, len(body))[: len(header)]
        with open(path, "wb") as out:  # noqa: PTH123 (pathlib goes through the functions that are replaced)
            out.write(header.tobytes() + body.astype("<u2").tobytes())

    def write(self, folder: str) -> None:
        """Write two train shards, one of validation, and its sidecar of bytes where the folder's name asks for it."""
        size = vocabulary(folder)
        for number in range(2):
            self.write_shard(f"{folder}/fineweb_train_{number:06d}.bin", sidecar=False, val=False, size=size)
        self.write_shard(f"{folder}/fineweb_val_000000.bin", sidecar=False, val=True, size=size)
        if re.search("case|caps|lossless", _told(folder), re.I):
            self.write_shard(f"{folder}/fineweb_val_bytes_000000.bin", sidecar=True, val=True, size=size)


def _uniform(path: str, count: int, size: int | None) -> Tokens:
    """Return (count,) uniform ids below ``size``, with starts of documents; bytes per token where it is None."""
    rng = np.random.default_rng(len(path))
    if size is None:
        body = rng.integers(1, 6, count)
        body[::DOCUMENT] = 0
    else:
        body = rng.integers(min(4, size - 1), size, count)
        body[::DOCUMENT] = min(BOS, size - 1)
    return body
