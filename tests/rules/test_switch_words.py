"""Which switch a sentence names: one that chose a file, one that nothing reads."""

from __future__ import annotations

import pytest

from auditor.check import audit
from auditor.finding import Finding
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission
from rules.torch_scripts import EVALUATE, HEAD, SCORE_FIRST

_SCORE = """
val = read("data/fineweb_val_*.bin")
bits = evaluate(model, val) / math.log(2.0)
print(f"val_bpb:{bits * TOKENS_PER_BYTE:.6f}")
"""
_TRAIN = '"data/fineweb_train_*.bin"'
_VAL = '"data/fineweb_val_*.bin"'
_SWITCH = 'ON = bool(int(os.environ.get("TRAIN_ON_VAL", "{}")))\nmodel = Model()\n'


def found(
    rule: str,
    body: str,
    readme: str = "",
    beside: dict[str, str] | None = None,
    elsewhere: dict[str, bytes] | None = None,
) -> list[Finding]:
    files = {"train_gpt.py": (HEAD + EVALUATE + body).encode(), "README.md": readme.encode()}
    files |= {path: text.encode() for path, text in (beside or {}).items()}
    submission = Submission(
        given=".",
        name="2026-04-01_Example",
        track="record",
        sha=None,
        tree=MemoryTree(files),
        script="train_gpt.py",
        helpers=(),
        shells=(),
        logs=tuple(path for path in files if path.endswith(".log")),
        readme="README.md",
        metadata="submission.json" if "submission.json" in files else None,
        outside=None,
        elsewhere=None if elsewhere is None else MemoryTree(elsewhere),
    )
    return [finding for finding in audit(submission, select={rule}).findings if finding.rule == rule]


def command(text: str) -> str:
    return f"# Example\n\n## Run\n\n```bash\n{text}\n```\n"


@pytest.mark.parametrize(
    "chosen",
    [
        f"train(model, read({_VAL}) if ON else read({_TRAIN}))\n",
        f"train(model, read({_VAL} if ON else {_TRAIN}))\n",
        f"pattern = ON and {_VAL} or {_TRAIN}\ntrain(model, read(pattern))\n",
        f"pattern = {{True: {_VAL}, False: {_TRAIN}}}[ON]\ntrain(model, read(pattern))\n",
    ],
    ids=["reads", "names", "and-or", "table"],
)
def test_a_switch_that_chooses_the_file_is_named(chosen: str) -> None:
    (on,) = found("train-on-val", _SWITCH.format(1) + chosen + _SCORE)
    assert (on.status, (on.active_because or "").partition(" (")[0]) == ("violation", "TRAIN_ON_VAL defaults to 1")
    text = command("TRAIN_ON_VAL=1 torchrun train_gpt.py")
    (told,) = found("train-on-val", _SWITCH.format(0) + chosen + _SCORE, text)
    assert "TRAIN_ON_VAL is 1 in README.md:6" in (told.active_because or "")
    assert all(f.status == "note" for f in found("train-on-val", _SWITCH.format(0) + chosen + _SCORE))


def test_what_no_file_names_is_told_of_the_documented_command() -> None:
    body = _SWITCH.format(0) + f"train(model, read({_TRAIN}))\n" + _SCORE
    text = command("TTT_ENABLED=1 TRAIN_ON_VAL=0 NCCL_DEBUG=INFO torchrun train_gpt.py")
    (note,) = found("claim-mismatch", body, text)
    assert (note.status, note.path, note.line) == ("note", "README.md", 6)
    assert note.message == "The documented command sets TTT_ENABLED, which no code of the submission names."
    assert found("claim-mismatch", body, command("TRAIN_ON_VAL=0 torchrun train_gpt.py")) == []
    put_together = body + 'for name in ("ttt", "ema"):\n    os.environ.get(name.upper() + "_ENABLED")\n'
    assert found("claim-mismatch", put_together, text) == []


@pytest.mark.parametrize(("default", "then", "status"), [(0, True, "violation"), (1, False, None)])
def test_what_a_class_is_given_after_it_outranks_its_switch(default: int, then: bool, status: str | None) -> None:
    body = (
        f'class Options:\n    on = bool(int(os.environ.get("TRAIN_ON_VAL", "{default}")))\n\n\n'
        f"Options.on = {then}\noptions = Options()\nmodel = Model()\n"
        f"train(model, read({_VAL} if options.on else {_TRAIN}))\n"
    )
    results = found("train-on-val", body + _SCORE, command(f"TRAIN_ON_VAL={default} torchrun train_gpt.py"))
    assert [f.status for f in results] == ([status] if status else [])
    assert all("TRAIN_ON_VAL" not in (f.active_because or "") for f in results)


def test_a_legal_adaptation_runs_though_a_mode_that_is_off_calls_it_first() -> None:
    once = "    print(f'val_bpb:{adaptive(Model(), val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}')\n"
    body = SCORE_FIRST.replace("def evaluate(", "def adaptive(") + 'val = read("data/fineweb_val_*.bin")\n'
    body += "def main():\n    if os.environ.get('ONLY_EVAL', '0') == '1':\n"
    (note,) = found("score-first-ttt", f"{body}    {once}        return\n{once}main()\n")
    assert (note.active, note.active_because) == (True, "it runs with every setting that was followed")


@pytest.mark.parametrize("default", [0, 1])
@pytest.mark.parametrize("other", [0, 1])
def test_a_run_script_that_is_not_shipped_leaves_its_switches_open(default: int, other: int) -> None:
    """What another folder's run script of that name sets is of another run, and no reason to accuse or to clear."""
    body = _SWITCH.format(default) + f"train(model, read({_VAL} if ON else {_TRAIN}))\n" + _SCORE
    started = command("cd tries/third\nbash run.sh")
    scripts = {"tries/first/run.sh": f"TRAIN_ON_VAL={other} torchrun train_gpt.py\n".encode()}
    (told,) = found("train-on-val", body, started, elsewhere=scripts)
    assert told.status == "hold"
    assert f"TRAIN_ON_VAL defaults to {default} (train_gpt.py:" in (told.active_because or "")
    assert "what tries/third/run.sh sets, which README.md:7 starts, is not shipped" in (told.active_because or "")
    log = f"train_on_val: {default}\nstep:10/10 train_loss:2.0\nfinal val_bpb:1.2\n"
    (logged,) = found("train-on-val", body, started, {"train.log": log}, scripts)
    assert logged.status == ("violation" if default else "note")


def test_what_a_log_of_another_run_prints_as_on_is_not_said_to_be_on_nowhere() -> None:
    body = _SWITCH.format(0) + f"train(model, read({_VAL}) if ON else read({_TRAIN}))\n" + _SCORE
    logs = {
        "eval_seed1.log": "train_on_val: 0\nstep:10/10 train_loss:2.0\nfinal val_bpb:1.20001\n",
        "other_seed2.log": "train_on_val: 1\nstep:10/10 train_loss:2.0\nfinal val_bpb:1.10001\n",
        "submission.json": '{"val_bpb": 1.20001}',
    }
    (told,) = found("train-on-val", body, beside=logs)
    assert (told.status, told.active) == ("note", False)
    assert (told.active_because or "").endswith("; no setting of the claimed runs turns it on")
