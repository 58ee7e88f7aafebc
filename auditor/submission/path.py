"""Reading submissions from a path: a record folder, a checkout that contains some, or a single script."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from auditor.challenge import challenges
from auditor.challenge.places import in_archive, is_archive, is_track
from auditor.submission.branch import Branch, read_branch
from auditor.submission.discover import (
    NO_FOLDER,
    describe,
    holds_a_program,
    holds_a_trainer,
    holds_anything,
    lone_script,
    units,
)
from auditor.submission.folder import FolderTree, open_folder
from auditor.submission.model import Submission, Unread
from auditor.submission.names import is_shell, is_source, is_trainer, shown, suffix
from auditor.submission.scope import record_folders

_LISTED = 5
_FROM_THE_ROOT = 3  # parts of a record folder's path: archive, track and name


def read_path(path: str) -> tuple[Submission, ...]:
    """Return the submissions at a path, at least one.

    A folder is a record folder, or a checkout that contains some: then those are read that its branch adds
    (or, if it adds none, changes), uncommitted ones included; without git data there must be just one beside those
    that the challenge's own repository holds, which a downloaded branch has too. A file is a script, read with its
    record folder when it lies in one. Raises :class:`Unread` with one line when there is nothing to read.
    """
    if "\0" in path:
        raise Unread(f"{shown(path)}: not a path (it holds a null character)")
    place = Path(path)
    try:
        if place.is_dir():
            return _read_folder(path)
        if place.is_file():
            return (_read_script(path),)
        missing = not os.path.lexists(place)
    except OSError as error:
        raise Unread(f"{shown(path)}: cannot be read ({error.strerror})") from error
    if missing:
        raise Unread(f"{shown(path)}: no such file or folder")
    raise Unread(f"{shown(path)}: neither a folder nor a plain file; give a record folder or a script")


def _read_folder(path: str) -> tuple[Submission, ...]:
    place = os.path.realpath(path)
    tree = open_folder(path)
    branch = read_branch(place)
    prefix = _within_records(place)
    folders = sorted(set(record_folders(prefix + p for p in tree.paths()).values()))
    if not folders and not _holds_an_archive(place):
        beside = branch.about(place) if branch else None
        sha = branch.sha if branch is not None and beside is not None else None
        return _record(tree, place, given=path, sha=sha, outside=beside)
    if branch is not None and (prefix or branch.root == place):
        meant = [folder for folder in branch.scope.folders if folder in folders]
        loose = () if prefix else _changed_scripts(path, tree, branch, meant)
    else:
        meant, loose = [], ()
    if not meant and not loose and len(folders) > 1 and branch is None:
        folders = [folder for folder in folders if not _held(folder)] or folders
    if not meant and not loose and len(folders) == 1:
        meant = folders
    if not meant and not loose and len(folders) > 1:
        raise _too_many(path, folders, branch)
    if not folders and not loose:
        return _record(open_folder(path, skip_records=True), place, given=path)
    found: list[Submission] = []
    for folder in meant:
        part = tree.below(folder.removeprefix(prefix))
        where = posixpath.join(place, folder.removeprefix(prefix))
        changed = branch.beside(folder) if branch else None
        read = _record(part, where, given=path, sha=branch.sha if branch else None, outside=changed)
        found += [replace(each, elsewhere=_run_scripts(tree, changed)) for each in read]
    # Changed scripts elsewhere are what is submitted only when no record folder holds one.
    return tuple(found) if any(map(holds_a_program, found)) else (*found, *loose)


def _run_scripts(tree: FolderTree, changed: tuple[str, ...] | None) -> FolderTree | None:
    """Return a checkout's run scripts and trainers outside of ``records``: its branch's, all if that is unknown."""
    wanted = {p for p in tree.entries if (is_shell(p) or is_trainer(p)) and not in_archive(p)}
    wanted &= wanted if changed is None else set(changed)
    return tree.only(frozenset(wanted)) if wanted else None


def _changed_scripts(path: str, tree: FolderTree, branch: Branch, folders: Sequence[str]) -> tuple[Submission, ...]:
    inside = tuple(folder + "/" for folder in folders)
    apart = frozenset(p for p in branch.changed if p in tree.entries and not p.startswith(inside))
    if not any(is_source(p) for p in apart):
        return ()
    found = describe(
        tree.only(apart),
        given=path,
        name=posixpath.basename(branch.root),
        sha=branch.sha,
        outside=branch.changed,
        problems=(NO_FOLDER,),
    )
    return (found,) if holds_a_trainer(found) else ()


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
    beside = _beside(place)
    found = [replace(each, beside=beside) for each in found]
    if not any(map(holds_anything, found)):
        what = f"its {len(tree.entries)} files are none of a submission's" if tree.entries else "it holds no files"
        hint = f" ({tree.problems[0]})" if tree.problems else ""
        raise Unread(f"{shown(given)}: no submission in this folder: {what}{hint}; give a record folder or a script")
    return tuple(found)


def _beside(place: str) -> frozenset[str] | None:
    """Return the record folders next to one on disk; None for a folder that lies alone, as an excerpt does."""
    track = posixpath.dirname(place)
    if not is_track(posixpath.basename(track)):
        return None
    try:
        with os.scandir(track) as listing:
            names = frozenset(entry.name for entry in listing if entry.is_dir(follow_symlinks=False))
    except OSError:
        return None  # where it can't be looked at, nothing is known of it
    return names if len(names) > 1 else None


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
    return lone_script(tree.only(frozenset(p for p in tree.entries if is_source(p)) | {name}), name, given=path)


def _record_folder_around(script: str) -> str | None:
    inside = record_folders((script,)).get(script)
    above = posixpath.dirname(inside) if inside is not None else ""
    if inside is not None and is_track(posixpath.basename(above)):
        return inside
    beside = posixpath.dirname(script)
    return beside if any((Path(beside) / name).is_file() for name in challenges().metadata_names) else None


def _holds_an_archive(place: str) -> bool:
    return any((Path(place) / name).is_dir() for name in challenges().archives)


def _within_records(place: str) -> str:
    """Return ``records/`` or ``records/track_…/`` when the folder is one of those, else an empty string."""
    above, name = posixpath.split(place)
    if is_archive(name):
        return f"{name}/"
    archive = posixpath.basename(above)
    if is_track(name) and is_archive(archive):
        return f"{archive}/{name}/"
    return ""


def _held(folder: str) -> bool:
    """Tell whether a record folder is one that its challenge's own repository holds, by its path from there."""
    return "/".join(folder.split("/")[-_FROM_THE_ROOT:]) in challenges().held


def _too_many(path: str, folders: Sequence[str], branch: Branch | None) -> Unread:
    why = "there is no git data to tell which is meant" if branch is None else "its branch changes none of them"
    some = ", ".join(shown(folder) for folder in folders[:_LISTED])
    more = ", …" if len(folders) > _LISTED else ""
    return Unread(f"{shown(path)}: {len(folders)} record folders, and {why}; give one of {some}{more}")
