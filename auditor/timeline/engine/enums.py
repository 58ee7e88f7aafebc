"""Enumerations: classes over ``enum.Enum``, whose members stand for their values here, also in comparisons and keys."""

from __future__ import annotations

from auditor.timeline.values.payloads import Class, Known, Value

_BASES = frozenset({"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"})


def members(cls: Class) -> dict[str, Value] | None:
    """Return the members of an enumeration by name, in order; None for another class, or where one isn't known."""
    if not _BASES.intersection(cls.external_bases()):
        return None
    found = {name: value for name, value in cls.attrs.items() if not name.startswith("_")}
    constants = {name: value for name, value in found.items() if isinstance(value.p, Known)}
    return constants or None


def called(cls: Class, given: tuple[Value, ...]) -> Value | None:
    """Return the member that ``Split(value)`` is; None where the class is no enumeration."""
    return given[0] if len(given) == 1 and members(cls) is not None else None
