"""Every record folder below a path, whatever branch or diff there is."""

from __future__ import annotations

import os
from pathlib import Path

from auditor.challenge.places import is_archive, is_default_script, is_metadata
from auditor.submission.folder import open_folder
from auditor.submission.model import Unread
from auditor.submission.names import shown
from auditor.submission.path import read_path
from auditor.submission.scope import record_folders


def folders_below(path: str) -> tuple[str, ...]:
    """Return the record folders at or below a path, sorted; raises Unread where there are none.

    A record folder is what :func:`auditor.submission.scope.record_folders` says, or one that holds a
    ``submission.json`` or a ``train_gpt.py``, unless it lies in another one.
    """
    if not os.path.isdir(path):  # noqa: PTH112 (it never raises)
        read_path(path)  # says what is wrong with it
        raise Unread(f"{shown(path)}: --all looks below folders; this is a file")
    here = Path(os.path.realpath(path))
    # What lies above tells whether the folder is, or lies in, records/track_….
    above = "".join(f"{part}/" for part in _within_records(here))
    tree = open_folder(path)
    named = {folder.removeprefix(above) for folder in record_folders(above + each for each in tree.paths()).values()}
    found = {str(Path(path) / folder) if folder else path for folder in named if not _above(folder, above)}
    for each in tree.paths():
        parent, _, name = each.rpartition("/")
        if is_metadata(name) or is_default_script(name):
            place = str(Path(path) / parent) if parent else path
            if not any(place == other or place.startswith(other.rstrip("/") + "/") for other in found):
                found.add(place)
    outermost = [p for p in found if not any(p != o and p.startswith(o.rstrip("/") + "/") for o in found)]
    if not outermost:
        raise Unread(f"{shown(path)}: no record folder at or below it")
    return tuple(sorted(outermost))


def _within_records(place: Path) -> tuple[str, ...]:
    parts = place.parts
    at = next((index for index, part in enumerate(parts) if is_archive(part)), None)
    return parts[at:] if at is not None else ()


def _above(folder: str, above: str) -> bool:
    """Tell whether a record folder is one that holds the path itself rather than lies in it."""
    return bool(above) and folder + "/" != above and above.startswith(folder + "/")
