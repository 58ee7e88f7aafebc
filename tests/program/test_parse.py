"""Whatever the text, the answer is a tree or one place and reason: never an exception, never a crash."""

from __future__ import annotations

import ast
import gc
import re
import time
import warnings

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.program import ir, nesting
from auditor.program.model import Unparsed
from auditor.program.nesting import MAX_BRACKETS, MAX_ELIF, MAX_LINKS, too_deep
from auditor.program.parse import read_module
from auditor.program.source import Source


def read(text: str) -> ir.Module:
    module = read_module(Source("train.py", text))
    assert isinstance(module, ir.Module), module
    return module


def refusal(text: str) -> Unparsed:
    failure = read_module(Source("train.py", text, layer=2))
    assert isinstance(failure, Unparsed)
    assert failure.path == "train.py"
    assert failure.layer == 2
    assert "\n" not in failure.reason
    return failure


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("a = 1\r\nb = 2\r\n", ["a", "b"]),
        ("a = 1\rb = 2\r", ["a", "b"]),
        ("\ufeffa = 1\n", ["a"]),
        ("\x0ca = 1\n\x0c\nb = 2\n", ["a", "b"]),
        ("a = 1", ["a"]),
        ("a = 1  # the end", ["a"]),
        ("# only a comment", []),
        ("", []),
        ("\n\n  \n", []),
        ("a = \\\n  1\n", ["a"]),
        ("a = 1; b = 2;\n", ["a", "b"]),
        ("caf\u00c3 = 1\n", ["caf\u00c3"]),
    ],
)
def test_text_of_every_shape_is_read(text: str, targets: list[str]) -> None:
    names = []
    for statement in read(text).body:
        assert isinstance(statement, ir.Assign)
        target = statement.targets[0]
        assert isinstance(target, ir.Name)
        assert text[target.start : target.end] == target.id
        names.append(target.id)
    assert names == targets


def test_nested_quotes_in_f_strings_parse_on_every_python() -> None:
    (statement,) = read("""x = f"{d["key"]} {f"{y}"}"\n""").body
    assert isinstance(statement, ir.Assign)
    value = statement.value
    assert isinstance(value, ir.FString)
    assert [type(part) for part in value.parts] == [ir.Subscript, ir.Const, ir.FString]


@pytest.mark.parametrize("text", ["x = a or'b'", "x = 1 if y else'b'", "x = not'a'in b"])
def test_minified_spacing_that_python_reads_is_read(text: str) -> None:
    ast.parse(text)
    assert len(read(text).body) == 1
    with pytest.raises(cst.CSTValidationError):  # the checks are back for trees made by hand
        cst.Name("")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a = 1\nb = \0\n", 2, "NUL byte"),
        ("a\n'\ud800'\n", 2, "Unicode"),
        ("a = 1\nthis is no python\n", 2, "invalid syntax"),
        ("a = (1,\n", 1, "ends too early"),
        ("a = 1\nb = $\n", 2, "'$' is not a valid character"),
        ("if a:\n\tb\n        c\n", 3, "tabs and spaces"),
        ("a = 1\nb = 'x' b'y'\n", 2, "text and bytes"),
        ("a = 1\nb = 1" + "0" * 5000 + "\n", 2, "5001 digits"),
        ("a = 1\nb = '\\x1'\n", 2, "cut short"),
        ("a\n\nb = b'\u00e9'\n", 3, "ASCII"),
        ("a\n(1, 2\n", 2, "ends too early"),
    ],
)
def test_a_refusal_names_the_line_and_the_reason(text: str, line: int, reason: str) -> None:
    failure = refusal(text)
    assert failure.line == line
    assert reason in failure.reason


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + ")" * 5000,
        "x = " + "[" * 5000,
        "x = " + "+".join(["a"] * 20_000),
        "if a:\n p\n" + "elif a:\n p\n" * 3000,
        "x = " + "not " * 20_000 + "a",
        "x = a" + ".b" * 20_000,
        "x = a" + "()" * 20_000,
        "x = " + "lambda a, b: " * 5000 + "1",
        "x = " + "a if b else " * 5000 + "c",
        "x = " + "-" * 20_000 + "1",
        "x = " + "a \\\n + " * 5000 + "b",
        "x = " + "'a' " * 30_000,
        "x = " + 'f"{' * 3000 + "1" + '}"' * 3000,
        # quotes inside a replacement field must not hide what follows them
        "x = f\"{'\"'+" + "(" * 3000 + "1" + ")" * 3000 + "+''}\"",
    ],
    ids=lambda text: text[:12],
)
def test_what_would_end_the_native_parser_is_refused_at_once(text: str) -> None:
    begun = time.process_time()
    assert "more than" in refusal(text).reason
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * (MAX_BRACKETS - 1) + "1" + ")" * (MAX_BRACKETS - 1),
        "x = " + "f(" * (MAX_BRACKETS - 1) + ")" * (MAX_BRACKETS - 1),
        "x = " + "a+" * (MAX_LINKS - 1) + "a",
        "x = " + "lambda: " * (MAX_LINKS - 1) + "a",
        "if a:\n p\n" + "elif a:\n p\n" * MAX_ELIF,
        "x = [" + "1, " * 20_000 + "]",
        "x = '" + "(" * 60_000 + "'",
        "# " + "(" * 500 + "\n'''" + "[" * 500 + "'''\n",
        "x = 1;" * 5000,
        "x = f'{a:(((((}'\n" * 200,
    ],
    ids=lambda text: text[:12],
)
def test_what_the_parser_survives_is_read(text: str) -> None:
    assert too_deep(text) is None
    read(text)


_WORDS = r"""f' f" { } ' \" ''' ( ) [ ] : = , \ # a 1 def if else lambda not . + ** match case r'"""
_MORE = st.sampled_from(
    [*_WORDS.split(), "\n", "\n", "\r\n", ";", "(" * 30, "a+" * 40, "x" * 30, "lambda ", '"(" ', " "]
)


@settings(max_examples=200)
@given(st.lists(_MORE, max_size=80).map("".join))
def test_lines_that_are_passed_over_hide_nothing(text: str) -> None:
    found = too_deep(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nesting, "_SIMPLE", re.compile(""))
        assert too_deep(text) == found


def test_a_collected_heap_stays_collected() -> None:
    assert gc.isenabled()
    read("x = 1\n")
    refusal("x = = 1\n")
    assert gc.isenabled()


def test_unknown_escapes_raise_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read("x = '\\d' f'\\d{y}'\n")


_FRAGMENTS = st.sampled_from([*_WORDS.split(), "\n", "\n  ", " ", "\r", "\t", "\x0c", "\u00e9", "lambda "])


@settings(max_examples=300, deadline=None)
@given(st.lists(_FRAGMENTS, max_size=40).map("".join))
def test_any_text_gets_an_answer(text: str) -> None:
    assert isinstance(read_module(Source("x.py", text)), ir.Module | Unparsed)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_data_in_thousands_of_joined_strings_is_one_literal(end: str) -> None:
    lines = [f"'{i:04x}\\x41'" if i % 2 else f'"{i:04x}é"' for i in range(12_000)]
    text = end.join(["x = f(", *lines, '"tail")  # é', "y = 1", ""])
    call, after = (statement.value for statement in read(text).body)
    assert isinstance(call, ir.Call)
    value = call.args[0].value
    assert isinstance(value, ir.Const)
    assert value.value == "".join(map(ast.literal_eval, lines)) + "tail"
    assert (value.start, value.end) == (text.index('"0000'), text.index(")  #"))
    assert isinstance(after, ir.Const)
    assert text[after.start : after.end] == "1"


def test_what_looks_like_joined_strings_within_a_text_stays_text() -> None:
    inner = "\n".join(f"'{i}'" for i in range(100))
    (statement,) = read(f'x = """\n{inner}\n"""\n').body
    assert isinstance(statement, ir.Assign)
    assert isinstance(statement.value, ir.Const)
    assert statement.value.value == f"\n{inner}\n"
    assert "escape" in refusal("x = (\n" + "'\\xq'\n" * 100 + ")\n").reason
