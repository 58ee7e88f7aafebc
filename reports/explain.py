"""A rule as a page to read, as a row of a table, as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from auditor.rule import Example, Rule
from reports.schema import Json
from reports.text import Style


def table(rules: Iterable[Rule]) -> str:
    """Return one aligned line per rule, under a heading per group."""
    rules = tuple(rules)
    width = max((len(rule.slug) for rule in rules), default=0)
    lines: list[str] = []
    for group in dict.fromkeys(rule.group for rule in rules):
        lines += ["", group] if lines else [group]
        for rule in rules:
            if rule.group == group:
                preview = "  (preview)" if rule.stage == "preview" else ""
                lines.append(f"  {rule.slug:<{width}}  {rule.condition:<10}  {rule.title}{preview}")
    return "".join(f"{line}\n" for line in lines)


def as_json(rule: Rule) -> dict[str, Json]:
    """Return what a rule says of itself, without its examples."""
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
    }


def page(rule: Rule, style: Style) -> str:
    """Return the rule's page: what it does, why, an example, the legal counterpart, who ruled."""
    width = min(style.width, 100)

    def section(title: str, text: str) -> Iterator[str]:
        if text:
            yield from ("", style.strong(title))
            yield from textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)

    lines = [f"{style.strong(rule.slug)}: {rule.title}"]
    stage = ", preview" if rule.stage == "preview" else ""
    lines.append(style.faint(f"{rule.group}, condition {rule.condition}{stage}"))
    lines += section("What it does", rule.summary)
    lines += section("Why it breaks the metric" if not rule.legal_reference else "Why it is legal", rule.why)
    lines += section("Known problems", rule.known_problems)
    lines += _example("Recognised" if rule.legal_reference else "Example", rule.invalid, style)
    lines += section("Legal counterpart", rule.counterpart)
    lines += _example("Not reported", rule.valid, style)
    lines += section("Advice", rule.advice)
    if rule.authority:
        lines += ["", style.strong("References")]
        for source in rule.authority:
            head = f"{source.ref} ({source.who}, {source.when}, {source.weight}): {source.said}"
            lines += textwrap.wrap(head, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines) + "\n"


def _example(title: str, examples: tuple[Example, ...], style: Style) -> Iterator[str]:
    """Yield the first of ``examples``, its decisive line marked; nothing when there is none."""
    if not examples:
        return
    first = examples[0]
    yield from ("", style.strong(f"{title}: {first.title}"))
    for line in textwrap.dedent(first.code).strip("\n").splitlines():
        decisive = first.line is not None and first.line in line
        text = f"  {'>' if decisive else ' '} {line}".rstrip()
        yield style.strong(text) if decisive else text
