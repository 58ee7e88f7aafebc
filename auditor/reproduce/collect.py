"""What is kept of a submission's own run: its artifact and what it told of stand-ins. Both are a stranger's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from auditor.reproduce.measure import printed_sizes
from auditor.reproduce.model import PlannedRun
from auditor.reproduce.submitted import JOURNAL
from auditor.sandbox import Left, Results

_MIB = 1 << 20
_LARGEST_ARTIFACT = 1024 * _MIB
_LONGEST_NAME = 100
_SUFFIXES = frozenset(
    {".ptz", ".pt", ".pth", ".npz", ".xz", ".lzma", ".zst", ".br", ".bin", ".golf", ".zlib", ".safetensors", ".pkl"}
)


@dataclass(frozen=True)
class Kept:
    """The artifact beside the log (None: none was found), and the names of stand-ins."""

    artifact: Path | None = None
    stand_ins: tuple[str, ...] = ()


def collect(run: PlannedRun, left: Results) -> Kept:
    """Copy the artifact out of what a run left, and read its journal. The log is written by then."""
    names = stood_in(left.read(JOURNAL, _MIB))
    found = find_artifact(left.files(), printed_sizes(run))
    if found is None:
        return Kept(stand_ins=names)
    target = run.folder / PurePosixPath(found.path).name
    return Kept(target if left.copy(found.path, target, _LARGEST_ARTIFACT) else None, names)


def find_artifact(left: Iterable[Left], printed: frozenset[int]) -> Left | None:
    """Return the file whose size the log prints as the model's; the smallest of several; None if none."""
    files = (file for file in sorted(left, key=lambda file: file.path) if file.size in printed and _is_name(file.path))
    return min(files, key=lambda file: file.size, default=None)


def stood_in(journal: bytes | None) -> tuple[str, ...]:
    """Return what stand-ins a run told of, at most fifty."""
    names: dict[str, None] = {}
    for line in (journal or b"").decode("utf-8", "replace").splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the script can write here too; what isn't an event isn't told
        if isinstance(event, dict) and event.get("event") == "stand-in" and isinstance(event.get("name"), str):
            names.setdefault(event["name"][:80])
    return tuple(names)[:50]


def _is_name(path: str) -> bool:
    """Tell whether an artifact may keep its name beside our own files."""
    name = PurePosixPath(path)
    return name.suffix in _SUFFIXES and len(name.name) <= _LONGEST_NAME and name.name.isprintable()
