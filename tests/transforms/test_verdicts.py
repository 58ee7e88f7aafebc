"""A verdict doesn't depend on how a script is written: every example, transformed and audited again.

Each example goes through two of the transformations, in turn; with GOLF_AUDIT_EVERY=1 through all of them.
``test_real_scripts.py`` and ``benchmarks/transforms.py`` take whole scripts of others.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from audited import of_example
from compared import compared
from transformations import TRANSFORMATIONS

from auditor import catalogue
from auditor.rule import Example, Rule
from auditor.submission.path import read_path

RULES = [rule for rule in catalogue.load() if rule.group == "compliance"]
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "records").glob("*/*TTT"))  # one flagged, one clean
NAMES = [name for name in TRANSFORMATIONS if name != "reprinted"]  # which every other one is besides

# Verdicts that a transformation still loses: one file that holds shards of both splits, one after the other.
KNOWN = {("a unigram prior from a shard", "filed")}


def in_turn(rule: Rule) -> Iterator[tuple[Example, list[str]]]:
    """Yield the rule's examples with the transformations of each: neighbours in the list follow on each other."""
    start = RULES.index(rule) * 5
    for number, example in enumerate((*rule.invalid, *rule.valid)):
        at = start + 2 * number
        yield example, NAMES if "GOLF_AUDIT_EVERY" in os.environ else [NAMES[n % len(NAMES)] for n in (at, at + 1)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.slug)
def test_an_example_is_judged_as_before(rule: Rule) -> None:
    differ = []
    for example, names in in_turn(rule):
        script = of_example(example)
        rows = compared(script.submission, script.source, names, [rule.slug])
        rows = [r for r in rows if r.outcome == "differs" and (example.title, r.transformation) not in KNOWN]
        differ += [f"{example.title}, {row.transformation}: {row.words}" for row in rows]
    assert not differ


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_a_whole_submission_is_judged_as_before(folder: Path) -> None:
    (found,) = read_path(str(folder))
    names = NAMES if "GOLF_AUDIT_EVERY" in os.environ else NAMES[EXAMPLES.index(folder) :: len(EXAMPLES)]
    rows = compared(found, (folder / "train_gpt.py").read_text("utf-8"), names, None)
    assert not [row for row in rows if row.outcome in ("differs", "skipped")]
