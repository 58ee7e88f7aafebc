"""A rule is one file: it is found by itself, and stands without the others."""

import ast
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from submissions import submission

import auditor
import rules
from auditor import catalogue
from auditor.check import audit

RULES = catalogue.load()
FILES = sorted(
    path.stem
    for path in Path(next(iter(rules.__path__))).glob("*.py")
    if hasattr(sys.modules.get(f"rules.{path.stem}"), "RULE")
)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a copy of the rules in the place of the package, to be changed at will."""
    folder = tmp_path / "rules"
    shutil.copytree(next(iter(rules.__path__)), folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in [name for name in sys.modules if name.startswith("rules.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(rules, "__path__", [str(folder)])
    monkeypatch.setattr(catalogue, "load", catalogue.load.__wrapped__)
    monkeypatch.setattr(catalogue, "applied", catalogue.applied.__wrapped__)
    return folder


def test_no_file_needs_the_file_of_a_rule() -> None:
    """Otherwise removing or renaming a rule would break another, or the tool."""
    top = Path(auditor.__file__).parents[1]
    needed = {
        name: path
        for package in ("auditor", "rules", "reports")
        for path in (top / package).rglob("*.py")
        for name in imported(path)
    }
    of_rules = {f"rules.{name}" for name in FILES}
    assert of_rules & set(needed) == set(), {name: needed[name] for name in of_rules & set(needed)}


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, wherever it does, by their full names."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_each_file_in_turn_takes_its_own_rule_away_and_nothing_else(elsewhere: Path) -> None:
    before = {rule.slug for rule in catalogue.load()}
    assert before == {rule.slug for rule in RULES}
    case = submission("import math\nimport brotli  # noqa: late-edit\nprint(f'val_bpb:{math.pi}')\n")
    found = Counter(finding.rule for finding in audit(case).findings)
    assert len(found) > 1
    for name in FILES:
        slug = sys.modules[f"rules.{name}"].RULE.slug
        module = sys.modules.pop(f"rules.{name}")
        (elsewhere / f"{name}.py").rename(elsewhere / "kept.txt")
        assert before - {rule.slug for rule in catalogue.load()} == {slug}
        if slug in found:
            left = Counter(finding.rule for finding in audit(case).findings)
            assert left == Counter({rule: count for rule, count in found.items() if rule != slug})
        (elsewhere / "kept.txt").rename(elsewhere / f"{name}.py")
        sys.modules[f"rules.{name}"] = module


def test_a_new_file_is_a_new_rule_and_is_applied(elsewhere: Path) -> None:
    (elsewhere / "shouting.py").write_text(
        """
from auditor.finding import Finding
from auditor.rule import Rule

def check(case):
    yield Finding("shouting", "package", "hold", f"{case.submission.script} shouts.")

RULE = Rule("shouting", "Shouts", "package", "package", "s", "w", "Don't.", "c", (), check)
""",
        "utf-8",
    )
    assert "shouting" in {rule.slug for rule in catalogue.load()}
    report = audit(submission("print('HELLO')\n"))
    (found,) = [finding for finding in report.findings if finding.rule == "shouting"]
    assert (found.message, found.advice, report.package) == ("train_gpt.py shouts.", "Don't.", "HOLD")
