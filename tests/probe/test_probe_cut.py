"""How runs are made small: switches, and loops of a constant length."""

import ast
from dataclasses import replace

from auditor.probe.cut import LEVELS, cut
from auditor.probe.harness.shorten import shortened
from auditor.smoke.plan import Plan

PLAN = Plan("train_gpt.py", (), {"MODEL_DIM": "512", "SEED": "1"}, "README.md:3", (), {}, 1, 0)
SOURCE = 'int(os.environ.get("ITERATIONS", 20000)), os.environ["MODEL_DIM"], os.environ.get("TRAIN_SEQ_LEN")'


def test_only_switches_that_the_text_names_are_set_and_ever_fewer():
    made = [cut(PLAN, SOURCE, level) for level in range(LEVELS)]
    assert dict(made[0].plan.environment) == {
        "MODEL_DIM": "128", "SEED": "1", "ITERATIONS": "3", "TRAIN_SEQ_LEN": "256"
    }  # fmt: skip
    assert made[1].plan.environment["MODEL_DIM"] == "512" and "TRAIN_SEQ_LEN=256" in made[1].told
    assert made[2].told == ("ITERATIONS=3",)


def test_what_is_off_or_smaller_stays_so():
    source = (
        'get("TTT_EPOCHS", "0"), get("ITERATIONS", 2), get("MODEL_DIM", 512), get("EVAL_STRIDE", 64), get("SEQ_LEN")'
    )
    made = cut(replace(PLAN, environment={"MODEL_DIM": "64", "SEQ_LEN": "one"}), source, 0)
    assert made.told == ("SEQ_LEN=256", "EVAL_STRIDE=128")
    on = cut(replace(PLAN, environment={"TTT_EPOCHS": "1_0"}), source, 2)
    assert on.told == ("TTT_EPOCHS=2",)


def test_loops_that_learn_are_cut_and_others_are_not():
    text = b"""
def update(x):
    x.backward()

def train(data):
    for step in range(1000):
        update(data[step])
    for step in range(1000):
        print(step)
    for step in range(8):
        update(data[step])
    for step in range(0, 500):
        data.backward()
"""
    tree, told = shortened(text, "t.py")
    assert told == ["line 6: 1000 steps to 8", "line 12: 500 steps to 8"]
    assert "range(1000)" in ast.unparse(tree) and "range(0, 8)" in ast.unparse(tree)
