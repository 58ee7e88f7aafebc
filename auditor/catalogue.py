"""The catalogue: every rule that lies in the package ``rules``, found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import rules
from auditor.finding import Group
from auditor.rule import Rule

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


def find(slug: str) -> Rule | None:
    """Return the rule called ``slug``, or None."""
    return next((rule for rule in load() if rule.slug == slug), None)
