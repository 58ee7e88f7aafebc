"""Challenges as data: what is read, what is refused, what is told, and that no constant of one is left in the code."""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path

import pytest

from auditor import catalogue
from auditor.challenge import Challenges, UnknownChallenge, challenges, choose, chosen, find
from auditor.challenge.model import Challenge
from auditor.challenge.read import made
from auditor.cli import run as golf_audit
from auditor.submission.discover import describe
from auditor.submission.memory import MemoryTree
from auditor.toml import Malformed

ROOT = Path(__file__).parents[2]
GOLF = tomllib.loads((ROOT / "rules" / "challenges" / "parameter-golf.toml").read_text("utf-8"))

# What is particular to parameter-golf: numbers of code, and names of its folders and files.
NUMBERS = (16_000_000, 151_080_000, 62_021_632, 45_508_608, 40_540_160, 47_851_520, 36_335_616, 63_779_840)
NAMES = ("track_10min_16mb", "track_non_record_16mb", "openai/parameter-golf", "submission.json", "10485760")
# The reference model is a trainer for parameter-golf, and no part of an audit.
CODE = [p for room in ("auditor", "rules", "reports") for p in sorted((ROOT / room).rglob("*.py"))]


def refused(**changes: object) -> str:
    with pytest.raises(Malformed) as error:
        made({**GOLF, **changes}, Path("a.toml"))
    return str(error.value)


def test_every_challenge_can_be_read() -> None:
    assert challenges().names[0] == "parameter-golf"
    for challenge in challenges():
        assert isinstance(challenge, Challenge)
        assert catalogue.applied(challenge)
        slugs = {rule.slug for rule in catalogue.load()}
        assert challenge.rules.ruled.keys() | challenge.rules.not_ruled.keys() <= slugs


def test_what_is_wrong_is_said_with_its_place() -> None:
    assert refused(titel="x") == "a.toml: unknown key 'titel'; did you mean 'title'?"
    assert "time: unknown key 'train'; " in refused(time={**GOLF["time"], "train": 1})
    assert refused(metric={"name": "val_bpb"}) == "a.toml: metric: unit and source and since must be given"
    assert "artifact.bytes" in refused(artifact={**GOLF["artifact"], "bytes": "16 MB"})
    assert "tracks[1]: unknown key 'fold'" in refused(tracks=[{**GOLF["tracks"][0], "fold": 1}])
    assert "doesn't begin with layout.track_prefix" in refused(tracks=[{**GOLF["tracks"][0], "folder": "short"}])
    assert "two have the same folder" in refused(tracks=[GOLF["tracks"][0]] * 2)
    assert "isn't OWNER/NAME" in refused(repository="parameter-golf")
    assert "tracks[1].fixed_end: source must be given" in refused(
        tracks=[{**GOLF["tracks"][0], "fixed_end": {"since": "2026-05-03"}}]
    )
    bars = GOLF["records"]["bars"]
    assert "in the order of their days" in refused(records={**GOLF["records"], "bars": bars[::-1]})


def test_a_name_that_no_challenge_has() -> None:
    with pytest.raises(UnknownChallenge, match="did you mean 'parameter-golf'"):
        find("parameter-gold")


@pytest.mark.parametrize(
    ("track", "name"),
    [("track_10min_16mb", "parameter-golf"), ("track_1_short", "modded-nanogpt"), ("track_x", "parameter-golf")],
)
def test_the_track_tells_the_challenge(track: str, name: str) -> None:
    tree = MemoryTree({"train_gpt.py": b"print(1)\n"})
    assert describe(tree, given="a", name="a", place=f"records/{track}/a").challenge.name == name


def test_the_user_may_name_it() -> None:
    tree = MemoryTree({"train_gpt.py": b"print(1)\n"})
    choose("modded-nanogpt")
    try:
        assert chosen() == "modded-nanogpt"
        assert describe(tree, given="a", name="a", place="records/track_10min_16mb/a").challenge.name == chosen()
    finally:
        choose(None)


def test_a_rule_that_needs_what_a_challenge_lacks_is_not_applied() -> None:
    golf, speedrun = ({rule.slug for rule in catalogue.applied(each)} for each in challenges())
    assert {"artifact-cap", "train-wallclock", "wrong-denominator"} <= golf - speedrun
    assert {"target-missed", "log-source", "slower-than-claimed", "compile-flags"} <= speedrun - golf
    assert "train-on-val" in golf & speedrun
    (rule,) = (rule for rule in catalogue.applied(find("modded-nanogpt")) if rule.slug == "train-on-val")
    assert rule.authority[0].ref == "KellerJordan/modded-nanogpt README"


def test_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert golf_audit(["challenge", "list"]) == 0
    assert "modded-nanogpt" in capsys.readouterr().out
    assert golf_audit(["challenge", "show", "parameter-golf", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["artifact"]["bytes"] == 16_000_000
    assert "artifact-cap" in shown["applied"]
    assert golf_audit(["challenge", "show", "modded-nanogpt"]) == 0
    assert "loss 3.28; p 0.01" in capsys.readouterr().out
    assert golf_audit(["challenge", "show", "golf"]) == 2
    assert golf_audit(["check", "--challenge", "golf", "."]) == 2
    assert "no challenge is called 'golf'" in capsys.readouterr().err
    assert chosen() is None


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_constant_of_a_challenge_is_in_the_code(path: Path) -> None:
    """Numbers and names stand in code nowhere but in the texts and examples of rules and in help texts."""
    found = []
    for node in _code(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and not isinstance(node.value, bool) and node.value in (*NUMBERS, *NAMES):
            found.append((node.lineno, node.value))
    assert not [each for each in found if (path.name, each[1]) not in ALLOWED]


# A byte limit of a reader; an example of a log line; what a maker of examples or of a folder of ours writes.
ALLOWED = {
    ("read.py", 16_000_000),
    ("statements.py", 16_000_000),
    ("formats.py", 62_021_632),
    ("formats.py", 40_540_160),
    ("doc_overlap.py", 47_851_520),
    ("eval_wallclock.py", "submission.json"),
    ("evidence_examples.py", 151_080_000),
    ("evidence_examples.py", 62_021_632),
    ("evidence_examples.py", "submission.json"),
    ("run_logs.py", "submission.json"),
    ("submission_folder.py", "submission.json"),
    ("submission_folder.py", "track_non_record_16mb"),
    ("diagnostics.py", "submission.json"),
    ("leaderboard.py", "submission.json"),
}


def _code(tree: ast.AST) -> list[ast.AST]:
    """Return the nodes of a module but for a rule's own texts and examples, and what is private to them."""
    out: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        named = isinstance(node, ast.Assign | ast.AnnAssign) and any(
            isinstance(target, ast.Name) and (target.id == "RULE" or target.id.startswith("_"))
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        )
        if named and isinstance(node, ast.Assign | ast.AnnAssign) and _is_texts(node.value):
            continue
        out += ast.walk(node)
    return out


def _is_texts(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call | ast.BinOp | ast.JoinedStr | ast.Dict)


def test_a_third_challenge_is_one_file(tmp_path: Path) -> None:
    """A made-up contest: its own archive, cap, cards and closing day, and no code."""
    (tmp_path / "tiny-vision.toml").write_text(THIRD)
    (tmp_path / "parameter-golf.toml").write_bytes((ROOT / "rules" / "challenges" / "parameter-golf.toml").read_bytes())
    both = Challenges(tmp_path)
    assert both.names == ("parameter-golf", "tiny-vision")
    third = both.of("round_1")
    assert third.name == "tiny-vision"
    assert both.archives == {"records", "entries"}
    applied = {rule.slug for rule in catalogue.applied(third)}
    assert applied == {"artifact-cap", "hardware", "late-edit"}


THIRD = """
title = "Tiny vision, a made-up contest"
repository = "example/tiny-vision"
source = "its README"
read = 2026-11-30

[metric]
name = "val_loss"
unit = "nats per image"
source = "README"
since = 2026-09-01

[artifact]
bytes = 4_000_000
largest_meant = 8_000_000
source = "README"
since = 2026-09-01

[hardware]
gpus = 1
card = "RTX 4090"
named = '4090'
slower = 'laptop'
as_fast = '5090'
source = "README"
since = 2026-09-01

[data]
validation = "tiny_val_000.bin"
training = "tiny_train_000.bin"
source = "README"
since = 2026-09-01

[layout]
archive = "entries"
track_prefix = "round_"
metadata = "entry.json"
script = "train.py"
source = "README"
since = 2026-09-01

[[tracks]]
folder = "round_1"
title = "Round 1"
kind = "record"
source = "README"

[cutoff]
on = 2026-12-01
source = "README"

[records]
usual_seeds = [0, 1, 2]

[[rules.ruled.artifact-cap]]
ref = "README"
who = "organisers"
when = "2026-09"
weight = "official"
said = "four megabytes of code and weights"

[[rules.ruled.hardware]]
ref = "README"
who = "organisers"
when = "2026-09"
weight = "official"
said = "timed on one RTX 4090"

[[rules.ruled.late-edit]]
ref = "README"
who = "organisers"
when = "2026-09"
weight = "official"
said = "entries are in by the first of December"
"""
