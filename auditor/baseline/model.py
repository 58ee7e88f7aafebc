"""What a baseline remembers of a report, and what it recognises in the next."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace

from auditor.finding import Finding, NotFollowed, Verdict
from auditor.regex import regex
from auditor.report import Comparison, Gone, Report
from auditor.verdict import weigh

NOT_FOLLOWED = "not-followed"  # in the place of a rule: what could not be followed and a verdict hangs on

_MOST_LINES = 40  # of a finding that spans lines
_PLACE = regex(r"(?P<file>\.\w+):\d+|(?P<word>\blines?) \d+(?:-\d+)?")  # a line that a message names


@dataclass(frozen=True)
class Known:
    """One finding that counts, as a baseline keeps it.

    ``fingerprint`` hashes the rule, the path, the finding's lines without their indentation and spacing (its
    message where it has none), and which of several alike it is. ``verdict`` is what the finding weighed.
    """

    fingerprint: str
    verdict: Verdict
    rule: str
    path: str | None
    line: int | None
    message: str


Baseline = Mapping[str, tuple[Known, ...]]  # by the name of the record folder


def remember(report: Report) -> tuple[Known, ...]:
    """Return what counts in a report: findings with a verdict other than CLEAN, and what a verdict hangs on."""
    return tuple(known for known, _ in _counted(report))


def compare(report: Report, baseline: Baseline, applied: Container[str]) -> Report:
    """Return the report with what the baseline knows marked, and the counts of known, new and gone.

    A finding that weighs more than it did is new. ``applied`` are the slugs of the rules that were applied: what
    another rule found isn't gone.
    """
    before = {known.fingerprint: known for known in baseline.get(report.name, ())}
    marks: dict[Finding | NotFollowed, list[bool]] = {}
    seen: set[str] = set()
    for known, item in _counted(report):
        earlier = before.get(known.fingerprint)
        seen.add(known.fingerprint)
        marks.setdefault(item, []).append(earlier is not None and earlier.verdict.severity >= known.verdict.severity)
    gone = tuple(
        Gone(known.rule, known.path, known.line, known.message)
        for known in before.values()
        if known.fingerprint not in seen and (known.rule == NOT_FOLLOWED or known.rule in applied)
    )
    answers = [answer for several in marks.values() for answer in several]
    return replace(
        report,
        findings=tuple(replace(f, known=marks[f].pop(0)) if marks.get(f) else f for f in report.findings),
        not_followed=tuple(replace(n, known=marks[n].pop(0)) if marks.get(n) else n for n in report.not_followed),
        baseline=Comparison(answers.count(True), answers.count(False), gone),
    )


def _counted(report: Report) -> Iterator[tuple[Known, Finding | NotFollowed]]:
    """Yield what counts, by path and line, so that the number of several alike follows their order in the file."""
    alike: Counter[tuple[str, str | None, str]] = Counter()
    for finding in sorted(report.findings, key=lambda f: (f.path or "", f.layer, f.line or 0)):
        verdict = weigh(finding)
        if verdict is not Verdict.CLEAN:
            key = (finding.rule, finding.path, _source(report, finding))
            alike[key] += 1
            mark = _fingerprint(*key, alike[key])
            yield Known(mark, verdict, finding.rule, finding.path, finding.line, finding.message), finding
    for item in report.not_followed:
        if item.decisive:
            key = (NOT_FOLLOWED, item.path, _plain(item.what))
            alike[key] += 1
            yield (
                Known(_fingerprint(*key, alike[key]), Verdict.HOLD, NOT_FOLLOWED, item.path, item.line, item.what),
                item,
            )


def _fingerprint(rule: str, path: str | None, source: str, number: int) -> str:
    text = "\0".join((rule, path or "", source, str(number)))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:24]


def _source(report: Report, finding: Finding) -> str:
    """Return the finding's lines without what moves: indentation, spacing, empty lines."""
    source = report.sources.get((finding.path, finding.layer)) if finding.path is not None else None
    if source is None or finding.line is None:
        return _plain(finding.message)
    last = min(finding.end_line or finding.line, finding.line + _MOST_LINES)
    lines = (" ".join(source.line_text(number).split()) for number in range(finding.line, last + 1))
    return "\n".join(line for line in lines if line) or _plain(finding.message)


def _plain(message: str) -> str:
    return " ".join(_PLACE.sub(lambda match: match["file"] or match["word"], message).split())
