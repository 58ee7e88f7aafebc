"""The IR of each syntax form: its shape, and spans equal to those of LibCST's position provider."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

import libcst as cst
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from auditor.program import ir
from auditor.program.parse import read_module
from auditor.program.source import Source


def read(text: str) -> ir.Module:
    module = read_module(Source("train.py", text))
    assert isinstance(module, ir.Module), module
    return module


def only(text: str) -> ir.Stmt:
    (statement,) = read(text).body
    return statement


def value(expression: str) -> ir.Expr:
    statement = only(expression + "\n")
    assert isinstance(statement, ir.ExprStmt)
    return statement.value


def nodes(root: object) -> Iterator[ir.Node]:
    if isinstance(root, tuple):
        for item in root:
            yield from nodes(item)
    elif isinstance(root, msgspec.Struct):
        if isinstance(root, ir.Node):
            yield root
        for name in root.__struct_fields__:
            yield from nodes(getattr(root, name))


# --------------------------------------------------------------------------- spans

PROGRAM = '''\
"""A program with one of everything."""
from __future__ import annotations
import os, os.path as p
from ..pkg . mod import (a, b as c,)
from x import *

@decorate(1)
@ other . thing
async def f(a, /, b: int = 1, *rest: str, k, d=(2), **kw) -> list[int]:
    global g, h
    async with a as b, open(c) as (d, e): pass
    async for x in y:
        yield await z
    else: pass
    return [i async for i in j if i if not i]

class K ( ) :
    x: int; y: "str" = 'a' ; z = 1;
    def method(self): nonlocal_ = yield from self . items ( )

def outer():
    n = 1
    def inner():
        nonlocal n
        n += 1  # comment ) ] }
    while n < 3 <= 4 != 5 not   in [6] is  not None: break
    else:
        n = -n ** - 2 @ +m // (~ 3)
    for i, (j, *k) in pairs: continue
    with (open(a) as b, open(c)):
        del b, (c), d[0]
    try:
        assert x, "dropped"
    except (A, B) as e: raise E(1) from e
    else: x = 1
    finally:
        x = 2
    if a: b
    elif (c): d
    elif e:
        f
    else: g
    lambda x, *y, z=1, **w: (yield)
    m = n = {1: 2, **r, "k" : [3, *s], }, {4, *t}, (), (5, ), ( ( ) )
    q = (u for u in v), {u for u in v}, {u: w for u in v for w in x}
    t[1], t[1:], t[:, None, ::2], t[a,], t[ lo : hi ], t[*u, 1]
    (w := 10), (a if b else c), (a and b and c or not d)
    f(x for x in y), f(*a, k = 1, **b), (((f))) (1) [ 2 ] . attr
    x = 1_000, 0xFF, 0b1, 1e-3, 2.5j, ..., None, True, b"a" rb"\\d"
    s = "one" 'two' \\
        """three"""
    s = f"a{x!r:>{width}.2f}{{b}} {y = } { {1: 2}[1] }" f'{d["k"]}' "tail"
    x |= 1; x >>= 2; x **= 3
    try: raise
    except* (B) as b: return a, b
'''

# CST classes whose span the IR shares. Left out: what the IR drops or joins, and two that the provider
# draws otherwise (CompFor from the blank before ``for``, Param without its default).
SHARED: dict[type[cst.CSTNode], type[ir.Node]] = {
    cst.Arg: ir.Arg,
    cst.Attribute: ir.Attr,
    cst.Subscript: ir.Subscript,
    cst.Call: ir.Call,
    cst.BinaryOperation: ir.BinOp,
    cst.UnaryOperation: ir.UnaryOp,
    cst.Comparison: ir.Compare,
    cst.IfExp: ir.IfExp,
    cst.Lambda: ir.Lambda,
    cst.NamedExpr: ir.NamedExpr,
    cst.Dict: ir.DictDisplay,
    cst.List: ir.Sequence,
    cst.Set: ir.Sequence,
    cst.ListComp: ir.Comprehension,
    cst.SetComp: ir.Comprehension,
    cst.DictComp: ir.Comprehension,
    cst.GeneratorExp: ir.Comprehension,
    cst.Yield: ir.Yield,
    cst.Await: ir.Yield,
    cst.Integer: ir.Const,
    cst.Float: ir.Const,
    cst.Imaginary: ir.Const,
    cst.Ellipsis: ir.Const,
    cst.FunctionDef: ir.FunctionDef,
    cst.ClassDef: ir.ClassDef,
    cst.Assign: ir.Assign,
    cst.AnnAssign: ir.Assign,
    cst.AugAssign: ir.AugAssign,
    cst.Expr: ir.ExprStmt,
    cst.Return: ir.Return,
    cst.Raise: ir.Raise,
    cst.Assert: ir.Assert,
    cst.Del: ir.Delete,
    cst.Global: ir.Scope,
    cst.Nonlocal: ir.Scope,
    cst.Pass: ir.Jump,
    cst.Break: ir.Jump,
    cst.Continue: ir.Jump,
    cst.Import: ir.Import,
    cst.ImportFrom: ir.ImportFrom,
    cst.If: ir.If,
    cst.For: ir.For,
    cst.While: ir.While,
    cst.With: ir.With,
    cst.Try: ir.Try,
    cst.TryStar: ir.Try,
    cst.ExceptHandler: ir.Handler,
    cst.ExceptStarHandler: ir.Handler,
}


class _Provided(cst.CSTVisitor):
    """Collects the provider's spans of all shared classes, as (IR class, start, end)."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.spans: Counter[tuple[type[ir.Node], int, int]] = Counter()

    def on_visit(self, node: cst.CSTNode) -> bool:
        # Dropped from the IR: annotations, class keywords, the cause of a raise, dotted import names.
        if isinstance(node, cst.Annotation | cst.ImportAlias | cst.From) and not self._is_yield_from(node):
            return False
        if type(node) in SHARED:
            where = self.get_metadata(PositionProvider, node)
            assert isinstance(where, CodeRange)
            starts = self.source.line_starts
            start = starts[where.start.line - 1] + where.start.column
            end = starts[where.end.line - 1] + where.end.column
            self.spans[SHARED[type(node)], start, end] += 1
        return not isinstance(node, cst.ImportFrom)

    @staticmethod
    def _is_yield_from(node: cst.CSTNode) -> bool:
        return isinstance(node, cst.From) and isinstance(node.item, cst.Call)


def test_spans_are_those_of_the_position_provider() -> None:
    text = PROGRAM
    source = Source("train.py", text)
    visitor = _Provided(source)
    MetadataWrapper(cst.parse_module(text)).visit(visitor)
    ours = Counter((type(node), node.start, node.end) for node in nodes(read(text)))
    missing = visitor.spans - ours
    assert not missing, [(kind.__name__, text[start:end]) for kind, start, end in missing]
    assert {kind for kind, _, _ in visitor.spans} == set(SHARED.values())


@pytest.mark.parametrize(
    ("expression", "kind", "span"),
    [
        ("( ( ) )", ir.Sequence, "( )"),
        ("((a, b ,))", ir.Sequence, "a, b ,"),
        ("((a) + (b))", ir.BinOp, "(a) + (b)"),
        ("( a )", ir.Name, "a"),
        ("x and (y and z)", ir.BoolOp, "x and (y and z)"),
        ("('a' # c\n 'b')", ir.Const, "'a' # c\n 'b'"),
    ],
)
def test_parentheses_stay_outside(expression: str, kind: type[ir.Node], span: str) -> None:
    node = value(expression)
    assert type(node) is kind
    assert expression[node.start : node.end] == span


def test_line_ends_of_every_kind_keep_offsets() -> None:
    for end in ("\n", "\r\n", "\r"):
        text = end.join(["\ufeffdef f(", "  a,  # c", "):", "\tb = a \\", "\t  + 1", "", "c = d", ""])
        for node in nodes(read(text)):
            if isinstance(node, ir.Name):
                assert text[node.start : node.end] == node.id


# --------------------------------------------------------------------------- literals


@pytest.mark.parametrize(
    "literal",
    [
        "0",
        "00",
        "1_000",
        "0xFF_f",
        "0o17",
        "0b1_0",
        "1.",
        ".5",
        "1e-3",
        "1_0.5e1_0",
        "2J",
        "1_0.j",
        "0xAb",
        r"'\n\t\\\'\x41\101\u00e9\U0001F600\N{EM DASH}\d'",
        r"r'\n'",
        r"b'\xff\n\d\u1234\777'",
        r"rb'\x'",
        "R'''a\n'b'''",
        "'a' \"b\" r'\\c'",
        "b'a' rb'\\b'",
        "'''a\\\nb'''",
        "''",
        "u'x'",
        "'\\7\\78'",
        "'\\ud800'",
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_literals_have_python_s_value(literal: str) -> None:
    node = value(literal)
    assert isinstance(node, ir.Const)
    expected = ast.literal_eval(literal)
    assert node.value == expected
    assert type(node.value) is type(expected)


@given(st.text(st.sampled_from("\\nxuUN{}01789abfr'\"\n\u00e9 "), max_size=12))
@pytest.mark.filterwarnings("ignore")
def test_escapes_agree_with_python_or_are_refused_by_both(text: str) -> None:
    literal = f"'''{text}'''"
    try:
        expected = ast.literal_eval(literal)
    except (SyntaxError, ValueError):
        return
    if isinstance(expected, str):
        assert value(literal) == ir.Const(0, len(literal), expected)


def test_f_strings_keep_text_and_values_in_order() -> None:
    node = value(r"""f'a\n{{{x!r:>{w}}}}' 'b' rf"\d{y = }" """.strip())
    assert isinstance(node, ir.FString)
    shown = [part.value if isinstance(part, ir.Const) else part for part in node.parts]
    names = [part.id if isinstance(part, ir.Name) else part for part in shown]
    assert names == ["a\n{", "x", "w", "}", "b", "\\d", "y = ", "y"]


# --------------------------------------------------------------------------- shapes


def shape(pattern: ir.Pattern) -> str:
    """Return a pattern's kinds and names in one line."""
    parts = f"({', '.join(shape(part) for part in pattern.parts)})" if pattern.parts else ""
    names = f"[{', '.join(pattern.names)}]" if pattern.names else ""
    return pattern.kind + (f":{pattern.name}" if pattern.name else "") + names + parts


def test_match_becomes_a_chain() -> None:
    chain = only(
        "match s:\n case 1 | 2: a\n case [x, *y] if g: b\n case {'k': z, **r}: c\n"
        " case K(p, q=u) as w: d\n case None: e\n case _: f\n"
    )
    found = []
    while isinstance(chain, ir.If):
        test = chain.test
        assert isinstance(test, ir.MatchTest)
        assert isinstance(test.subject, ir.Name)
        found.append((shape(test.pattern), test.guard is not None, len(chain.body)))
        (chain,) = chain.orelse
    assert found == [
        ("or(value, value)", False, 1),
        ("sequence(any:x, star:y)", True, 1),
        ("mapping:r(any:z)", False, 1),
        ("any:w(class[q](any:p, any:u))", False, 1),
        ("value", False, 1),
    ]
    assert isinstance(chain, ir.ExprStmt)


def test_elif_nests_and_ends_with_the_chain() -> None:
    text = "if a:\n x\nelif b:\n y\nelse:\n z;\n"
    first = only(text)
    assert isinstance(first, ir.If)
    (second,) = first.orelse
    assert isinstance(second, ir.If)
    assert text[second.start : second.end] == "elif b:\n y\nelse:\n z"
    assert len(second.orelse) == 1
    assert first.end == second.end


@pytest.mark.parametrize(
    ("body", "generator"),
    [
        ("yield", True),
        ("x = [(yield)]", True),
        ("yield from y", True),
        ("await y", False),
        ("def g(): yield", False),
        ("lambda: (yield)", False),
        ("return (x for x in y)", False),
    ],
)
def test_generators_are_those_that_yield_themselves(body: str, generator: bool) -> None:
    function = only(f"async def f():\n    {body}\n")
    assert isinstance(function, ir.FunctionDef)
    assert function.is_generator is generator


def test_parameters_have_their_kinds() -> None:
    function = only("def f[T: int = 3, *U, **V](a, /, b: 'T' = 1, *, c, **d) -> T: pass\n")
    assert isinstance(function, ir.FunctionDef)
    shown = [(param.name, param.kind, param.default is not None) for param in function.params]
    assert shown == [("a", "pos", False), ("b", "pos", True), ("c", "kw", False), ("d", "**", False)]


def test_imports() -> None:
    module = read("import a.b as c, d\nfrom ...e . f import (g as h, i,)\nfrom . import j\nfrom k import *\n")
    assert [msgspec.structs.astuple(statement)[2:] for statement in module.body] == [
        ((("a.b", "c"), ("d", None)),),
        ("e.f", 3, (("g", "h"), ("i", None))),
        ("", 1, (("j", None),)),
        ("k", 0, (("*", None),)),
    ]


def test_what_the_analysis_does_not_follow_is_dropped() -> None:
    module = read("type X[T] = list[T]\nclass A(B, *C, metaclass=M): x: int\nassert a, b\nraise c from d\n")
    kept = {node.id for node in nodes(module) if isinstance(node, ir.Name)}
    assert kept == {"B", "C", "M", "x", "a", "c"}


def test_operators_keep_their_spelling() -> None:
    node = value("a not  in b is not c != d")
    assert isinstance(node, ir.Compare)
    assert node.ops == ("not in", "is not", "!=")
    flat = value("a or b or (c or d) and e")
    assert isinstance(flat, ir.BoolOp)
    assert len(flat.values) == 3
    assert isinstance(only("x //= 2\n"), ir.AugAssign)
    assert only("x //= 2\n").op == "//"  # type: ignore[union-attr]


def test_comprehension_clauses_come_outermost_first() -> None:
    node = value("{k: v for k in a if k if v async for v in b}")
    assert isinstance(node, ir.Comprehension)
    shown = [(clause.target.id, len(clause.ifs)) for clause in node.clauses if isinstance(clause.target, ir.Name)]
    assert shown == [("k", 2), ("v", 0)]


# --------------------------------------------------------------------------- random programs

_ATOMS = st.sampled_from(["a", "bc", "1", "2.5", "'s'", "None", "...", "()", "[]", "{}", "f'{x}'", "-1", "b'y'"])


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def form(template: str) -> st.SearchStrategy[str]:
        slots = template.count("$")

        def fill(parts: list[str]) -> str:
            filled = template
            for part in parts:
                filled = filled.replace("$", part, 1)
            return filled

        return st.lists(inner.map(lambda text: text.replace("$", "")), min_size=slots, max_size=slots).map(fill)

    templates = [
        "($ + $)",
        "( $ )",
        "($).attr",
        "($)($, k=$, *$)",
        "($)[$]",
        "($)[$:$]",
        "[$, *$]",
        "{$: $}",
    ]
    templates += [
        "{$, $}",
        "($ if $ else $)",
        "(not $)",
        "($ < $ not in $)",
        "($ and $ or $)",
        "(lambda p=$: $)",
    ]
    templates += [
        "[$ for t in $ if $]",
        "($ for t in $)",
        "(w := $)",
        "($,)",
        "( # c\n $ ,\n\t$ )",
        'f"{ $ !r:>{ $ }}"',
    ]
    return st.one_of([form(template) for template in templates])


_EXPRESSIONS = st.recursive(_ATOMS, _grow, max_leaves=12)
_STATEMENTS = st.sampled_from(
    [
        "$\n",
        "x = $\n",
        "x: int = $\n",
        "x += $;y\n",
        "if $: $\nelif $:\n\t$\n",
        "for i in $:\n  $\nelse: pass\n",
        "def f(a=$):\n    '''doc'''\n\n    # c\n    return $\n",
        "with $ as q: $\n",
        "@$\nclass C($): pass\n",
        "\n# c\n",
    ]
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    text = ""
    for template in draw(st.lists(_STATEMENTS, max_size=4)):
        while "$" in template:
            template = template.replace("$", draw(_EXPRESSIONS), 1)
        text += template
    return text


@settings(max_examples=150, deadline=None)
@given(programs())
def test_each_span_reads_as_the_same_kind(text: str) -> None:
    for node in nodes(read(text)):
        assert 0 <= node.start < node.end <= len(text)
        if isinstance(node, ir.Slice | ir.Arg | ir.Param | ir.CompFor | ir.Starred | ir.Stmt | ir.Handler):
            continue
        if isinstance(node, ir.Const) and isinstance(node.value, str) and text[node.start] not in "'\"":
            continue  # text inside an f-string
        again = value(f"({text[node.start : node.end]})")
        assert type(again) is type(node)
