"""What is said before anything runs: bad data, and a script that this Python can't run."""

import sys

import pytest

from auditor.cli import run
from auditor.reproduce import data
from auditor.reproduce.model import CannotReproduce
from auditor.reproduce.submitted import read_subject, read_submission
from reference_model.data.shards import write_shard


def shards(folder, train=3, val=1):
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", train), ("val", val)):
        for number in range(count):
            write_shard(folder / f"fineweb_{split}_{number:06d}.bin", range(4, 104))


def test_a_data_folder_is_counted_wherever_its_shards_lie(tmp_path):
    shards(tmp_path / "datasets" / "fineweb10B_sp1024")
    assert data.check(tmp_path) == "3 training shards of 300 tokens, 100 to validate on"
    shards(tmp_path / "datasets" / "other", train=1)
    assert "datasets/other: 1 training shards" in data.check(tmp_path)


def test_data_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(CannotReproduce, match="no such folder"):
        data.check(tmp_path / "none")
    with pytest.raises(CannotReproduce, match=r"no fineweb_\*\.bin here or below"):
        data.check(tmp_path)
    shards(tmp_path, val=0)
    with pytest.raises(CannotReproduce, match="no fineweb_val"):
        data.check(tmp_path)
    shards(tmp_path)
    with pytest.raises(CannotReproduce, match="no tokenizer for the shards"):
        data.check(tmp_path, "sp1024")
    with (tmp_path / "fineweb_train_000001.bin").open("ab") as file:
        file.write(b"\0\0")
    with pytest.raises(CannotReproduce, match=r"000001\.bin: 1226 bytes where 100 tokens need 1224"):
        data.check(tmp_path)


def test_a_dry_run_checks_the_data_and_says_what_is_there(tmp_path, capsys):
    shards(tmp_path / "data")
    (tmp_path / "data" / "tokenizer.model").write_bytes(b"")
    asked = ["reproduce", "--preset", "baseline", "--data", str(tmp_path / "data"), "--dry-run"]
    asked += ["--output", str(tmp_path / "out")]
    assert run(asked) == 0
    assert "3 training shards of 300 tokens" in capsys.readouterr().out
    (tmp_path / "data" / "fineweb_val_000000.bin").unlink()
    assert run(asked) == 2
    assert "no fineweb_val" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


NEWER = """
import os
seed = int(os.environ.get("SEED", "1"))
def told(names):
    return f"{", ".join(names)}"
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python can run it")
def test_a_script_of_a_newer_python_is_refused_before_it_runs(tmp_path):
    (tmp_path / "train_gpt.py").write_text(NEWER, encoding="utf-8")
    with pytest.raises(CannotReproduce, match=r"train_gpt\.py: line 5 needs a newer Python than 3\.11"):
        read_subject(read_submission(str(tmp_path / "train_gpt.py")))


def test_a_challenge_that_is_not_covered_is_one_line(tmp_path, capsys):
    folder = tmp_path / "records" / "track_1_short" / "2026-06-04_Name"
    folder.mkdir(parents=True)
    (folder / "train_gpt.py").write_text("print('val_loss:3.2')\n", encoding="utf-8")
    assert run(["reproduce", str(folder), "--dry-run", "--output", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "a submission to modded-nanogpt, which reproduce doesn't cover: it judges val_bpb" in line
