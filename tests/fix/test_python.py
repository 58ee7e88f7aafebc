"""Python is changed where it is asked for, and nowhere else."""

import ast
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.fix.change import Edit, Unfixable
from auditor.fix.python import blocks, edited, parsed, spliced
from auditor.program.continued import blanked

# What minified and pasted scripts hold: lone backslashes, form feeds, tabs, no last line end, other line ends.
PIECES = (
    "import os\n",
    "x = int(os.environ.get('X', '1'))\n",
    "# a remark\n",
    "if x:\n\ty = 2\n",
    "if x:\n  y = 2\n",
    "\\\n",
    "\f\n",
    "a=1;b='é\U0001f40d'\n",
    'z = 1 if x else"b"\n',
    "w = ('a'\n     'b')\n",
    "def f():\n    \\\n    return 1\n",
    "\n",
)
SCRIPTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


def edit(text: str, old: str, new: str) -> Edit:
    """Return the edit of the one place that reads ``old``."""
    assert text.count(old) == 1
    return Edit("t.py", text.index(old), text.index(old) + len(old), old, new)


def compiles(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


@settings(max_examples=25, deadline=None)
@given(SCRIPTS)
@example("x = 1 \\\n\\\n\\\n + 2\n")
@example("import os\n\f\n\f\nx = 1\n")
@example("class A:\n  \\\n\n  x = 1\n")
def test_what_is_read_is_written_back_byte_for_byte(text: str) -> None:
    if compiles(text):
        source = blanked(text)
        found = blocks(source)
        assert [start for start, _ in found] == [0, *(end for _, end in found[:-1])]
        assert found[-1][1] == len(source)
        for start, end in found:
            if source[start:end].strip():
                assert parsed(source[start:end]).code == source[start:end]


@settings(max_examples=15, deadline=None)
@given(SCRIPTS, SCRIPTS)
def test_a_change_leaves_every_other_byte(before: str, after: str) -> None:
    text = before + "mark = int(os.environ.get('MARK', '1'))\n" + after
    if not compiles(text):
        return
    change = Edit("t.py", text.index("'1'", len(before)) + 1, text.index("'1'", len(before)) + 2, "1", "0")
    made = edited(text, [change])
    assert made == text[: change.start] + "0" + text[change.end :]
    assert edited(made, []) == made


def test_a_value_a_remark_and_a_docstring_change_in_place() -> None:
    text = '"""Run old.py twice: old.py."""\n# see there\nx = 600.0\r\ny = (1 +\n     2)\n'
    changes = [
        Edit("t.py", 7, 13, "old.py", "new.py"),
        Edit("t.py", 21, 27, "old.py", "new.py"),
        edit(text, "see there", "look"),
        edit(text, "600.0", "588.0"),
        edit(text, "1 +\n     2", "3"),
    ]
    assert edited(text, changes) == '"""Run new.py twice: new.py."""\n# look\nx = 588.0\r\ny = (3)\n'


@pytest.mark.parametrize(("indent", "end"), [("    ", "\n"), ("\t", "\n"), ("  ", "\r\n")])
def test_statements_go_above_another_one_and_below_its_remarks(indent: str, end: str) -> None:
    text = f"def f(n):{end}{indent}# why{end}{indent}return 8 // n{end}"
    at = text.index(f"{indent}return")
    added = f"{indent}if 8 % n != 0:{end}{indent * 2}raise ValueError(n){end}"
    made = edited(text, [Edit("t.py", at, at, "", added)])
    assert made == text[:at] + added + text[at:]


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("x = 1\n", "1", "1 +"),
        ("x = 'a'\n", "'a'", "'a"),
        ("f(a, b)\n", "(a, b", "(a"),
        ("x = 'a'\n", "a", "'"),
        ("x = 1 + 2\n", "+ 2", "- 2"),
    ],
)
def test_what_fits_no_place_is_refused(text: str, old: str, new: str) -> None:
    with pytest.raises(Unfixable):
        edited(text, [edit(text, old, new)])


def test_what_can_not_be_parsed_is_refused() -> None:
    for text in ("x = (\n", "x = 1\0\n", "(" * 5000):
        with pytest.raises(Unfixable):
            parsed(text)


def test_a_long_script_comes_back() -> None:
    """The example's; `benchmarks/fix_round_trip.py` does it for every script of a clone."""
    path = next((Path(__file__).parents[2] / "examples").rglob("*PreQuantTTT/train_gpt.py"))
    text = path.read_text("utf-8")
    assert all(parsed(text[start:end]) for start, end in blocks(text))


def test_a_last_line_without_an_end_may_hold_any_letter() -> None:
    text = "def f():\n    return 'é\U0001f40d', 1"
    assert edited(text, [edit(text, "1", "2")]) == text[:-1] + "2"


def test_splices_are_made_from_the_back() -> None:
    assert spliced("abc", [Edit("", 0, 1, "a", "xx"), Edit("", 2, 3, "c", "")]) == "xxb"
