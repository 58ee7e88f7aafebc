"""Whole runs: every preset at reduced width, the log as others read it, and bad input in one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from synthetic import VOCAB, shrunk, write_text

from auditor.evidence.logs import read_log
from auditor.evidence.run import Run as LoggedRun
from reference_model import presets, produce
from reference_model.artifact import bundle
from reference_model.cli import changed, main
from reference_model.config import Config
from reference_model.data.shards import write_shard
from reference_model.data.tokenizer import Bytes
from reference_model.data.valset import open_val
from reference_model.errors import BadInput
from reference_model.log import Log
from reference_model.preflight import check_disk, check_memory
from reference_model.run import Request, Run
from reference_model.train.ranks import Ranks
from reference_model.yardstick import decoded, yardsticks

TINY = """
[model]
vocab_size = 260
layers = 3
dim = 32
heads = 4
kv_heads = 2
[data]
tokenizer = "demo"
seq_len = 32
batch_tokens = 512
eval_batch_tokens = 512
[schedule]
iterations = 6
warmup_steps = 1
warmdown_iterations = 3
cap_seconds = 0.0
val_every = 3
log_every = 2
[quantize]
keep_numel = 100
groups = [{ levels = 31, clip_sd = 12.85, gptq = true }]
calibration_batches = 1
compressor = "brotli"
[evaluate]
stride = 16
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("shards"), val=257)


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


def logged(out: Path, seed: int) -> LoggedRun:
    """Return the only run in the log that a run left in ``out``, as the auditor reads it."""
    path = out / f"train_seed{seed}.log"
    log = read_log(path.name, path.read_bytes())
    assert log.troubles == ()
    (run,) = log.runs
    return run


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_trains_packs_reloads_and_scores(name: str, text: Path, tmp_path: Path) -> None:
    preset = presets.load(name)
    preset = msgspec.structs.replace(preset, config=shrunk(preset.config))
    request = Request(preset=preset, seed=1, data=text, out=tmp_path)
    result = Run(request, Ranks.single(), Log()).run()

    assert result.steps == 20
    assert result.invalid == []
    uniform = np.log(260)
    for score in result.scores:
        assert score.tokens == 256
        assert score.val_loss < 0.8 * uniform  # 24 of 260 tokens are in use
    assert result.pre_quantization is not None
    assert abs(result.scores[0].val_loss - result.pre_quantization.val_loss) < 0.2
    assert (tmp_path / "final_model.golf").stat().st_size == result.model_bytes
    run = logged(tmp_path, 1)
    assert run.score is not None
    assert run.score.val_bpb == pytest.approx(result.scores[-1].val_bpb, abs=1e-8)


def test_the_log_is_read_as_the_challenge_s_own(preset: Path, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["--preset", str(preset), "--seed", "7", "--data", str(text), "--out", str(out), "--device", "cpu"]
    ended = CliRunner().invoke(main, command)
    assert ended.exit_code == 0, ended.output
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    run = logged(out, 7)

    def value(name: str) -> float | None:
        found = run.last(name)
        return None if found is None else found.value

    measured = run.measured()
    assert (measured.seed, measured.world_size, measured.steps) == (7, 1, 6)
    assert measured.val_bpb == pytest.approx(record["val_bpb"], abs=1e-8)
    assert measured.val_loss == pytest.approx(record["val_loss"], abs=1e-8)
    assert run.train_seconds is not None
    trained = record["train_seconds"] + record["phases"]["calibrate"]  # calibration is on the training clock
    assert run.train_seconds.value == pytest.approx(trained, rel=0.02, abs=0.1)
    assert (value("model_bytes"), value("code_bytes")) == (record["bytes_model"], record["bytes_code"])
    assert measured.artifact_bytes == record["bytes_total"]
    assert measured.eval_seconds == pytest.approx(sum(score["seconds"] for score in record["scores"]), abs=0.11)
    assert value("peak_mib") is not None
    assert value("train_shards") == 1
    assert value("val_tokens") == 256
    assert value("layers") == 19  # Hessians: of six matrices in each of three blocks, and of the head
    roles = {metric.label: metric.role for metric in run.metrics}
    assert roles["final_int6_brotli_roundtrip_exact"] == roles["final_int6_brotli_sliding_window_exact"] == "final"
    assert [metric.role for metric in run.metrics if metric.label.startswith("pre-quant")] == ["pre-quant"]
    assert [metric.role for metric in run.metrics if metric.label.startswith("baseline")] == ["reference"] * 3
    assert record["valid"]
    assert list(record["phases"])[:4] == ["preflight", "data", "model", "warmup"]


def test_two_runs_of_a_seed_give_the_same_artifact(preset: Path, text: Path, tmp_path: Path) -> None:
    artifacts = []
    for seed in ("1", "1", "2"):
        out = tmp_path / f"out{len(artifacts)}"
        options = ["--preset", str(preset), "--seed", seed, "--data", str(text), "--out", str(out)]
        ended = CliRunner().invoke(main, [*options, "--device", "cpu", "--set", "evaluate.stride=0"])
        assert ended.exit_code == 0, ended.output
        artifacts.append((out / "final_model.golf").read_bytes())
    assert artifacts[0] == artifacts[1]
    assert artifacts[0] != artifacts[2]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--preset", "no-such"], "no-such"),
        (["--set", "model.heads=5"], "model.dim 32 is not a multiple of model.heads 5"),
        (["--set", "model.headz=4"], "--set model.headz=4: no such key"),
        (["--set", "model.heads=four"], "Expected `int`"),
        (["--set", "data.batch_tokens=500"], "data.batch_tokens 500"),
        (["--set", "model.vocab_size=128"], "a vocabulary of 260, but model.vocab_size is 128"),
        (["--data", "nowhere"], "nowhere"),
        (["--resume", "nothing.pt"], "nothing.pt"),
        (["--out", "/proc/no/such/place"], "can't write here"),
        (["--set", "data.batch_tokens=2147483648"], "a training step needs at least"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    options: list[str], told: str, preset: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["--preset", str(preset), "--data", str(text), "--out", "out", "--device", "cpu", *options]
    ended = CliRunner().invoke(main, command)
    lines = ended.stderr.splitlines()
    assert ended.exit_code == 2, ended.output
    assert len(lines) == 1
    assert lines[0].startswith("reference_model: ")
    assert told in lines[0]
    assert not list(tmp_path.rglob("final_model*"))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-2]), "fetch the file again"),
        (lambda path: path.write_bytes(b"\0" * 2048), "not a token shard"),
        (lambda path: write_shard(path, [1, 300] * 500), "token id 300 is beyond model.vocab_size 260"),
        (lambda path: path.unlink(), "no fineweb_train_"),
    ],
    ids=["truncated", "magic", "token", "missing"],
)
def test_a_broken_training_shard_is_found_before_any_step(
    damage: object, told: str, preset: Path, tmp_path: Path
) -> None:
    text = write_text(tmp_path / "shards", train=2000, val=257)
    assert callable(damage)
    damage(text / "fineweb_train_000000.bin")
    command = ["--preset", str(preset), "--data", str(text), "--out", str(tmp_path / "out"), "--device", "cpu"]
    ended = CliRunner().invoke(main, command)
    assert ended.exit_code == 2, ended.output
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_the_plan_must_fit_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = presets.load("baseline").config
    check_disk(config, tmp_path, checkpoints=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(BadInput, match=r"writes at least 0\.\d GB and 0\.0 GB are free"):
        check_disk(config, tmp_path, checkpoints=True)
    monkeypatch.setattr("reference_model.preflight.free_memory", lambda: 10**8)
    with pytest.raises(BadInput, match=r"this machine has 0\.1 GB free"):
        check_memory(config, torch.device("cpu"), torch.float32)


def test_changes_of_a_configuration_are_typed() -> None:
    config = changed(Config(), ("schedule.iterations=500", "optim.matrix_lr=1e-3", "model.recurrence.kind=span"))
    assert config.schedule.iterations == 500
    assert config.optim.matrix_lr == 0.001
    assert config.model.recurrence.kind == "span"


def test_a_log_keeps_what_was_said_before_it_had_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    log("early")
    log("quiet", screen=False)
    log.open(tmp_path / "log.txt")
    log("late")
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "early\nquiet\nlate\n"
    assert capsys.readouterr().out == "early\nlate\n"
    silent = Log(enabled=False)
    silent.open(tmp_path / "other.txt")
    silent("nothing")
    assert not (tmp_path / "other.txt").exists()


def test_the_packed_script_does_what_the_package_does(preset: Path, text: Path, tmp_path: Path) -> None:
    script = tmp_path / "ship" / "train_gpt.py"
    script.parent.mkdir()
    script.write_bytes(bundle.script())
    options = ["--preset", str(preset), "--seed", "7", "--data", str(text), "--device", "cpu"]
    # The package itself is out of the script's reach: no site-packages entry or working directory leads to it.
    hide = "import sys, runpy; sys.path[:] = [p for p in sys.path if p not in ('', {root!r})]; sys.argv = {argv!r}; "
    start = hide + "runpy.run_path({path!r}, run_name='__main__')"
    argv = [str(script), *options, "--out", str(tmp_path / "packed")]
    code = start.format(root=str(bundle.ROOT.parent), argv=argv, path=str(script))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", code], cwd=script.parent, env=environment, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert CliRunner().invoke(main, [*options, "--out", str(tmp_path / "plain")]).exit_code == 0
    packed, plain = (tmp_path / name / "final_model.golf" for name in ("packed", "plain"))
    assert packed.read_bytes() == plain.read_bytes()
    assert f"Code size: {len(script.read_bytes())} bytes" in (tmp_path / "plain" / "train_seed7.log").read_text()


def test_yardsticks_are_of_the_text_that_the_score_counts(text: Path) -> None:
    config = shrunk(presets.load("baseline").config)
    val = open_val(config, text)
    assert len(decoded(val.tokens, Bytes())) == val.byte_counts.sum()
    found = yardsticks(val, np.arange(VOCAB, dtype=np.uint16), Bytes())
    assert found["unigram"] == pytest.approx(np.log2(VOCAB) * val.targets / val.byte_counts.sum())
    assert found["bzip2"] < found["unigram"]
    assert decoded(np.array([1, 4 + 72, 4 + 105], dtype=np.uint16), Bytes()) == b"Hi"


def test_pruning_brings_code_and_model_under_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = changed(shrunk(presets.load("f1334").config), ("quantize.keep_numel=0",))
    torch.manual_seed(0)
    state = {"blocks.0.mlp.fc.weight": torch.randn(128, 64)}
    options = {"controls": frozenset[str](), "moments": None, "gradients": None}
    monkeypatch.setattr(produce, "counted_code", lambda: 1000)
    told: list[str] = []
    whole, _ = produce.pack(config, state, tmp_path / "whole", **options, note=told.append)
    assert told[0].startswith("container: ")
    cap = 1000 + whole - 100
    monkeypatch.setattr(produce, "CAP_BYTES", cap)
    assert 1000 + produce.pack(config, state, tmp_path / "pruned", **options)[0] <= cap
