"""The data that runs read: made where it is the demo's, laid out as scripts expect it, and hashed."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from auditor.reproduce.model import CannotReproduce

_WHOLE = 1 << 30  # bytes; of more data than this, long shards are hashed by their size, beginning and end
_ENDS = 1 << 20
_SUFFIXES = (".bin", ".model", ".json", ".npy")


def demo_folder() -> Path:
    """Return the folder of the demo's data; it is built there when it isn't yet."""
    from platformdirs import user_cache_path

    from reference_model.data.demo import demo, is_there

    folder = user_cache_path("golf-audit") / f"demo-{sys.version_info.major}.{sys.version_info.minor}"
    if not is_there(folder):
        demo(folder)
    return folder


def lay_out(demo: Path, root: Path) -> None:
    """Copy the demo's shards and tokenizer to ``root`` under the names of the challenge's own sp1024 export."""
    shards = root / "datasets" / "fineweb10B_sp1024"
    tokenizers = root / "tokenizers"
    for folder in (shards, tokenizers):
        folder.mkdir(parents=True, exist_ok=True)
    for shard in sorted(demo.glob("fineweb_*.bin")):
        shutil.copyfile(shard, shards / shard.name)
    shutil.copyfile(demo / "tokenizer.model", tokenizers / "fineweb_1024_bpe.model")


def check(folder: Path, tokenizer: str = "") -> str:
    """Return what ``folder`` holds, in one line: training shards and their tokens, validation tokens.

    ``tokenizer`` is the preset's, whose layout and tokenizer must then be there; without one the shards may lie
    anywhere below, and a folder that lacks a split costs nothing while another has both. Every shard's header and size
    are checked. Raises :class:`CannotReproduce`.
    """
    from reference_model.data.folder import locate
    from reference_model.data.shards import BadShard, split_shards
    from reference_model.errors import BadInput

    if not folder.is_dir():
        raise CannotReproduce(f"{folder}: no such folder; --data names the one with the shards")
    try:
        places = [locate(folder, tokenizer).shards] if tokenizer else _shard_folders(folder)
        if not places:
            raise CannotReproduce(f"{folder}: no fineweb_*.bin here or below; 'golf-audit data fetch' gets them")
    except BadInput as problem:
        raise CannotReproduce(str(problem)) from None
    whole, broken = [], []
    for place in places:
        try:
            train, val = (split_shards(place, split) for split in ("train", "val"))
        except BadShard as problem:
            broken.append(str(problem))
            continue
        name = f"{place.relative_to(folder)}: " if len(places) > 1 else ""
        tokens = [sum(shard.tokens for shard in shards) for shards in (train, val)]
        whole.append(f"{name}{len(train)} training shards of {tokens[0]:,} tokens, {tokens[1]:,} to validate on")
    if not whole:
        raise CannotReproduce(broken[0])
    return "; ".join([*whole, *broken])


def _shard_folders(folder: Path) -> list[Path]:
    found = {path.parent for path in _files(folder) if path.name.startswith("fineweb_") and path.suffix == ".bin"}
    return sorted(found)


def hashes(folder: Path) -> dict[str, dict[str, object]]:
    """Return size and SHA-256 of every shard, tokenizer and sidecar below ``folder``, by relative path.

    Of more than a gigabyte, files over two megabytes are hashed by their first and last megabyte ("of": "ends").
    """
    if not folder.is_dir():
        raise CannotReproduce(f"{folder}: no such folder; --data names the one with the shards")
    files = list(_files(folder))
    whole = sum(path.stat().st_size for path in files) <= _WHOLE
    return {str(path.relative_to(folder)): _hashed(path, whole=whole) for path in files}


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in sorted(os.walk(folder)):
        yield from (Path(place) / name for name in sorted(names) if name.endswith(_SUFFIXES))


def _hashed(path: Path, *, whole: bool) -> dict[str, object]:
    size = path.stat().st_size
    if whole or size <= 2 * _ENDS:
        return {"bytes": size, "sha256": file_hash(path)}
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(_ENDS))
        file.seek(-_ENDS, os.SEEK_END)
        digest.update(file.read())
    return {"bytes": size, "sha256": digest.hexdigest(), "of": "ends"}
