"""The reference model, run whole: planned, followed, recorded, judged, and put into a folder to submit."""

import json
from pathlib import Path

import pytest

from auditor.check import audit
from auditor.cli import run as golf_audit
from auditor.reproduce.measure import container_parts
from auditor.submission import read_path
from reference_model.data.pack import Scheme, pack

TINY = """
about = "Two narrow blocks, a few steps."
[model]
vocab_size = 260
layers = 2
dim = 32
heads = 4
kv_heads = 2
[data]
tokenizer = "own"
seq_len = 32
batch_tokens = 512
eval_batch_tokens = 2048
[schedule]
iterations = 6
warmup_steps = 1
warmdown_iterations = 3
cap_seconds = 0.0
val_every = 3
log_every = 1
[quantize]
keep_numel = 100
"""
TEXT = "The quick brown fox jumps over the lazy dog, and nobody minds. "


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data, a preset, and two seeds of it that were run in one process each."""
    place = tmp_path_factory.mktemp("reproduce")
    pack(
        [TEXT * 40 + str(n) for n in range(12)],
        place / "data",
        Scheme(vocab_size=260, tokenizer="bytes", val_share=0.2),
    )
    (place / "tiny.toml").write_text(TINY)
    assert reproduce(place, "out", "--seeds", "2") == 1
    return place


def reproduce(place, output, *options):
    common = ["--preset", str(place / "tiny.toml"), "--data", str(place / "data"), "--output", str(place / output)]
    return golf_audit(["reproduce", *common, "--format", "json", *options])


def report(place, output):
    return json.loads((place / output / "report.json").read_text())


def submitted(place):
    return next((place / "out" / "submission" / "records" / "track_non_record_16mb").iterdir())


def test_every_seed_leaves_its_log_record_and_artifact(place):
    content = report(place, "out")
    assert content["verdict"] == "INCONCLUSIVE" and "stands for none" in content["missing"][0]
    assert content["val_bpb"]["n"] == 2
    for run in content["runs"]:
        folder = place / "out" / f"seed_{run['seed']}"
        record = json.loads((folder / "run.json").read_text())
        assert record["artifact"]["bytes"] == (folder / "final_model.golf").stat().st_size == run["model_bytes"]
        assert record["result"]["val_bpb"] == pytest.approx(run["val_bpb"], abs=1e-7)
        assert record["command"][-6:-4] == ["--seed", str(run["seed"])]
        assert {"fineweb_val_000000.bin", "fineweb_train_000000.bin"} <= set(record["data"]["files"])
        assert run["printed_bytes"] == run["artifact_bytes"]
        assert sum(size for name, size in container_parts(folder / "final_model.golf")) == run["model_bytes"]
        assert len(run["losses"]) == 6 and run["parameters"] == record["result"]["parameters"]


def test_what_is_done_is_kept_and_runs_are_never_mixed(place, capsys):
    before = (place / "out" / "seed_1337" / "run.json").stat().st_mtime_ns
    assert reproduce(place, "out", "--seeds", "2", "--resume", "--exit-zero") == 0
    assert (place / "out" / "seed_1337" / "run.json").stat().st_mtime_ns == before
    capsys.readouterr()
    assert reproduce(place, "out", "--seeds", "2") == 2
    assert "--resume" in capsys.readouterr().err
    assert reproduce(place, "out", "--seeds", "2", "--resume", "--set", "optim.clip=0.5") == 2
    assert "another command" in capsys.readouterr().err


def test_two_processes_give_the_score_of_one(place):
    assert reproduce(place, "two", "--seeds", "1", "--nproc", "2") == 1
    one, two = report(place, "out")["runs"][0], report(place, "two")["runs"][0]
    assert two["world_size"] == 2
    assert two["losses"] == one["losses"]
    assert two["val_bpb"] == pytest.approx(one["val_bpb"], abs=2e-5)


def test_the_folder_to_submit_is_clean(place):
    folder = submitted(place)
    content = report(place, "out")
    assert {run["code_bytes"] for run in content["runs"]} == {(folder / "train_gpt.py").stat().st_size}
    told = audit(read_path(str(folder))[0])
    assert [finding.message for finding in told.findings if finding.status != "note"] == []
    assert told.track == "non-record"
    assert told.claims.val_bpb == pytest.approx(content["val_bpb"]["mean"], abs=1e-8)
    assert "can't be compared with the leaderboard's" in (folder / "README.md").read_text()


@pytest.mark.xfail(reason="of a package of more than 40 modules the rest is not followed, which holds", strict=True)
def test_the_audit_of_the_folder_to_submit_is_clean(place):
    assert audit(read_path(str(submitted(place)))[0]).verdict == "CLEAN"


def test_shards_that_cant_be_read_are_told_before_anything_runs(place, capsys):
    broken = place / "broken"
    broken.mkdir()
    (broken / "tokenizer.json").write_bytes((place / "data" / "tokenizer.json").read_bytes())
    for name in ("fineweb_train_000000.bin", "fineweb_val_000000.bin"):
        (broken / name).write_bytes(b"\0" * 2048)
    assert reproduce(place, "failed", "--seeds", "1", "--data", str(broken)) == 2
    told = capsys.readouterr()
    assert "fineweb" in told.err and len(told.err.strip().splitlines()) == 1 and not told.out
    assert not (place / "failed").exists()


def test_a_dry_run_says_all_and_does_nothing(place, capsys):
    assert reproduce(place, "dry", "--seeds", "2", "--dry-run") == 0
    plan = json.loads(capsys.readouterr().out)
    assert [run["seed"] for run in plan["runs"]] == [1337, 42]
    assert not Path(place, "dry").exists()
    assert golf_audit(["reproduce", "--preset", "no-such", "--dry-run"]) == 2
    assert golf_audit(["reproduce", str(place / "nowhere")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2
