"""Each path that is told ends where what it leads through is printed, in one run."""

from __future__ import annotations

import pytest
from submissions import submission

from auditor.check import audit
from rules.torch_scripts import HEAD, MAIN

SEVERAL = (
    HEAD.replace(
        "    def forward(self, x, y):\n",
        "    def logits(self, x):\n        return self.head(self.embed(x))\n\n    def forward(self, x, y):\n",
    )
    + """
def judged(table, nll, ids, at):
    cell = (ids[at - 1] * 31 ^ ids[at] * 17) % 4096
    p = table[cell] / 9.0
    table[cell] += 1
    return -torch.log(0.5 * torch.exp(-nll) + 0.5 * p).sum().item()

def plain(model, ids):
    table, total = torch.zeros(4096), 0.0
    for start in range(1, ids.numel() - 513, 512):
        nll = F.cross_entropy(model.logits(ids[start:start + 512]), ids[start + 1:start + 513], reduction="none")
        total += judged(table, nll, ids, torch.arange(start + 1, start + 513))
    return total / ids.numel()

def longer(model, ids):
    table, total = torch.zeros(4096), 0.0
    for start in range(1, ids.numel() - 1025, 1024):
        nll = F.cross_entropy(model.logits(ids[start:start + 1024]), ids[start + 1:start + 1025], reduction="none")
        total += judged(table, nll, ids, torch.arange(start + 1, start + 1025))
    return total / ids.numel()
"""
    + MAIN
    + """
print(f"plain_exact val_bpb:{plain(model, val) / math.log(2.0):.6f}")
print(f"longer_exact val_bpb:{longer(model, val) / math.log(2.0):.6f}")
"""
)


@pytest.mark.parametrize(("claimed", "way"), [("plain", "start + 513"), ("longer", "start + 1025")])
def test_the_way_that_is_told_leads_to_the_score_that_is_claimed(claimed: str, way: str) -> None:
    files = {
        "submission.json": '{"name": "Table", "val_bpb": 1.0}',
        "train_seed42.log": f"seed:42\n{claimed}_exact val_bpb:1.000000\n",
    }
    report = audit(submission("import os\n" + SEVERAL, files), select=["target-in-key"])
    (finding,) = [each for each in report.findings if each.rule == "target-in-key"]
    lines = ("import os\n" + SEVERAL).splitlines()
    told = [lines[step.line - 1] for step in finding.trace]
    assert way in told[0]
    assert f"{claimed}_exact" in told[-1]
