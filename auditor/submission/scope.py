"""Which record folders a set of changed files belongs to, and which changes lie outside."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from auditor.challenge.places import in_archive, is_archive, is_default_script, is_metadata, is_track
from auditor.submission.names import is_log, is_readme, is_source


class Change(Struct, frozen=True):
    """One file of a diff. ``old`` and ``new`` are blob ids, None where the file is absent on that side."""

    path: str
    old: str | None
    new: str | None


class Scope(Struct, frozen=True):
    """The folders that a diff submits, and the changed files that lie in none of them (deletions too)."""

    folders: tuple[str, ...]
    outside: tuple[str, ...]

    def beside(self, folder: str, changes: Sequence[Change]) -> tuple[str, ...]:
        """Return the changed files that lie outside one folder, the other folders' files included."""
        return tuple(sorted(c.path for c in changes if not c.path.startswith(folder + "/")))


def record_folders(paths: Iterable[str]) -> dict[str, str]:
    """Return the record folder of every path that lies in one.

    A record folder is ``records/track_…/<name>``, wherever ``records`` lies; else ``records/<name>``, or
    ``records/<group>/<name>`` when ``records/<group>`` holds no files of a submission itself.
    """
    listed = tuple(paths)
    folders: dict[str, str] = {}
    undecided: dict[str, tuple[str, str]] = {}
    direct: set[str] = set()
    for path in listed:
        parts = path.split("/")
        at = _track_position(parts)
        if at is not None:
            if len(parts) > at + 2:
                folders[path] = "/".join(parts[: at + 2])
            continue
        archive = next((at for at, part in enumerate(parts[:-2]) if is_archive(part)), None)
        if archive is None:
            continue
        group = archive + 1
        short = "/".join(parts[: group + 1])
        if len(parts) == group + 2:
            folders[path] = short
            if is_source(path) or is_readme(path) or is_metadata(parts[-1]) or is_log(path):
                direct.add(short)
        else:
            undecided[path] = (short, "/".join(parts[: group + 2]))
    for path, (short, long) in undecided.items():
        folders[path] = short if short in direct else long
    return folders


def read_scope(changes: Sequence[Change], base_folders: frozenset[str] = frozenset()) -> Scope:
    """Return the record folders that a diff submits.

    ``base_folders`` are the record folders that existed before. Folders that the diff adds come first and
    alone; folders that it only renames or edits count when it adds none.
    """
    kept = record_folders(c.path for c in changes if c.new is not None)
    every = sorted(set(kept.values()))
    added = [folder for folder in every if folder not in base_folders]
    moved = _moved(changes, kept, added)
    new = [folder for folder in added if folder not in moved]
    folders = _in_place(new or added or every)
    inside = tuple(folder + "/" for folder in folders)
    return Scope(folders, tuple(sorted(c.path for c in changes if not c.path.startswith(inside))))


def loose_folders(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return folders outside ``records`` that a diff submits: those with a submission.json or a train_gpt.py.

    The uppermost ones only; the empty string is the repository's own root (only for a train_gpt.py).
    """
    present = [c for c in changes if c.new is not None]
    described = {posixpath.dirname(c.path) for c in present if is_metadata(posixpath.basename(c.path))}
    holders = sorted(described - {""})
    if not holders:
        scripted = {posixpath.dirname(c.path) for c in present if is_default_script(posixpath.basename(c.path))}
        holders = sorted(scripted, key=lambda folder: (folder.count("/") + bool(folder), folder))[:1]
    return tuple(h for h in holders if not any(h.startswith(o + "/") for o in holders if o))


def _track_position(parts: Sequence[str]) -> int | None:
    for index in range(len(parts) - 2, 0, -1):
        if is_track(parts[index]) and is_archive(parts[index - 1]):
            return index
    return None


def _in_place(folders: Sequence[str]) -> tuple[str, ...]:
    """Return the folders below the repository's own ``records``, or all when there are none."""
    return tuple(f for f in folders if in_archive(f)) or tuple(folders)


def _moved(changes: Sequence[Change], kept: Mapping[str, str], added: Sequence[str]) -> frozenset[str]:
    """Return the added folders most of whose files the diff deletes elsewhere under ``records``."""
    gone = {
        c.old for c in changes if c.new is None and c.old is not None and any(map(is_archive, c.path.split("/")[:-1]))
    }
    moved: set[str] = set()
    for folder in added if gone else ():
        blobs = [c.new for c in changes if kept.get(c.path) == folder]
        if sum(blob in gone for blob in blobs) * 2 > len(blobs):
            moved.add(folder)
    return frozenset(moved)
