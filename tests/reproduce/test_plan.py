"""What is asked of the machine, before anything runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import EIGHT, HERE

from auditor.program.load import load_program
from auditor.reproduce.model import CannotReproduce
from auditor.reproduce.plan import Wanted, choose_processes, choose_seeds, parse_budget, parse_changes
from auditor.reproduce.reference import plan_reference
from auditor.reproduce.switches import switches
from auditor.submission import read_path


@given(st.integers(1, 20), st.lists(st.integers(0, 9999), max_size=8))
def test_seeds_are_the_claims_first_and_never_twice(wanted, claimed):
    seeds = choose_seeds(wanted, claimed)
    assert len(seeds) == len(set(seeds)) == wanted
    known = list(dict.fromkeys(claimed))[:wanted]
    assert list(seeds[: len(known)]) == known


def test_budgets_are_read_with_their_units():
    assert parse_budget("train=10min, eval=90s").train == 600
    assert parse_budget("eval=0.5h").evaluate == 1800
    assert parse_budget("train=60").evaluate == 600
    for wrong in ("600", "train=", "train=ten", "train=0s", "train=1s,train=2s", "fly=1s", "train=-5s"):
        with pytest.raises(ValueError):
            parse_budget(wrong)


def test_processes_divide_a_step_and_fit_the_machine():
    assert [choose_processes(None, machine) for machine in (HERE, EIGHT)] == [1, 8]
    assert choose_processes(2, HERE) == 2
    for wanted in (3, 5):
        with pytest.raises(CannotReproduce, match="1, 2, 4 or 8"):
            choose_processes(wanted, EIGHT)


def test_changes_are_variables():
    assert parse_changes(["A=1=2", "B="]) == {"A": "1=2", "B": ""}
    with pytest.raises(CannotReproduce, match="--set 9"):
        parse_changes(["9=1"])


def test_without_gpu_the_demo_is_planned_and_a_line_says_so():
    plan, claim = plan_reference(Wanted(seeds=2), HERE)
    assert (plan.subject, claim) == ("preset demo", None)
    assert any("no GPU" in note for note in plan.notes)


def test_a_small_step_gets_one_thread_and_a_large_one_all_cores():
    demo, _ = plan_reference(Wanted(seeds=1), HERE)
    larger, _ = plan_reference(Wanted(seeds=1, changes=("data.batch_tokens=65536",)), HERE)
    shared, _ = plan_reference(Wanted(seeds=1, changes=("data.batch_tokens=65536",), processes=2), HERE)
    assert [plan.runs[0].given["OMP_NUM_THREADS"] for plan in (demo, larger, shared)] == ["1", "2", "1"]


def test_on_eight_gpus_a_preset_is_held_against_its_published_seeds(tmp_path):
    plan, claim = plan_reference(Wanted(seeds=3, preset="f1493", data=tmp_path), EIGHT)
    assert [run.seed for run in plan.runs] == [42, 314, 999]
    assert claim is not None and len(claim.scores) == 3 and claim.hardware == "8xH100"
    assert "--nproc_per_node" in plan.runs[0].command and not plan.runs[0].given
    assert plan.seconds == pytest.approx(3 * (600 + 514.7))  # the cap, and the longest published evaluation
    elsewhere, _ = plan_reference(Wanted(preset="f1493", data=tmp_path), HERE)
    assert any("8xH100" in note for note in elsewhere.notes)


@pytest.mark.parametrize(
    ("line", "seed"),
    [
        ("import os\nseed = int(os.environ.get('SEED', 7))", "SEED"),
        ("import os\nseed = os.environ['SEED']", "SEED"),
        ("def number(name, default): return default\nseed = number('TRAIN_SEED', 7)", "TRAIN_SEED"),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('--seed', type=int)", "--seed"),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('-s', '--seed', type=int)", "--seed"),
        ("seed = 1337\nnote = 'SEED'", None),
    ],
)
def test_how_the_seed_is_set_is_read_from_the_script(tmp_path, line, seed):
    script = tmp_path / "train_gpt.py"
    script.write_text(f"import torch\n{line}\ntorch.manual_seed(seed)\n")
    assert switches(load_program(read_path(str(script))[0])).seed == seed
