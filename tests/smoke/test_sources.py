"""What a script hands to ``exec`` and ``compile``: read by older Pythons, changed on the way, its scope its own."""

import ast
import builtins

import pytest

from auditor.program.older import older
from auditor.smoke.harness import sources

NEWER = """names = ["a", "b"]
told = f"  {names[0]}: {", ".join(sorted(names))} {f"{names[1]}"}"
"""


@pytest.fixture
def hooked(monkeypatch):
    """Put the real functions back after a test that replaced them."""
    monkeypatch.setattr(builtins, "exec", exec)
    monkeypatch.setattr(builtins, "compile", compile)
    return sources.install


def test_inner_quotes_are_turned_and_lines_stay():
    text = 'x = {"k": 1}\ny = f"{x["k"]} {"it\'s"}"\n'
    assert older('x = {"k": 1}\ny = f"{x["k"]}"\n') == 'x = {"k": 1}\ny = f"{x[\'k\']}"\n'
    assert '"it\'s"' in older(text)  # turning that one would change its text
    with pytest.raises(SyntaxError):
        older("x = = 1")


def test_a_packed_layer_of_newer_grammar_runs_in_the_scope_that_it_was_given(hooked):
    layer = NEWER.replace('{f"{names[1]}"}', "")
    script = f"exec({layer!r})\nspace = {{}}\nexec({layer!r}, space)\n"
    main = {"__name__": "__main__", "__builtins__": builtins}
    code = compile(script, "/tmp/train_gpt.py", "exec")
    hooked()
    exec(code, main)
    assert main["told"] == main["space"]["told"] == "  a: a, b "


def test_a_function_s_names_are_seen_by_what_it_executes(hooked):
    script = "def f(x):\n    out = {}\n    exec('out[0] = x + 1')\n    return out[0]\n"
    main = {"__builtins__": builtins}
    hooked()
    exec(compile(script, "/tmp/train_gpt.py", "exec"), main)
    assert main["f"](2) == 3


def test_the_change_is_made_to_the_script_s_own_text_only(hooked):
    seen = []

    def change(source, name):
        seen.append(name)
        return ast.parse(source, name)  # parses through compile, which must not come back here

    hooked(change)
    main = {"__builtins__": builtins}
    exec(compile("exec('y = 2')", "/tmp/train_gpt.py", "exec"), main)
    assert main["y"] == 2 and seen == ["/tmp/train_gpt.py", "<string>"]
    ast.parse("z = 3")
    assert len(seen) == 2


def test_what_no_grammar_reads_is_told_by_python():
    assert sources.readable("x = = 1", "t.py") == "x = = 1"
