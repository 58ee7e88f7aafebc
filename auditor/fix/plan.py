"""Which of the changes that rules offer do what they say: each is made in memory, and the audit run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from auditor.finding import Finding, Verdict
from auditor.fix.apply import Read, apply
from auditor.fix.change import Change, Part, Unfixable
from auditor.fix.overlay import overlaid
from auditor.fix.scores import broken
from auditor.reaudit.compare import compare, wording
from auditor.report import Report
from auditor.submission.model import Submission, Unread
from auditor.verdict import weigh

MOST_ROUNDS = 4
MOST_AUDITS = 40  # of one submission
LARGEST = 64 * 1024 * 1024  # bytes of a file that is changed

Audit = Callable[[Submission], Report]


@dataclass(frozen=True)
class Made:
    """A change that stands: the findings that it takes away, and by what."""

    change: Change
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Left:
    """A change that isn't made, and why."""

    change: Change
    findings: tuple[Finding, ...]
    why: str


@dataclass(frozen=True)
class Plan:
    """What is to be written, by path, and the audits before and after it.

    ``rounds`` are the parts of changes, those of each round in the text that the one before left.
    """

    before: Report
    after: Report
    files: Mapping[str, bytes]
    made: tuple[Made, ...]
    left: tuple[Left, ...]
    rounds: tuple[tuple[Part, ...], ...] = ()


@dataclass(frozen=True)
class Wanted:
    """Which changes are asked for: of these rules (None: of all), and unsafe ones too."""

    select: Collection[str] | None = None
    ignore: Collection[str] = ()
    unsafe: bool = False

    def takes(self, finding: Finding) -> bool:
        """Tell whether the change of a finding is asked for, safe or not."""
        if finding.fix is None or finding.overruled is not None or finding.active is False:
            return False
        return (self.select is None or finding.rule in self.select) and finding.rule not in self.ignore


def reader(submission: Submission) -> Read:
    """Return what reads a submission's files."""

    def read(path: str) -> bytes | None:
        try:
            return submission.tree.read(path, LARGEST)
        except Unread:
            return None

    return read


def plan(submission: Submission, audit: Audit, wanted: Wanted, rounds: int = MOST_ROUNDS) -> Plan:
    """Return the changes that take their findings away and add none, all of them together.

    A change that uncovers another finding with a change is followed by that, for a few rounds.
    """
    before = audit(overlaid(submission, {}))
    work = _Work(submission, audit, before)
    left: dict[Change, Left] = {}
    for _ in range(rounds):
        offers = _offers(work.report, wanted, left)
        for change, findings in list(offers.items()):
            if change.safety == "unsafe" and not wanted.unsafe:
                left[change] = Left(change, findings, "unsafe: --unsafe makes it")
                del offers[change]
        if not offers or not work.round(offers, left):
            break
    return Plan(before, work.report, work.files, tuple(work.made), tuple(left.values()), tuple(work.rounds))


def _offers(report: Report, wanted: Wanted, left: Mapping[Change, Left]) -> dict[Change, tuple[Finding, ...]]:
    """Return the changes that are asked for, each with the findings that offer it."""
    found: dict[Change, list[Finding]] = {}
    for finding in report.findings:
        if wanted.takes(finding) and finding.fix is not None and finding.fix not in left:
            found.setdefault(finding.fix, []).append(finding)
    return {change: tuple(findings) for change, findings in found.items()}


class _Work:
    """A submission while changes are tried on it: what stands so far, and its report."""

    def __init__(self, submission: Submission, audit: Audit, report: Report) -> None:
        self.report = report
        self.files: dict[str, bytes] = {}
        self.made: list[Made] = []
        self.rounds: list[tuple[Part, ...]] = []
        self._submission, self._audit, self._audits = submission, audit, 1

    def round(self, offers: Mapping[Change, tuple[Finding, ...]], left: dict[Change, Left]) -> bool:
        """Try changes on what stands, all at once if that goes well, else one by one; return whether one was made."""
        start, files = self.report, dict(self.files)
        held: dict[Change, tuple[Finding, ...]] = {}
        if len(offers) > 1:
            tried = self._try(start, files, offers)
            if not isinstance(tried, str):
                held = dict(offers)
                self.report, self.files = tried
        if not held:
            for change, findings in offers.items():
                why = ""
                for way in (change, *change.otherwise):
                    tried = self._try(start, files, {**held, way: findings})
                    if not isinstance(tried, str):
                        held[way] = findings
                        self.report, self.files = tried
                        break
                    why = why or tried
                else:
                    left[change] = Left(change, findings, why)
        self.made += [Made(change, findings) for change, findings in held.items()]
        if held:
            self.rounds.append(tuple(dict.fromkeys(part for change in held for part in change.parts)))
        return bool(held)

    def _try(
        self, start: Report, files: Mapping[str, bytes], changes: Mapping[Change, tuple[Finding, ...]]
    ) -> tuple[Report, dict[str, bytes]] | str:
        """Return the report and files with the changes made, or why they can't stand."""
        if self._audits >= MOST_AUDITS:
            return f"not tried: {MOST_AUDITS} audits of one submission are enough"
        try:
            made = apply(
                reader(overlaid(self._submission, files)), (part for change in changes for part in change.parts)
            )
        except Unfixable as reason:
            return str(reason)
        together = {**files, **made}
        self._audits += 1
        report = self._audit(overlaid(self._submission, together))
        why = fault(start, report, [f for findings in changes.values() for f in findings])
        return (report, together) if why is None else why


def fault(before: Report, after: Report, targets: Sequence[Finding]) -> str | None:
    """Return why what led from one report to another isn't a fix of ``targets``; None when it is.

    All of them have to be gone, or to be notes on code that no longer runs, and nothing else may have come.
    """
    if len(after.failures) > len(before.failures):
        return "golf-audit fails on the result"
    if after.compliance is Verdict.UNREADABLE and before.compliance is not Verdict.UNREADABLE:
        return "the script could no longer be read"
    compared = compare(before, after)
    gone = [pair.then for pair in compared.gone]
    for target in targets:
        if weigh(target) is not Verdict.CLEAN:
            if not any(target is each for each in gone):
                now = next((p.now for p in compared.remaining if p.then is target and p.now is not None), None)
                return _remains(target, now)
        elif _notes(after)[_key(target)] >= _notes(before)[_key(target)]:
            return f"{target.rule} would still be there"
    for pair in compared.new:
        if pair.now is not None:
            at = f" at {pair.now.path}:{pair.now.line}" if pair.now.path and pair.now.line else ""
            return f"it would add {pair.now.rule}{at}"
    for pair in compared.remaining:
        if pair.then is not None and pair.now is not None and weigh(pair.now).severity > weigh(pair.then).severity:
            return f"it would make {pair.now.rule} a {weigh(pair.now).value}"
    why = broken(before, after)
    if why is not None:
        return why
    lost = {item.what for item in after.not_followed if item.decisive}
    if lost - {item.what for item in before.not_followed}:
        return "more of the script could no longer be followed"
    if before.rests_on and not after.rests_on:
        return "no score would be reported any more"
    return None


def _remains(target: Finding, now: Finding | None) -> str:
    """Return what becomes of a finding that isn't gone: it is where it was, or the rule says something else instead."""
    if now is None or (now.path, wording(now)) == (target.path, wording(target)):
        because = f": {now.active_because}" if now is not None and now.active_because else ""
        return f"{target.rule} would still be there{because}"
    at = f"{now.path}:{now.line}" if now.path and now.line else now.path or "the submission"
    return f"{target.rule} would be said of {at} instead: {now.message}"


def _key(finding: Finding) -> tuple[str, str | None, str]:
    return finding.rule, finding.path, finding.message


def _notes(report: Report) -> Counter[tuple[str, str | None, str]]:
    return Counter(_key(f) for f in report.findings if f.active is not False)
