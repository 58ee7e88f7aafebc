"""Writing changed files: whole or not at all, and only over what was read."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Mapping
from pathlib import Path

from auditor.durable import write_whole
from auditor.submission.folder import FolderTree
from auditor.submission.git import checkout_root, open_repository
from auditor.submission.model import Unread
from auditor.submission.names import shown

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class Unwritten(Exception):  # noqa: N818 (it says what was decided, not that we failed)
    """Files that weren't written; the text is one line fit for a user."""


def write(tree: FolderTree, files: Mapping[str, bytes], read: Mapping[str, bytes | None]) -> None:
    """Write ``files``, by path in ``tree``, over those that read as ``read`` (None: there was none).

    Raises :class:`Unwritten` before anything is written when one of them reads otherwise by now or is read-only (its
    folder may let it be replaced all the same), and names what was written when the system refuses one of several.
    """
    places = {path: _place(tree, path) for path in files}
    for path, place in places.items():
        if _bytes(place) != read[path]:
            raise Unwritten(f"{shown(path)}: it was changed since it was read; nothing is written, run it again")
        if read[path] is not None and not place.stat().st_mode & _WRITABLE:
            raise Unwritten(f"{shown(path)}: it is read-only; nothing is written")
    written: list[str] = []
    for path, data in files.items():
        place = places[path]
        try:
            mode = stat.S_IMODE(place.stat().st_mode) if read[path] is not None else None
            write_whole(place, [data])
            if mode is not None:
                place.chmod(mode)
        except OSError as error:
            done = f"; written were {', '.join(map(shown, written))}" if written else ""
            raise Unwritten(f"{shown(path)}: can't be written ({error.strerror}){done}") from error
        written.append(path)


def uncommitted(tree: FolderTree) -> tuple[str, ...]:
    """Return the files of a folder that git couldn't give back: changed or staged since the last commit, or untracked.

    None where the folder lies in no repository. Files are compared as they lie there: nothing of the repository's
    configuration is run.
    """
    root = checkout_root(tree.root)
    if root is None:
        return ()
    repository = open_repository(root)
    folder = os.path.relpath(tree.root, root).replace(os.path.sep, "/")
    inside = "" if folder == "." else folder + "/"
    try:
        head = repository.commit("HEAD")
        changed = {change.path for change in repository.staged(head)} if head is not None else None
        known = repository.files(head, "" if folder == "." else folder) if head is not None else {}
    except Unread:
        return tuple(sorted(tree.paths()))  # a folder that the last commit doesn't hold
    out: list[str] = []
    for path in tree.paths():
        entry = known.get(path)
        staged = changed is None or inside + path in changed
        if staged or entry is None or entry.oid != _blob(tree, path):
            out.append(path)
    return tuple(sorted(out))


def _place(tree: FolderTree, path: str) -> Path:
    entry = tree.entries.get(path)
    if entry is not None:
        return Path(entry[0])
    if posixpath.isabs(path) or ".." in path.split("/"):
        raise Unwritten(f"{shown(path)}: lies outside of the folder")
    return Path(tree.root) / path


def _bytes(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unwritten(f"{shown(str(place))}: can't be read ({error.strerror})") from error


def _blob(tree: FolderTree, path: str) -> str:
    try:
        data = Path(tree.entries[path][0]).read_bytes()
    except OSError:
        return ""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
