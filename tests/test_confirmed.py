"""A violation stands where a setting that is followed by itself leads to it, or may."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from auditor import confirmed
from auditor.case import Case
from auditor.evidence.read import read_evidence
from auditor.finding import Finding, Status
from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.rule import Rule
from auditor.submission.discover import describe
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Setting
from auditor.timeline import follow
from auditor.timeline.events import Unfollowed
from auditor.timeline.values.frames import Site
from rules.prequant_ttt import RULE

CODE = """
import os
if int(os.environ.get("TTT", "0")):
    print("on")
"""


def finding(line: int, status: Status = "violation") -> Finding:
    return Finding("prequant-ttt", "compliance", status, "m", path="train_gpt.py", line=line, active=status != "note")


@pytest.fixture
def case() -> Case:
    tree = MemoryTree({"train_gpt.py": CODE.encode()})
    name = "2026-04-01_Example"
    found = describe(tree, given=name, name=name, place=f"records/track_10min_16mb/{name}", script="train_gpt.py")
    program = load_program(found)
    assert isinstance(program, Program)
    return Case(found, program, follow(program, [Setting("defaults", "default", {})]), read_evidence(found))


def finds(all_together: list[Finding], alone: list[Finding]) -> Callable[[Case], Rule]:
    """Return what makes a rule that finds the first in the case, and the others where one setting is followed."""
    return lambda case: replace(RULE, check=lambda each: all_together if each is case else alone)


def told(case: Case, rule: Rule, others: tuple[Rule, ...] = ()) -> list[tuple[int | None, Status, bool | None]]:
    found = tuple(rule.check(case))
    again = confirmed.Alone((rule, *others)).confirmed(rule, case, found)
    return [(f.line, f.status, f.active) for f in again]


def test_what_one_setting_leads_to_stands(case: Case) -> None:
    assert told(case, finds([finding(3)], [finding(3)])(case)) == [(3, "violation", True)]


def test_what_is_a_hold_under_one_setting_was_not_disproved(case: Case) -> None:
    assert told(case, finds([finding(3)], [finding(3, "hold")])(case)) == [(3, "violation", True)]


@pytest.mark.parametrize("alone", [[], [finding(3, "note")], [finding(4, "hold")]])
def test_what_no_setting_leads_to_is_a_note(case: Case, alone: list[Finding]) -> None:
    assert told(case, finds([finding(3)], alone)(case)) == [(3, "note", False)]


def test_what_is_told_of_another_place_stands(case: Case) -> None:
    assert told(case, finds([finding(3)], [finding(4)])(case)) == [(3, "violation", True)]


def test_a_second_violation_at_its_own_place_does_not_vouch_for_the_first(case: Case) -> None:
    both = finds([finding(3), finding(4)], [finding(4)])(case)
    assert told(case, both) == [(3, "note", False), (4, "violation", True)]


def test_what_breaks_another_rule_at_that_place_stands(case: Case) -> None:
    other = replace(RULE, slug="other", check=lambda each: [finding(3)])
    assert told(case, finds([finding(3)], [])(case), (other,)) == [(3, "violation", True)]


def test_notes_and_holds_are_not_asked_again(case: Case) -> None:
    assert told(case, finds([finding(3, "hold"), finding(4, "note")], [])(case)) == [
        (3, "hold", True),
        (4, "note", False),
    ]


def test_where_following_one_setting_stopped_early_the_finding_stands(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: object) -> object:
        assert case.program is not None and case.timeline is not None
        place = Site(case.program.main.source, 0, 0)
        return replace(case.timeline, unfollowed=(Unfollowed(place, "the analysis stopped", True),))

    monkeypatch.setattr(confirmed, "follow_alone", stopped)
    assert told(case, finds([finding(3)], [])(case)) == [(3, "violation", True)]
