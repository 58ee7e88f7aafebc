"""What is told beside a verdict: code that doesn't count, legal patterns, figures of one log and of another."""

from __future__ import annotations

import pytest
from submissions import submission

from auditor.attribution import told
from auditor.check import audit
from auditor.finding import Finding, Status
from rules.torch_scripts import EVALUATE, HEAD, MAIN, REPORT

GATED = (
    HEAD
    + """
class Gate(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(64))

    def forward(self, x):
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
        return x + torch.sigmoid(self.weight) * before

class Settings:
    gate_enabled = bool(int(os.environ.get("GATE_ENABLED", "DEFAULT")))

class Gated(Model):
    def __init__(self):
        super().__init__()
        if Settings.gate_enabled:
            self.gate = Gate()

"""
    + EVALUATE
    + MAIN
    + 'val = read("data/fineweb_val_*.bin")\n'
    + REPORT
)


@pytest.mark.parametrize(("default", "active"), [("0", False), ("1", True)])
def test_a_gate_of_a_class_that_a_switch_builds(default: str, active: bool) -> None:
    report = audit(submission(GATED.replace("DEFAULT", default), {}, "2026-04-01_Example"), select=["boundary-leak"])
    assert [finding.active for finding in report.findings] == [active]


def of(rule: str, status: Status, active: bool | None) -> Finding:
    return Finding(rule, "compliance", status, "The model is trained.", "train_gpt.py", 3, 3, active=active)


def test_what_does_not_count_is_told_for_other_settings_and_never_beside_what_does() -> None:
    off, on = of("a", "note", False), of("a", "violation", True)
    assert [f.message for f in told([off], frozenset())] == ["Not counted; with other settings: the model is trained."]
    assert told([off, on], frozenset()) == (on,)


def test_what_is_legal_is_told_where_nothing_is_violated() -> None:
    legal, wrong = of("legal", "note", True), of("a", "violation", True)
    assert told([legal], frozenset({"legal"})) == (legal,)
    assert told([legal, wrong], frozenset({"legal"})) == (wrong,)
