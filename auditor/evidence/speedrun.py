"""The table of a speedrun's README: one row a record, with its time, its day and the log that it points to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.challenge.model import Challenge
from auditor.evidence.frontier import Row
from auditor.evidence.leaderboard import NoLeaderboard
from auditor.regex import regex

_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
_ROW = regex(
    r"^\|?\s*(?P<number>\d{1,4})\s*\|\s*(?P<time>\d{1,4}(?:\.\d{1,4})?) (?P<unit>second|minute|hour)s?\*?\s*\|"
    r"(?P<what>.*)\|\s*(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>\d\d)\s*\|(?P<log>[^|]*)\|(?P<who>[^|]*)\|?\s*$"
)
_PULL = regex(r"/pull/(\d{1,7})")
_PLACE = regex(r"\]\((?P<archive>[\w.-]+)/(?P<track>[\w.-]+)/(?P<folder>[\w.-]+)/?(?P<log>[^)\s]*)\)")


def rows(readme: str, challenge: Challenge, source: str) -> tuple[Row, ...]:
    """Return the records of the table as rows of a frontier, in its order; raises :class:`NoLeaderboard`.

    ``source`` is what the rows are said to come from. A record whose row names no folder has none.
    """
    found = tuple(_rows(readme, challenge, source))
    if not found:
        raise NoLeaderboard("README.md holds no table of records (number, time, what, day, log, who)")
    return found


def _rows(readme: str, challenge: Challenge, source: str) -> Iterator[Row]:
    for line in readme.splitlines():
        match = _ROW.match(line)
        if match is None:
            continue
        place = _PLACE.search(match["log"])
        known = place is not None and challenge.track(place["track"]) is not None
        pull = _PULL.search(match["log"])
        yield Row(
            pr=int(pull[1]) if pull is not None else None,
            name=f"record {match['number']}" + (f" of {place['track']}" if place is not None and known else ""),
            author=", ".join(re.findall(r"@[\w.-]+", match["who"])),
            date=f"20{match['year']}-{match['month']}-{match['day']}",
            score=round(float(match["time"]) * _UNITS[match["unit"]], 3),
            scores=(),
            status="leaderboard",
            source=source,
            folder=place["folder"] if place is not None and known else None,
            log=(place["log"] or None) if place is not None and known else None,
            number=int(match["number"]),
        )
