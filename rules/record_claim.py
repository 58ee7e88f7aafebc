"""Whether a submission in the record track claims to be a record at all."""

from __future__ import annotations

import re

from auditor.case import Case
from auditor.regex import regex
from rules.statements import Statement, says, statements

_MOST_LINES = 40  # of the README: what it is said to be stands at its head

_IN_A_NAME = regex(r"non[-_ ]?record|negative[-_ ]?result|not[-_ ]?(?:a[-_ ])?record|(?<![a-z])wip(?![a-z])", re.I)
_IN_A_SENTENCE = regex(
    r"\bnon[- ]record (?:submission|entry|track|work|exploration|study|experiment)"
    r"|\bnot (?:a|an|claimed as a|intended as a|meant as a)(?: new)? (?:record|sota|leaderboard)\b"
    r"|\b(?:no|not claiming (?:a|any)|does not claim (?:a|any)|without a)(?: new)? (?:record|sota|leaderboard) claim"
    r"|\b(?:not claiming|does not claim|doesn't claim)(?: to be)?(?: a| any)?(?: new)? (?:record|sota)\b"
    r"|\bdo(?:es)?(?: not|n't) beat (?:the )?(?:current )?(?:sota|record|leaderboard|baseline)",
    re.I,
)

# What says in the same breath that something of it is a record speaks of more than one result.
_CLAIMS_ONE = regex(
    r"\b(?:beats|beating|surpass\w*|outperforms?|new (?:record|sota|state of the art))\b"
    r"|^#{1,3}\s*(?:\[?(?:new )?record\]?)\s*[:\-–—]",
    re.I,
)

_OF_IT = regex(r"\bthis (?:run|submission|entry|work|is)\b", re.I)  # what is said further down may be of others

_OUTRIGHT = regex(r"\bnon[-_ ]?record|\bnot (?:a|an) (?:new )?record\b", re.I)  # of the track, not of how good it is


def disclaimed(case: Case, *, outright: bool = False) -> Statement | None:
    """Return where a submission says that it is no record, None where it doesn't.

    Its folder's name counts, the README's headings and opening lines, and the texts of the metadata. ``outright``: only
    what says so of the submission's kind, not that it claims no state of the art.
    """
    if _IN_A_NAME.search(case.submission.name) and not (outright and not _OUTRIGHT.search(case.submission.name)):
        return Statement(case.submission.metadata or case.submission.readme or "", None, case.submission.name)
    told = list(statements(case))
    if any(
        said.path == case.submission.readme and said.text.startswith("#") and says(_CLAIMS_ONE, said.text)
        for said in told[:_MOST_LINES]
    ):
        return None
    for said in told:
        if says(_CLAIMS_ONE, said.text) or (outright and not _OUTRIGHT.search(said.text)):
            continue
        heading = said.path != case.submission.readme or said.text.startswith("#")
        if said.path == case.submission.readme and (said.line or 0) > _MOST_LINES and not _OF_IT.search(said.text):
            continue
        if _IN_A_SENTENCE.search(said.text) or (heading and len(said.text) < 200 and _IN_A_NAME.search(said.text)):
            return said
    return None
