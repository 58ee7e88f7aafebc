"""``smoke`` and ``reproduce PATH`` from the wheel, as users have them: nothing here may lean on the checkout."""

import json

import pytest

pytest.importorskip("torch", reason="smoke runs scripts, which need torch")
pytest.importorskip("setuptools", reason="the wheel is built with it")

import installed
import scripts

from auditor.sandbox import mechanism

pytestmark = pytest.mark.skipif(mechanism() == "none", reason="nothing here can hold a stranger's script")

TRAINS = """
import os
import torch

torch.cuda.set_device(0)
model = torch.compile(torch.nn.Linear(16, 1).cuda())
print(f"model_params:{sum(p.numel() for p in model.parameters())}")
with open("final_model.int8.ptz", "wb") as file:
    file.write(bytes(4321))
print("Serialized model int8+zlib: 4321 bytes")
print(f"final_int8_zlib_roundtrip_exact val_loss:2.0 val_bpb:{1.1 + int(os.environ.get('SEED', '7')) / 1e4:.8f}")
"""


@pytest.fixture(scope="module")
def golf_audit(tmp_path_factory):
    return installed.install(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def folder(tmp_path):
    def make(script):
        place = tmp_path / "records" / "track_10min_16mb" / "2026-04-01_Name"
        place.mkdir(parents=True)
        (place / "train_gpt.py").write_text(script)
        return place

    return make


def test_it_is_the_wheel_that_runs(golf_audit, tmp_path):
    (package,) = golf_audit.place.glob("lib/python*/site-packages/auditor")
    assert (package / "sandbox" / "inside.py").is_file()
    done = golf_audit.run("--version", cwd=tmp_path)
    assert done.stdout.startswith("golf-audit "), done.stderr


def test_smoke(golf_audit, folder, tmp_path):
    done = golf_audit.run("smoke", "--format", "json", str(folder(scripts.PLAIN)), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    assert {step["status"] for step in report["steps"]} == {"PASS"}


def test_reproduce(golf_audit, folder, tmp_path):
    from reference_model.data.pack import Scheme, pack

    pack(["some text " * 50] * 4, tmp_path / "data", Scheme(vocab_size=260, tokenizer="bytes", val_share=0.3))
    place = folder(TRAINS)
    options = ("--data", str(tmp_path / "data"), "--seeds", "2", "--output", str(tmp_path / "out"), "--format", "json")
    done = golf_audit.run("reproduce", str(place), *options, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert [(run["status"], run["parameters"], run["model_bytes"]) for run in runs] == [("done", 17, 4321)] * 2
    assert (tmp_path / "out" / f"seed_{runs[0]['seed']}" / "final_model.int8.ptz").stat().st_size == 4321
    assert not (tmp_path / "out" / f"seed_{runs[0]['seed']}" / "work").exists()
