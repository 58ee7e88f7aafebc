"""The examples are what their READMEs say: whole, consistent with their logs, and judged as promised."""

import importlib.util
import json
import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "examples"
FOLDERS = sorted((ROOT / "records" / "track_10min_16mb").iterdir())
VALIDATION_BYTES = 151.08e6


def by_name(part):
    return next(folder for folder in FOLDERS if folder.name.endswith(part))


def test_there_are_five():
    assert [folder.name.removeprefix("2026-03-19_SP1024_") for folder in FOLDERS] == [
        "HashedNgram",
        "Packed",
        "PreQuantTTT",
        "ScoreFirstTTT",
        "TTTOff",
    ]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_metadata_agrees_with_the_logs(folder):
    meta = json.loads((folder / "submission.json").read_text("utf-8"))
    code = (folder / "train_gpt.py").stat().st_size
    scores, totals = [], []
    for seed in meta["seeds"]:
        log = (folder / f"train_seed{seed}.log").read_text("utf-8")
        loss, bpb = map(float, re.search(r"_exact val_loss:(\S+) val_bpb:(\S+)", log).groups())
        tokens = int(re.search(r"tokens:(\d+)", log)[1])
        model = int(re.search(r"Serialized model int8\+zlib: (\d+)", log)[1])
        total = int(re.search(r"Total submission size int8\+zlib: (\d+)", log)[1])
        assert f"Code size: {code} bytes" in log
        assert total == model + code <= 16_000_000
        assert tokens * loss / (math.log(2) * bpb) == pytest.approx(VALIDATION_BYTES, rel=3e-4)
        assert max(map(int, re.findall(r"train_time:(\d+)ms", log))) <= 600_000
        scores.append(bpb)
        totals.append(total)
    assert meta["val_bpb"] == pytest.approx(sum(scores) / len(scores), abs=1e-8)
    assert meta["bytes_total"] == max(totals)
    assert meta["bytes_code"] == code
    readme = (folder / "README.md").read_text("utf-8")
    assert "The logs are made up" in readme
    assert all(f"{score:.8f}" in readme for score in scores)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_scripts_are_python(folder):
    compile((folder / "train_gpt.py").read_text("utf-8"), folder.name, "exec")


def test_packed_is_the_plain_script():
    spec = importlib.util.spec_from_file_location("pack", ROOT / "pack.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plain = (by_name("PreQuantTTT") / "train_gpt.py").read_bytes()
    seen = []
    # Our own example, and exec is replaced: nothing but the decoding runs.
    for script in (module.pack(plain), (by_name("Packed") / "train_gpt.py").read_bytes()):
        exec(compile(script, "packed", "exec"), {"exec": seen.append})
    assert seen == [plain, plain]
