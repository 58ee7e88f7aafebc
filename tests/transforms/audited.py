"""Scripts to be transformed: those of the rules' examples, and those of others where a clone of them is named."""

from __future__ import annotations

import ast
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

from auditor import catalogue
from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.rule import Example
from auditor.submission.discover import describe
from auditor.submission.history import read_git
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission, Unread

NAME = "2026-04-01_Example"


@dataclass(frozen=True)
class Script:
    """A submission, and the text of its script: its own, or another one that is put in its place."""

    submission: Submission
    source: str


def of_example(example: Example) -> Script:
    """Return an example of a rule as a submission."""
    files = {"train_gpt.py": example.code, **example.files}
    tree = MemoryTree({path: text.encode("utf-8") for path, text in files.items()})
    place = f"records/track_10min_16mb/{NAME}"
    return Script(describe(tree, given=NAME, name=NAME, place=place, script="train_gpt.py"), example.code)


def of_examples() -> list[Script]:
    """Return the examples of the rules on code, in the order of the catalogue."""
    rules = [rule for rule in catalogue.load() if rule.group == "compliance"]
    return [of_example(example) for rule in rules for example in (*rule.invalid, *rule.valid)]


def drawn() -> list[int]:
    """Return the pull requests to be taken, drawn at random and always the same; none where no clone is named.

    GOLF_AUDIT_CLONE is a git directory with their heads, GOLF_AUDIT_PRS a file of JSON lines with a field ``pr`` each,
    GOLF_AUDIT_DRAWN how many are taken (60).
    """
    if not ("GOLF_AUDIT_CLONE" in os.environ and "GOLF_AUDIT_PRS" in os.environ):
        return []
    lines = Path(os.environ["GOLF_AUDIT_PRS"]).read_text("utf-8").splitlines()
    numbers = sorted({int(json.loads(line)["pr"]) for line in lines if line})
    count = min(int(os.environ.get("GOLF_AUDIT_DRAWN", "60")), len(numbers))
    return sorted(random.Random(0).sample(numbers, count))


def of_pull_request(number: int) -> Script | None:
    """Return the first script of a pull request, as it unpacks; None when it can't be read."""
    try:
        found = read_git(os.environ["GOLF_AUDIT_CLONE"], pr=number)[0]
    except Unread:
        return None
    program = load_program(found)
    if not isinstance(program, Program) or program.main.module is None:
        return None
    return Script(found, program.main.source.text)


def of_others() -> list[Script]:
    """Return the scripts of the pull requests that are drawn and that this Python can parse."""
    found = [script for number in drawn() if (script := of_pull_request(number)) is not None]
    return [script for script in found if _parses(script.source)]


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True
