"""Caches that a submission is named after, and that its script does not hold or does not run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.regex import regex
from auditor.submission.names import shown
from auditor.timeline.claims import judge
from auditor.timeline.events import Lookup, Mixture, Update

_CACHE = regex(
    r"(?:\bn|\d|[_a-z]N)[- _]?gram[\w\- ]{0,20}?(?:cache|oracle|back-?off|mixer|rescor|tilt|blend)"
    r"|\b(?:frozen|order)[-_ ]?(?:\d+[-_ ]?)?(?:frozen[-_ ]?)?(?:n-?gram[-_ ]?)?oracle",
    re.I,
)


def absent(case: Case, slug: str) -> Iterator[Finding]:
    """Yield a hold where a submission is called after a cache, and no setting in play fills or reads any table.

    The maintainers closed such submissions on their description (#724, #945): what made the score is not there to
    be read.
    """
    timeline = case.timeline
    if timeline is None or any(place.decisive for place in timeline.unfollowed):
        return
    tables = [e for e in timeline.events if isinstance(e, Lookup | Update) or (isinstance(e, Mixture) and e.reports)]
    if any(table.bits & timeline.in_play for table in tables):
        return
    read = [table for table in tables if not isinstance(table, Update) and table.reports]
    if any(judge(case, table.bits, [table], table.reports, True).active for table in read):
        return  # a log prints the score that rests on it
    what = "is switched off in every setting in play" if tables else "was not found in its script"
    for words, path, line in _names(case):
        found = _CACHE.search(words)
        if found is not None:
            yield Finding(
                rule=slug,
                group="compliance",
                status="hold",
                message=f'The submission is called "{shown(words, 80)}", but a table of the tokens that went before '
                f"{what}: what made the score can't be told from what runs.",
                path=path,
                line=line,
                end_line=line,
                active=None,
            )
            return


def _names(case: Case) -> Iterator[tuple[str, str, int | None]]:
    """Yield what the submission is called: by its README, its metadata, its folder."""
    for claims, key in ((case.evidence.readme, "title"), (case.evidence.metadata, "name")):
        claim = claims.text(key)
        if claim is not None:
            yield claim.value, claim.path, claim.line
    if not case.submission.lone:
        yield case.submission.name, case.submission.script or case.submission.name, None
