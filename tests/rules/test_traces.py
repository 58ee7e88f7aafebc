"""Each path that is told ends where what it leads through is printed, in one run."""

from __future__ import annotations

import pytest
from submissions import submission

from auditor.check import audit
from rules.noncausal_forward import _SCRIPT
from rules.slot_scripts import SCORED, windows
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


def test_what_objective_and_score_both_keep_tells_neither_positions() -> None:
    code = "import os\n" + windows("hidden = hidden[:, :length]\n" + SCORED)
    (finding,) = audit(submission(code), select=["slot-scored-region"]).findings
    lines = code.splitlines()
    kept = [lines[step.line - 1] for step in finding.trace if step.note.endswith(("positions", "positions are scored"))]
    assert kept
    assert not any(":length]" in line for line in kept)


def test_a_forward_is_told_for_the_score_that_counts() -> None:
    code = f"""import os
{_SCRIPT.format(body="return x + x.mean(dim=1, keepdim=True)").partition("tokens = read")[0]}
EVERY = int(os.environ.get("EVERY", "100"))
STEPS = int(os.environ.get("STEPS", "1000"))
net = Net()
val = read("data/fineweb_val_*.bin")
for step in range(STEPS):
    if EVERY > 0 and step % EVERY == 0:
        print(f"step:{{step}} val_loss:{{evaluate(net, val):.4f}}")
print(f"final val_loss:{{evaluate(net, val):.4f}}")
"""
    (finding,) = audit(submission(code), select=["noncausal-forward"]).findings
    assert code.splitlines()[finding.trace[-1].line - 1].startswith('print(f"final')
    assert "EVERY" not in finding.active_because


@pytest.mark.parametrize(
    ("condition", "told"),
    [("ON", "ADAPTS defaults to 1"), ("LONG >= SHORT", ""), ("LONG > 0", "LONG defaults to 2048")],
)
def test_sizes_that_are_compared_are_no_reason(condition: str, told: str) -> None:
    code = f"""import os
ON = bool(int(os.environ.get("ADAPTS", "1")))
LONG = int(os.environ.get("LONG", "2048"))
SHORT = int(os.environ.get("SHORT", "1024"))
{SEVERAL}
""".replace('print(f"longer', f'if {condition}:\n    print(f"longer')
    files = {
        "submission.json": '{"name": "Table", "val_bpb": 1.0}',
        "train_seed42.log": "seed:42\nlonger_exact val_bpb:1.000000\n",
    }
    code = code.replace('print(f"plain', "#")
    (finding,) = [each for each in audit(submission(code, files)).findings if each.rule == "target-in-key"]
    assert (told in finding.active_because) if told else ("defaults" not in finding.active_because)
