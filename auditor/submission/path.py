"""Reading submissions from a path: a record folder, a checkout that contains some, or a single script."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from auditor.submission.discover import describe, holds_anything, lone_script, units
from auditor.submission.folder import FolderTree, open_folder
from auditor.submission.model import Submission, Unread
from auditor.submission.names import is_source, shown, suffix
from auditor.submission.scope import METADATA_NAME, record_folders

_LISTED = 5


def read_path(path: str) -> tuple[Submission, ...]:
    """Return the submissions at a path, at least one.

    A path inside ``records/<track>/`` or holding a submission's files is a record folder; one that contains
    ``records`` is a checkout, of which the folders that its branch changes are read (they need its git data;
    without it there must be just one); a file is a script, read with its record folder when it lies in one.
    Raises :class:`Unread` with one line when there is nothing to read.
    """
    if "\0" in path:
        raise Unread(f"{shown(path)}: not a path (it holds a null character)")
    place = Path(path)
    try:
        if place.is_dir():
            return _read_folder(path)
        if place.is_file():
            return (_read_script(path),)
        missing = not place.is_symlink() and not os.path.lexists(place)
    except OSError as error:
        raise Unread(f"{shown(path)}: cannot be read ({error.strerror})") from error
    if missing:
        raise Unread(f"{shown(path)}: no such file or folder")
    raise Unread(f"{shown(path)}: neither a folder nor a plain file; give a record folder or a script")


def _read_folder(path: str) -> tuple[Submission, ...]:
    root = os.path.realpath(path)
    tree = open_folder(path)
    prefix = _within_records(root)
    folders = sorted(set(record_folders(prefix + p for p in tree.paths()).values()))
    if len(folders) > 1:
        raise _too_many(path, folders)
    if folders:
        folder = folders[0].removeprefix(prefix)
        return _record(tree.below(folder), posixpath.join(root, folder), given=path)
    if (Path(root) / "records").is_dir():
        tree = open_folder(path, skip_records=True)
    return _record(tree, root, given=path)


def _record(
    tree: FolderTree,
    place: str,
    *,
    given: str,
    sha: str | None = None,
    outside: tuple[str, ...] | None = None,
    script: str | None = None,
) -> tuple[Submission, ...]:
    """Return the submission(s) that the folder at ``place`` holds; raises Unread when it holds none."""
    found: list[Submission] = []
    for unit in units(tree.paths()) if script is None else ("",):
        part = tree.below(unit) if unit else tree
        where = posixpath.join(place, unit) if unit else place
        found.append(
            describe(
                part,
                given=given,
                name=posixpath.basename(where) or "submission",
                place=where,
                sha=sha,
                outside=outside,
                problems=part.problems,
                script=script,
            )
        )
    if not any(map(holds_anything, found)):
        what = (
            f"its {len(tree.entries)} files are none of a submission's"
            if tree.entries
            else "it holds no files"
        )
        hint = f" ({tree.problems[0]})" if tree.problems else ""
        raise Unread(
            f"{shown(given)}: no submission in this folder: {what}{hint}; give a record folder or a script"
        )
    return tuple(found)


def _read_script(path: str) -> Submission:
    if not is_source(path) or suffix(path) != ".py":
        raise Unread(f"{shown(path)}: not a Python script; give a .py file or the folder it lies in")
    real = os.path.realpath(path)
    folder = _record_folder_around(real)
    if folder is not None:
        tree = open_folder(folder)
        script = posixpath.relpath(real, folder)
        if script in tree.entries:
            return _record(tree, folder, given=path, script=script)[0]
    beside, name = posixpath.split(real)
    tree = open_folder(beside, levels=1)
    if name not in tree.entries:
        raise Unread(f"{shown(path)}: cannot be read")
    return lone_script(
        tree.only(frozenset(p for p in tree.entries if is_source(p)) | {name}), name, given=path
    )


def _record_folder_around(script: str) -> str | None:
    inside = record_folders((script,)).get(script)
    if inside is not None and "/records/track_" in script:
        return inside
    beside = posixpath.dirname(script)
    return beside if (Path(beside) / METADATA_NAME).is_file() else None


def _within_records(place: str) -> str:
    """Return ``records/`` or ``records/track_…/`` when the folder is one of those, else an empty string."""
    above, name = posixpath.split(place)
    if name == "records":
        return "records/"
    if name.startswith("track_") and posixpath.basename(above) == "records":
        return f"records/{name}/"
    return ""


def _too_many(path: str, folders: list[str]) -> Unread:
    some = ", ".join(shown(folder) for folder in folders[:_LISTED])
    more = ", …" if len(folders) > _LISTED else ""
    return Unread(
        f"{shown(path)}: {len(folders)} record folders, unclear which is meant; give one of {some}{more}"
    )
