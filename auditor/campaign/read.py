"""A campaign's file: TOML, checked before anything is read that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from auditor.campaign.model import Campaign, Entry
from auditor.executors.model import Resources
from auditor.reproduce.model import Budget
from auditor.reproduce.place import DataPlace
from auditor.reproduce.plan import parse_budget
from auditor.toml import Malformed, parse, read_text, typed

_Count = Annotated[int, msgspec.Meta(ge=1, le=64)]
_Positive = Annotated[float, msgspec.Meta(gt=0)]
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str
    source: str | None = msgspec.field(default=None, name="from")
    train_shards: Annotated[int, msgspec.Meta(ge=0)] = 80
    sha256: dict[str, str] = {}


class _Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cpus: _Positive = 1.0
    gpus: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    memory: str | None = None
    custom: dict[str, _Positive] = {}


class _Submission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str | None = None
    pr: Annotated[int, msgspec.Meta(ge=1)] | None = None
    preset: str | None = None
    name: str | None = None
    seeds: _Count | None = None
    set: list[str] = []


class _File(msgspec.Struct, frozen=True):
    submission: list[_Submission]
    name: str | None = None
    seeds: _Count = 3
    output: str | None = None
    repo: str | None = None
    data: _Data | None = None
    budget: str | None = None
    timeout: _Positive | None = None
    resources: _Resources = _Resources()


def read_campaign(path: Path) -> Campaign:
    """Return the campaign that a file describes; its paths are relative to it. Raises :class:`Malformed`."""
    file = typed(parse(read_text(path), path), _File, str(path))
    if not file.submission:
        raise Malformed(f"{path}: no [[submission]]; each names a path, a pr or a preset")
    entries = tuple(_entry(path, number, each, file.repo) for number, each in enumerate(file.submission, 1))
    name = file.name or path.stem
    return Campaign(
        name=name,
        entries=entries,
        output=_beside(path, file.output) if file.output else Path("runs", f"campaign-{path.stem}"),
        seeds=file.seeds,
        repo=str(_beside(path, file.repo)) if file.repo else None,
        data=_data(path, file.data),
        budget=_budget(path, file.budget),
        wall=file.timeout,
        resources=Resources(
            file.resources.cpus, file.resources.gpus, _memory(path, file.resources.memory), file.resources.custom
        ),
    )


def _entry(path: Path, number: int, given: _Submission, repo: str | None) -> Entry:
    where = f"{path}: submission {number}"
    named = [name for name in ("path", "pr", "preset") if getattr(given, name) is not None]
    if len(named) != 1:
        raise Malformed(f"{where}: give one of path, pr and preset, not {' and '.join(named) or 'none'}")
    if given.pr is not None and repo is None:
        raise Malformed(f"{where}: repo must be given for pull requests: a clone with their heads fetched")
    at = str(_beside(path, given.path)) if given.path is not None else None
    preset = given.preset
    if preset is not None and preset.endswith(".toml"):
        preset = str(_beside(path, preset))
    return Entry(at, given.pr, preset, given.name, given.seeds, tuple(given.set))


def _data(path: Path, given: _Data | None) -> DataPlace | None:
    """Return the place of the data on the nodes, on each of which its path means the same."""
    if given is None:
        return None
    if not Path(given.path).is_absolute():
        raise Malformed(f"{path}: data.path: {given.path!r} isn't absolute, and it is looked for on every node")
    return DataPlace(given.path, given.source, given.train_shards, given.sha256)


def _budget(path: Path, given: str | None) -> Budget:
    try:
        return Budget() if given is None else parse_budget(given)
    except ValueError as error:
        raise Malformed(f"{path}: budget: {error}") from None


def _memory(path: Path, given: str | None) -> int | None:
    if given is None:
        return None
    text = given.strip().upper().removesuffix("B").removesuffix("I")
    unit = text[-1:] if text[-1:] in _UNITS else ""
    try:
        amount = float(text.removesuffix(unit)) * _UNITS.get(unit, 1)
    except ValueError:
        amount = 0.0
    if not 0 < amount < 1 << 60:
        raise Malformed(f"{path}: resources.memory: {given!r} is no size; it is written as in 64G")
    return int(amount)


def _beside(path: Path, given: str) -> Path:
    return path.parent / Path(given).expanduser()
