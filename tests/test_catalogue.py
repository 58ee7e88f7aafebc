"""The catalogue finds rules by itself and refuses contradictions."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import rules
from auditor import catalogue
from auditor.catalogue import CatalogueError, collect
from auditor.rule import Rule


def rule(slug, group="compliance"):
    return Rule(slug, "t", group, "C1", "s", "w", "a", "c", (), lambda case: ())


def test_collects_rules_and_passes_over_helpers():
    modules = {
        "rules.b": SimpleNamespace(RULE=rule("b", "package")),
        "rules.helper": SimpleNamespace(),
        "rules.a": SimpleNamespace(RULE=rule("a")),
    }
    assert [r.slug for r in collect(modules)] == ["a", "b"]


def test_refuses_one_slug_twice():
    modules = {"rules.a": SimpleNamespace(RULE=rule("same")), "rules.b": SimpleNamespace(RULE=rule("same"))}
    with pytest.raises(CatalogueError, match=r"rules\.b and rules\.a both define the rule same"):
        collect(modules)


def test_refuses_what_is_no_rule():
    with pytest.raises(CatalogueError, match=r"rules\.a\.RULE is a str"):
        collect({"rules.a": SimpleNamespace(RULE="prequant-ttt")})


def test_every_file_with_a_rule_is_in_the_catalogue():
    folder = Path(next(iter(rules.__path__)))
    written = [p for p in folder.glob("*.py") if re.search(r"^RULE\b.*=", p.read_text("utf-8"), re.M)]
    assert len(catalogue.load()) == len(written)


def test_find():
    for known in catalogue.load():
        assert catalogue.find(known.slug) is known
    assert catalogue.find("no-such-rule") is None
