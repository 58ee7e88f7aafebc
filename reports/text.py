"""The report as a terminal shows it: quiet, aligned, one block per finding."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

import click
from msgspec import Struct

from auditor.causes import causes
from auditor.finding import Finding, RestsOn, Verdict
from auditor.regex import regex
from auditor.report import Gone, Report
from auditor.verdict import weigh
from reports.absent import unchecked
from reports.citation import by_weight, overruled
from reports.escape import cut, visible
from reports.excerpt import excerpt, place
from reports.fixes import fixable, to_do
from reports.headline import against, facts, partial

_COLOURS = {
    Verdict.CLEAN: "green",
    Verdict.INCOMPLETE: "yellow",
    Verdict.UNREADABLE: "magenta",
    Verdict.HOLD: "yellow",
    Verdict.FLAG: "red",
}
_LABEL = 11  # width of the labels under a finding ("authority" and its gap)
_ENTRIES = 6  # of what a score rests on
_PLACES = 4  # of code that is not counted
_ASIDE = "Looked at for this rule, and not counted with the settings that were followed"
_EVENT = 400  # characters of one event of the timeline
_PLACE = regex(r"\s*(?:- )?\S+:\d+\s+")


class Style(Struct, frozen=True):
    """How wide to write (columns), whether to colour, and what leads to a rule's page.

    ``pages`` gives the address of a rule's page (None: rules aren't links), ``grades`` tells whether to say how much
    findings matter and how sure they are.
    """

    width: int = 100
    colour: bool = False
    pages: Callable[[str], str | None] | None = None
    grades: bool = False

    def word(self, verdict: Verdict, text: str = "") -> str:
        """Return ``text`` (the verdict's own name by default) in the verdict's colour."""
        text = text or verdict.value
        return click.style(text, fg=_COLOURS[verdict], bold=True) if self.colour else text

    def rule(self, slug: str) -> str:
        """Return a rule's name in bold, as a link to its page where the terminal takes links (OSC 8)."""
        address = self.pages(slug) if self.pages is not None else None
        name = self.strong(slug)
        return name if address is None else f"\x1b]8;;{address}\x1b\\{name}\x1b]8;;\x1b\\"

    def strong(self, text: str) -> str:
        """Return ``text`` in bold."""
        return click.style(text, bold=True) if self.colour else text

    def faint(self, text: str) -> str:
        """Return ``text`` dimmed."""
        return click.style(text, dim=True) if self.colour else text


def render(report: Report, style: Style) -> str:
    """Return the report as text that ends with a newline; a CLEAN one is a line and its notes."""
    lines = _clean(report, style) if report.verdict is Verdict.CLEAN else _full(report, style)
    return "\n".join(lines) + "\n"


def render_line(report: Report, style: Style) -> str:
    """Return the report in one line: verdict, name, recommendation, and the weightiest cause with its line."""
    number = f"#{report.pr}  " if report.pr is not None else ""
    parts = [style.word(report.verdict), number + _name(report, style), report.recommendation.value]
    found = causes(report)
    if found:
        first = found[0][0]
        parts.append(f"{style.rule(visible(first.rule))} {visible(place(first.path, first.line, first.layer))}".strip())
        if len(found) > 1:
            parts.append(f"(+{len(found) - 1})")
    elif lost := next((item for item in report.not_followed if item.decisive), None):
        parts.append(f"not followed {visible(place(lost.path, lost.line, lost.layer))}")
    return "  ".join(parts) + "\n"


def render_timeline(report: Report, style: Style) -> str:
    """Return what the script does, one line per event, in the order of the run."""
    lines = [style.strong(f"timeline of {visible(report.script or report.name)}")]
    for event in report.timeline:
        lines += _event(event, style)
    if not report.timeline:
        lines.append(style.faint("  nothing could be followed"))
    return "\n".join(lines) + "\n"


def _event(event: str, style: Style) -> list[str]:
    """Return one event, continued where its text begins: behind the place in the script."""
    line = f"  {cut(event, _EVENT)}"
    head = _PLACE.match(line)
    hang = " " * (head.end() if head and head.end() < style.width // 2 else 4)
    return textwrap.wrap(line, style.width, subsequent_indent=hang, break_on_hyphens=False)


def _clean(report: Report, style: Style) -> Iterator[str]:
    script = f"{report.script or ''} at {report.sha[:12]}" if report.sha else report.script or ""
    about = ", ".join(part for part in (report.track, script, _bpb(report)) if part)
    advice = f"{report.recommendation.value}  ({visible(about)})"
    yield f"{style.word(Verdict.CLEAN)}  {_name(report, style)}  {advice}"
    yield from _notes(report, style)
    yield from _not_followed(report, style)
    yield from _left_out(report, style)
    if report.baseline is not None:
        yield from _gone(report.baseline.gone, style)


def _full(report: Report, style: Style) -> Iterator[str]:
    yield f"{style.word(report.verdict)}  {_name(report, style)}"
    for label, value in facts(report):
        yield from _labelled(label, value, style)
    for finding in report.findings:
        if weigh(finding) is not Verdict.CLEAN and not finding.known:
            yield ""
            yield from _block(report, finding, style)
    known = list(_known(report, style))
    if known:
        yield ""
        yield from known
    notes = list(_notes(report, style))
    if notes:
        yield ""
        yield from notes
    if report.not_followed:
        yield ""
        yield from _not_followed(report, style)
    if report.rests_on:
        yield ""
        yield from _rests_on(report.rests_on, style)
    if report.baseline is not None and report.baseline.gone:
        yield ""
        yield from _gone(report.baseline.gone, style)
    left_out = list(_left_out(report, style))
    if left_out:
        yield ""
        yield from left_out
    if report.pr is None:
        yield from _to_do(report, style)
    yield ""
    lack = f" ({unchecked(report)})" if unchecked(report) else ""
    groups = (
        ("compliance", report.compliance, ""),
        ("evidence", report.evidence, lack),
        ("package", report.package, ""),
    )
    yield "   ".join(f"{name} {style.word(verdict)}{aside}" for name, verdict, aside in groups)
    if report.baseline is not None:
        yield against(report.baseline)
    yield f"verdict {style.word(report.verdict)}   recommendation {style.strong(report.recommendation.value)}"


def _block(report: Report, finding: Finding, style: Style) -> Iterator[str]:
    where = visible(place(finding.path, finding.line, finding.layer))
    yield f"{style.word(weigh(finding))}  {style.rule(visible(finding.rule))}  {where}".rstrip()
    yield from _wrapped(finding.message, "  ", style)
    quoted = excerpt(report, finding.path, finding.line, finding.layer, finding.end_line)
    if quoted:
        yield ""
        digits = len(str(quoted[-1].number))
        for line in quoted:
            mark = ">" if line.decisive else " "
            text = f"  {mark} {line.number:>{digits}} | {cut(line.text, style.width - digits - 7)}".rstrip()
            yield style.strong(text) if line.decisive else text
        yield ""
    if finding.trace:
        yield f"  {'the data takes this path' if finding.group == 'compliance' else 'the places that say it'}"
        width = max(len(place(step.path, step.line, step.layer)) for step in finding.trace)
        for number, step in enumerate(finding.trace, start=1):
            at = visible(place(step.path, step.line, step.layer))
            yield from _wrapped(step.note, f"  {number:>3}. {at:<{min(width, 32)}}  ", style)
    grades = f"{finding.severity} severity, {finding.confidence} confidence" if style.grades else ""
    for label, value in (
        ("graded", grades),
        ("active", finding.active_because),
        ("authority", by_weight(finding)),
        ("advice", finding.advice),
        ("fixable", fixable(finding)),
    ):
        if value:
            yield from _labelled(label, value, style)


def _notes(report: Report, style: Style) -> Iterator[str]:
    """Yield what counts for nothing; of code that no setting in play brings to a score no more than where it is."""
    aside: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if weigh(finding) is Verdict.CLEAN and finding.active is False and finding.overruled is None:
            aside.setdefault(finding.rule, []).append(finding)
    told = {id(finding) for group in aside.values() for finding in group}
    for finding in report.findings:
        if weigh(finding) is not Verdict.CLEAN or id(finding) in told:
            continue
        where = visible(place(finding.path, finding.line, finding.layer))
        word = "overruled" if finding.overruled is not None else "note"
        yield f"  {word}  {style.rule(visible(finding.rule))}  {where}".rstrip()
        yield from _wrapped(finding.message, "        ", style)
        if fixable(finding):
            yield from _wrapped(f"fixable {fixable(finding)}", "        ", style)
        if finding.overruled is not None:
            yield from _wrapped(overruled(finding.overruled), "        ", style)
    for rule, group in aside.items():
        where = ", ".join(dict.fromkeys(visible(place(f.path, f.line, f.layer)) for f in group[:_PLACES]))
        more = f" and {len(group) - _PLACES} more" if len(group) > _PLACES else ""
        yield f"  note  {style.rule(visible(rule))}  {where}{more}"
        yield from _wrapped(f"{_ASIDE}.", "        ", style)


def _known(report: Report, style: Style) -> Iterator[str]:
    """Yield what counts and the baseline has, a few lines each."""
    for finding in report.findings:
        verdict = weigh(finding)
        if finding.known and verdict is not Verdict.CLEAN:
            where = visible(place(finding.path, finding.line, finding.layer))
            yield f"  known  {style.word(verdict)}  {style.rule(visible(finding.rule))}  {where}".rstrip()
            yield from _wrapped(finding.message, "        ", style)


def _gone(items: tuple[Gone, ...], style: Style) -> Iterator[str]:
    """Yield what the baseline has and this audit has not."""
    for item in items:
        where = visible(place(item.path, item.line))
        yield f"  gone  {style.rule(visible(item.rule))}  {f'was at {where}' if where else ''}".rstrip()
        yield from _wrapped(item.message, "        ", style)


def _not_followed(report: Report, style: Style) -> Iterator[str]:
    if not report.not_followed:
        return
    hangs = "a score may rest on it" if report.compliance is Verdict.FLAG else "the verdict hangs on it"
    yield "  not followed"
    for item in report.not_followed:
        where = visible(place(item.path, item.line, item.layer))
        decisive = f"; {hangs}" if item.decisive else ""
        decisive += " (known)" if item.known else ""
        yield from _wrapped(f"{item.what}{decisive}", f"    {where}  ", style)


def _rests_on(items: tuple[RestsOn, ...], style: Style) -> Iterator[str]:
    """Yield what a score may rest on and was followed, briefly; what was not stands under "not followed"."""
    followed = [item for item in items if item.followed]
    if not followed:
        return
    shown = []
    for item in followed[:_ENTRIES]:
        note = f", {item.note}" if item.note else ""
        shown.append(f"{item.what} ({place(item.path, item.line, item.layer)}{note})")
    more = len(followed) - len(shown)
    text = "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
    yield from _labelled("followed", text, style)


def _left_out(report: Report, style: Style) -> Iterator[str]:
    """Yield what isn't shown or wasn't looked for, because somebody asked for less."""
    if report.applied is not None:
        yield from _wrapped(f"{partial(report)}.", "  ", style)
    if report.hidden:
        plural = "s are" if report.hidden > 1 else " is"
        yield f"  {report.hidden} finding{plural} below what was asked for and not shown; the verdict counts all."


def _to_do(report: Report, style: Style) -> Iterator[str]:
    """Yield what a participant has to do, in order; nothing where there is only one thing, which stands above."""
    things = list(to_do(report))
    if len(things) < 2:
        return
    yield ""
    yield style.strong("to do, what blocks a merge first")
    for number, thing in enumerate(things, start=1):
        yield from _wrapped(thing, f"  {number:>3}. ", style)


def _labelled(label: str, value: str, style: Style) -> Iterator[str]:
    lines = list(_wrapped(value, f"  {label:<{_LABEL}}", style))
    yield lines[0].replace(label, style.faint(label), 1)
    yield from lines[1:]


def _wrapped(text: str, head: str, style: Style) -> Iterator[str]:
    """Yield ``text`` behind ``head``, continued at the column where it starts."""
    hang = " " * len(head)
    room = max(style.width, len(head) + 24)
    lines = textwrap.wrap(visible(text), room, initial_indent=head, subsequent_indent=hang, break_on_hyphens=False)
    yield from lines or [head.rstrip()]


def _name(report: Report, style: Style) -> str:
    return style.strong(visible(report.name))


def _bpb(report: Report) -> str:
    return dict(facts(report)).get("val_bpb", "")
