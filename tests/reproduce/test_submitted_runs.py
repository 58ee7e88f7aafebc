"""A stranger's script, run whole in the sandbox under stand-ins. The scripts are written for this test."""

import json
from pathlib import Path

import pytest

from auditor.cli import run as golf_audit
from auditor.evidence.read import read_evidence
from auditor.reproduce.submitted import claim_of
from auditor.sandbox import mechanism
from auditor.submission import read_path
from reference_model.data.pack import Scheme, pack

SCRIPT = """
import os, sys
import torch

seed = int(os.environ.get("SEED", "7"))
steps = int(os.environ.get("ITERATIONS", "500"))
width = int(os.environ.get("WIDTH", "8"))
torch.manual_seed(seed)
device = torch.device("cuda", 0)
torch.cuda.set_device(device)
shards = [name for name in sorted(os.listdir(os.environ["DATA_PATH"])) if name.startswith("fineweb_val")]
model = torch.compile(torch.nn.Linear(width, 1).cuda())
print(f"model_params:{sum(p.numel() for p in model.parameters())}")
print(f"seed:{seed} world_size:1 val shards {len(shards)}")
loss = 8.0
for step in range(1, steps + 1):
    loss = loss * 0.9 + torch.rand(1, device=device).item() / 100
    print(f"step:{step}/{steps} train_loss:{loss:.4f} train_time:{step * 10}ms")
if os.environ.get("BREAK") == str(seed):
    raise KeyError("out of luck")
with open("final_model.int8.ptz", "wb") as file:
    file.write(bytes(400_000))
print("Serialized model int8+zlib: 400000 bytes")
print(f"final_int8_zlib_roundtrip val_loss:{loss:.4f} val_bpb:{loss / 3:.4f} eval_time:12ms")
print(f"final_int8_zlib_roundtrip_exact val_loss:{loss:.8f} val_bpb:{loss / 3:.8f}")
try:
    open("/etc/outside", "w")
except OSError:
    print("held")
"""
README = """
# Toy

```bash
WIDTH=16 SEED=1 torchrun --standalone --nproc_per_node=8 train_gpt.py
```
"""
CLAIM = {"val_bpb": 1.1, "seed_results": {"5": {"val_bpb": 1.1}, "6": {"val_bpb": 1.2}}}

pytestmark = pytest.mark.skipif(mechanism() == "none", reason="nothing here can hold a stranger's script")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("submitted")
    folder = place / "records" / "track_10min_16mb" / "2026-04-01_Toy"
    folder.mkdir(parents=True)
    (folder / "train_gpt.py").write_text(SCRIPT)
    (folder / "README.md").write_text(README)
    (folder / "submission.json").write_text(json.dumps(CLAIM))
    pack(["some text " * 50] * 4, place / "data", Scheme(vocab_size=260, tokenizer="bytes", val_share=0.3))
    return place


def reproduce(place, output, *options):
    folder = place / "records" / "track_10min_16mb" / "2026-04-01_Toy"
    data = ["--data", str(place / "data"), "--set", f"DATA_PATH={place / 'data'}", "--set", "ITERATIONS=3"]
    return golf_audit(["reproduce", str(folder), *data, "--output", str(place / output), "--format", "json", *options])


def test_the_script_runs_as_documented_once_for_each_seed(place, capsys):
    assert reproduce(place, "out", "--seeds", "2") == 1
    content = json.loads(capsys.readouterr().out)
    assert [run["seed"] for run in content["runs"]] == [5, 6]
    assert [run["status"] for run in content["runs"]] == ["done", "done"]
    first, second = content["runs"]
    assert first["val_bpb"] != second["val_bpb"] and first["val_bpb"] is not None
    assert first["parameters"] == 17  # WIDTH=16, as the README starts it
    assert first["model_bytes"] == 400_000 and first["code_bytes"] == len(SCRIPT.encode())
    assert len(first["losses"]) == 3
    assert content["verdict"] == "INCONCLUSIVE"
    missing = " ".join(content["missing"])
    assert "8xH100" in missing and "stand-ins" in missing and "torch.compile" in missing and "ITERATIONS=3" in missing
    log = (place / "out" / "seed_5" / "train_seed5.log").read_text()
    assert "held" in log and not Path("/etc/outside").exists()
    record = json.loads((place / "out" / "seed_5" / "run.json").read_text())
    assert record["environment"]["given"]["SEED"] == "5" and record["held_by"] == mechanism()


def test_a_seed_that_fails_stays_in_the_count(place, capsys):
    assert reproduce(place, "broken", "--seeds", "2", "--set", "BREAK=6") == 1
    content = json.loads(capsys.readouterr().out)
    assert [run["status"] for run in content["runs"]] == ["done", "failed"]
    assert "out of luck" in content["runs"][1]["reason"]
    assert content["val_bpb"]["n"] == 1
    assert any("seed 6: failed" in line for line in content["missing"])


def test_a_claim_is_read_with_its_seeds(place):
    submission = read_path(str(place / "records" / "track_10min_16mb" / "2026-04-01_Toy"))[0]
    claim = claim_of(submission, read_evidence(submission))
    assert claim is not None and claim.scores == (1.1, 1.2) and claim.bar is not None
