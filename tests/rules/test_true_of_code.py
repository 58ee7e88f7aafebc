"""Sentences about code say no more than the lines that they name show."""

from __future__ import annotations

from submissions import submission

from auditor.check import audit
from rules.run_logs import run_log
from rules.torch_scripts import ADAPT, evaluating, scored

TWICE = """
@torch.no_grad()
def evaluate(model, tokens):
    first, second, middle = 0.0, 0.0, torch.zeros(1024)
    for at in range(0, tokens.numel() - 1025, 1024):
        logits = model.head(model.embed(tokens[at:at + 1024]))
        first += F.cross_entropy(logits, tokens[at + 1:at + 1025], reduction="sum").item()
        middle += logits.mean(0)
    print(f"first pass val_bpb:{first / math.log(2.0) / tokens.numel() * TOKENS_PER_BYTE:.6f}")
    for at in range(0, tokens.numel() - 1025, 1024):
        logits = model.head(model.embed(tokens[at:at + 1024])) - middle
        second += F.cross_entropy(logits, tokens[at + 1:at + 1025], reduction="sum").item()
    return second / (tokens.numel() - 1)
"""


def test_what_a_first_pass_gave_is_not_called_unscored() -> None:
    report = audit(submission(evaluating(TWICE), {}, "2026-04-01_Example"), select=["calibration-on-val"])
    assert {f.status for f in report.findings} == {"hold"}
    assert report.findings[0].message.startswith("What a first pass over validation tokens gave")
    assert report.findings[0].advice == "Report the score of the first pass."


def test_what_a_log_shows_to_have_adapted_is_followed_as_adapted() -> None:
    top = """
if int(os.environ.get("LEARNS", "0")):
    adapt(model, val, epochs=2)
    print(f"learned_on_val val_bpb:{evaluate(model, val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")
    raise SystemExit
"""
    files = {"train_seed1.log": run_log(1, None, tail="learned_on_val val_bpb:1.100000\n")}
    files["submission.json"] = '{"val_bpb": 1.1}'
    report = audit(submission(scored(ADAPT, top), files, "2026-04-01_Example"))
    assert [f.status for f in report.findings if f.rule == "prequant-ttt"] == ["violation"]
    notes = {entry.note for entry in report.rests_on if "applied to validation tokens" in entry.what}
    assert notes == {"adapted on the same tokens before"}
