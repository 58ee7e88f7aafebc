"""Which of the programs that a text starts are the submission's train script, and what they are given."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from msgspec import Struct

from auditor.challenge.places import is_archive, is_track
from auditor.regex import regex
from auditor.settings.expansion import UNKNOWN
from auditor.settings.state import Assigned
from auditor.settings.walked import Launch
from auditor.submission.model import Override

_OPTION = regex(r"--?([A-Za-z][\w-]*)(?:=(.*))?\Z", re.S)
_NUMBER = regex(r"-\.?\d")
_KEY_VALUE = regex(r"([A-Za-z_][\w.]*)=(.*)\Z", re.S)
_WORKERS = regex(r"--nproc[-_]per[-_]node(?:=(\d+))?\Z")
_LAUNCHER = regex(r"modal|launch|runpod|run_|submit|deploy", re.I)
_PASSED_ON = regex(r"([A-Z][A-Z0-9_]*)=(.*)\Z", re.S)
GIVEN_WITHOUT_VALUE = "True"
"""The value of an option that stands alone, such as ``--sliding``."""


class Target(Struct, frozen=True):
    """The train script as commands name it: its path, its folder, and every file of the folder.

    ``inner`` names the files that hold the program when the script only hands over to them, ``beside`` the record
    folders next to it (None: not known). ``trainers`` are those that lie outside of the folder, by their path from the
    root: whether each is the script itself, or a working copy of it.
    """

    script: str
    folder: str
    files: frozenset[str]
    inner: frozenset[str] = frozenset()
    beside: frozenset[str] | None = None
    trainers: Mapping[str, bool] = {}


class Command(Struct, frozen=True):
    """One start of the train script.

    ``logs`` are the files that its output goes to, ``round`` tells the rounds of loops apart, ``remark`` is what the
    document says of it. ``exact`` is False when the file that is named is not in the folder but reads like a working
    name of the script; ``workers`` is the number of processes, None when the command does not say. ``untold`` are
    variables whose values the text doesn't tell.
    """

    overrides: Mapping[str, Override]
    path: str
    line: int
    exact: bool
    workers: int | None
    logs: tuple[str, ...] = ()
    round: int = 0
    remark: str = ""
    untold: tuple[Override, ...] = ()


def command_of(launch: Launch, target: Target) -> Command | None:
    """Return the launch as a command of the train script; None when it starts something else."""
    position = next((at for at, word in enumerate(launch.words) if word.endswith(".py")), None)
    if position is None:
        if not launch.words[0].endswith("torchrun") or not _unknown_script(launch.words):
            return None
        exact, position = False, len(launch.words)
    else:
        named = True if twin(launch, target) else _is_script(launch.words[position], target)
        if named is None:
            return _through_launcher(launch, launch.words[position:], target)
        exact = named
    overrides = {
        name: Override(name, assigned.value, assigned.path, assigned.line or launch.line)
        for name, assigned in launch.environment.items()
        if UNKNOWN not in assigned.value
    }
    for name, value in _options(launch.words[position + 1 :]):
        overrides[name] = Override(name, value, launch.path, launch.line)
    untold = tuple(
        Override(name, "", assigned.path, assigned.line or launch.line)
        for name, assigned in launch.environment.items()
        if UNKNOWN in assigned.value and name not in overrides
    )
    workers = _workers(launch.words[:position])
    return Command(overrides, launch.path, launch.line, exact, workers, launch.logs, launch.round, untold=untold)


def twin(launch: Launch, target: Target) -> bool | None:
    """Tell whether a run script outside of the folder starts a copy of the script there, or another program (False).

    None where the pull request brings no such file: what lies there then may be the script's working copy.
    """
    word = next((word for word in launch.words if word.endswith(".py")), None)
    if word is None or launch.path in target.files:
        return None
    beside = posixpath.dirname(launch.path)
    known = word.rpartition(UNKNOWN)[2].lstrip("/")
    places = (posixpath.normpath(place) for place in (posixpath.join(beside, known), known))
    found = next((target.trainers[place] for place in places if place in target.trainers), None)
    if found is None and "/" in known:  # below a root that the text works out
        same = {alike for path, alike in target.trainers.items() if path.endswith(f"/{known}")}
        found = same.pop() if len(same) == 1 else None
    return found


def command_of_environment(environment: Mapping[str, Assigned], path: str, line: int) -> Command:
    """Return an environment that a document lists without the command itself."""
    overrides = {
        name: Override(name, assigned.value, assigned.path, assigned.line)
        for name, assigned in environment.items()
        if UNKNOWN not in assigned.value
    }
    return Command(overrides, path, line, exact=False, workers=None)


def _unknown_script(words: tuple[str, ...]) -> bool:
    """Tell whether ``torchrun … "$SCRIPT"`` starts a file whose name is not known."""
    operands = [word for word in words[1:] if not word.startswith("-")]
    return bool(operands) and UNKNOWN in operands[0]


def _is_script(word: str, target: Target) -> bool | None:
    """Return True for the script itself, False for a likely working name of it, None for another file."""
    *folders, name = word.split("/")
    script = target.script.rsplit("/", 1)[-1]
    known = [part for part in folders if part not in ("", ".") and UNKNOWN not in part]
    if name == script:
        if any(map(is_archive, known)) and target.folder and known[-1] != target.folder:
            inner = target.script.split("/")[:-1]
            if inner and known[-len(inner) :] == inner:
                return True
            # A folder that doesn't exist is this one under the name that it had while it was written.
            gone = target.beside is not None and known[-1] not in target.beside and not is_archive(known[-1])
            return True if gone and not is_track(known[-1]) else None
        if known and set(known) == {".."}:
            return None  # the repository's own script, not this folder's
        return True
    if name in target.inner:
        return True
    if name in target.files or word in target.files:
        return None
    if name.startswith("train") and ("gpt" in name or "golf" in name):
        return False
    return None


def _through_launcher(launch: Launch, words: tuple[str, ...], target: Target) -> Command | None:
    """Return the environment that a launcher of this folder is told to pass on: ``--extra-env "A=1;B=2"``."""
    name = words[0].rsplit("/", 1)[-1]
    if not _LAUNCHER.search(name) or not any(path.rsplit("/", 1)[-1] == name for path in target.files):
        return None
    overrides: dict[str, Override] = {}
    for word in words[1:]:
        for part in word.split(";"):
            pair = _PASSED_ON.match(part.removeprefix("--env=").strip())
            if pair is not None and UNKNOWN not in part:
                overrides[pair[1]] = Override(pair[1], pair[2], launch.path, launch.line)
    return Command(overrides, launch.path, launch.line, exact=True, workers=None) if overrides else None


def _options(words: tuple[str, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        option = _OPTION.match(word)
        if option is None:
            pair = _KEY_VALUE.match(word)
            if pair is not None and UNKNOWN not in word:
                found.append((pair[1], pair[2]))
            continue
        value = option[2]
        if value is None:
            following = words[at] if at < len(words) else "--"
            if not following.startswith("-") or _NUMBER.match(following):
                value = following
                at += 1
            else:
                value = GIVEN_WITHOUT_VALUE
        if UNKNOWN not in word and UNKNOWN not in value:
            found.append((option[1].replace("-", "_"), value))
    return found


def _workers(words: tuple[str, ...]) -> int | None:
    for at, word in enumerate(words):
        match = _WORKERS.match(word)
        if match:
            text = match[1] or (words[at + 1] if at + 1 < len(words) else "")
            return int(text) if text.isdecimal() and len(text) < 5 else None
    return None
