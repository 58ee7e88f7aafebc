"""Where the configuration lies: in the current folder or above it, and never among what is audited."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from auditor.challenge.places import is_archive
from auditor.regex import regex

OWN_FILE = "golf-audit.toml"
PROJECT_FILE = "pyproject.toml"

_LARGEST = 1024 * 1024  # bytes of a stranger's file that are looked at
_TABLE = regex(rb"""\[\s*tool\s*\.\s*["']?golf-audit""")


class Found(Struct, frozen=True):
    """The files that may configure, nearest first, and those that the audited party could have written."""

    files: tuple[Path, ...]
    refused: tuple[Path, ...]


def find(folder: Path, audited: Iterable[Path]) -> Found:
    """Return the configuration files in a folder and above it, ``golf-audit.toml`` before ``pyproject.toml``.

    ``audited`` are the paths under audit. What lies in one of them, or in the work tree of one of them (a pull
    request can put a file at the top of its checkout), is refused; a ``pyproject.toml`` only if it has our table.
    """
    theirs = [reach(path) for path in audited]
    files, refused = [], []
    for path in _upwards(real(folder)):
        if any(inside(path, root) for root in theirs):
            if path.name == OWN_FILE or _mentioned(path):
                refused.append(path)
        else:
            files.append(path)
    return Found(tuple(files), tuple(refused))


def inside(path: Path, root: Path) -> bool:
    """Tell whether a path is, or lies below, ``root``: as it is written, or where its links lead."""
    return path.absolute().is_relative_to(root) or real(path).is_relative_to(root)


def real(path: Path) -> Path:
    """Return where a path leads: links that go round in a circle stay, as what can't be read does."""
    return Path(os.path.realpath(path))


def reach(path: Path) -> Path:
    """Return the folder that the party behind an audited path can write to.

    It is the work tree that holds the path; without one, the folder above ``records``, as in a downloaded archive;
    else the path's own folder.
    """
    folder = real(path)
    if folder.name == ".git" or not os.path.isdir(folder):  # noqa: PTH112 (it never raises)
        folder = folder.parent
    up = (folder, *folder.parents)
    trees = (each for each in up if os.path.exists(each / ".git"))  # noqa: PTH110
    archives = (each.parent for each in up if is_archive(each.name))
    return next(trees, None) or next(archives, None) or folder


def _upwards(folder: Path) -> Iterator[Path]:
    for each in (folder, *folder.parents):
        for name in (OWN_FILE, PROJECT_FILE):
            if os.path.isfile(each / name):  # noqa: PTH113
                yield each / name


def _mentioned(path: Path) -> bool:
    """Tell whether a stranger's pyproject.toml means to configure; it isn't parsed for that."""
    try:
        with path.open("rb") as stream:
            return _TABLE.search(stream.read(_LARGEST)) is not None
    except OSError:
        return False  # what can't be read configures nothing
