"""The file of rulings.

A file of rulings is TOML, one ``[[ruling]]`` per decision::

    [[ruling]]
    rule = "boundary-leak"
    pr = 1234                                # or sha, or name (of the record folder); all that are given must agree
    who = "maintainer"
    date = 2026-04-20
    link = "https://github.com/openai/parameter-golf/pull/1234#issuecomment-1"
    reason = "The mask cuts at documents; read with the author."
    expires = 2026-10-20

``path`` narrows a ruling to one file. All other keys are required.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from auditor.finding import Overruled
from auditor.regex import regex
from auditor.rulings.model import Ruling
from auditor.toml import Malformed, nearest, parse, read_text, typed

_HEADER = regex(r"^[ \t]*\[\[[ \t]*ruling[ \t]*\]\]", re.MULTILINE)
_SHA = regex(r"[0-9a-f]{7,40}")
_LINK = regex(r"https?://[^\s<>]+\.[^\s<>]+")


class _Table(msgspec.Struct, frozen=True):
    """One ``[[ruling]]`` as it is written."""

    rule: str
    who: str
    date: datetime.date
    link: str
    reason: str
    expires: datetime.date
    pr: Annotated[int, msgspec.Meta(ge=1)] | None = None
    sha: str | None = None
    name: str | None = None
    path: str | None = None


class Rulings(Struct, frozen=True):
    """What a file of rulings holds: those in force, and one line for each that has expired."""

    in_force: tuple[Ruling, ...] = ()
    expired: tuple[str, ...] = ()


def read(path: Path, slugs: Collection[str], today: datetime.date | None = None) -> Rulings:
    """Return the rulings in a file; raises :class:`~auditor.toml.Malformed` where one can't be used.

    ``slugs`` are the rules that there are. ``today`` (UTC by default) decides what has expired: a ruling holds up
    to and including the day that it gives.
    """
    text = read_text(path)
    document = parse(text, path)
    tables = document.pop("ruling", [])
    for key in document:
        raise Malformed(f"{path}: unknown key {key!r}; {nearest(key, ['ruling'])}")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise Malformed(f"{path}: rulings are tables; begin each with [[ruling]]")
    today = today or datetime.datetime.now(datetime.UTC).date()
    lines = [text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)]
    in_force, expired = [], []
    for number, table in enumerate(tables):
        # Headers are counted in the text: where they don't match the tables, the line is left unsaid.
        line = lines[number] if len(lines) == len(tables) else None
        where = f"{path}:{line}" if line is not None else f"{path}: ruling {number + 1}"
        ruling = _ruling(table, slugs, today, str(path), line, where)
        if datetime.date.fromisoformat(ruling.overruled.expires) < today:
            expired.append(
                f"{where}: the ruling on {ruling.rule} expired on {ruling.overruled.expires}; it no longer counts: "
                "renew it or take it out"
            )
        else:
            in_force.append(ruling)
    return Rulings(tuple(in_force), tuple(expired))


def _ruling(
    table: dict[str, Any], slugs: Collection[str], today: datetime.date, path: str, line: int | None, where: str
) -> Ruling:
    given = typed(table, _Table, where)
    if given.rule not in slugs:
        raise Malformed(f"{where}: no rule is called {given.rule!r}; {nearest(given.rule, list(slugs))}")
    if given.pr is None and given.sha is None and given.name is None:
        raise Malformed(f"{where}: pr, sha or name must say which submission the ruling is about")
    for key in ("who", "link", "reason", "name", "path"):
        if (value := getattr(given, key)) is not None and not value.strip():
            raise Malformed(f"{where}: {key} is empty")
    if not _LINK.fullmatch(given.link):
        raise Malformed(f"{where}: link must be the address at which the ruling can be read (https://…)")
    if given.sha is not None and not _SHA.fullmatch(given.sha):
        raise Malformed(f"{where}: sha must be 7 to 40 lower-case hexadecimal digits")
    if given.date > today:
        raise Malformed(f"{where}: date {given.date} is yet to come")
    if given.expires < given.date:
        raise Malformed(f"{where}: expires {given.expires} before its date {given.date}")
    cited = Overruled(
        given.who, given.date.isoformat(), given.link, given.reason, given.expires.isoformat(), path, line
    )
    return Ruling(given.rule, cited, given.pr, given.sha, given.name, given.path)
