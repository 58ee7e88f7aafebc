"""What the configuration says: ``golf-audit.toml``, or ``[tool.golf-audit]`` in ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from auditor.config.find import PROJECT_FILE
from auditor.toml import Malformed, parse, read_text, typed

_PATHS = ("baseline", "rulings", "templates", "wording", "smoke", "results")  # relative to the file's folder


class Keys(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every key that there is: the options of the same names, for the commands that have them."""

    select: list[str] | None = None
    ignore: list[str] | None = None
    format: str | None = None
    color: str | None = None
    jobs: Annotated[int, msgspec.Meta(ge=1)] | None = None  # processes of a sweep
    timeout: Annotated[float, msgspec.Meta(gt=0)] | None = None  # seconds per pull request of a sweep
    memory: Annotated[int, msgspec.Meta(ge=1)] | None = None  # MiB per process of a sweep
    baseline: str | None = None
    rulings: str | None = None
    templates: str | None = None
    wording: str | None = None
    repo_url: str | None = None
    smoke: str | None = None
    results: str | None = None
    min_severity: str | None = None
    confidence: str | None = None


class Config(Struct, frozen=True):
    """The values that one configuration file gives, by key; paths in it are joined to its folder."""

    path: Path
    values: Mapping[str, Any]


def first(files: Iterable[Path]) -> Config | None:
    """Return what the first file says that configures golf-audit; raises :class:`~auditor.toml.Malformed`."""
    for path in files:
        table = _table(path)
        if table is not None:
            return _config(path, table)
    return None


def read(path: Path) -> Config:
    """Return what one file says; raises :class:`~auditor.toml.Malformed`, also when it says nothing to golf-audit."""
    table = _table(path)
    if table is None:
        raise Malformed(f"{path}: has no table [tool.golf-audit]")
    return _config(path, table)


def _table(path: Path) -> dict[str, Any] | None:
    document = parse(read_text(path), path)
    if path.name != PROJECT_FILE:
        return document
    tool = document.get("tool", {})
    table = tool.get("golf-audit") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise Malformed(f"{path}: tool.golf-audit is no table")
    return table


def _config(path: Path, table: dict[str, Any]) -> Config:
    place = f"{path}: tool.golf-audit" if path.name == PROJECT_FILE else str(path)
    values = msgspec.structs.asdict(typed(table, Keys, place))
    given = {key: value for key, value in values.items() if value is not None}
    for key in _PATHS:
        if key in given:
            if "\0" in given[key]:
                raise Malformed(f"{place}: {key}: no path has a NUL in it")
            given[key] = str(path.parent / Path(given[key]).expanduser())
    return Config(path, given)
