"""Where LibCST and Python disagree: what Python runs is read, what it refuses is not, with its line and words."""

from __future__ import annotations

import ast

import libcst
import pytest

from auditor.program import ir
from auditor.program.continued import blanked
from auditor.program.model import Unparsed
from auditor.program.parse import read_module
from auditor.program.source import Source

REFUSED = {
    "def f(a, a):\n    pass\n": 1,
    "x = 1\nf = lambda b, *b: 1\n": 2,
    "x = 1\nreturn x\n": 2,
    "class A:\n    return 1\n": 2,
    "def f():\n    class A:\n        yield 1\n": 3,
    "yield 1\n": 1,
    "await x\n": 1,
    "break\n": 1,
    "for i in x:\n    def f():\n        continue\n": 3,
    "for i in x:\n    pass\nelse:\n    break\n": 4,
    "f(a=1, b=2, a=3)\n": 1,
    "nonlocal x\n": 1,
    "def f(a):\n    global a\n": 2,
    "def f():\n    from os import *\n": 2,
    "class A:\n    from os import *\n": 2,
    "try:\n    pass\nexcept:\n    pass\nexcept ValueError:\n    pass\n": 3,
}
LONE = [
    "if x:\n    \\\n    y = 1\n    z = 2\n",
    "if x:\n    \\\n  y = 1\n    z = 2\n",
    "if x:\n    \\\n\\\n        y = 1\n    z = 2\n",
    "x = 1\n\\\ny = 2\n",
    "def f():\n    a = 1\n    \\\n    b = 2\n    return b\n",
    "class A:\n  \\\n  x = 1\n  y = 2\n",
    "x = 1 + \\\n    \\\n    2\ny = 3\n",
    "x = '''\n    \\\n    text'''\nif x:\n    \\\n    y = '\\\n\\\n'\n    z = 1\n",
    "# a comment's own \\\n\\\nx = (1,\n\\\n2)\n",
]
RUN = [
    "for i in x:\n    for j in y:\n        pass\n    else:\n        break\n",
    "while x:\n    try:\n        pass\n    finally:\n        continue\n",
    "f = lambda: (yield)\n",
    "async def f():\n    await x\n    return [await y for y in z]\n",
    "def f(a, *, b, **c):\n    def g(a):\n        nonlocal b\n        return a\n    return g(a=1, **c)\n",
    "class A:\n    for i in x:\n        if i:\n            continue\n",
    "def f(a):\n    class B:\n        global a\n        a = 1\n",
    "lambda _: (lambda _: 1)\n",
]


def compiles(text: str) -> bool:
    try:
        compile(text, "x", "exec")
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("text", REFUSED)
def test_what_python_refuses_is_no_program(text: str) -> None:
    assert not compiles(text)
    found = read_module(Source("t.py", text))
    assert isinstance(found, Unparsed)
    assert found.line == REFUSED[text]
    with pytest.raises(SyntaxError) as raised:
        compile(text, "x", "exec")
    assert raised.value.msg == found.reason


@pytest.mark.parametrize("text", [*LONE, *RUN])
def test_what_python_runs_is_read(text: str) -> None:
    assert compiles(text)
    assert isinstance(read_module(Source("t.py", text)), ir.Module)


@pytest.mark.parametrize("text", LONE)
def test_a_lone_backslash_is_blank(text: str) -> None:
    plain = blanked(text)
    assert len(plain) == len(text)
    assert libcst.parse_module(plain).code == plain
    assert ast.dump(ast.parse(plain)) == ast.dump(ast.parse(text))


def test_names_keep_their_places_behind_lone_backslashes() -> None:
    text = LONE[0] + LONE[3] + "last = 1\n"
    module = read_module(Source("t.py", text))
    assert isinstance(module, ir.Module)
    last = module.body[-1]
    assert text[last.start : last.end] == "last = 1"
