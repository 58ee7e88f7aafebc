"""The challenge's published shards, from the Hugging Face hub.

The manifest in each repository says how many shards there are and which tokenizer made them; files come one by one
into the challenge's own layout (``datasets/…``, ``tokenizers/…``). What is whole is not fetched again; within a file
the hub's client goes on after a broken connection, but an interrupted command begins that file anew.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from reference_model.data.shards import HEADER_BYTES, TOKEN_BYTES, BadShard, open_shard
from reference_model.data.tokenizer import load_tokenizer
from reference_model.data.variants import SHARD_TOKENS, Variant, find
from reference_model.errors import BadInput

Report = Callable[[str], None]
_PATIENCE = 20.0  # seconds
_PARTIAL = ".download"  # beside the data: what isn't whole yet


@dataclass(frozen=True)
class Plan:
    """The files of a download, as paths in the repository: small ones, and shards with the most bytes they can have."""

    tokenizer: str
    shards: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """All files, the small one first."""
        return (self.tokenizer, *self.shards)


def fetch(variant_name: str, train_shards: int, out: str | os.PathLike[str], report: Report) -> Path:
    """Download a variant's validation split, tokenizer and first ``train_shards`` training shards; return their folder.

    ``report`` gets a line for each file. Raises :class:`BadInput`, in one line, for an unknown variant, more shards
    than there are, too little disk, a file that arrives broken, or no connection; what has arrived stays.
    """
    variant = find(variant_name)
    root = Path(out)
    hub = _Hub(variant, root)
    # The manifest is fetched anew each time: it is small, and says what there is now.
    manifest = hub.download(f"{variant.root}/manifest.json")
    plan = make_plan(variant, _read_manifest(manifest, variant), train_shards)
    missing = [name for name in plan.files if not _is_whole(local_path(root, variant, name))]
    _check_disk(root, missing)
    for number, name in enumerate(missing, 1):
        report(f"{number}/{len(missing)} {PurePosixPath(name).name}")
        arrived = hub.download(name)
        _move(arrived, local_path(root, variant, name))
    _check_tokenizer(local_path(root, variant, plan.tokenizer), variant)
    _move(manifest, root / "manifest.json")
    shutil.rmtree(root / _PARTIAL, ignore_errors=True)
    return root / "datasets" / variant.dataset


def make_plan(variant: Variant, manifest: dict[str, Any], train_shards: int) -> Plan:
    """Return the files to fetch, by what ``manifest`` says there is; raises :class:`BadInput`."""
    try:
        entry = next(item for item in manifest["datasets"] if item["name"] == variant.dataset)
        tokenizer = next(item for item in manifest["tokenizers"] if item["name"] == entry["tokenizer_name"])
        there, val_shards = int(entry["stats"]["files_train"]), int(entry["stats"]["files_val"])
        model = str(tokenizer["model_path"])
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise BadInput(f"{variant.repository}: its manifest doesn't describe {variant.dataset}") from error
    if train_shards > there:
        raise BadInput(f"{variant.repository} has {there} training shards of {variant.name}, not {train_shards}")
    base = f"{variant.root}/datasets/{variant.dataset}"
    names = [f"{base}/fineweb_val_{index:06d}.bin" for index in range(val_shards)]
    if variant.sidecar:
        names += [f"{base}/fineweb_val_bytes_{index:06d}.bin" for index in range(val_shards)]
    names += [f"{base}/fineweb_train_{index:06d}.bin" for index in range(train_shards)]
    # The manifest of somebody else's repository names a file; only its name is taken, never a place.
    return Plan(f"{variant.root}/tokenizers/{PurePosixPath(model).name}", tuple(names))


def local_path(root: Path, variant: Variant, name: str) -> Path:
    """Return where the repository's file ``name`` lies in the challenge's local layout."""
    path = PurePosixPath(name)
    if path.parent.name == "tokenizers":
        return root / "tokenizers" / variant.tokenizer_file
    return root / "datasets" / variant.dataset / path.name


class _Hub:
    """One dataset repository; files are downloaded below ``root``, so that they can be moved into place."""

    def __init__(self, variant: Variant, root: Path) -> None:
        self._variant, self._folder = variant, root / _PARTIAL
        self._reached = False

    def download(self, name: str) -> Path:
        """Return the local copy of the repository's file ``name``; raises :class:`BadInput` when it can't be had."""
        try:
            from huggingface_hub import constants, hf_hub_download
            from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
        except ImportError as error:
            raise BadInput("huggingface_hub is not installed; pip install 'golf-audit[reproduce]'") from error
        repository = self._variant.repository
        where = f"{constants.ENDPOINT} ({repository}, {name})"
        if not self._reached:
            # The client tries again for half a minute before it gives up on a machine without a network.
            _ask(constants.ENDPOINT, where)
            self._reached = True
        try:
            found = hf_hub_download(repository, name, repo_type="dataset", local_dir=self._folder)
        except (LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
            raise _unreachable(where) from error
        except HfHubHTTPError as error:
            raise BadInput(f"{where}: the hub answers {_status(error)}") from error
        except OSError as error:
            raise BadInput(f"{where}: {error.strerror or ' '.join(str(error).split())}") from error
        return Path(found)


def _ask(endpoint: str, where: str) -> None:
    """Raise :class:`BadInput` when nothing answers at ``endpoint``; any answer will do."""
    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=_PATIENCE):
            pass
    except urllib.error.HTTPError as answer:
        answer.close()
    except (OSError, ValueError) as error:
        raise _unreachable(where) from error


def _unreachable(where: str) -> BadInput:
    return BadInput(
        f"no connection to {where}; what is whole stays, and the same command goes on from there. "
        "HF_ENDPOINT names a mirror; 'golf-audit data demo' needs no network"
    )


def _status(error: Any) -> str:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return "that there is no such file" if status == 404 else f"with status {status}"


def _read_manifest(path: Path, variant: Variant) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{variant.repository}: its manifest can't be read") from error
    if not isinstance(manifest, dict):
        raise BadInput(f"{variant.repository}: its manifest can't be read")
    return manifest


def _is_whole(path: Path) -> bool:
    if path.suffix != ".bin":
        return path.is_file()
    try:
        open_shard(path)
    except BadShard:
        return False
    return True


def _move(arrived: Path, place: Path) -> None:
    """Put a file that has arrived under its name, after checking that it is whole."""
    if arrived.suffix == ".bin":
        try:
            open_shard(arrived)
        except BadShard:
            arrived.unlink()
            raise
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        arrived.replace(place)
    except OSError as error:
        raise BadInput(f"{place}: {error.strerror or error}") from error


def _check_tokenizer(path: Path, variant: Variant) -> None:
    found = load_tokenizer(path).vocab_size
    if found != variant.vocab_size:
        raise BadInput(f"{path}: a vocabulary of {found} ids where {variant.name} has {variant.vocab_size}")


def _check_disk(root: Path, missing: list[str]) -> None:
    shards = sum(name.endswith(".bin") for name in missing)
    needed = shards * (HEADER_BYTES + SHARD_TOKENS * TOKEN_BYTES)
    place = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise BadInput(
            f"{root}: {shards} shards take up to {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            "--train-shards N fetches fewer"
        )
