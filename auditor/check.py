"""One audit from files to verdict: the pipeline, and nothing of its own."""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from auditor import catalogue
from auditor.attribution import attributed, told
from auditor.case import Case
from auditor.challenge.known import DEFAULT
from auditor.confirmed import Alone
from auditor.evaluators import evaluators
from auditor.evidence.carried import with_carried
from auditor.evidence.counted import claimed_logs, measured_runs, training_logs
from auditor.evidence.read import read_evidence
from auditor.evidence.submitted import submitted_lines
from auditor.evidence.text import Unreadable, decode
from auditor.failure import Failure
from auditor.finding import Finding, NotFollowed, RestsOn
from auditor.fix.change import Change
from auditor.fix.scores import ends, printed
from auditor.gist import gist
from auditor.grade import confidence, severity
from auditor.program.load import load_program
from auditor.program.model import Program, Unparsed
from auditor.program.source import Source
from auditor.report import Report
from auditor.rule import Rule
from auditor.rulings.model import Ruling, overrule
from auditor.settings import documented_runs, settings_in_play
from auditor.submission.model import Setting, Submission, Unread
from auditor.timeline import follow
from auditor.timeline.events import Report as ScoreReport
from auditor.timeline.events import Timeline
from auditor.timeline.rests import Entry, claimable, opaque, rests_on, sentence
from auditor.timeline.summary import summarise
from auditor.verdict import closes, judge

_QUOTABLE = 8 * 1024 * 1024  # bytes of a log that a report may quote
_STACK = 12_000  # the interpreter nests as deeply as the program that it follows


def audit(
    submission: Submission,
    select: Collection[str] | None = None,
    ignore: Collection[str] = (),
    rulings: Collection[Ruling] = (),
) -> Report:
    """Return the report on one submission.

    ``select`` names the rules to apply (None: all), ``ignore`` those to leave out. Findings that one of the
    ``rulings`` overrules are kept and don't count.
    """
    with _uncollected():
        return _audit(submission, select, ignore, rulings)


def _audit(
    submission: Submission, select: Collection[str] | None, ignore: Collection[str], rulings: Collection[Ruling]
) -> Report:
    rules = [
        r
        for r in catalogue.applied(submission.challenge)
        if (select is None or r.slug in select) and r.slug not in ignore
    ]
    evidence = read_evidence(submission)
    submission = with_carried(submission, evidence)
    with _room():
        loaded = load_program(submission)
        program = loaded if isinstance(loaded, Program) else None
        readable = program is not None and program.main.module is not None
        score = evidence.claims().val_bpb
        runs = documented_runs(submission)
        settings = settings_in_play(submission, claimed_logs(evidence), training_logs(evidence), score, runs)
        failures: list[Failure] = []
        timeline = _follow(program, settings, failures) if program is not None and readable else None
        case = Case(
            submission,
            program,
            timeline,
            evidence,
            submitted_lines(evidence),
            loaded if isinstance(loaded, Unparsed) else None,
            runs,
        )
        scoring = _evaluators(case, failures)
        weighed = attributed(case, _findings(rules, case, scoring, failures))
        legal = frozenset(rule.slug for rule in rules if rule.legal_reference)
        findings = overrule(told(weighed, legal), submission, rulings)
    programs = [(program, timeline), *((other.program, other.timeline) for other in scoring)]
    entries = [entry for _, line in programs if line is not None for entry in rests_on(line, case.submitted)]
    broken = [RestsOn(f.as_not_followed().what, False, f.path, f.line) for f in failures]
    missing = [n for pair in programs for n in _not_followed(*pair, case.submitted)]
    not_followed = tuple(dict.fromkeys([*(failure.as_not_followed() for failure in failures), *missing]))
    closing = frozenset(r.slug for r in rules if closes(r))
    title = evidence.metadata.text("name")
    sources = _sources(program) | _carried(submission)
    judged = judge(
        findings,
        not_followed,
        readable=readable,
        track=submission.track,
        closing=closing,
        whole=select is None and not ignore,
    )
    return Report(
        submission=submission.given,
        name=submission.name,
        track=submission.track,
        sha=submission.sha,
        script=submission.script,
        verdict=judged.verdict,
        recommendation=judged.recommendation,
        compliance=judged.compliance,
        evidence=judged.evidence,
        package=judged.package,
        findings=findings,
        not_followed=not_followed,
        rests_on=tuple(dict.fromkeys([*(_rests_on(entry) for entry in entries), *broken])),
        sources=sources,
        timeline=summarise(timeline) if timeline is not None else (),
        gist=gist(timeline, submission.script or "") if timeline is not None else (),
        applied=tuple(r.slug for r in rules) if select is not None or ignore else None,
        pr=submission.pr,
        claims=evidence.claims(),
        runs=measured_runs(evidence),
        folder=submission.folder,
        title=title.value if title is not None else "",
        cited=_cited(submission, findings, sources),
        failures=tuple(failures),
        challenge=submission.challenge,
        printed=printed(timeline) if timeline is not None else (),
        ends=ends(timeline) if timeline is not None else {},
    )


def _follow(program: Program, settings: Sequence[Setting], failures: list[Failure]) -> Timeline:
    """Return the timeline of ``program``; where following it fails, as far as it goes, and the failure is noted."""
    timeline = follow(program, settings)
    if timeline.failure is not None:
        site, error = timeline.failure
        failures.append(Failure(error, "following the program", site.source.path, site.line))
    return timeline


def _evaluators(case: Case, failures: list[Failure]) -> tuple[Case, ...]:
    found: list[Case] = []
    try:
        for other in evaluators(case):
            found.append(other)
            if other.timeline is not None and other.timeline.failure is not None:
                site, error = other.timeline.failure
                failures.append(Failure(error, "following the program", site.source.path, site.line))
    except MemoryError:
        raise
    except Exception as error:
        failures.append(Failure(error, "second scripts", case.submission.script or case.submission.given))
    return tuple(found)


def _findings(
    rules: Collection[Rule], case: Case, scoring: Collection[Case], failures: list[Failure]
) -> Iterator[Finding]:
    """Yield what the rules find: all of them in the case itself, those on code also in the scripts that score it.

    A rule that fails costs its own findings only; the failure is noted.
    """
    alone = Alone(catalogue.applied(case.submission.challenge))
    for rule in rules:
        for each in (case, *scoring) if rule.group == "compliance" else (case,):
            try:
                yield from tuple(_apply(rule, each, failures, alone))
            except MemoryError:
                raise
            except Exception as error:
                failures.append(Failure(error, f"rule {rule.slug}", each.submission.script or each.submission.given))


def _apply(rule: Rule, case: Case, failures: list[Failure], alone: Alone) -> Iterator[Finding]:
    """Yield a rule's findings, with what every finding of the rule shares."""
    own = f"#{case.submission.pr}"
    refs = tuple(dict.fromkeys(a.ref for a in rule.authority if a.ref != own))
    findings = tuple(rule.check(case))
    for finding in alone.confirmed(rule, case, findings) if rule.group == "compliance" else findings:
        # No pull request is cited against itself.
        found = dataclasses.replace(
            finding,
            message=_said(_without(finding.message, own), case),
            authority=tuple(ref for ref in finding.authority if ref != own) or refs,
            advice=finding.advice or rule.advice,
            severity=severity(finding, rule),
            confidence=confidence(finding, rule),
        )
        offer = _offer(rule, case, found, failures)
        yield found if offer is None else dataclasses.replace(found, fix=offer)


def _without(message: str, own: str) -> str:
    """Return a message without a pull request's number in its brackets of precedents: ``(#1787, #1855)``."""
    message = message.replace(f" ({own})", "")
    return message.replace(f"({own}, ", "(").replace(f", {own},", ",").replace(f", {own})", ")")


def _said(message: str, case: Case) -> str:
    """Return a message whose references to pull requests can't be taken for another challenge's."""
    return message if case.challenge.name == DEFAULT else catalogue.qualified(message)


def _offer(rule: Rule, case: Case, finding: Finding, failures: list[Failure]) -> Change | None:
    """Return the change that a rule offers against its finding; a defect there costs no more than the change."""
    if rule.fix is None or finding.active is False:
        return None
    try:
        return rule.fix(case, finding)
    except MemoryError:
        raise
    except Exception as error:
        failures.append(Failure(error, f"fix of rule {rule.slug}", finding.path or case.submission.given, finding.line))
        return None


def _not_followed(
    program: Program | None, timeline: Timeline | None, submitted: tuple[str, ...]
) -> tuple[NotFollowed, ...]:
    out: list[NotFollowed] = []
    if program is not None:
        for unit in program.units.values():
            if unit.failure is not None:
                out.append(
                    NotFollowed(
                        unit.failure.path,
                        unit.failure.line,
                        unit.failure.reason,
                        decisive=unit.path != program.script,
                        layer=unit.failure.layer,
                    )
                )
    if timeline is not None:
        out.extend(
            NotFollowed(
                u.site.source.path, u.site.line, u.what, u.decisive, escapes=u.escapes, layer=u.site.source.layer
            )
            for u in timeline.unfollowed
        )
        reports = claimable(timeline, submitted)
        decisive = opaque(timeline, reports)
        others = timeline.of(ScoreReport)
        for each in dict.fromkeys([*decisive, *opaque(timeline, others)]):
            source, line = each.site.source, each.site.line
            hangs = each in decisive
            out.append(NotFollowed(source.path, line, sentence(each), hangs, escapes=each.escapes, layer=source.layer))
    return tuple(dict.fromkeys(out))


def _rests_on(entry: Entry) -> RestsOn:
    source = entry.site.source
    return RestsOn(entry.what, entry.followed, source.path, entry.site.line, source.layer, entry.note)


def _sources(program: Program | None) -> dict[tuple[str, int], Source]:
    if program is None:
        return {}
    return {(s.path, s.layer): s for unit in program.units.values() for s in unit.sources}


def _carried(submission: Submission) -> dict[tuple[str, int], Source]:
    """Return the log that carries the program, whole up to the program's end: several of its files lie in it."""
    if not submission.carried:
        return {}
    log, last = submission.carried[-1].log, submission.carried[-1].last_line
    try:
        text = decode(submission.tree.read(log, _QUOTABLE), _QUOTABLE).data.decode("utf-8", "replace")
    except (Unread, Unreadable):
        return {}
    return {(log, 0): Source(log, "\n".join(text.split("\n")[:last]) + "\n")}


def _cited(
    submission: Submission, findings: Collection[Finding], sources: Mapping[tuple[str, int], Source]
) -> dict[str, Source]:
    """Return the files beside the program in which findings lie; one that is too large to quote is left out."""
    paths = dict.fromkeys(f.path for f in findings if f.path is not None and f.line is not None)
    cited: dict[str, Source] = {}
    for path in paths:
        if (path, 0) in sources:
            continue
        try:
            text = decode(submission.tree.read(path, _QUOTABLE), _QUOTABLE).data
        except (Unread, Unreadable):
            continue  # the finding still names the line; that it can't be read is told where it matters
        cited[path] = Source(path, text.decode("utf-8", "replace"))
    return cited


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the collector out of a short-lived mass of objects, and hold it until they are gone.

    What is still in use when it is let in again is looked through, and kept for later, for nothing.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def _room() -> Iterator[None]:
    """Give deep programs the stack that they need."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _STACK))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
