"""The catalogue: every rule that lies in the package ``rules``, found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from msgspec.structs import asdict, replace

import rules
from auditor.challenge import Challenge, default
from auditor.finding import Group
from auditor.regex import regex
from auditor.rule import Authority, Rule

_PULL = regex(r"(?<![\w/])#\d+\b")
_GROUPS: tuple[Group, ...] = ("compliance", "evidence", "package")


class CatalogueError(Exception):
    """The package ``rules`` contradicts itself; the text names the modules."""


def collect(modules: dict[str, object]) -> tuple[Rule, ...]:
    """Return the rules among ``modules`` (by module name), by group and slug.

    A module without ``RULE`` is no rule. Raises :class:`CatalogueError` when a ``RULE`` is not a
    :class:`~auditor.rule.Rule` or when two share a slug.
    """
    found: dict[str, tuple[str, Rule]] = {}
    for name, module in sorted(modules.items()):
        rule = getattr(module, "RULE", None)
        if rule is None:
            continue
        if not isinstance(rule, Rule):
            raise CatalogueError(f"{name}.RULE is a {type(rule).__name__}, not a Rule")
        if rule.slug in found:
            raise CatalogueError(f"{name} and {found[rule.slug][0]} both define the rule {rule.slug}")
        found[rule.slug] = (name, rule)
    return tuple(sorted((r for _, r in found.values()), key=lambda r: (_GROUPS.index(r.group), r.slug)))


@cache
def load() -> tuple[Rule, ...]:
    """Import every module of ``rules`` (once) and return its rules, by group and slug.

    Raises :class:`CatalogueError`.
    """
    names = [f"rules.{module.name}" for module in pkgutil.iter_modules(rules.__path__)]
    return collect({name: importlib.import_module(name) for name in names})


@cache
def applied(challenge: Challenge) -> tuple[Rule, ...]:
    """Return the rules that apply to a challenge, by group and slug, each by the authority that it has there.

    A rule applies where the challenge has all that it needs (:meth:`auditor.challenge.model.Challenge.has`), and is its
    own or one that the challenge gives an authority for.
    """
    ruled = challenge.rules.ruled
    able = [rule for rule in load() if all(challenge.has(need) for need in rule.needs)]
    return tuple(
        rule if rule.challenge == challenge.name else _elsewhere(rule, challenge)
        for rule in able
        if rule.challenge == challenge.name or rule.slug in ruled
    )


def _elsewhere(rule: Rule, challenge: Challenge) -> Rule:
    """Return a rule as it holds for a challenge that gives its authority: references say whose they are."""
    said = tuple(Authority(**asdict(each)) for each in challenge.rules.ruled[rule.slug])
    own = tuple(
        replace(each, ref=f"{challenge.repository}{'' if each.ref.startswith('#') else ' '}{each.ref}") for each in said
    )
    return replace(
        rule,
        authority=own,
        summary=qualified(rule.summary),
        why=qualified(rule.why),
        advice=qualified(rule.advice),
        counterpart=qualified(rule.counterpart),
        known_problems=qualified(rule.known_problems),
    )


def qualified(text: str) -> str:
    """Return a rule's text with its references to pull requests as those of parameter-golf."""
    return _PULL.sub(lambda match: f"{default().repository}{match[0]}", text)


def find(slug: str) -> Rule | None:
    """Return the rule called ``slug``, or None."""
    return next((rule for rule in load() if rule.slug == slug), None)
