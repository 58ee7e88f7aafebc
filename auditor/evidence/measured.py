"""What a log printed as ``name:value`` was measured, and not set: sizes, seconds, ratios of compression."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditor.regex import regex

_FEWEST = 2  # measurements that make the line around them one

_WITH_UNIT = regex(r"\d[\d.,_]* ?(?:B|bytes|[KMG]i?B|ms|it/s|tok(?:ens)?/s|[MGT]FLOPS)$", re.IGNORECASE)
_SECONDS = regex(r"(\d{1,9})(?:\.(\d{1,9}))? ?(?:s|secs?|seconds)$", re.IGNORECASE)
_SPENT = regex(r"(?:^|_)(?:total|elapsed|took|spent|wallclock|wall|duration)(?:_|$)")
_ALLOWED = regex(
    r"(?:^|_)(?:max|min|cap|limit|budget|timeout|reserve|every|interval|deadline|target|planned|mws)(?:_|$)"
)
_QUOTIENT = regex(r"(?:ratio|(?:compress(?:ion|ed)?|packed|entropy)_(?:\w{1,12}_)?(?:ratio|rate|factor))$")


def is_measured(name: str, value: str) -> bool:
    """Tell whether a printed value is a measurement, by its unit and by what it is called (in lower case).

    Seconds may be set as well: a limit is called one, and what was spent is rarely a whole number of them.
    """
    if _WITH_UNIT.match(value) or _QUOTIENT.match(name):
        return True
    seconds = _SECONDS.match(value)
    if seconds is None or _ALLOWED.search(name):
        return False
    return bool(_SPENT.search(name) or (seconds[2] or "0").strip("0"))


def of_measurements(pairs: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a line tells what was measured: more than half of its pairs are measurements, and not just one."""
    measured = sum(is_measured(name.lower(), value) for name, value in pairs)
    return measured >= _FEWEST and 2 * measured > len(pairs)
