"""The run scripts that shell text may start, and which of them a word means in the folder where it stands."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from auditor.settings.expansion import UNKNOWN
from auditor.settings.starts import listed

Scripts: TypeAlias = Mapping[str, tuple[str, str]]
"""Run scripts, path and text: the record folder's by file name, those that the diff adds elsewhere by path."""

_ENOUGH = 2  # folders above a file that tell it from its namesakes
_SAME = 0.95  # of the lines of each of two programs, where one is the other's working copy


def shelved(own: Mapping[str, str], elsewhere: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return run scripts (text by path) of the record folder and of elsewhere as shell text looks them up."""
    found: dict[str, tuple[str, str]] = {}
    for path, text in own.items():
        found.setdefault(posixpath.basename(path), (path, text))
    for path, text in elsewhere.items():
        found.setdefault(path, (path, text))
    return found


def namesakes(scripts: Scripts, word: str) -> list[str]:
    """Return the keys of the scripts that have the file name of a word."""
    name = posixpath.basename(word)
    return [key for key in scripts if posixpath.basename(key) == name] if name else []


def starts_one(scripts: Scripts, words: list[str]) -> bool:
    """Tell whether a command's first word is one of the scripts, not a line of a list that says what that is."""
    return words[0].endswith((".sh", ".slurm", ".sbatch")) and bool(namesakes(scripts, words[0])) and not listed(words)


def found_from(scripts: Scripts, folder: str, word: str, caller: str = "") -> tuple[str, str] | None:
    """Return path and text of the script that ``word`` means in ``folder``; None when it is none of them.

    Of several with one name it is the one that lies in the folder that ``folder`` and ``word`` name together, else
    the one beside ``caller`` (the script that starts it), else the record folder's own.
    """
    keys = namesakes(scripts, word)
    name = posixpath.basename(word)
    own = scripts.get(name)
    others = [key for key in keys if key != name]
    wanted = _parts(gone_to(folder, posixpath.dirname(word)))
    if not others:
        return own
    near = {key: _shared(wanted, _parts(posixpath.dirname(key))) for key in others}
    best = max(near.values())
    fitting = [key for key in others if near[key] == best]
    if best and len(fitting) == 1:
        return scripts[fitting[0]]
    beside = scripts.get(posixpath.join(posixpath.dirname(caller), name))
    only = scripts[others[0]] if len(others) == 1 and not wanted else None
    return beside or own or only


def gone_to(folder: str, word: str) -> str:
    """Return the folder in which ``cd word`` ends, as far as it is known."""
    known = word.rpartition(UNKNOWN)[2] if UNKNOWN in word else word
    if word in ("", "-", "~"):
        return folder if not word else ""
    start = "" if UNKNOWN in word or word.startswith(("/", "~")) else folder
    return posixpath.normpath(posixpath.join(start, known.lstrip("/~"))) if known.strip("/~") else start


def alike(one: str, other: str) -> bool:
    """Return whether two programs are one, but for a line in twenty of either."""
    if one == other:
        return True
    if min(len(one), len(other)) < _SAME**2 * max(len(one), len(other)):
        return False
    lines, others = (Counter(filter(None, map(str.strip, text.split("\n")))) for text in (one, other))
    shared = (lines & others).total()
    return shared >= _SAME * max(lines.total(), others.total())


def _parts(folder: str) -> list[str]:
    return [part for part in folder.split("/") if part not in ("", ".", "..")]


def _shared(wanted: list[str], held: list[str]) -> int:
    """Return how many folders two places end with alike; 0 where that does not make them one place."""
    count = 0
    for one, other in zip(reversed(wanted), reversed(held), strict=False):
        if one != other:
            break
        count += 1
    return count if count >= min(len(wanted), len(held), _ENOUGH) else 0
