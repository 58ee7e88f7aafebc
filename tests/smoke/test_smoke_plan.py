"""What is run: the documented command over the script's defaults, and what logs print over both."""

import pytest

from auditor.evidence.read import read_evidence
from auditor.smoke.counts import logged_parameters
from auditor.smoke.plan import MAX_FILE, plan
from auditor.submission.discover import lone_script
from auditor.submission.memory import MemoryTree

SCRIPT = """
import argparse, os, torch
class Hyperparameters:
    model_dim = int(os.environ.get("MODEL_DIM", 512))
    num_layers = int(os.environ.get("NUM_LAYERS", 9))
    tie_embeddings = bool(int(os.environ.get("TIE_EMBEDDINGS", "1")))
parser = argparse.ArgumentParser()
parser.add_argument("--eval-stride", type=int)
torch.nn.Linear(1, 1)
"""


@pytest.fixture
def folder(tmp_path):
    from auditor.submission import read_path

    def build(**files):
        place = tmp_path / "records" / "track_10min_16mb" / "2026-04-01_Name"
        place.mkdir(parents=True)
        for name, text in {"train_gpt.py": SCRIPT, **{n.replace("__", "."): t for n, t in files.items()}}.items():
            (place / name).write_text(text)
        (submission,) = read_path(str(place))
        return submission

    return build


def planned(submission):
    return plan(submission, read_evidence(submission))


def test_the_documented_command_sets_environment_and_options(folder):
    readme = "```\nMODEL_DIM=256 RANK=3 torchrun --nproc_per_node=8 train_gpt.py --eval-stride 64 --unknown 1\n```\n"
    found = planned(folder(README__md=readme))
    assert found.environment == {"MODEL_DIM": "256"}
    assert found.arguments == ("--eval-stride", "64")
    assert found.at_defaults().environment == {} and found.at_defaults().script == "train_gpt.py"


def test_paths_of_the_document_can_be_left_out_alone(folder):
    readme = (
        "```\nMODEL_DIM=256 DATA_PATH=./data/datasets/own VOCAB_META=own.meta.npz EMA=0.997 python train_gpt.py\n```\n"
    )
    found = planned(folder(README__md=readme)).without_paths()
    assert found.environment == {"MODEL_DIM": "256", "EMA": "0.997"}
    assert found.setting.endswith(", without its paths")


def test_a_switch_that_is_told_with_the_claimed_score_is_set(folder):
    readme = "```\nMODEL_DIM=256 python train_gpt.py\n```\n\nWith `TIE_EMBEDDINGS=0` the score is val_bpb 1.0941.\n"
    found = planned(folder(README__md=readme, submission__json='{"val_bpb": 1.0941}'))
    assert found.environment == {"MODEL_DIM": "256", "TIE_EMBEDDINGS": "0"}
    assert found.setting == "README.md, where it tells the claimed score"


def test_what_a_log_prints_is_what_ran(folder):
    log = (
        "model_params:17059912\nnum_layers:11 tie_embeddings:True data_path:/somewhere other:5\nstep:1/5 val_bpb:1.2\n"
    )
    found = planned(folder(README__md="```\nNUM_LAYERS=10 python train_gpt.py\n```\n", train__log=log))
    assert found.environment == {"NUM_LAYERS": "11", "TIE_EMBEDDINGS": "1"}
    assert found.parameters == {17_059_912: "train.log:1"}


def test_logs_and_what_is_too_large_are_not_copied(folder, monkeypatch):
    submission = folder(train__log="step:1/5 val_bpb:1.2\n", helper__py="x = 1\n", model__bin="b" * 100)
    monkeypatch.setattr("auditor.smoke.plan.MAX_FILE", 99)
    files = planned(submission).files
    assert "helper.py" in files and "train.log" not in files and "model.bin" not in files
    assert MAX_FILE > 16_000_000  # an artifact has to fit


def test_without_a_script_there_is_nothing_to_run(tmp_path):
    from dataclasses import replace

    submission = lone_script(MemoryTree({"train_gpt.py": SCRIPT.encode()}), "train_gpt.py", given="train_gpt.py")
    assert planned(replace(submission, script=None)) == "there is no train script"


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("model_params:17059912", 17_059_912),
        ("0: Total parameters: 26,993,788", 26_993_788),
        ("model_params=35_944_536 vocab=8192", 35_944_536),
        ("params: 27.1M", None),
        ("matrix_params:17059912", None),
        ("embed params:17059912", None),
        ("params: 12,345.6 MiB", None),
        ("model_params:512", None),
    ],
)
def test_only_the_whole_models_count_is_read_from_a_log(line, count):
    tree = MemoryTree({"train_gpt.py": b"", "train.log": line.encode()})
    submission = lone_script(tree, "train_gpt.py", given="train_gpt.py")
    assert list(logged_parameters(submission, ("train.log",))) == ([] if count is None else [count])
