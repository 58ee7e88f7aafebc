"""A verdict doesn't depend on how a script is written: every example, transformed and audited again.

Each example goes through some of the transformations, in turn; ``benchmarks/transforms.py`` takes whole scripts through
all of them.
"""

from pathlib import Path

import pytest
from judged import judged, with_script
from transformations import TRANSFORMATIONS

from auditor import catalogue
from auditor.rule import Rule
from auditor.submission.discover import describe
from auditor.submission.memory import MemoryTree
from auditor.submission.path import read_path

RULES = [rule for rule in catalogue.load() if rule.group == "compliance"]
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "records").glob("*/*TTT"))  # one flagged, one clean
TURNS = (
    ("outlined", "shuffled"),
    ("outlined", "inlined"),
    ("outlined", "packed"),
    ("outlined", "renamed"),
    ("outlined", "reordered"),
    ("outlined", "inlined"),
)
NAME = "2026-04-01_Example"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.slug)
def test_an_example_is_judged_as_before(rule: Rule) -> None:
    differ = []
    for number, example in enumerate((*rule.invalid, *rule.valid)):
        files = {"train_gpt.py": example.code, **example.files}
        tree = MemoryTree({path: text.encode("utf-8") for path, text in files.items()})
        found = describe(tree, given=NAME, name=NAME, place=f"records/track_10min_16mb/{NAME}", script="train_gpt.py")
        before = judged(found, [rule.slug])
        for name in TURNS[number % len(TURNS)]:
            written = TRANSFORMATIONS[name](example.code)
            after = before if written is None else judged(with_script(found, written), [rule.slug])
            if after != before:
                differ.append(f"{example.title}, {name}: {before} → {after}")
    assert not differ


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_a_whole_submission_is_judged_as_before(folder: Path) -> None:
    (found,) = read_path(str(folder))
    source = (folder / "train_gpt.py").read_text("utf-8")
    before = judged(found)
    for name in ("shuffled", "reordered", "outlined", "inlined", "packed"):
        written = TRANSFORMATIONS[name](source)
        assert written is None or judged(with_script(found, written)) == before, name
