"""From findings to verdicts: pure, and the only place that decides what outweighs what."""

from __future__ import annotations

from collections.abc import Container, Iterable

from msgspec import Struct

from auditor.finding import Finding, Group, NotFollowed, Recommendation, Status, Verdict
from auditor.rule import Condition, Rule
from auditor.submission.model import Track

_BY_STATUS: dict[Status, Verdict] = {
    "violation": Verdict.FLAG,
    "hold": Verdict.HOLD,
    "incomplete": Verdict.INCOMPLETE,
    "note": Verdict.CLEAN,
}

# What lies in these conditions is mended by a setting, by packaging or by more runs;
# the others mean that the score itself does not count.
_MENDABLE: frozenset[Condition] = frozenset({"budget", "package", "statistics"})

# A score below the record bar is no fault: such work is merged as non-record (#374, #473).
_DEMOTES = frozenset({"not-significant"})


class Judgement(Struct, frozen=True):
    """The verdict of each group, the worst of them, and what a maintainer is advised to do."""

    compliance: Verdict
    evidence: Verdict
    package: Verdict
    verdict: Verdict
    recommendation: Recommendation


def closes(rule: Rule) -> bool:
    """Tell whether a violation of ``rule`` closes a pull request.

    It does where a maintainer has ruled (a decision or an audit note) on what makes the score count.
    """
    ruled = any(authority.weight in ("official", "audit") for authority in rule.authority)
    return ruled and rule.condition not in _MENDABLE


def weigh(finding: Finding) -> Verdict:
    """Return what one finding makes of its group, taken alone.

    Code that cannot run is a note whatever its status says; code of which that could not be decided
    holds and does not flag. Compliance knows no INCOMPLETE: what it lacks, a human must decide. What a ruling
    on the auditor's side has overruled no longer counts.
    """
    if finding.active is False or finding.overruled is not None:
        return Verdict.CLEAN
    verdict = _BY_STATUS[finding.status]
    if finding.active is None and verdict is Verdict.FLAG:
        return Verdict.HOLD
    if finding.group == "compliance" and verdict is Verdict.INCOMPLETE:
        return Verdict.HOLD
    return verdict


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the most severe of ``verdicts`` (CLEAN when there is none)."""
    return max(verdicts, key=lambda verdict: verdict.severity, default=Verdict.CLEAN)


def judge(
    findings: Iterable[Finding],
    not_followed: Iterable[NotFollowed] = (),
    *,
    readable: bool = True,
    track: Track = "unknown",
    closing: Container[str] = frozenset(),
    whole: bool = True,
) -> Judgement:
    """Return the verdicts that ``findings`` and ``not_followed`` amount to.

    ``readable`` is False when the train script is missing, cannot be unpacked or does not parse.
    ``closing`` holds the slugs of the rules that :func:`closes` says close a pull request. ``whole`` is False when
    only some rules were applied: who hasn't looked at all of it recommends no merge.
    """
    findings = tuple(findings)
    compliance = _group(findings, "compliance")
    if not readable:
        compliance = worst((compliance, Verdict.UNREADABLE))
    if compliance is Verdict.CLEAN and any(item.decisive for item in not_followed):
        compliance = Verdict.HOLD
    evidence = _group(findings, "evidence")
    package = _group(findings, "package")
    verdict = worst((compliance, evidence, package))
    advice = _recommend(verdict, compliance, findings, track, closing)
    if not whole and advice in (Recommendation.MERGE, Recommendation.MERGE_NON_RECORD):
        advice = Recommendation.HOLD
    return Judgement(compliance, evidence, package, verdict, advice)


def _group(findings: Iterable[Finding], group: Group) -> Verdict:
    return worst(weigh(finding) for finding in findings if finding.group == group)


def _recommend(
    verdict: Verdict,
    compliance: Verdict,
    findings: tuple[Finding, ...],
    track: Track,
    closing: Container[str],
) -> Recommendation:
    """Return the advice by the rulebook: MERGE, or the mildest step that answers what was found."""
    counted = [finding for finding in findings if weigh(finding) is not Verdict.CLEAN]
    below_bar = any(finding.rule in _DEMOTES for finding in counted)
    if compliance is Verdict.CLEAN and all(finding.rule in _DEMOTES for finding in counted):
        if track == "record" and not below_bar:
            return Recommendation.MERGE
        return Recommendation.MERGE_NON_RECORD
    if verdict is Verdict.FLAG:
        flags = [finding for finding in counted if weigh(finding) is Verdict.FLAG]
        if any(finding.rule in closing for finding in flags):
            return Recommendation.CLOSE
        return Recommendation.REQUEST_CHANGES
    if verdict is Verdict.HOLD:
        return Recommendation.HOLD
    return Recommendation.REQUEST_CHANGES
