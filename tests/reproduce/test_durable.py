"""A stranger's runs that are killed, meet a full disk, or leave what isn't a result: a report all the same."""

import json
import os
import random
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="runs are under stand-ins, which need torch")

from auditor.cli import run as golf_audit
from auditor.reproduce.collect import find_artifact, stood_in
from auditor.reproduce.measure import container_parts
from auditor.sandbox import Left, mechanism

TOP = Path(__file__).resolve().parents[2]
held = pytest.mark.skipif(mechanism() == "none", reason="nothing here can hold a stranger's script")

SCRIPT = """
import os, sys
seed = int(os.environ.get("SEED", "7"))
print("model_params:17059912")
with open("final_model.int8.ptz", "wb") as file:
    file.write(bytes(200_000))
print("Serialized model int8+zlib: 200000 bytes")
print(f"final_int8_zlib_roundtrip_exact val_loss:2.0 val_bpb:{1.1 + seed / 1e4:.8f}")
"""
ODD = """
import os
os.remove("stand_ins.jsonl")
os.symlink("/etc/hostname", "stand_ins.jsonl")
os.mkdir("final_model.ptz")
os.mkfifo("model.bin")
os.symlink("/etc/hostname", "linked.ptz")
for number in range(300): open(f"{number}.txt", "w").close()
for _ in range(200): os.mkdir("d" * 60); os.chdir("d" * 60)
print("Serialized model int8+zlib: 200000 bytes")
print("final_int8_zlib_roundtrip_exact val_loss:nan val_bpb:nan")
"""


@pytest.fixture
def place(tmp_path):
    def make(script):
        folder = tmp_path / "records" / "track_10min_16mb" / "2026-04-01_Name"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train_gpt.py").write_text(script)
        (tmp_path / "data").mkdir(exist_ok=True)
        for split in ("train", "val"):
            header = struct.pack("<256i", 20240520, 1, 64, *[0] * 253)
            (tmp_path / "data" / f"fineweb_{split}_000000.bin").write_bytes(header + bytes(128))
        return folder

    return make


def arguments(folder, output, *more):
    data = str(folder.parents[2] / "data")
    options = ["--data", data, "--output", str(output), "--format", "json", "--seeds", "2", "--exit-zero"]
    return ["reproduce", str(folder), *options, *more]


def command(*words):
    return [sys.executable, "-m", "auditor", *words]


def told(content):
    kept = ("seed", "status", "val_bpb", "model_bytes", "parameters", "code_bytes")
    return [{name: run[name] for name in kept} for run in content["runs"]]


@held
def test_killed_at_random_moments_and_resumed_it_is_the_same(place, tmp_path, capsys, moments):
    folder = place(SCRIPT)
    begun = time.monotonic()
    assert golf_audit(arguments(folder, tmp_path / "whole")) == 0
    seconds = time.monotonic() - begun
    expected = told(json.loads(capsys.readouterr().out))
    assert [run["model_bytes"] for run in expected] == [200_000] * 2
    chance = random.Random(12)
    for number in range(moments):
        output = tmp_path / f"killed-{number}"
        environment = {**os.environ, "PYTHONPATH": str(TOP)}
        with subprocess.Popen(
            command(*arguments(folder, output)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as running:
            time.sleep(chance.uniform(0.2, 1.2) * seconds)
            running.kill()
        assert golf_audit(arguments(folder, output, "--resume")) == 0
        assert told(json.loads(capsys.readouterr().out)) == expected
        assert not list(output.glob("seed_*/work"))
        assert not list(output.rglob("*.partial"))


@held
def test_a_full_disk_at_random_moments_is_one_line_and_resumed_it_is_the_same(
    place, tmp_path, capsys, moments, on_small_disk
):
    folder = place(SCRIPT)
    assert golf_audit(arguments(folder, tmp_path / "whole")) == 0
    expected = told(json.loads(capsys.readouterr().out))
    chance = random.Random(12)
    for number in range(moments):
        output = tmp_path / f"full-{number}"
        output.mkdir()
        environment = {**os.environ, "PYTHONPATH": str(TOP)}
        size = 4096 * chance.randint(4, 100)  # two artifacts and their records take more
        done = on_small_disk(output, size, command(*arguments(folder, output)), env=environment)
        said = [line for line in done.stderr.splitlines() if line.startswith("golf-audit: ")]
        assert (done.returncode, len(said)) == (2, 1), done.stderr
        assert "No space left on device" in said[0]
        assert "Traceback" not in done.stderr
        for record in output.glob("seed_*/run.json"):
            json.loads(record.read_text())  # whole, where it is there
        assert golf_audit(arguments(folder, output, "--resume")) == 0
        assert told(json.loads(capsys.readouterr().out)) == expected


@held
def test_what_is_no_result_gives_a_report_all_the_same(place, tmp_path, capsys):
    assert golf_audit(arguments(place(ODD), tmp_path / "out")) == 0
    content = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert [run["model_bytes"] for run in content["runs"]] == [None, None]
    assert [run["val_bpb"] for run in content["runs"]] == [None, None]
    kept = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert not kept & {"linked.ptz", "model.bin", "final_model.ptz", "0.txt"}


def test_an_artifact_is_known_by_its_size_and_keeps_a_plain_name():
    left = [
        Left("b/model.ptz", 5),
        Left("a/model.bin", 5),
        Left("run.json", 5),
        Left("\x1b[2J.ptz", 5),
        Left("x.pt", 9),
    ]
    assert find_artifact(left, frozenset({5, 9})) == Left("a/model.bin", 5)
    assert find_artifact(left, frozenset({6})) is None
    assert find_artifact([Left("n" * 200 + ".ptz", 5)], frozenset({5})) is None


@pytest.mark.parametrize("journal", [None, b"", b"[" * 100_000, b'{"event": "stand-in", "name": 3}\n\xff\n[]'])
def test_a_journal_of_anything_tells_nothing(journal):
    assert stood_in(journal) == ()


def forged(index):
    return b"GOLFREF1" + struct.pack("<I", len(index)) + index


@pytest.mark.parametrize(
    "content",
    [
        forged(zlib.compress(bytes(256 << 20), 9)),
        forged(zlib.compress(b"[" * 1_000_000)),
        forged(zlib.compress(b'{"streams": [["all", 0, 0, NaN]]}')),
        forged(zlib.compress(b'{"streams": [["all", 0, 0, -5]]}')),
        forged(zlib.compress(b'{"streams": 7}')),
        forged(b"no zlib"),
        b"GOLFREF1\xff\xff\xff\xff",
        b"GOLFREF1",
    ],
    ids=["bomb", "deep", "no number", "negative", "no list", "no zlib", "length", "short"],
)
def test_a_file_that_only_begins_as_our_container_has_no_parts(tmp_path, content):
    (tmp_path / "final_model.golf").write_bytes(content)
    assert container_parts(tmp_path / "final_model.golf") == ()
