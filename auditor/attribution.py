"""Scores that a submission attributes to something that its script doesn't run under any setting in play."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.finding import Finding
from auditor.markdown import elements
from auditor.regex import regex
from auditor.submission.model import Unread
from auditor.submission.names import shown
from auditor.timeline.claims import claimed_reports
from auditor.timeline.events import Adapt, Lookup, Mixture, Timeline
from auditor.timeline.values.atoms import VAL

_LARGEST = 1_000_000  # bytes of a README
_LONGEST = 2_000  # characters of a sentence
_NUMBER = regex(r"(?<![\d.])\d{1,2}\.\d{2,12}(?!\d)")
_SENTENCE = regex(r"(?<=[.;!?])\s+|\n")
_DENIED = regex(
    r"\b(?:no|zero|not|never|without|w/o|before|pre|prior|non|un\w{0,12}|instead|vs\.?|versus|alone|only|disabled?|off"
    r"|baseline|than|remov\w{0,4}|dropp\w{0,4}|replac\w{0,4}|except|excluding|beats?|compared|nothing|fails?|failed|hurts?"
    r"|worse|plain|skipp\w{0,4}|ablat\w{0,5})\b|=\s?(?:0|false|off|no)\b",
    re.I,
)
_APART = regex(r"[,|)]")
_CHANGED_TO = regex(r"\s{0,2}(?:bpb\s)?(?:down\s|up\s)?(?:to|->|→)\s{0,2}[*_`~≈]{0,3}", re.I)
_LEFT_BEHIND = regex(r"->|→", re.I)  # 1.20 → TTT: the score is what it was before
_STARTED_AT = regex(r"\bfrom\b", re.I)  # TTT improves it from 1.20
_WITHOUT = regex(r"\b(?:no|without|w/o|non|disabled?|off)\b", re.I)
_SWITCH = regex(r"(?:^|; )(\w+) (?:defaults to|is not set by default)")
_OFF = frozenset({"0", "false", "no", "off", "none"})


class _Family(Struct, frozen=True):
    """What goes by one kind of name in a README, and the rules whose findings are about it."""

    rules: frozenset[str]
    words: re.Pattern[str]


_FAMILIES = (
    _Family(
        frozenset({"prequant-ttt", "score-after-adapt", "slot-scored-region", "slot-causal", "two-pass-rescore"}),
        regex(r"\b(?:post[- ]?)?ttt\b|\btest[- ]time[- ](?:training|adapt\w*)|\badapt(?:ed|ation)\b|\bslot\b", re.I),
    ),
    _Family(
        frozenset({"byte-ppm-mixture", "unnormalized-mixture", "target-conditioned-gate"}),
        regex(r"\bppm\b|\bmixture\b(?!\s+of)|\b(?:logit|byte|cache|n-?gram)[- ]mix\w*", re.I),
    ),
    _Family(
        frozenset({"target-in-key", "two-pass-rescore", "oracle-selection"}),
        regex(r"\bn-?gram\b[\w\- ]{0,20}?(?:cache|oracle|back-?off|mixer|tilt|blend)|\bcached?\b", re.I),
    ),
)


def attributed(case: Case, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings; what no setting turns on is a hold where the claimed score is said to come from it.

    Only where nothing else of the same family runs: a README may speak of a legal adaptation.
    """
    found = tuple(findings)
    said: dict[int, tuple[str, str, int | None] | None] = {}
    for finding in found:
        number = _family(finding) if finding.group == "compliance" else None
        if number is None or case.timeline is None or case.submission.lone:
            yield finding
            continue
        if finding.active is not False:
            yield _disowned(case, finding, _FAMILIES[number]) if finding.status == "violation" else finding
            continue
        if not _one_switch(finding, _FAMILIES[number].words):
            yield finding
            continue
        if number not in said:
            said[number] = None if _runs(case.timeline, number, found) else _said(case, _FAMILIES[number].words)
        sentence = said[number]
        yield finding if sentence is None or _of_another_line(case, finding) else _doubtful(finding, sentence)


def told(findings: Iterable[Finding], legal: frozenset[str]) -> tuple[Finding, ...]:
    """Return the findings as they are told; ``legal`` are the rules that recognise legal patterns.

    Code that no setting in play makes count is told for other settings and without a path, and not at all beside the
    same rule's finding on code that counts; a legal pattern is told where nothing is violated.
    """
    found = tuple(findings)
    compliance = [f for f in found if f.group == "compliance" and f.status in ("violation", "hold")]
    counting = {f.rule for f in compliance}
    violated = any(f.status == "violation" for f in compliance)
    return tuple(
        _aside(f) if _off(f) else f
        for f in found
        if not (_off(f) and f.rule in counting) and not (violated and f.rule in legal and f.status == "note")
    )


def _off(finding: Finding) -> bool:
    return finding.status == "note" and finding.active is False and finding.group == "compliance"


def _aside(finding: Finding) -> Finding:
    message = f"Not counted; with other settings: {finding.message[:1].lower()}{finding.message[1:]}"
    return dataclasses.replace(finding, message=message, trace=())


def _of_another_line(case: Case, finding: Finding) -> bool:
    """Return whether the lines with the claimed score are of other reports than the one that a path ends at."""
    assert case.timeline is not None
    claimed = claimed_reports(case.timeline, case.submitted)
    last = finding.trace[-1] if finding.trace else None
    return (
        last is not None
        and bool(claimed)
        and not any((report.site.source.path, report.site.line) == (last.path, last.line) for report in claimed)
    )


def _one_switch(finding: Finding, words: re.Pattern[str]) -> bool:
    """Return whether what the README names is all that is switched off on the way."""
    names = list(dict.fromkeys(_SWITCH.findall(finding.active_because)))
    of_one_thing = len({name.partition("_")[0] for name in names}) < 2  # NGRAM_ENABLED, NGRAM_TWO_PASS
    return of_one_thing or all(words.search(name.replace("_", " ")) for name in names)


def _doubtful(finding: Finding, said: tuple[str, str, int | None]) -> Finding:
    text, path, line = said
    place = f"{path}:{line}" if line is not None else path
    quoted = " ".join(text.split())
    return dataclasses.replace(
        finding,
        status="hold",
        active=None,
        active_because=f"{finding.active_because}; but the claimed score is attributed to it "
        f'({place}: "{shown(quoted, 120)}")',
    )


def _disowned(case: Case, finding: Finding, family: _Family) -> Finding:
    """Return a violation as a hold where the main command and the claim are both without it, and no log prints either.

    The script is at fault; that the claimed score comes of it, nothing shows.
    """
    if case.submitted or not case.runs:
        return finding
    switched = [
        override
        for override in case.runs[0].commands[0].overrides.values()
        if override.value.lower() in _OFF and family.words.search(override.name.replace("_", " "))
    ]
    said = _said(case, family.words, denied=True) if switched else None
    if said is None:
        return finding
    text, path, line = said
    off = switched[0]
    because = (
        f"{finding.active_because}; but the main command sets {off.name}={off.value} ({off.path}:{off.line}), and the "
        f'claimed score is said to be without it ({path}:{line}: "{shown(" ".join(text.split()), 120)}")'
    )
    return dataclasses.replace(finding, status="hold", active_because=because)


def _family(finding: Finding) -> int | None:
    return next((number for number, family in enumerate(_FAMILIES) if finding.rule in family.rules), None)


def _runs(timeline: Timeline, number: int, findings: tuple[Finding, ...]) -> bool:
    """Tell whether something of a family runs under a setting in play."""
    if any(f.rule in _FAMILIES[number].rules and f.active is not False for f in findings):
        return True
    live = [event for event in timeline.events if event.bits & timeline.in_play]
    if number == 0:
        return any(isinstance(event, Adapt) and event.kinds & VAL for event in live)
    return any(isinstance(event, Mixture) or (isinstance(event, Lookup) and event.reports) for event in live)


def _said(case: Case, words: re.Pattern[str], *, denied: bool = False) -> tuple[str, str, int | None] | None:
    """Return the first sentence that gives the claimed score together with the words, and denies them or not."""
    claim = case.evidence.leading()
    if claim is None:
        return None
    for text, path, line in _sentences(case):
        if credited_to(text, words, claim, denied=denied):
            return text, path, line
    return None


def credited_to(text: str, words: re.Pattern[str], claim: Claim[float], *, denied: bool = False) -> bool:
    """Tell whether a sentence says that the claim comes from what the words name, or (``denied``) that it doesn't.

    A word is about the number that is nearest to it, or about the one to which that is said to change.
    """
    numbers = tuple(_NUMBER.finditer(text))
    for word in words.finditer(text) if any(_is(claim, number[0]) for number in numbers) else ():
        nearest = min(numbers, key=lambda n: (_gap(text, word, n), n.start() < word.start()))
        told = nearest
        after = numbers[numbers.index(nearest) + 1 :]
        if after and _CHANGED_TO.fullmatch(text[nearest.end() : after[0].start()]):
            told = after[0]
        if not _is(claim, told[0]):
            continue
        first = max((n.end() for n in numbers if n.end() <= word.start()), default=0)
        last = min((n.start() for n in numbers if n.start() >= word.end()), default=len(text))
        around = text[max(first, word.start() - (8 if denied else 40)) : min(last, word.end() + 24)]
        if denied:
            if _WITHOUT.search(around):
                return True
            continue
        before = _LEFT_BEHIND.search(text[told.end() : word.start()]) if told.end() <= word.start() else None
        start = told is nearest and told.start() >= word.end() and _STARTED_AT.search(text[word.end() : told.start()])
        if not (_DENIED.search(around) or before or start):
            return True
    return False


def _gap(text: str, word: re.Match[str], number: re.Match[str]) -> int:
    """Return how far a number stands from a word, in characters; what parts clauses counts for more."""
    between = text[min(word.end(), number.end()) : max(word.start(), number.start())]
    return len(between) + 20 * len(_APART.findall(between)) + 60 * between.count(";")


def _is(claim: Claim[float], number: str) -> bool:
    """Tell whether a number is the claim, rounded or cut to the number's own decimals, three at least."""
    decimals = len(number.partition(".")[2])
    step = 10.0 ** -min(decimals, max(claim.decimals, 3))
    return decimals >= 3 and -step / 2 <= float(number) - claim.value <= step / 2


def _sentences(case: Case) -> Iterator[tuple[str, str, int | None]]:
    """Yield what README and metadata say: sentences, and cells of tables with their column's and row's names."""
    readme = case.submission.readme
    if readme is not None:
        try:
            data = case.submission.tree.read(readme, _LARGEST)
        except Unread:
            data = b""  # the reader of the submission has noted it as a problem
        for element in elements(data.decode("utf-8-sig", "replace")):
            if element.kind == "row":
                for column, cell in zip(element.header, element.cells, strict=False):
                    row = element.cells[0] if cell is not element.cells[0] else ""
                    yield f"{column} | {row} | {cell}"[:_LONGEST], readme, element.line
            elif element.kind in ("text", "heading"):
                line = element.line
                for sentence in _SENTENCE.split(element.text):
                    yield sentence[:_LONGEST], readme, line + element.text[: element.text.find(sentence)].count("\n")
    for claim in case.evidence.metadata.texts:
        if claim.name in ("name", "blurb", "description", "notes"):
            for sentence in _SENTENCE.split(claim.value):
                yield sentence[:_LONGEST], claim.path, claim.line
