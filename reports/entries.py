"""Causes as the templates of comments print them: the deciding line, why it counts, whose word that is, the fix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor import catalogue
from auditor.finding import Finding
from auditor.report import Report
from auditor.rule import Authority
from auditor.verdict import weigh
from reports.brief import sentence
from reports.citation import citations
from reports.comment import Form
from reports.detail import Detail
from reports.escape import Markdown, markdown
from reports.links import prose, reference
from reports.view import FindingView, authorities, finding_place, view_of

_WEIGHTS = ("official", "audit", "community")
_MOST_PLACES = 4  # beside the first


@dataclass(frozen=True)
class Entry:
    """One cause: its weightiest finding first, then the others.

    ``rules`` are the slugs that meet in it, ``elsewhere`` its other places; ``why`` is one sentence of the rule's with
    whose word it is, ``authority`` all who ruled in full; ``ruled`` tells whether a maintainer has spoken, ``here``
    whether only on this very pull request, which isn't cited against itself.
    """

    word: str
    rule: str
    rules: tuple[str, ...]
    first: FindingView
    elsewhere: tuple[Markdown, ...]
    elsewhere_left: int
    others: tuple[FindingView, ...]
    left: int
    why: Markdown | None
    whose: Markdown | None
    authority: tuple[Markdown, ...]
    ruled: bool
    here: bool
    counterpart: Markdown | None
    advice: str
    alike: Markdown | None = None


def entry(report: Report, findings: Sequence[Finding], form: Form, detail: Detail, alike: Markdown | None) -> Entry:
    """Return one cause as templates print it; ``alike`` links pull requests that have the same lines."""
    first, rest = findings[0], findings[1:]
    rule = catalogue.find(first.rule)
    refs = _by_weight(pair for finding in findings if finding.rule == first.rule for pair in citations(finding))
    places = dict.fromkeys(where for f in rest if (where := finding_place(report, f, form)) is not None)
    own = finding_place(report, first, form)
    elsewhere = tuple(where for where in places if where != own)
    cited = not refs or any(source is None or source.weight != "community" for _, source in refs)
    own_refs = [] if rule is None or report.pr is None else [a for a in rule.authority if a.ref == f"#{report.pr}"]
    here = any(source.weight != "community" for source in own_refs)
    return Entry(
        word=weigh(first).value,
        rule=first.rule,
        rules=tuple(dict.fromkeys(f.rule for f in findings)),
        first=view_of(report, first, form, detail),
        elsewhere=elsewhere[:_MOST_PLACES],
        elsewhere_left=max(0, len(elsewhere) - _MOST_PLACES),
        others=tuple(view_of(report, f, form, detail) for f in rest[: max(0, detail.findings // 4)]),
        left=max(0, len(rest) - max(0, detail.findings // 4)),
        why=prose(sentence(rule.why)) if rule is not None and rule.why else None,
        whose=_whose(refs, form),
        authority=tuple(authorities(refs[: detail.authorities + 3], form)),
        ruled=cited or here,
        here=here and not cited,
        counterpart=prose(rule.counterpart) if rule is not None and rule.counterpart else None,
        advice=first.advice,
        alike=alike,
    )


def _by_weight(refs: Iterable[tuple[str, Authority | None]]) -> tuple[tuple[str, Authority | None], ...]:
    known = dict.fromkeys(refs)
    return tuple(sorted(known, key=lambda pair: _WEIGHTS.index(pair[1].weight) if pair[1] else len(_WEIGHTS)))


def _whose(refs: Sequence[tuple[str, Authority | None]], form: Form) -> Markdown | None:
    """Return whose word a rule rests on, the weightiest: ``#2041, maintainer's audit note: name, date``."""
    if not refs:
        return None
    ref, source = refs[0]
    if source is None:
        return reference(ref)
    weight = form.wording.of_weight(source.weight)
    return Markdown(f"{reference(ref)}, {weight}: {markdown(source.who)}, {markdown(source.when)}")
