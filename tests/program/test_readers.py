"""Python's own parser and LibCST lead to the same IR, places included.

On request also for every Python file below a folder, and for as many programs of hypothesmith as are asked for:

    GOLF_AUDIT_SCRIPTS=folder GOLF_AUDIT_GENERATED=1000 pytest tests/program/test_readers.py
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from test_lower import PROGRAM, programs
from test_refused import LONE, RUN

from auditor.program import from_ast, ir
from auditor.program.from_ast.expressions import _EXPRESSIONS
from auditor.program.from_ast.patterns import _PATTERNS
from auditor.program.from_ast.statements import _STATEMENTS
from auditor.program.from_libcst import read as by_libcst
from auditor.program.model import Unparsed
from auditor.program.parse import read_module
from auditor.program.source import Source
from auditor.program.unpack import decode_text

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "records").glob("*/*/*.py"))
SCRIPTS = os.environ.get("GOLF_AUDIT_SCRIPTS")
GENERATED = int(os.environ.get("GOLF_AUDIT_GENERATED", "0"))

STATEMENTS = """\
f(x for x in y)
f((x for x in y), )
f( ( x for x in (y) if (z) ) , )
f((a, b), ((c, d)), (e), ( # c )
 g ) , *( h ), k = ( 1 ), *i, **( m ), )
((f) # (
)(x)
t[(a), b], t[(a, b)], t[(a), (b),], t[*a], t[*a,], t[*a, b], t[()], t[(a)], t[ a , ]
t[a:b, (c):(d):(e)], t[a:b:], t[(a):], t[:(a)]
x = (a), (b)
x = ((a), (b))
x = ((a), b), (c)
x = ( (a, ), )
x = (),
x = ((),)
x = ( ( ) )
x, = (y), = z
(x, y), z = w
for x, in (y, z): pass
for (x), y in z, w: pass
del (a, b)
del [a, b]
del (a), b
del a,
del (a, b), c
with (a): pass
with (a, b): pass
with (a as b, c as (d, e)): pass
with (a), (b): pass
with (a, b) as c, d: pass
lambda *a, b=(1), **c: (a)
lambda a, /, b, *, c: 0
def f(a: (int) = (1), *b: (int), c=((2)), ** d: (int)) -> (int): return a,
def f(*, b: int = 3,): yield (a)
def f(a): x = lambda: (yield); y = [(yield)]
[x for x in y for (z, w) in (q) if (a) if (b) for k in (m)]
[ ( x ) # for
  for x in y]
{(a): (b) for a, b in (c) if (d) }
(x async for x in y)
a if (b) else (c), not (a), (a) < (b) < (c), (a or b) or (c or d) and e, (a).b.c, -(1)
if (a): b;
elif (c): d;
else: e;
class A(B, *C, metaclass=(M), **k): x = 1;
class A(): "doc";
@(a)
class A((B), (C)): pass
from . import (a, b as c,)
from .. x . y import *
x: (int) = (1)
x.y += (1)
assert (a), (b)
raise (a) from (b)
global a, b
"""
CASES = (
    "1 | (2)", "(1)", "(x, y)", "x, y", "x,", "(x), y", "((x), y)", "()", "( ( ) )", "[]", "[x, (y), *_]", "[*z,]",
    "{}", "{'k': (z), **r}", "{'k': z, 'm': None,}", "{-1: z}", "K()", "K(p, (q), u=(v), w=x,)", "a.b.c", "(a.b)",
    "-1", "1+2j", "'a' 'b'", "None", "(True)", "x if (y)", "(x as y)", "(1 | 2) as y", "str() as y if y", "_",
    "_ if x",
)  # fmt: skip
FORMATTED = r'''
f"", f"a", f"{a}", f"{ a }", f"{(a)}", f"{a.b}{c[0]}", f"{a,}", f"{a, b}", f"{*a, b}", f"{ ( a , b ) }"
f"{(lambda x: x)(1)}", f"{a!r}{b!s:>{w}}{c:{w}.{p}f}{d=}{e = }{f=!r:>{w}}{g = :.2f}", f"{{}}{{{a}}}"
f'{d["k"]}' "tail" rf"\d{a}\n" f"\n{b}\t" "x"
f"{x!r}" 'a' "b" f"{y}" """c
d""" f"""
{
  a
 + b
}
{c:>{
 w}}
{d["é"]}é{e + d}
"""
f"é{a.b}ü{c + d}" + g
f"{a==b}{a!=b}{a<=b}{(a:=b)}{a:=b}{a if b else'c'}{a or'c'}{'a' 'b'}{'}'}{'{'}{':'}{'!'}"
f"{a['x:y']}{b[1:2]}{c(d=1)}{f'{a}'}{f'{b + c}'}"
f"\N{EM DASH}{a}", fr"\N{a}{b}", f"\\{a}", f"\"{a}\"", rf"\"{a}", Rf'{b}' + fR"{c}"
(f"{a}"
     # c "
     f"{b}"  # d
     "c")
f"{ {1: 2}[1] }{ {1, 2} }{None}{True}{not a}{-a}{...}{1}{'s'}{a():,}{b:%Y-%m-%d}{c:x<{10}}{(x for x in y)}"
'''


def programs_of(text: str) -> Iterator[str]:
    """Yield each statement of ``text``, and in other surroundings."""
    tree = ast.parse(text)
    lines = text.splitlines(keepends=True)
    for node in tree.body:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        whole = "".join(lines[first - 1 : node.end_lineno])
        yield from (whole, whole.rstrip("\n"), f"\ufeff{whole}", whole.replace("\n", "\r\n"), whole.replace("\n", "\r"))
        yield f"'é'; {whole}" if isinstance(node, ast.Expr) else f"# é\n{whole}"


def difference(ours: object, theirs: object, where: str = "") -> str | None:
    """Return the first place at which two IRs differ, None where they don't."""
    if isinstance(ours, tuple) and isinstance(theirs, tuple) and len(ours) == len(theirs):
        pairs = [(f"{where}[{i}]", a, b) for i, (a, b) in enumerate(zip(ours, theirs, strict=True))]
    elif isinstance(ours, msgspec.Struct) and type(ours) is type(theirs):
        pairs = [(f"{where}.{name}", getattr(ours, name), getattr(theirs, name)) for name in ours.__struct_fields__]
    else:
        return None if type(ours) is type(theirs) and repr(ours) == repr(theirs) else f"{where}: {ours!r} / {theirs!r}"
    return next((found for at, a, b in pairs if (found := difference(a, b, at)) is not None), None)


def compare(text: str) -> bool:
    """Return whether both readers read ``text``; fail where they read it differently."""
    ours, theirs = from_ast.read(text), by_libcst(Source("t.py", text), {})
    if ours is None or isinstance(theirs, Unparsed):
        return False
    found = difference(ours, theirs)
    assert found is None, f"{found} in {text[:200]!r}"
    return True


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_examples_are_read_alike(path: Path) -> None:
    assert compare(decode_text(path.read_bytes())[0])


def test_every_form_is_read_alike() -> None:
    matches = [f"match (a):\n    case {case}: b;\n    case 0:\n        c\n" for case in CASES]
    matches += [f"match {subject}:\n    case _: b\n" for subject in ("a, b", "(a, b)", "a,", "*a, b", "( a )")]
    texts = [PROGRAM, STATEMENTS, FORMATTED, *matches]
    assert all(compare(text) for text in texts)
    alike = [compare(one) for text in texts for one in programs_of(text)]
    assert sum(alike) > 0.9 * len(alike)  # what one of them refuses, this Python's f-strings among it


@pytest.mark.parametrize("text", [*LONE, *RUN])
def test_what_python_runs_is_read_by_its_own_parser(text: str) -> None:
    assert from_ast.read(text) is not None


@settings(max_examples=100, deadline=None)
@given(programs())
def test_random_programs_are_read_alike(text: str) -> None:
    compare(text)


def test_every_kind_of_node_is_known() -> None:
    def kinds(base: type) -> set[type]:
        return {kind for kind in base.__subclasses__() if kind.__module__ == "ast" and not kind.__subclasses__()}

    assert kinds(ast.expr) - {ast.FormattedValue} <= set(_EXPRESSIONS)
    assert kinds(ast.stmt) <= set(_STATEMENTS)
    assert kinds(ast.pattern) <= set(_PATTERNS)


def test_libcst_reads_what_this_python_does_not() -> None:
    newer = """x = f"{d["key"]}"\n"""
    assert isinstance(read_module(Source("t.py", newer)), ir.Module)
    if sys.version_info < (3, 12):
        assert from_ast.read(newer) is None


def test_either_reader_is_enough() -> None:
    lost = "def f(\n  *  # c\n  a): pass\n"
    assert from_ast.read(lost) is None  # where the star is can't be told from the tree
    assert isinstance(read_module(Source("t.py", lost)), ir.Module)
    refused = "(x): int\n"
    assert isinstance(by_libcst(Source("t.py", refused), {}), Unparsed)
    assert isinstance(read_module(Source("t.py", refused)), ir.Module)


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "-" * 20_000 + "1",
        "x = a" + ".b" * 20_000,
        "x = " + "lambda: " * 20_000 + "1",
        "(" * 300,
        "x\0",
        "'\ud800'",
    ],
    ids=["signs", "attributes", "lambdas", "brackets", "null", "surrogate"],
)
def test_what_python_s_parser_can_t_take_is_nothing_even_unguarded(text: str) -> None:
    assert from_ast.read(text) is None


def test_libcst_is_not_imported_for_what_python_reads() -> None:
    code = (
        "import sys; from auditor.program.parse import read_module; from auditor.program.source import Source;"
        "read_module(Source('t.py', 'x = f\"{a + 1}\"')); assert 'libcst' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(SCRIPTS is None, reason="GOLF_AUDIT_SCRIPTS names no folder")
def test_real_scripts_are_read_alike() -> None:
    paths = sorted(Path(SCRIPTS or "").rglob("*.py"))
    alike = sum(compare(decode_text(path.read_bytes())[0]) for path in paths)
    print(f"{alike} of {len(paths)} are read by both")
    assert alike


@pytest.mark.skipif(not GENERATED, reason="GOLF_AUDIT_GENERATED is not set")
def test_generated_programs_are_read_alike() -> None:
    from hypothesmith import from_grammar

    @settings(max_examples=GENERATED, deadline=None, suppress_health_check=list(HealthCheck))
    @given(from_grammar())
    def check(text: str) -> None:
        compare(text)

    check()
