"""A defect of ours costs one submission a part of its audit, and no other submission anything."""

import json
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from submissions import submission

from auditor import catalogue
from auditor.case import Case
from auditor.check import audit
from auditor.cli import run
from auditor.finding import Finding, Verdict
from auditor.program import ir
from auditor.timeline.engine import statements
from auditor.timeline.engine.machine import Machine
from auditor.timeline.trackers.scoring.scores import Scores

CODE = """\
import glob, math
import numpy as np
import sentencepiece
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x, y):
        return torch.nn.functional.cross_entropy(self.head(x), y)
val = torch.cat([torch.from_numpy(np.fromfile(p, np.uint16)) for p in glob.glob("data/fineweb_val_*.bin")])
pieces = sentencepiece.SentencePieceProcessor(model_file="bpe.model")
sizes = torch.tensor([len(pieces.id_to_piece(i).encode()) for i in range(1024)])
with torch.no_grad():
    loss = Net()(val[:-1], val[1:])
assert loss > 0
print(f"val_bpb:{loss.item() / math.log(2.0) * (len(val) - 1) / sizes[val[1:]].sum():.4f}")
"""


def broken(*_args: object, **_options: object) -> None:
    """Fail as a defect would."""
    raise KeyError("lost")


def what_failed(report_of: str = CODE) -> list[tuple[int | None, str]]:
    """Return the entries that say that golf-audit failed, of an audit that is HOLD."""
    report = audit(submission(report_of))
    assert report.compliance is Verdict.HOLD
    assert not all(entry.followed for entry in report.rests_on)
    return [(item.line, item.what) for item in report.not_followed if item.what.startswith("golf-audit failed here")]


def test_without_a_defect_the_script_is_clean() -> None:
    report = audit(submission(CODE))
    assert report.compliance is Verdict.CLEAN
    assert report.failures == ()


def test_the_engine_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(statements.STATEMENTS, ir.Assert, broken)
    assert what_failed() == [(16, "golf-audit failed here (following the program: KeyError: 'lost')")]


def test_a_tracker_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scores, "printed", broken)
    assert what_failed() == [(17, "golf-audit failed here (following the program: KeyError: 'lost')")]


def test_a_tracker_fails_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scores, "finished", broken)
    assert len(what_failed()) == 1


def test_a_rule_fails_and_the_others_find_what_they_find(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(case: Case) -> Iterator[Finding]:
        yield Finding("told", "package", "incomplete", "told by a rule that works")

    def half(case: Case) -> Iterator[Finding]:
        yield Finding("half", "compliance", "violation", "told before the rule failed")
        broken()

    rules = catalogue.load()
    changed = (
        replace(rules[0], check=half, group="compliance"),
        replace(rules[1], check=found, group="package"),
    )
    monkeypatch.setattr(catalogue, "load", lambda: changed)
    monkeypatch.setattr(catalogue, "applied", catalogue.applied.__wrapped__)
    report = audit(submission(CODE))
    assert [finding.rule for finding in report.findings] == ["told"]
    assert report.compliance is Verdict.HOLD
    assert report.not_followed[0].what == f"golf-audit failed here (rule {rules[0].slug}: KeyError: 'lost')"


def test_the_others_are_whole_and_the_exit_code_says_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    paths = []
    for name, code in (("first", CODE), ("second", CODE.replace("assert loss > 0", "del loss0")), ("third", CODE)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "train_gpt.py").write_text(code)
        paths.append(str(folder))
    monkeypatch.setenv("GOLF_AUDIT_NO_CACHE", "1")
    monkeypatch.setitem(statements.STATEMENTS, ir.Delete, broken)
    assert run(["check", *paths, "--format", "json"]) == 3
    out, err = capsys.readouterr()
    verdicts = [report["compliance"]["verdict"] for report in json.loads(out)["reports"]]
    assert verdicts == ["CLEAN", "HOLD", "CLEAN"]
    assert err.startswith(f"golf-audit: internal error on {paths[1]}: KeyError: 'lost'; ")
    assert err.count("\n") == 1


def test_a_budget_and_deep_nesting_are_no_failures() -> None:
    assert Machine  # the engine's own limits have entries of their own
    report = audit(submission(CODE + "x = " + "(" * 150 + "1" + ")" * 150 + "\n"))
    assert report.failures == ()
