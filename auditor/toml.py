"""TOML of the auditor's own, read with errors that name the file, the place and what to do."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

_Schema = TypeVar("_Schema", bound=msgspec.Struct)

_LARGEST = 1024 * 1024  # bytes


class Malformed(Exception):  # noqa: N818 (it names what the file is, not a fault of the program)
    """A file of the auditor's that can't be used; the text is one line fit for a user."""


def read_text(path: Path) -> str:
    """Return a small UTF-8 file's text; raises :class:`Malformed`."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise Malformed(f"{path}: larger than {_LARGEST // 1024} KiB")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise Malformed(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Malformed(f"{path}: is not UTF-8") from None


def parse(text: str, path: Path) -> dict[str, Any]:
    """Return the top table of a TOML text; raises :class:`Malformed` with its line and column."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"{path}: is not TOML: {error}") from None
    except RecursionError:
        raise Malformed(f"{path}: is nested too deeply") from None


def typed(table: Mapping[str, Any], schema: type[_Schema], where: str) -> _Schema:
    """Return a table as an instance of ``schema``; raises :class:`Malformed`, which begins with ``where``.

    A key that the schema lacks is told with the nearest one that it has; so are required keys that are missing.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(schema)}
    for key in table:
        if key not in fields:
            raise Malformed(f"{where}: unknown key {key!r}; {nearest(key, list(fields))}")
    missing = [name for name, field in fields.items() if field.required and name not in table]
    if missing:
        raise Malformed(f"{where}: {' and '.join(missing)} must be given")
    try:
        return msgspec.convert(table, schema)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at `$")
        what = what.replace(" | null", "")  # TOML has no null
        key = at.strip("`").lstrip(".")
        raise Malformed(f"{where}: {f'{key}: ' if key else ''}{what[:1].lower()}{what[1:]}") from None


def nearest(word: str, known: list[str]) -> str:
    """Return advice on a word that isn't known: the nearest one that is, or all of them."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
