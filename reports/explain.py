"""A rule as a page to read, as a row of a table, as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from auditor.rule import Authority, Example, Rule, Weight
from reports.escape import visible
from reports.schema import Json
from reports.text import Style

_WEIGHTS: tuple[Weight, ...] = ("official", "audit", "community")  # the weightiest first
_BEFORE, _AFTER = 5, 3  # lines of an example around the one that decides


def table(rules: Iterable[Rule]) -> str:
    """Return one aligned line per rule, under a heading per group."""
    rules = tuple(rules)
    width = max((len(rule.slug) for rule in rules), default=0)
    lines: list[str] = []
    for group in dict.fromkeys(rule.group for rule in rules):
        lines += ["", group] if lines else [group]
        for rule in rules:
            if rule.group == group:
                lines.append(f"  {rule.slug:<{width}}  {rule.condition:<10}  {weight(rule):<9}  {_title(rule)}")
    return "".join(f"{line}\n" for line in lines)


def weight(rule: Rule) -> str:
    """Return the weight of the weightiest authority behind a rule."""
    return min((source.weight for source in rule.authority), key=_WEIGHTS.index, default="")


def _title(rule: Rule) -> str:
    marks = [mark for mark, holds in (("legal", rule.legal_reference), ("preview", rule.stage == "preview")) if holds]
    return rule.title + (f"  ({', '.join(marks)})" if marks else "")


def as_json(rule: Rule) -> dict[str, Json]:
    """Return what a rule says of itself; of its examples the titles."""
    return {
        "slug": rule.slug,
        "title": rule.title,
        "group": rule.group,
        "condition": rule.condition,
        "stage": rule.stage,
        "legal_reference": rule.legal_reference,
        "summary": rule.summary,
        "why": rule.why,
        "known_problems": rule.known_problems,
        "counterpart": rule.counterpart,
        "advice": rule.advice,
        "authority": [
            {"ref": a.ref, "who": a.who, "when": a.when, "weight": a.weight, "said": a.said} for a in rule.authority
        ],
        "weight": weight(rule),
        "invalid": [example.title for example in rule.invalid],
        "valid": [example.title for example in rule.valid],
    }


def brief(rule: Rule, style: Style) -> str:
    """Return what fits on one screen: what the rule finds, what to do, the lines that decide, whose word it is."""
    width = min(style.width, 100)
    lines = [f"{style.strong(rule.slug)}: {rule.title}", style.faint(_about(rule)), ""]
    lines += _filled(rule.summary, width)
    if rule.advice:
        lines += [
            "",
            style.strong("Nothing to do" if rule.legal_reference else "What to do"),
            *_filled(rule.advice, width),
        ]
    if rule.counterpart and not rule.legal_reference:
        lines += ["", style.strong("What is legal"), *_filled(rule.counterpart, width)]
    if rule.invalid:
        lines += ["", style.strong(f"For example, {rule.invalid[0].title}"), *_around(rule.invalid[0], style)]
    if rule.authority:
        said = [f"{source.ref} ({source.weight})" for source in sorted(rule.authority, key=_by_weight)]
        lines += ["", *_filled(f"Ruled in {', '.join(dict.fromkeys(said))}.", width)]
    lines += [
        "",
        style.faint(f"  golf-audit explain {rule.slug} --full: why, whole examples, known problems, who said what"),
    ]
    return "\n".join(lines) + "\n"


def _about(rule: Rule) -> str:
    stage = ", preview" if rule.stage == "preview" else ""
    change = ", sometimes fixable" if rule.fix is not None else ""
    return f"{rule.group}, condition {rule.condition}{stage}{change}"


def _filled(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _by_weight(source: Authority) -> int:
    return _WEIGHTS.index(source.weight)


def _around(example: Example, style: Style) -> Iterator[str]:
    """Yield the line of an example that decides, with what stands around it; the beginning where no line does."""
    texts = {"": example.code, **example.files}
    line = example.line
    name, text = next(((n, t) for n, t in texts.items() if line is not None and line in t), ("", example.code))
    lines = textwrap.dedent(text).strip("\n").splitlines()
    at = next((n for n, each in enumerate(lines) if line is not None and line in each), 0)
    shown = lines[max(0, at - _BEFORE) : at + _AFTER]
    if name:
        yield style.faint(f"  in {name}")
    yield from _quoted("\n".join(shown), line, style)


def page(rule: Rule, style: Style, *, every: bool = False) -> str:
    """Return the rule's page: what it does, why, an example, the legal counterpart, advice, who ruled.

    ``every`` shows all examples with all their files.
    """
    width = min(style.width, 100)

    def section(title: str, text: str) -> Iterator[str]:
        if text:
            yield from ("", style.strong(title))
            yield from textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)

    lines = [f"{style.strong(rule.slug)}: {rule.title}"]
    lines.append(style.faint(_about(rule)))
    lines += section("What it does", rule.summary)
    why = "Why it breaks the metric" if rule.group == "compliance" else "Why it matters"
    lines += section("Why it is legal" if rule.legal_reference else why, rule.why)
    lines += section("Known problems", rule.known_problems)
    lines += _examples("Recognised" if rule.legal_reference else "Example", rule.invalid, style, every)
    lines += section("Legal counterpart", rule.counterpart)
    lines += _examples("Not reported", rule.valid, style, every)
    lines += section("Advice", rule.advice)
    if rule.authority:
        lines += ["", style.strong("Authority")]
        for source in sorted(rule.authority, key=_by_weight):
            head = f"{source.weight:<9}  {source.ref} ({source.who}, {source.when}): {source.said}"
            hang = " " * 13
            lines += textwrap.wrap(head, width, initial_indent="  ", subsequent_indent=hang, break_on_hyphens=False)
    return "\n".join(lines) + "\n"


def _examples(title: str, examples: tuple[Example, ...], style: Style, every: bool) -> Iterator[str]:
    """Yield the first of ``examples`` with its decisive line marked, and the titles of the others (or all whole)."""
    for number, example in enumerate(examples):
        if number and not every:
            continue
        yield from ("", style.strong(f"{title}: {example.title}"))
        files = {"": example.code, **example.files}
        # Of files beside the script, those that explain the finding: where it lies, or all when it has no line.
        if example.line is not None and not every:
            files = {name: text for name, text in files.items() if example.line in text}
        for name, text in files.items():
            if name:
                yield style.faint(f"  in {name}")
            yield from _quoted(text, example.line, style)
    if examples[1:] and not every:
        yield from ("", style.faint("Also" if title != "Not reported" else "Nor are"))
        yield from (f"  - {example.title}" for example in examples[1:])


def _quoted(text: str, decisive: str | None, style: Style) -> Iterator[str]:
    for line in textwrap.dedent(text).strip("\n").splitlines():
        marked = decisive is not None and decisive in line
        shown = f"  {'>' if marked else ' '} {visible(line)}".rstrip()
        yield style.strong(shown) if marked else shown
