"""``rules/challenges/<name>.toml`` to a :class:`~auditor.challenge.model.Challenge`, or one line on what is wrong."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from auditor.challenge.model import Challenge
from auditor.toml import Malformed, nearest, parse, read_text


def read(path: Path) -> Challenge:
    """Return the challenge that a file describes; its name is the file's. Raises :class:`Malformed`."""
    return made(parse(read_text(path), path), path)


def made(table: Mapping[str, Any], path: Path) -> Challenge:
    """Return the challenge that the top table of a file describes; raises :class:`Malformed` with the table's name."""
    table = {"name": path.stem, **table}
    _known(table, Challenge, str(path), "")
    try:
        challenge = msgspec.convert(table, Challenge)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at `$")
        key = at.strip("`").lstrip(".")
        raise Malformed(f"{path}: {f'{key}: ' if key else ''}{what[:1].lower()}{what[1:]}") from None
    _consistent(challenge, path)
    return challenge


def _known(table: object, form: Any, path: str, at: str) -> None:
    """Raise :class:`Malformed` for a key that a table's class lacks, and for one that must be given and isn't."""
    if isinstance(form, type) and issubclass(form, msgspec.Struct) and isinstance(table, dict):
        fields = _fields(form)
        where = f"{path}: {at}: " if at else f"{path}: "
        for key, value in table.items():
            if key not in fields:
                raise Malformed(f"{where}unknown key {key!r}; {nearest(key, list(fields))}")
            _known(value, fields[key][0], path, f"{at}.{key}" if at else key)
        missing = [name for name, (_, required) in fields.items() if required and name not in table]
        if missing:
            raise Malformed(f"{where}{' and '.join(missing)} must be given")
        return
    inner = [a for a in typing.get_args(form) if a is not types.NoneType and a is not Ellipsis]
    if isinstance(table, list):
        for number, each in enumerate(table, start=1):
            _known(each, inner[0] if inner else object, path, f"{at}[{number}]")
    elif isinstance(table, dict) and typing.get_origin(form) is Mapping and inner:
        for key, each in table.items():
            _known(each, inner[1], path, f"{at}.{key}")
    elif isinstance(table, dict) and len(inner) == 1:  # a table that may be absent
        _known(table, inner[0], path, at)


@cache
def _fields(form: Any) -> dict[str, tuple[Any, bool]]:
    """Return a class's fields: their types, and whether they must be given."""
    return {field.name: (field.type, field.required) for field in msgspec.structs.fields(form)}


def _consistent(challenge: Challenge, path: Path) -> None:
    """Raise :class:`Malformed` where the tables contradict each other."""
    if challenge.repository.count("/") != 1:
        raise Malformed(f"{path}: repository: {challenge.repository!r} isn't OWNER/NAME")
    if not challenge.tracks:
        raise Malformed(f"{path}: tracks: at least one must be given")
    for track in challenge.tracks:
        if not track.folder.startswith(challenge.layout.track_prefix):
            raise Malformed(
                f"{path}: tracks: {track.folder!r} doesn't begin with layout.track_prefix "
                f"({challenge.layout.track_prefix!r})"
            )
        _ascending([t.since.isoformat() for t in track.targets], f"{path}: tracks: {track.folder}: targets")
    if len({track.folder for track in challenge.tracks}) < len(challenge.tracks):
        raise Malformed(f"{path}: tracks: two have the same folder")
    _ascending([b.since.isoformat() for b in challenge.records.bars], f"{path}: records.bars")
    _ascending([c.since.isoformat() for c in challenge.records.seeds], f"{path}: records.seeds")
    both = challenge.rules.ruled.keys() & challenge.rules.not_ruled.keys()
    if both:
        raise Malformed(f"{path}: rules: {sorted(both)[0]} is both in ruled and in not_ruled")


def _ascending(days: list[str], where: str) -> None:
    if days != sorted(days):
        raise Malformed(f"{where}: must be in the order of their days")
