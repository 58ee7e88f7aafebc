"""Constants stay constants, and stay small whatever a script asks for."""

import sys

import pytest
from followed import followed
from hypothesis import given
from hypothesis import strategies as st

from auditor.timeline.events import Forward
from auditor.timeline.values.atoms import TRAIN, VAL, train_settings
from auditor.timeline.values.folding import (
    FoldError,
    fold_binary,
    fold_compare,
    fold_text_method,
    fold_unary,
    split_of_word,
    string_origins,
)

SMALL = st.one_of(
    st.integers(-(10**6), 10**6), st.floats(), st.booleans(), st.text(max_size=9), st.none(), st.tuples(st.integers())
)
OPERATORS = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "@"])


@given(OPERATORS, SMALL, SMALL)
def test_what_is_folded_is_what_python_computes(op, a, b):
    try:
        folded = fold_binary(op, a, b)
    except FoldError:
        return
    exact = eval(f"a {op} b", {"a": a, "b": b})
    assert repr(folded) == repr(exact)


@pytest.mark.parametrize(
    ("op", "a", "b"),
    [
        ("*", "x", 10**9),
        ("*", (0,), 10**9),
        ("**", 10, 10**9),
        ("**", 10**30, 60),
        ("<<", 1, 10**9),
        ("+", "x" * 99_999, "yy"),
        ("%", "%999999999d", 1),
        ("/", 1, 0),
        ("+", 1, "a"),
    ],
)
def test_hostile_constants_are_not_folded(op, a, b):
    with pytest.raises(FoldError):
        fold_binary(op, a, b)


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("a" * 100_001, "upper", []),
        ("aaaa", "replace", ["a", "b" * 1000]),
        ("a", "zfill", [10**9]),
        ("a", "ljust", [10**9]),
        ("a", "format", []),
        ("a", "split", [1]),
    ],
)
def test_hostile_methods_of_strings_are_not_folded(text, name, arguments):
    with pytest.raises(FoldError):
        fold_text_method(text, name, arguments)


def test_harmless_methods_of_strings():
    assert fold_text_method(" On ", "strip", []) == "On"
    assert fold_text_method("a,b", "split", [","]) == ("a", "b")


@pytest.mark.parametrize(
    ("op", "a", "b", "truth"),
    [("in", "a", ("a", "b"), True), ("not in", "a", "b", True), ("is", None, None, True), ("==", 1, 1.0, True)],
)
def test_comparisons(op, a, b, truth):
    assert fold_compare(op, a, b) is truth


def test_comparisons_that_python_refuses():
    with pytest.raises(FoldError):
        fold_compare("<", 1, "a")
    with pytest.raises(FoldError):
        fold_unary("~", 1.5)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("./data/fineweb_val_*.bin", VAL),
        ("fineweb_train_%06d.bin", TRAIN),
        ("data/fineweb_*.bin", VAL | TRAIN),
        ("data/validation/tokens.npy", VAL),
        ("train_gpt.py", 0),
        ("val_bpb:", 0),
        ("logs/train.log", 0),
        ("evaluation", 0),
        ("data/interval_7.bin", 0),
        ("the validation set / the rest", 0),
    ],
)
def test_which_split_a_path_names(text, split):
    assert string_origins(text) == split


def test_which_split_a_word_picks():
    assert split_of_word("_val_") == VAL
    assert split_of_word("retrain") == 0


@pytest.mark.parametrize(
    "code",
    [
        "x = 'a'\nfor i in range(10**6):\n    x = x + x\n",
        "x = 3\nwhile True:\n    x = x ** x\n",
        "x = [0] * 10**12\ny = list(range(10**12))\nz = 'a' * 10**12\n",
        "x = tuple(range(10**9))\nfor i in x:\n    pass\n",
        "x = f'{2**60:>{10**9}}'\n",
        "x = (1 << 10**9) % 7\n",
        "x = 'a'.center(10**10) + 'b' * 10**10 + chr(97) * 10**10\n",
        "x = sum(range(10**9)) + max(range(10**9)) + len('a' * 10**9)\n",
        "x = [[0] * 10**5 for _ in range(10**5)]\n",
        "x = int('9' * 10**6) + int.from_bytes(b'a' * 10**7, 'big')\n",
        "x = pow(10, 10**9) + math.factorial(10**6) + 10.0**400\n",
    ],
)
def test_hostile_arithmetic_is_followed_at_once(code):
    timeline = followed(code, prelude="import math\n")
    assert timeline.steps < 100_000


def test_the_interpreters_own_recursion_limit_is_left_alone():
    limit = sys.getrecursionlimit()
    followed("x = " + "(" * 80 + "1" + ")" * 80 + "\n", prelude="")
    assert sys.getrecursionlimit() == limit


def test_validation_shards_in_a_folder_named_after_the_training_set_are_validation_shards():
    assert string_origins("/data/fineweb_10B_train.bin/fineweb_val_*.bin") == VAL
    assert string_origins("/data/fineweb_val/fineweb_train_*.bin") == VAL | TRAIN
    script = """
import os
root = os.environ.get("DATA_PATH", "./data")
val = read(os.path.join(root, "fineweb_val_*.bin"))
train = read(os.path.join(root, "fineweb_train_*.bin"))
net = Net()
learn(net, train[:-1], train[1:])
print(f"val_bpb:{bits(net(val[:-1], val[1:]).item()):.4f}")
"""
    command = "DATA_PATH=/data/fineweb_10B_train.bin torchrun train_gpt.py"
    timeline = followed(script, {"README.md": f"# Run\n\n```bash\n{command}\n```\n"})
    forwards = [e for e in timeline.events if isinstance(e, Forward)]
    assert forwards and not any(train_settings(e.kinds) for e in forwards)
