"""Whole scripts through the sandbox: one that is honest, one that learns first, one that picks the better loss.

Each takes two or three runs of some seconds: GOLF_AUDIT_PROBE=1 asks for them.
"""

import os

import pytest

pytest.importorskip("torch", reason="probe runs scripts, which need torch")

from auditor.probe.probe import probe
from auditor.sandbox import mechanism
from auditor.submission import read_path

pytestmark = [
    pytest.mark.skipif("GOLF_AUDIT_PROBE" not in os.environ, reason="runs scripts: GOLF_AUDIT_PROBE=1"),
    pytest.mark.skipif(mechanism() == "none", reason="nothing here can hold a stranger's script"),
]

SCRIPT = """
import glob, math
import numpy as np
import torch
import torch.nn.functional as F

tokens = torch.from_numpy(np.fromfile(sorted(glob.glob("data/fineweb_val_*.bin"))[0], dtype="<u2").astype(np.int64))

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 16)
        self.out = torch.nn.Linear(16, 1024)

    def forward(self, x):
        return self.out(self.emb(x))

net, other = Net(), Net()
{before}
total, count = 0.0, 0
for at in range(0, len(tokens) - 1, 1024):
    x, y = tokens[at : at + 1024], tokens[at + 1 : at + 1025]
    x = x[: len(y)]
    with torch.no_grad():
        loss = F.cross_entropy(net(x), y, reduction="none")
        {score}
    total, count = total + loss.sum().item(), count + len(y)
print(f"val_loss:{total / count:.6f}")
"""
LEARNS = """for at in range(0, len(tokens) - 1, 1024):
    x, y = tokens[at : at + 1024], tokens[at + 1 : at + 1025]
    F.cross_entropy(net(x[: len(y)]), y).backward()
with torch.no_grad():
    for p in net.parameters():
        p -= 0.1 * p.grad if p.grad is not None else 0"""
PICKS = 'loss = torch.minimum(loss, F.cross_entropy(other(x), y, reduction="none"))'


@pytest.mark.parametrize(
    ("before", "score", "wanted"),
    [
        ("", "pass", {"future": "PASS", "order": "PASS", "answer": "PASS", "reported": "PASS"}),
        (LEARNS, "pass", {"future": "FAIL", "order": "PASS", "answer": "SKIP", "reported": "PASS"}),
        ("", PICKS, {"future": "PASS", "order": "PASS", "answer": "FAIL", "reported": "PASS"}),
    ],
)
def test_experiments_tell_them_apart(tmp_path, before, score, wanted):
    folder = tmp_path / "records" / "track_10min_16mb" / "2026-04-01_Name"
    folder.mkdir(parents=True)
    (folder / "train_gpt.py").write_text(SCRIPT.replace("{before}", before).replace("{score}", score))
    (submission,) = read_path(str(folder))
    report = probe(submission, seed=5, seconds=120.0)
    assert {r.experiment: r.status for r in report.results} == wanted, report
    if wanted["future"] == "FAIL":
        assert report.result("future").place.startswith("train_gpt.py:") and report.result("future").seen is not None
