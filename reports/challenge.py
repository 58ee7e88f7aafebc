"""A challenge as text and as JSON: what it fixes, whose word that is, and the rules that apply."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from auditor import catalogue
from auditor.challenge.model import Challenge

_LISTED = 12  # values of one key


def as_json(challenge: Challenge) -> str:
    """Return the challenge's tables as they are, with the slugs of the rules that apply, as indented JSON."""
    rules = catalogue.applied(challenge)
    return json.dumps(
        {**_plain(challenge), "applied": [rule.slug for rule in rules]}, indent=2, ensure_ascii=False, default=str
    )


def as_text(challenge: Challenge) -> str:
    """Return the challenge for a terminal, table by table."""
    return "\n".join(_lines(challenge)) + "\n"


def _lines(challenge: Challenge) -> Iterator[str]:
    yield f"{challenge.name}: {challenge.title}"
    yield f"  {challenge.address}"
    yield f"  read {challenge.read} from {challenge.source}"
    for field in fields(challenge):
        value = getattr(challenge, field.name)
        if isinstance(value, Struct) and field.name != "rules":
            yield ""
            yield f"{field.name}{_whose(value)}"
            yield from _table(value, "  ")
        elif field.name == "tracks":
            for track in challenge.tracks:
                yield ""
                yield f"track {track.folder}{_whose(track)}"
                yield from _table(track, "  ")
    rules = catalogue.applied(challenge)
    yield ""
    yield f"{len(rules)} rules apply"
    for rule in rules:
        said = rule.authority[0]
        yield f"  {rule.slug}: {rule.title} ({said.ref}, {said.when})"
    if challenge.rules.not_ruled:
        yield ""
        yield "not applied"
        for slug, why in challenge.rules.not_ruled.items():
            yield f"  {slug}: {why}"


def _whose(value: Any) -> str:
    """Return whose word a table is and since when, in brackets."""
    said = [str(found) for name in ("since", "source") if (found := getattr(value, name, None)) is not None]
    return f"  ({': '.join(said)})" if said else ""


def _table(value: Any, indent: str) -> Iterator[str]:
    for field in fields(value):
        found = getattr(value, field.name)
        if field.name in ("source", "since") or found is None or found in ((), {}, False):
            continue
        if isinstance(found, tuple) and isinstance(found[0], Struct):
            for each in found:
                yield f"{indent}{field.name}{_whose(each)}: {'; '.join(_inline(each))}"
        elif isinstance(found, Struct):
            yield f"{indent}{field.name}{_whose(found)}"
        elif isinstance(found, Mapping):
            yield f"{indent}{field.name}: " + ", ".join(f"{key} {_said(each)}" for key, each in found.items())
        else:
            yield f"{indent}{field.name}: {_said(found)}"


def _inline(value: Any) -> Iterator[str]:
    for field in fields(value):
        found = getattr(value, field.name)
        if field.name not in ("source", "since") and found is not None:
            yield f"{field.name} {_said(found)}"


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_said(each) for each in value[:_LISTED]) + (", …" if len(value) > _LISTED else "")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it: tables as objects, days as ISO dates, what isn't there left out."""
    if isinstance(value, Struct):
        items = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(found) for name, found in items if found is not None}
    if isinstance(value, Mapping):
        return {key: _plain(found) for key, found in value.items()}
    if isinstance(value, tuple):
        return [_plain(found) for found in value]
    return value.isoformat() if isinstance(value, datetime.date) else value
