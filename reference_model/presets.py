"""Presets: one TOML file for each published system, with its published results beside it.

A preset is a :class:`reference_model.config.Config` and what is known about the run it stands for. ``base = "other"``
starts from another preset and changes what it names; results are never inherited, reasons against it are. A table
under ``[quirks]`` holds what the published system did and ours does not do by default, such as a mixture that is no
distribution; it applies in mode ``published`` only.
"""

from __future__ import annotations

import difflib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from reference_model.config import Config, Frozen, check
from reference_model.errors import BadInput

Mode = Literal["legal", "published"]

_SUFFIX = ".toml"
_T = TypeVar("_T")


class Published(Frozen, frozen=True, kw_only=True):
    """One published run, from the log of its seed; None where nothing is printed."""

    source: str  # the pull request
    seed: int | None = None
    hardware: str = "8xH100"
    final: float  # val_bpb of the score that counts
    final_invalid: bool = False  # the final score is not a bpb of any distribution
    sliding: float | None = None
    roundtrip: float | None = None
    prequant: float | None = None
    model_bytes: int | None = None
    total_bytes: int | None = None  # with counted code
    steps: int | None = None
    ms: float | None = None  # per step
    train_s: float | None = None
    eval_s: float | None = None  # all evaluations after packing
    note: str = ""


class Preset(Frozen, frozen=True):
    """A configuration and the published system that it stands for."""

    name: str
    about: str
    config: Config
    published: tuple[Published, ...] = ()
    invalid_because: tuple[str, ...] = ()  # why the published system breaks the rules

    @property
    def legal(self) -> bool:
        """Whether the published system keeps the rules. In mode ``legal`` its configuration leaves quirks out."""
        return not self.invalid_because


class _File(Frozen, frozen=True):
    """What a preset file may hold besides the tables of the configuration."""

    base: str = ""
    about: str = ""
    invalid_because: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    quirks: dict[str, Any] = msgspec.field(default_factory=dict)


def names() -> tuple[str, ...]:
    """Return the names of the built-in presets, sorted."""
    found = (entry.name for entry in files("reference_model").joinpath("presets").iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def load(name_or_path: str, mode: Mode = "legal") -> Preset:
    """Return the built-in preset of that name, or the one in the TOML file at that path.

    In mode ``published`` its quirks are part of the configuration. Raises :class:`BadInput` with the file, the key
    and, where it helps, the nearest known one.
    """
    about, tables = _tables(name_or_path, ())
    quirks = tables.pop("quirks", {})
    if mode == "published":
        tables = _merged(tables, quirks)
    label = _label(name_or_path)
    config = _converted(tables | {"mode": mode}, Config, label)
    try:
        check(config)
    except BadInput as problem:
        raise BadInput(f"{label}: {problem}") from None
    return Preset(
        name=Path(name_or_path).name.removesuffix(_SUFFIX),
        about=about.about,
        config=config,
        published=about.published,
        invalid_because=about.invalid_because,
    )


def bases(name_or_path: str) -> tuple[str, ...]:
    """Return the presets that this one is based on, the nearest first."""
    base = _converted(
        {key: value for key, value in _parsed(name_or_path, _label(name_or_path)).items() if key == "base"},
        _File,
        _label(name_or_path),
    ).base
    return (base, *bases(base)) if base and not _is_path(base) else ()


def _tables(name_or_path: str, above: tuple[str, ...]) -> tuple[_File, dict[str, Any]]:
    """Return what the file says about itself, and its tables merged onto those of its bases."""
    label = _label(name_or_path)
    if label in above:
        raise BadInput(f"{label}: base: goes round in a circle ({' -> '.join((*above, label))})")
    raw = _parsed(name_or_path, label)
    _reject_unknown(raw, label)
    given = {key: raw.pop(key) for key in _File.__struct_fields__ if key in raw}
    about = _converted(given, _File, label)
    tables = raw | ({"quirks": about.quirks} if about.quirks else {})
    if about.base:
        base = about.base
        if _is_path(base):
            base = str(Path(name_or_path).parent / base)
        elif base not in names():
            raise BadInput(f"{label}: base: no preset {base!r}{_nearest(base, names())}")
        parent, inherited = _tables(base, (*above, label))
        tables = _merged(inherited, tables)
        if "invalid_because" not in given:
            about = msgspec.structs.replace(about, invalid_because=parent.invalid_because)
    return about, tables


def _parsed(name_or_path: str, label: str) -> dict[str, Any]:
    if _is_path(name_or_path):
        try:
            text = Path(name_or_path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{label}: {getattr(error, 'strerror', None) or error}") from error
    elif name_or_path in names():
        text = files("reference_model").joinpath("presets", name_or_path + _SUFFIX).read_text(encoding="utf-8")
    else:
        raise BadInput(f"no preset {name_or_path!r}{_nearest(name_or_path, names())}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{label}: {error}") from error


def _is_path(name: str) -> bool:
    return name.endswith(_SUFFIX) or "/" in name or "\\" in name


def _label(name_or_path: str) -> str:
    return str(Path(name_or_path)) if _is_path(name_or_path) else f"preset {name_or_path}"


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return ``under`` with the keys of ``over`` in their place; tables merge, everything else is replaced."""
    out = dict(under)
    for key, value in over.items():
        below = out.get(key)
        out[key] = _merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return out


def _reject_unknown(raw: dict[str, Any], label: str) -> None:
    config = {key: value for key, value in raw.items() if key not in _File.__struct_fields__}
    known = tuple(name for name in Config.__struct_fields__ if name != "mode")
    for key in config:
        if key not in known:
            nearest = _nearest(key, (*known, *_File.__struct_fields__))
            raise BadInput(f"{label}: {key} is not a known key{nearest}")
    _reject_unknown_in(config, Config, label, "")
    quirks = raw.get("quirks")
    _reject_unknown_in(quirks if isinstance(quirks, dict) else {}, Config, label, "quirks.")
    rows = raw.get("published")
    for row in rows if isinstance(rows, list) else ():
        _reject_unknown_in(row if isinstance(row, dict) else {}, Published, label, "published.")


def _reject_unknown_in(table: dict[str, Any], struct: type[Frozen], label: str, prefix: str) -> None:
    """Raise :class:`BadInput` for the first key, or word, of ``table``, at any depth, that ``struct`` doesn't have."""
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in table.items():
        if key not in fields:
            raise BadInput(f"{label}: {prefix}{key} is not a known key{_nearest(key, tuple(fields), prefix)}")
        words = get_args(fields[key]) if get_origin(fields[key]) is Literal else ()
        if isinstance(value, str) and words and value not in words:
            raise BadInput(f"{label}: {prefix}{key}: no {value!r} here{_nearest(value, words)}")
        inner = _struct_within(fields[key])
        if inner is not None:
            for part in value if isinstance(value, list) else [value]:
                _reject_unknown_in(part if isinstance(part, dict) else {}, inner, label, f"{prefix}{key}.")


def _struct_within(kind: Any) -> type[Frozen] | None:
    """Return the structure that ``kind`` is, or is a tuple of; None for anything else."""
    for candidate in (kind, *get_args(kind)):
        if isinstance(candidate, type) and issubclass(candidate, Frozen):
            return candidate
    return None


def _nearest(word: str, known: tuple[str, ...], prefix: str = "") -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {prefix}{close[0]}?" if close else f"; known: {', '.join(known)}"


def _converted(tables: dict[str, Any], kind: type[_T], label: str) -> _T:
    try:
        return msgspec.convert(tables, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        place = f"{where.rstrip('`')}: " if where else ""
        raise BadInput(f"{label}: {place}{what}") from error
