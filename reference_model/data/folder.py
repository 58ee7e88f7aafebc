"""Where a run finds its shards and its tokenizer.

Two layouts are read. The challenge's own: ``datasets/fineweb10B_sp1024/fineweb_*.bin`` beside
``tokenizers/fineweb_1024_bpe.model``. And a packed folder, which ``golf-audit data pack`` and ``data demo`` write:
``fineweb_*.bin``, ``tokenizer.model`` (or ``tokenizer.json`` for bytes) side by side.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from reference_model.data.variants import official
from reference_model.errors import BadInput

TOKENIZER_MODEL = "tokenizer.model"
TOKENIZER_BYTES = "tokenizer.json"


@dataclass(frozen=True)
class Place:
    """The folder with the shards of a run, and the file of the tokenizer that made them."""

    shards: Path
    tokenizer: Path


def locate(folder: str | os.PathLike[str], tokenizer: str) -> Place:
    """Return where ``folder`` keeps the data of ``tokenizer`` (a variant's name, or any name for own text).

    Raises :class:`BadInput` when the folder holds no shards, or no tokenizer to count their bytes with.
    """
    root = Path(folder)
    variant = official(tokenizer)
    shards = root
    if variant is not None and not _has_shards(root):
        shards = root / "datasets" / variant.dataset
    if not _has_shards(shards):
        raise BadInput(f"{shards}: no fineweb_*.bin here; {_how_to_get(tokenizer, root)}")
    candidates = [shards / TOKENIZER_MODEL, shards / TOKENIZER_BYTES]
    if variant is not None:
        # Shards given directly still have their tokenizer where the challenge puts it: two folders up, or beside.
        candidates = [
            shards / variant.tokenizer_file,
            shards.parent.parent / "tokenizers" / variant.tokenizer_file,
            root / "tokenizers" / variant.tokenizer_file,
            *candidates,
        ]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise BadInput(f"{candidates[0]}: no tokenizer for the shards in {shards}; {_how_to_get(tokenizer, root)}")
    return Place(shards, found)


def _has_shards(folder: Path) -> bool:
    return next(folder.glob("fineweb_*.bin"), None) is not None


def _how_to_get(tokenizer: str, root: Path) -> str:
    if official(tokenizer) is not None:
        return f"'golf-audit data fetch --variant {tokenizer} --out {root}' downloads them"
    command = "data demo" if tokenizer == "demo" else "data pack TEXT..."
    return f"'golf-audit {command} --out {root}' makes them"
