"""Who ruled: what a finding cites, with the weight that its rule gives to it; and who has overruled it."""

from __future__ import annotations

from auditor import catalogue
from auditor.finding import Finding, Overruled
from auditor.rule import Authority


def citations(finding: Finding) -> tuple[tuple[str, Authority | None], ...]:
    """Return (reference, authority) in the finding's order; None where its rule says no more of it."""
    rule = catalogue.find(finding.rule)
    known = {authority.ref: authority for authority in rule.authority} if rule else {}
    return tuple((ref, known.get(ref)) for ref in finding.authority)


def by_weight(finding: Finding) -> str:
    """Return the references on one line, grouped by weight, such as ``official #462 #771; audit #1972``."""
    groups: dict[str, list[str]] = {}
    for ref, authority in citations(finding):
        groups.setdefault(authority.weight if authority else "", []).append(ref)
    return "; ".join(" ".join([weight, *refs]).strip() for weight, refs in groups.items())


def overruled(ruling: Overruled) -> str:
    """Return by whom a finding was overruled, where, until when and why, in one line."""
    at = ruling.path if ruling.line is None else f"{ruling.path}:{ruling.line}"
    return f"Overruled by {ruling.who} on {ruling.date} ({ruling.link}; {at}), until {ruling.expires}: {ruling.reason}"
