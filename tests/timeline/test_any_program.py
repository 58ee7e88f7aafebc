"""Programs at random: they are followed to an end, within the budget, whatever they do."""

from followed import followed
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from auditor.timeline.engine.machine import MAX_STEPS
from auditor.timeline.summary import summarise

NAMES = st.sampled_from(["a", "b", "net", "tokens", "opt", "f", "g", "C", "print", "os", "torch", "self"])
ATTRIBUTES = st.sampled_from(["step", "backward", "item", "parameters", "data", "grad", "x", "append", "get", "copy_"])
LITERALS = st.sampled_from(
    ["0", "1", "-3", "2.5", "None", "True", "''", "'data/fineweb_val_*.bin'", "'data/fineweb_train_*.bin'", "b'x'"]
)
OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "**", "<<", "&", "^", "@", "==", "<", "in", "is", "and", "or"]
)


def compound(inner):
    pairs = st.lists(inner, max_size=3)
    return st.one_of(
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("{}.{}".format, inner, ATTRIBUTES),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}[{}:{}]".format, inner, inner, inner),
        st.builds(lambda f, xs: f"{f}({', '.join(xs)})", inner, pairs),
        st.builds(lambda f, x: f"{f}(*{x}, k={x})", inner, inner),
        st.builds(lambda xs: f"[{', '.join(xs)}]", pairs),
        st.builds(lambda xs: f"({''.join(x + ', ' for x in xs)})", pairs),
        st.builds(lambda xs: "{" + ", ".join(f"{x}: {x}" for x in xs) + "}", pairs),
        st.builds("(lambda a: {})".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[{} for a in {} if {}]".format, inner, inner, inner),
        st.builds("f'{{{}!r:>9}}'".format, NAMES),
        st.builds("(b := {})".format, inner),
    ).map(
        lambda text: text.replace("0.", "0 .").replace("1.", "1 .").replace("3.", "3 .") if text[0] in "013-" else text
    )


EXPRESSIONS = st.recursive(NAMES | LITERALS, compound, max_leaves=6)
TARGETS = st.one_of(NAMES, st.builds("{}.{}".format, NAMES, ATTRIBUTES), st.builds("{}[{}]".format, NAMES, NAMES))


def indented(body):
    return "".join(f"    {line}\n" for line in "".join(body).splitlines())


SIMPLE = st.one_of(
    EXPRESSIONS.map("{}\n".format),
    st.builds("{} = {}\n".format, TARGETS, EXPRESSIONS),
    st.builds("{}, {} = {}\n".format, TARGETS, TARGETS, EXPRESSIONS),
    st.builds("{} += {}\n".format, TARGETS, EXPRESSIONS),
    st.builds("del {}\n".format, NAMES),
    st.sampled_from(["pass\n", "import torch\n", "from os import *\n", "global a\n", "raise a\n", "assert b\n"]),
)


def blocks(inner):
    body = st.lists(inner, min_size=1, max_size=3).map(indented)
    return st.one_of(
        st.builds("if {}:\n{}else:\n{}".format, EXPRESSIONS, body, body),
        st.builds("for {} in {}:\n{}    break\n".format, NAMES, EXPRESSIONS, body),
        st.builds("for {} in {}:\n{}".format, NAMES, EXPRESSIONS, body),
        st.builds("while {}:\n{}    continue\n".format, EXPRESSIONS, body),
        st.builds("with {} as {}:\n{}".format, EXPRESSIONS, NAMES, body),
        st.builds("try:\n{}except {} as a:\n{}finally:\n{}".format, body, NAMES, body, body),
        st.builds("def f(a, b={}, *c, **d):\n{}    return {}\n".format, EXPRESSIONS, body, EXPRESSIONS),
        st.builds("def g(self):\n{}    yield {}\n".format, body, EXPRESSIONS),
        st.builds("class C(f, torch.nn.Module):\n{}    def __call__(self, x): return {}\n".format, body, EXPRESSIONS),
    )


STATEMENTS = st.recursive(SIMPLE, blocks, max_leaves=8)
CALLS = "net = C()\nf(net, tokens)\ng(net)\nprint(f'val_bpb:{a}')\n"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STATEMENTS, min_size=1, max_size=6).map("".join))
def test_any_program_is_followed_to_an_end(code):
    assume("import *" not in code)  # which Python allows at the top level only; tests/program has it
    timeline = followed(code.replace("global a\n", "pass\n") + CALLS)
    assert timeline.steps <= MAX_STEPS + 1000
    for line in summarise(timeline):
        assert "\n" not in line
    for event in timeline.events:
        assert event.bits
