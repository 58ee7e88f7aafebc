"""From events and the way a run ended to a status per step."""

import pytest

from auditor.sandbox import Outcome
from auditor.smoke.judge import steps_of
from auditor.smoke.model import STEPS
from auditor.smoke.plan import Plan
from auditor.smoke.results import Event

PLAN = Plan("train_gpt.py", (), {}, "defaults", (), {17_059_912: "train.log:3"}, 47_642, 0)
FINE = Outcome(0, None, 3.0, "", 0, "bubblewrap")
WHOLE = {
    "begin": {},
    "ready": {},
    "imported": {},
    "model": {"kind": "GPT", "parameters": 17_059_912},
    "shape": {"vocab": 1024, "dim": 512, "layers": 9, "heads": 8, "kv_heads": 4},
    "forward": {"seconds": 0.5, "tokens": 64},
    "loss": {"value": 6.95},
    "artifact": {"status": "pass", "reason": "there and back", "bytes": 4_000_000, "seconds": 1.0},
    "end": {},
}


def judged(events, outcome=FINE, plan=PLAN):
    return {
        s.name: s for s in steps_of(plan, [Event(n, float(at), f) for at, (n, f) in enumerate(events.items())], outcome)
    }


def upto(last, **more):
    """The events before one of them, with others instead."""
    names = list(WHOLE)[: list(WHOLE).index(last)]
    return {**{name: WHOLE[name] for name in names}, **more}


def test_a_whole_run_passes_every_step_in_order():
    steps = judged(WHOLE)
    assert tuple(steps) == STEPS
    assert {s.status for s in steps.values()} == {"PASS"}
    assert steps["parameters"].reason == "17,059,912, as in train.log:3"
    assert steps["code bytes"].reason == "47,642"


@pytest.mark.parametrize(("last", "failing"), [("imported", "import"), ("model", "model"), ("forward", "forward")])
def test_the_first_step_that_was_not_reached_fails_and_the_rest_are_skipped(last, failing):
    failed = {"cause": "script", "message": "ValueError: odd", "path": "train_gpt.py", "line": 7}
    steps = judged(upto(last, failed=failed, end={}))
    assert [s.name for s in steps.values() if s.status == "FAIL"] == [failing]
    assert steps[failing].reason == "ValueError: odd (train_gpt.py:7)"
    assert steps["loss"].status == "SKIP" and steps["loss"].cause == "script"


def test_a_kernel_without_stand_in_says_nothing_against_the_script():
    steps = judged(upto("forward", failed={"cause": "kernel", "message": "NoStandIn: gate"}, end={}))
    assert (steps["forward"].status, steps["forward"].cause) == ("SKIP", "kernel")


@pytest.mark.parametrize(("parses", "status"), [(True, "SKIP"), (False, "FAIL")])
def test_newer_syntax_is_this_machines_lack_and_broken_syntax_the_scripts(parses, status):
    plan = Plan("train_gpt.py", (), {}, "defaults", (), {}, None, 0, parses)
    steps = judged(upto("imported", failed={"cause": "python", "message": "SyntaxError"}, end={}), plan=plan)
    assert steps["import"].status == status


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Outcome(None, "wallclock", 120.0, "", 0, "bubblewrap"), "wallclock"),
        (Outcome(None, "memory", 9.0, "", 0, "bubblewrap"), "memory"),
        (Outcome(None, "output", 9.0, "", 0, "bubblewrap"), "output"),
        (Outcome(7, None, 9.0, "", 0, "bubblewrap"), "crash"),
        (Outcome(-11, None, 9.0, "", 0, "bubblewrap"), "crash"),
    ],
)
def test_a_run_that_was_ended_names_its_limit(outcome, cause):
    step = judged(upto("model"), outcome)["model"]
    assert (step.status, step.cause) == ("FAIL", cause)


def test_a_script_that_ends_before_its_model_is_called_fails():
    assert judged(upto("model", end={}))["model"].cause == "exit"


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (6.93, "PASS"),
        (5.3, "PASS"),
        (13.0, "PASS"),
        (5.1, "FAIL"),
        (0.0, "FAIL"),
        (14.0, "FAIL"),
        (float("nan"), "FAIL"),
    ],
)
def test_an_untrained_loss_is_near_the_logarithm_of_the_vocabulary(value, status):
    assert judged({**WHOLE, "loss": {"value": value}})["loss"].status == status


def test_a_loss_without_a_known_vocabulary_is_not_judged():
    assert judged({**WHOLE, "shape": {"dim": 512}})["loss"].status == "SKIP"


def test_a_count_that_no_log_prints_is_only_told():
    steps = judged(WHOLE, plan=Plan("t.py", (), {}, "", (), {}, None, 0))
    assert steps["parameters"].status == "PASS" and "no log" in steps["parameters"].reason
    assert steps["code bytes"].status == "SKIP"


def test_layers_without_a_stand_in_are_not_counted_against_the_script():
    step = judged({**WHOLE, "model": {"parameters": 5}, "stand-in": {"name": "mamba_ssm"}})["parameters"]
    assert (step.status, step.cause) == ("SKIP", "kernel")


def test_a_count_other_than_the_logs_fails_and_names_the_line():
    step = judged({**WHOLE, "model": {"parameters": 5}})["parameters"]
    assert (step.status, step.cause) == ("FAIL", "mismatch") and "train.log:3" in step.reason
