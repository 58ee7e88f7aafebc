"""The re-audit: what of an earlier audit is gone, what remains, what is new, and what was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from auditor import catalogue
from auditor.finding import Finding
from auditor.reaudit.compare import cited_hunks, other_hunks
from auditor.reaudit.lines import Hunk
from auditor.reaudit.model import Compared, Pair, ReAudit
from auditor.report import Report
from auditor.verdict import weigh
from reports.brief import sentence, words_shown
from reports.comment import Form, fit
from reports.contract import ChangeJson, SinceJson
from reports.detail import Detail
from reports.escape import Markdown, cut, fence, visible
from reports.excerpt import place
from reports.links import commit_link, repository_of
from reports.markdown import head_values, most_words
from reports.text import Style
from reports.view import FindingView, finding_place, view_of

_TEMPLATE = "re-audit.md.j2"


@dataclass(frozen=True)
class PairView:
    """One finding then and now, as the template prints it.

    ``then_place`` links into the earlier head. ``hunks`` are the changed lines that it cites, ``word`` and
    ``then_word`` what it weighs.
    """

    rule: str
    title: str
    word: str
    then_word: str
    then_place: Markdown | None
    then_message: str
    now: FindingView | None
    advice: str
    hunks: tuple[Markdown, ...]
    hunks_left: int
    moved: bool
    text: str = ""  # the message of today as far as there is room for it outside of the details
    why: str = ""  # why what is gone is gone, likewise


@dataclass(frozen=True)
class Brief:
    """What of a re-audit stands outside of its details: ``lines`` of each list, and what they say.

    ``whole``: messages in full, else the first sentence. ``told``: the others say theirs, too, not the first alone.
    """

    lines: int = 8
    whole: bool = True
    told: bool = True
    excerpt: bool = True
    fix: bool = True

    def cut(self, text: str, *, leads: bool) -> str:
        """Return what a line says of its finding, nothing where there is no room for it."""
        if not leads and not self.told:
            return ""
        return cut(text if self.whole else sentence(text), _LONGEST)


_LONGEST = 600  # characters of one message
_BRIEF = (
    Brief(),
    Brief(whole=False),
    Brief(whole=False, told=False),
    Brief(whole=False, told=False, fix=False),
    Brief(whole=False, told=False, fix=False, lines=4),
    Brief(whole=False, told=False, fix=False, lines=3, excerpt=False),
    Brief(whole=False, told=False, fix=False, lines=2, excerpt=False),
)
"""From the first screen as it should be to one that has room for no more."""


def render(audit: ReAudit, form: Form | None = None) -> str:
    """Return the re-audit comment as Markdown that ends with a newline, of at most ``form.limit`` characters.

    At most 250 words stand outside of its details (150 when CLEAN), as for a first comment.
    """
    form = form or Form()
    text = ""
    for brief in _BRIEF:
        text = fit(_TEMPLATE, form, lambda detail, brief=brief: _values(audit, form, detail, brief))  # type: ignore[misc]
        if words_shown(text) <= most_words(audit.after):
            break
    return text


def as_json(audit: ReAudit) -> SinceJson:
    """Return what changed: the earlier head, its verdict, and findings by rule and place.

    ``wrong`` and ``missed`` are what an earlier report had wrong on that head; null where that isn't known.
    """
    compared, corrected = audit.compared, audit.corrected
    return {
        "sha": audit.before.sha,
        "verdict": audit.before.verdict,
        "gone": [_json(pair.then, now=pair.now) for pair in compared.gone],
        "remaining": [_json(pair.now, then=pair.then) for pair in compared.remaining],
        "new": [_json(pair.now) for pair in compared.new],
        "wrong": None if corrected is None else [_json(pair.then, now=pair.now) for pair in corrected.gone],
        "missed": None if corrected is None else [_json(pair.now) for pair in corrected.new],
    }


def as_text(audit: ReAudit, style: Style) -> str:
    """Return what changed in a few lines for a terminal."""
    head = visible(audit.before.sha[:12]) if audit.before.sha else "the earlier report"
    lines = [style.strong(f"since {head} ({audit.before.verdict.value}): {counts(audit.compared)}")]
    for word, pairs in (
        ("gone", audit.compared.gone),
        ("remains", audit.compared.remaining),
        ("new", audit.compared.new),
    ):
        for pair in pairs:
            lines += _told(word, pair.now if word != "gone" else pair.then, pair, style)
    if audit.corrected is not None:
        for pair in audit.corrected.gone:
            lines += _told("was wrong", pair.then, pair, style)
        for pair in audit.corrected.new:
            lines += _told("was missed", pair.now, pair, style)
    return "\n".join(lines) + "\n"


def counts(compared: Compared) -> str:
    """Return how many findings are gone, remaining and new."""
    return f"{len(compared.gone)} gone, {len(compared.remaining)} remaining, {len(compared.new)} new"


def _values(audit: ReAudit, form: Form, detail: Detail, brief: Brief) -> dict[str, Any]:
    after = audit.after
    repository = repository_of(after, form.repository)
    corrected = audit.corrected
    most = detail.findings
    compared = audit.compared
    worst = next((p for p in (*compared.new, *compared.remaining) if _weight(p.now) == after.verdict.value), None)
    gone, remaining, new = (
        [_view(audit, pair, form, detail, brief, leads=pair is worst) for pair in pairs[:most]]
        for pairs in (compared.gone, compared.remaining, compared.new)
    )
    lead = next((view for view in (*new, *remaining) if view.word == after.verdict.value), None)
    wrong = [_correction(audit, pair, form, detail) for pair in _some(corrected, "gone", most)]
    missed = [_correction(audit, pair, form, detail) for pair in _some(corrected, "new", most)]
    return {
        **head_values(after, form),
        "brief": brief,
        "lead": lead,
        "lists": (("gone", gone), ("new", new), ("remaining", remaining)),
        "first_wrong": list(dict.fromkeys(pair.rule for pair in (*wrong, *missed)))[: brief.lines],
        "before": audit.before,
        "before_head": commit_link(audit.before, repository),
        "same_head": audit.before.sha == after.sha and after.sha is not None,
        "counts": counts(compared),
        "gone": gone,
        "remaining": remaining,
        "new": new,
        "left": sum(max(0, len(pairs) - most) for pairs in (compared.gone, compared.remaining, compared.new)),
        "said": audit.said is not None,
        "known": corrected is not None,
        "wrong": wrong,
        "missed": missed,
        "elsewhere": [
            _correction(audit, pair, form, detail)
            for pair in _some(corrected, "remaining", most)
            if _place(pair.then) != _place(pair.now) or _weight(pair.then) != _weight(pair.now)
        ],
        "other_changes": _others(audit, detail),
    }


def _some(compared: Compared | None, name: str, most: int) -> tuple[Pair, ...]:
    return () if compared is None else getattr(compared, name)[:most]


def _view(audit: ReAudit, pair: Pair, form: Form, detail: Detail, brief: Brief, *, leads: bool) -> PairView:
    hunks = cited_hunks(audit.before, audit.after, pair)
    most = max(1, detail.findings // 6)
    shown = tuple(_hunk(path, hunk, detail) for path, hunk in hunks[:most])
    view = _pair_view(pair, audit.before, audit.after, form, detail, shown, len(hunks) - len(shown))
    now = pair.now
    why = "" if now is None else f"now it does not run: {now.active_because}" if now.active_because else now.message
    said = now.message if now is not None else ""
    return replace(view, text=brief.cut(said, leads=leads), why=cut(why if brief.whole else sentence(why), _LONGEST))


def _others(audit: ReAudit, detail: Detail) -> tuple[tuple[Markdown, ...], int]:
    """Return the script's changed places that no finding cites, and how many are left out."""
    script = audit.after.script
    if script is None or audit.before.sha == audit.after.sha:
        return (), 0
    pairs = (*audit.compared.gone, *audit.compared.remaining, *audit.compared.new)
    cited = frozenset(hunk for pair in pairs for _, hunk in cited_hunks(audit.before, audit.after, pair))
    layers = [layer for path, layer in audit.after.sources if path == script]
    found = other_hunks(audit.before, audit.after, script, max(layers, default=0), cited)
    most = max(1, detail.findings // 6)
    return tuple(_hunk(script, hunk, detail) for hunk in found[:most]), max(0, len(found) - most)


def _correction(audit: ReAudit, pair: Pair, form: Form, detail: Detail) -> PairView:
    # Both are about the code of the earlier head.
    return _pair_view(pair, audit.before, audit.before, form, detail, (), 0)


def _pair_view(
    pair: Pair, before: Report, after: Report, form: Form, detail: Detail, hunks: tuple[Markdown, ...], left: int
) -> PairView:
    rule = catalogue.find(pair.rule)
    counted = pair.now or pair.then
    return PairView(
        rule=pair.rule,
        title=rule.title if rule else "",
        word=_weight(pair.now),
        then_word=_weight(pair.then),
        then_place=finding_place(before, pair.then, form) if pair.then is not None else None,
        then_message=pair.then.message if pair.then is not None else "",
        now=view_of(after, pair.now, form, detail) if pair.now is not None else None,
        advice=counted.advice if counted is not None else "",
        hunks=hunks,
        hunks_left=left,
        moved=_place(pair.then) != _place(pair.now),
    )


def _hunk(path: str, hunk: Hunk, detail: Detail) -> Markdown:
    """Return one change as a block in the form of a unified difference."""
    room = detail.changed
    lines = [f"@@ -{hunk.before},{len(hunk.removed)} +{hunk.after},{len(hunk.added)} @@ {cut(path, detail.code)}"]
    for sign, texts in (("-", hunk.removed), ("+", hunk.added)):
        lines += [f"{sign}{cut(text.expandtabs(4), detail.code)}" for text in texts[:room]]
        if len(texts) > room:
            lines.append(f"# {len(texts) - room} more {sign} lines are left out here")
    return fence(lines, "diff")


def _weight(finding: Finding | None) -> str:
    return "" if finding is None else weigh(finding).value


def _place(finding: Finding | None) -> str:
    return "" if finding is None else place(finding.path, finding.line, finding.layer)


def _json(finding: Finding | None, then: Finding | None = None, now: Finding | None = None) -> ChangeJson:
    assert finding is not None
    out: ChangeJson = {
        "rule": finding.rule,
        "verdict": weigh(finding),
        "path": finding.path,
        "line": finding.line,
        "message": finding.message,
    }
    if then is not None:
        out["was"] = {"verdict": weigh(then), "path": then.path, "line": then.line}
    if now is not None:
        out["now"] = {"path": now.path, "line": now.line, "because": now.active_because}
    return out


def _told(word: str, finding: Finding | None, pair: Pair, style: Style) -> Iterator[str]:
    where = visible(_place(finding))
    yield f"  {word}  {style.strong(visible(pair.rule))}  {where}".rstrip()
    if word == "remains" and _place(pair.then) != _place(pair.now):
        yield f"        was at {visible(_place(pair.then))}"
    if word in ("gone", "was wrong") and pair.now is not None and pair.now.active_because:
        yield f"        {cut(pair.now.active_because, style.width - 8)}"


__all__ = ["PairView", "as_json", "as_text", "counts", "render"]
