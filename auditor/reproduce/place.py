"""Where a node finds the data of a run: a folder that is there, or is fetched once and checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from auditor.reproduce.data import file_hash, hashes
from auditor.reproduce.model import CannotReproduce


@dataclass(frozen=True)
class DataPlace:
    """A data folder on every node.

    ``source`` is where it comes from when it isn't there: a folder that the nodes see, or a variant of
    ``golf-audit data fetch`` with ``train_shards`` of its shards. ``sha256`` are whole files that must be so, by
    their path in the folder; ``known`` is what :func:`auditor.reproduce.data.hashes` says of the same folder where
    the runs are planned.
    """

    path: str
    source: str | None = None
    train_shards: int = 80
    sha256: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def obtain(place: DataPlace) -> Path:
    """Return the data's folder on this machine, whole and checked; raises :class:`CannotReproduce`.

    Of several processes that lack it one fetches, and the others wait.
    """
    folder = Path(place.path)
    if not folder.is_dir() and place.source is None:
        raise CannotReproduce(f"{folder}: no such folder on this machine")
    if not folder.is_dir():
        with _alone(folder):
            if not folder.is_dir():
                _fetch(place, folder)
    _check(place, folder)
    return folder


def _fetch(place: DataPlace, folder: Path) -> None:
    assert place.source is not None
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        if Path(place.source).is_dir():
            shutil.copytree(place.source, beside)
        else:
            from reference_model.data.fetch import fetch
            from reference_model.errors import BadInput

            try:
                fetch(place.source, place.train_shards, beside, lambda line: None)
            except BadInput as problem:
                raise CannotReproduce(f"{folder}: {problem}") from None
        _check(place, beside)
        beside.rename(folder)
    except OSError as error:
        raise CannotReproduce(f"{folder}: can't be fetched from {place.source} ({error.strerror})") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _check(place: DataPlace, folder: Path) -> None:
    for name, wanted in place.sha256.items():
        path = folder / name
        if not path.is_file():
            raise CannotReproduce(f"{path}: missing, and its hash was given")
        if file_hash(path) != wanted.lower():
            raise CannotReproduce(f"{path}: not the file whose hash was given")
    if place.known:
        here = hashes(folder)
        for name in sorted({*here, *place.known}):
            if here.get(name) != place.known.get(name):
                why = "missing" if name not in here else "not the same as where the runs were planned"
                raise CannotReproduce(f"{folder / name}: {why}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, where the system has such."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as file:
        try:
            import fcntl
        except ImportError:
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
