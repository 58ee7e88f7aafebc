"""Claimed scores that are attributed to what no setting turns on, and shards under other names."""

from __future__ import annotations

import json
import re

import pytest
from submissions import submission

from auditor.attribution import credited_to
from auditor.check import audit
from auditor.evidence.claims import Claim
from auditor.finding import Finding
from rules.torch_scripts import EVALUATE, HEAD, MAIN, REPORT

ADAPTED = (
    HEAD
    + EVALUATE
    + MAIN
    + 'val = read("data/fineweb_val_*.bin")\nif int(os.environ.get("ADAPT", "0")):\n    train(model, val)\n'
    + REPORT
)


def found(code: str, files: dict[str, str], slug: str) -> list[Finding]:
    return list(audit(submission(code, files, "2026-04-01_Example"), select=[slug]).findings)


def package(readme: str, score: float = 1.11) -> dict[str, str]:
    return {"README.md": readme, "submission.json": json.dumps({"val_bpb": score, "author": "a", "name": "n"})}


@pytest.mark.parametrize(
    ("readme", "status"),
    [
        ("# A\n\nThe post-TTT val_bpb is 1.1100.\n", "hold"),
        ("# A\n\n| Seed | before | Post-TTT val_bpb |\n|---|---|---|\n| 1 | 1.1510 | **1.1100** |\n", "hold"),
        ("# A\n\n| Seed | val_bpb without TTT |\n|---|---|\n| 1 | 1.1100 |\n", "note"),
        ("# A\n\nval_bpb 1.1100, no TTT.\n", "note"),
        ("# A\n\nTTT would help. val_bpb 1.1100.\n", "note"),
        ("# A\n\nTTT gives 1.0900.\n", "note"),
    ],
)
def test_a_score_attributed_to_what_is_off(readme: str, status: str) -> None:
    (finding,) = found(ADAPTED, package(readme), "prequant-ttt")
    assert finding.status == status
    if status == "hold":
        assert finding.active is None
        assert "README.md:" in finding.active_because


_CLAIM = Claim("val_bpb", 1.2, "submission.json", 2, "val_bpb", None, 4)


@pytest.mark.parametrize(
    ("sentence", "credited", "denied"),
    [
        ("Before TTT 1.2100, after TTT 1.2000.", True, False),
        ("It went from 1.2100 (no TTT) to 1.2000 (TTT).", True, False),
        ("TTT brings 1.2100 down to 1.2000", True, False),
        ("Our 1.2000 comes from TTT", True, False),
        ("LoRA TTT -> 1.2000", True, False),
        ("1.2000 (TTT), 1.2100 (no TTT)", True, False),
        ("1.2000 (no TTT), 1.1900 (TTT)", False, True),
        ("1.2100 without TTT, 1.2000 with TTT", True, False),
        ("TTT improves it from 1.2000 to 1.1900", False, False),
        ("1.2000 → TTT → 1.1900", False, False),
        ("1.2000 beats the TTT record of 1.21", False, False),
        ("compared to #1 (TTT, 1.2100) we get 1.2000", False, False),
        ("We removed TTT: 1.2000", False, False),
        ("TTT gave nothing, so 1.2000 is the plain score", False, False),
        ("TTT=0 1.2000", False, False),
        ("TTT disabled: 1.2000", False, True),
    ],
)
def test_which_number_a_sentence_credits(sentence: str, credited: bool, denied: bool) -> None:
    words = re.compile(r"\bTTT\b")
    assert credited_to(sentence, words, _CLAIM) is credited
    assert credited_to(sentence, words, _CLAIM, denied=True) is denied


TWICE = (
    HEAD
    + EVALUATE
    + MAIN
    + """val = read("data/fineweb_val_*.bin")
if int(os.environ.get("ADAPT", "0")):
    train(model, val)
if int(os.environ.get("SECOND", "0")):
    again = evaluate(model, val)
    print(f"again val_bpb:{again:.4f}")
"""
)


def test_a_second_switch_that_nobody_speaks_of_leaves_it_a_note() -> None:
    (finding,) = found(TWICE, package("# A\n\nThe post-TTT val_bpb is 1.1100.\n"), "prequant-ttt")
    assert finding.status == "note"
    assert "ADAPT defaults to 0" in finding.active_because
    assert "SECOND defaults to 0" in finding.active_because


def test_a_switch_that_a_run_script_gives_a_value_which_it_does_not_tell() -> None:
    script = 'if [ "$1" = full ]; then export ADAPT=1; else export ADAPT=0; fi\nexport SECOND=0\npython train_gpt.py\n'
    (finding,) = found(ADAPTED, {**package("# A\n\nval_bpb 1.1100.\n"), "run.sh": script}, "prequant-ttt")
    assert finding.status == "note"
    assert "run.sh:3 gives ADAPT a value that can't be told" in finding.active_because
    known = script.replace('"$1"', "half")
    (finding,) = found(ADAPTED, {**package("# A\n\nval_bpb 1.1100.\n"), "run.sh": known}, "prequant-ttt")
    assert "no setting in play turns it on" in finding.active_because


LINKED = "# A\n\n```bash\nmkdir -p d\nln -s $PWD/data/fineweb_val_000000.bin {}/fineweb_train_000000.bin\n```\n"
PLAIN = HEAD + EVALUATE + MAIN.replace('"data/fineweb_train', 'os.environ.get("DATA_PATH", "data") + "/fineweb_train')


@pytest.mark.parametrize(
    ("folder", "command", "status"),
    [
        ("d", "DATA_PATH=d python train_gpt.py", "violation"),
        ("d", "DATA_PATH=./d/ python train_gpt.py", "violation"),
        ("d", "DATA_PATH=e python train_gpt.py", None),
        ("e", "DATA_PATH=d python train_gpt.py", None),
    ],
)
def test_a_validation_shard_under_a_training_name(folder: str, command: str, status: str | None) -> None:
    readme = LINKED.format(folder) + f"\nRun:\n\n```bash\n{command}\n```\n"
    findings = [f for f in found("import os\n", package(readme), "train-on-val") if f.path == "README.md"]
    assert [f.status for f in findings] == ([status] if status else [])


@pytest.mark.parametrize(
    ("code", "command", "status"),
    [
        (PLAIN, "python train_gpt.py", "violation"),
        (PLAIN, "DATA_PATH=e python train_gpt.py", None),
        (HEAD + EVALUATE + MAIN, "python train_gpt.py", "violation"),
        (HEAD + EVALUATE + MAIN.replace("data/fineweb_train", "other/fineweb_train"), "python train_gpt.py", None),
    ],
)
def test_a_validation_shard_in_the_folder_that_the_script_reads_by_default(
    code: str, command: str, status: str | None
) -> None:
    readme = LINKED.format("data") + f"\nRun:\n\n```bash\n{command}\n```\n"
    findings = [f for f in found(code, package(readme), "train-on-val") if f.path == "README.md"]
    assert [f.status for f in findings] == ([status] if status else [])
    assert all("data" in f.active_because and "train_gpt.py:" in f.active_because for f in findings)


@pytest.mark.parametrize(
    ("sentence", "held"),
    [
        ("The model is fine-tuned on the validation data.", True),
        ("Final weights were trained on val tokens for one epoch.", True),
        ("The model was not trained on the validation set.", False),
        ("Score-first TTT trains on val tokens only after they were scored.", False),
        ("The loss of the trained model on the validation set is 1.1.", False),
    ],
)
def test_sentences_that_say_weights_were_fitted_to_validation_text(sentence: str, held: bool) -> None:
    findings = found("import os\n", package(f"# A\n\n{sentence}\n"), "train-on-val")
    assert [f.status for f in findings] == (["hold"] if held else [])


def test_no_pull_request_is_cited_against_itself() -> None:
    import dataclasses

    submitted = dataclasses.replace(submission(ADAPTED, package("# A\n"), "2026-04-01_Example"), pr=462)
    (finding,) = audit(submitted, select=["prequant-ttt"]).findings
    assert finding.authority
    assert "#462" not in finding.authority


def test_code_that_is_not_counted_is_told_for_other_settings() -> None:
    (finding,) = found(ADAPTED, package("# A\n\nval_bpb 1.1100, no TTT.\n"), "prequant-ttt")
    assert finding.message.startswith("Not counted; with other settings: the model is trained")
    assert not finding.trace
