"""Files that commands create, copy, move or link."""

from __future__ import annotations

import posixpath
from typing import Literal

from msgspec import Struct

from auditor.regex import regex
from auditor.settings.expansion import UNKNOWN

Kind = Literal["create", "copy", "move", "link", "folder", "unpack"]
_KINDS: dict[str, Kind] = {"ln": "link", "cp": "copy", "mv": "move", "rsync": "copy", "install": "copy"}
_ARCHIVE = regex(r"\.t(?:ar|gz|xz|bz2?)\b")
_MOST = 50  # files of one command


class FileStep(Struct, frozen=True):
    """One file that a command makes: ``target``, from ``source`` where there is one; where the command stands."""

    kind: Kind
    source: str
    target: str
    path: str
    line: int


def file_steps(words: list[str], path: str, line: int) -> tuple[FileStep, ...]:
    """Return what ``ln``, ``cp``, ``mv``, ``mkdir`` or ``tar`` make; nothing for another command."""
    name = words[0].rsplit("/", 1)[-1]
    operands = [word for word in words[1:] if not word.startswith("-") and word]
    if name == "mkdir":
        return tuple(FileStep("folder", "", place(word), path, line) for word in operands[:_MOST])
    if name == "tar":
        archives = [word for word in operands if _ARCHIVE.search(word)]
        return tuple(FileStep("unpack", place(word), "", path, line) for word in archives[:1])
    kind = _KINDS.get(name)
    if kind is None or not operands:
        return ()
    *sources, target = operands if len(operands) > 1 else (*operands, ".")
    into = len(sources) > 1 or _is_folder(target, sources[0])
    return tuple(
        FileStep(kind, place(s), place(posixpath.join(target, posixpath.basename(s)) if into else target), path, line)
        for s in sources[:_MOST]
    )


def place(word: str) -> str:
    """Return a path as it can be compared with others: from the folder where the text starts, as far as is known."""
    known = word.removeprefix(UNKNOWN + "/") if word.startswith(UNKNOWN) else word
    return posixpath.normpath(known) if known else ""


def _is_folder(target: str, source: str) -> bool:
    """Tell whether a target reads as a folder: nothing tells for certain without running the commands before it."""
    name = posixpath.basename(target)
    return target.endswith("/") or name in ("", ".", "..") or ("." not in name and "." in posixpath.basename(source))
