"""Patterns that are compiled late: each can be, and says what a compiled one does."""

import ast
import copy
import gc
import importlib
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import auditor
from auditor.regex import Late, regex

ROOT = Path(auditor.__file__).parents[1]


def _called() -> Iterator[tuple[Path, ast.Call]]:
    for name in ("auditor", "reports", "rules"):
        for file in sorted((ROOT / name).rglob("*.py")):
            text = file.read_text("utf-8")
            if "regex(" in text and file.name != "regex.py":
                calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
                yield from ((file, c) for c in calls if isinstance(c.func, ast.Name) and c.func.id == "regex")


def test_every_pattern_of_the_project_compiles() -> None:
    made_up: set[str] = set()
    written = 0
    for file, call in _called():
        if isinstance(call.args[0], ast.Constant):
            re.compile(call.args[0].value)
            written += 1
        else:
            made_up.add(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    assert written > 250
    for name in sorted(made_up):
        importlib.import_module(name)
    late = [each for each in gc.get_objects() if type(each) is Late]  # asking others for their class may warn
    assert len(late) > len(made_up)
    for each in late:
        re.compile(each.pattern, each._given)


def test_it_is_compiled_at_its_first_use() -> None:
    wrong = regex("(")
    with pytest.raises(re.error):
        wrong.search("x")


def test_it_does_what_a_compiled_one_does() -> None:
    for late, compiled in (
        (regex(r"(?P<a>\d)(b)?", re.I), re.compile(r"(?P<a>\d)(b)?", re.I)),
        (regex(rb"(?P<a>\d)(b)?"), re.compile(rb"(?P<a>\d)(b)?")),
    ):
        text = compiled.pattern[:0] + (b"x1B2" if isinstance(compiled.pattern, bytes) else "x1B2")  # type: ignore[operator]
        assert late.pattern == compiled.pattern
        assert late.flags == compiled.flags
        assert late.groupindex == compiled.groupindex
        assert late.findall(text) == compiled.findall(text)
        assert late.sub(text[:1], text) == compiled.sub(text[:1], text)
        assert late.split(text) == compiled.split(text)
        assert (late.search(text, 2) or [0])[0] == (compiled.search(text, 2) or [0])[0]


def test_it_can_be_copied_and_sent_after_use() -> None:
    late = regex(r"\d")
    assert late.search("1")
    assert pickle.loads(pickle.dumps(late)).search("1")
    assert copy.deepcopy(late).search("1")
