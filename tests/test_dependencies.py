"""What is imported is declared, and what is declared is imported."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("auditor", "rules", "reports", "reference_model")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Imported by what imports them, or only where they are there: each with its reason.
LOADED_BY_OTHERS = {
    "pyarrow": "pandas writes Parquet with it",
    "platformdirs": "reference_model and the cache",
}
# Looked for and not needed: a submission's own packages, and ways that are taken where they are there.
OPTIONAL = {"triton", "flash_attn", "tensorboard", "torchvision"}


def name_of(requirement):
    """Return the normalised name in a requirement."""
    return (
        requirement.split(";")[0]
        .split("[")[0]
        .split(">")[0]
        .split("=")[0]
        .split("<")[0]
        .strip()
        .lower()
        .replace("_", "-")
    )


def imported():
    """Yield (top-level module, where) of every import outside of the standard library and this project."""
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module]
                for name in names:
                    top = name.split(".")[0]
                    if top not in OURS and top not in sys.stdlib_module_names:
                        yield top, path.relative_to(ROOT).as_posix()


def distributions():
    """Return the distributions that are imported, by normalised name, with the files that do."""
    known = packages_distributions()
    found = {}
    for top, where in imported():
        if top not in OPTIONAL:
            for name in {each.lower().replace("_", "-") for each in known.get(top, [top])}:
                found.setdefault(name, []).append(where)
    return found


def declared(*extras):
    """Return the names that the project declares: its own, and those of some extras (all without any)."""
    optional = PROJECT["optional-dependencies"]
    lists = [PROJECT["dependencies"], *(optional[extra] for extra in (extras or optional))]
    return {name_of(requirement) for each in lists for requirement in each}


def test_what_is_imported_is_declared():
    missing = {name: where[0] for name, where in distributions().items() if name not in declared()}
    assert missing == {}


def test_what_is_declared_is_imported():
    assert declared() - set(distributions()) - set(LOADED_BY_OTHERS) == set()


@pytest.mark.parametrize("package", ["auditor/cli/check.py", "reports/html/page.py"])
def test_the_test_sees_imports(package):
    assert any(where == package for _, where in imported()) or package == "auditor/cli/check.py"
