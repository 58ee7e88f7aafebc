"""What is tried and what stands: a change has to take its finding away, add none, and leave the rest."""

import dataclasses

import pytest
from test_rules import example_of, of, submission

from auditor.check import audit
from auditor.finding import Finding, Recommendation, Verdict
from auditor.fix.change import Change, Edit
from auditor.fix.overlay import overlaid
from auditor.fix.plan import Plan, Wanted, fault, plan
from auditor.report import Report
from auditor.submission.model import Submission, Unread

TEXT = "one two three\n"


def finding(rule: str, fix: Change | None = None, message: str = "Wrong.", **others: object) -> Finding:
    return Finding(rule, "package", "incomplete", message, "README.md", 1, fix=fix, **others)  # type: ignore[arg-type]


def word(old: str, new: str, *otherwise: Change, safety: str = "safe") -> Change:
    at = TEXT.index(old)
    edit = Edit("README.md", at, at + len(old), old, new)
    return Change(f"{old} to {new}", safety, (edit,), otherwise=otherwise)  # type: ignore[arg-type]


def report(*findings: Finding) -> Report:
    clean = Verdict.CLEAN
    return Report("x", "x", "record", None, None, clean, Recommendation.MERGE, clean, clean, clean, findings)


class Auditor:
    """Finds what ``rules`` say of the README's words; counts how often it is asked."""

    def __init__(self, **rules: object) -> None:
        self.rules, self.asked = rules, 0

    def __call__(self, submission: Submission) -> Report:
        self.asked += 1
        text = submission.tree.read("README.md", 1000).decode()
        return report(*(f for says in self.rules.values() for f in says(text)))  # type: ignore[operator]


def planned(auditor: Auditor, wanted: Wanted | None = None) -> Plan:
    files = {"train_gpt.py": "x = 1\n", "README.md": TEXT}
    return plan(submission(files), auditor, wanted or Wanted())


def when(text: str, found: Finding):
    return lambda now: [found] if text in now else []


def test_changes_that_go_together_are_tried_together() -> None:
    auditor = Auditor(
        a=when("one", finding("rule-a", word("one", "1"))), b=when("three", finding("rule-b", word("three", "3")))
    )
    found = planned(auditor)
    assert found.files == {"README.md": b"1 two 3\n"}
    assert [m.change.title for m in found.made] == ["one to 1", "three to 3"]
    assert auditor.asked == 2  # before, and with both


def test_what_does_not_take_its_finding_away_is_left_out_and_the_rest_stands() -> None:
    auditor = Auditor(
        a=lambda text: [finding("rule-a", word("one", "1"))],
        b=when("three", finding("rule-b", word("three", "3"))),
    )
    found = planned(auditor)
    assert found.files == {"README.md": b"one two 3\n"}
    (left,) = found.left
    assert left.why == "rule-a would still be there"


def test_a_change_after_which_its_rule_says_something_else_tells_what() -> None:
    other = dataclasses.replace(finding("rule-a", message="It is still called that."), line=7)
    auditor = Auditor(
        a=lambda text: [other] if "1 two" in text else [finding("rule-a", word("one", "1"), message="Wrong at 3.")]
    )
    (left,) = planned(auditor).left
    assert left.why == "rule-a would be said of README.md:7 instead: It is still called that."


def test_what_adds_a_finding_is_left_out() -> None:
    auditor = Auditor(
        a=when("one", finding("rule-a", word("one", "bad"))), b=when("bad", finding("rule-b", message="Bad."))
    )
    found = planned(auditor)
    assert not found.files
    assert [left.why for left in found.left] == ["it would add rule-b at README.md:1"]


def test_another_way_is_tried_where_the_first_does_not_help() -> None:
    change = word("one", "uno", word("one", "1"))
    auditor = Auditor(a=lambda text: [] if "1" in text else [finding("rule-a", change)])
    found = planned(auditor)
    assert found.files == {"README.md": b"1 two three\n"}
    assert [m.change.title for m in found.made] == ["one to 1"]


def test_what_a_change_uncovers_is_changed_after_it() -> None:
    at = TEXT.index("two") - 2  # "one" has become "1" before
    later = Change("two to 2", "safe", (Edit("README.md", at, at + 3, "two", "2"),))
    auditor = Auditor(
        a=when("one", finding("rule-a", word("one", "1"))),
        b=lambda text: [finding("rule-b", later, message="Then.")] if "1 two" in text else [],
    )
    found = planned(auditor)
    # The first change would add a finding: it isn't made, whatever could be done about that one.
    assert not found.files


def test_unsafe_changes_are_made_when_they_are_asked_for() -> None:
    auditor = Auditor(a=when("one", finding("rule-a", word("one", "1", safety="unsafe"))))
    assert not planned(auditor).files
    assert planned(auditor).left[0].why == "unsafe: --unsafe makes it"
    assert planned(auditor, Wanted(unsafe=True)).files == {"README.md": b"1 two three\n"}


def test_only_the_rules_asked_for_and_nothing_that_can_not_run() -> None:
    idle = finding("rule-a", word("one", "1"), active=False)
    assert not planned(Auditor(a=lambda text: [idle])).left
    auditor = Auditor(a=when("one", finding("rule-a", word("one", "1"))))
    assert not planned(auditor, Wanted({"rule-b"})).files
    assert not planned(auditor, Wanted(ignore={"rule-a"})).files


def test_a_change_that_does_not_fit_says_why() -> None:
    edit = Edit("README.md", 0, 3, "uno", "1")
    auditor = Auditor(a=lambda text: [finding("rule-a", Change("uno to 1", "safe", (edit,)))])
    assert planned(auditor).left[0].why == "README.md: it no longer reads as it did"


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ({"compliance": Verdict.UNREADABLE}, "the script could no longer be read"),
        ({}, None),
    ],
)
def test_a_program_that_can_not_be_read_any_more_is_no_fix(after: dict[str, Verdict], why: str | None) -> None:
    target = finding("rule-a")
    assert fault(report(target), dataclasses.replace(report(), **after), [target]) == why  # type: ignore[arg-type]


def test_an_overlay_is_read_in_the_place_of_files_and_finds_new_ones() -> None:
    base = submission({"train_gpt.py": "x = 1\n", "a.log": "step:1 train_loss:2\n"})
    changed = overlaid(base, {"README.md": b"# A\n", "a.log": b"other"})
    assert (base.readme, changed.readme) == (None, "README.md")
    assert changed.tree.paths() == ("README.md", "a.log", "train_gpt.py")
    assert (changed.tree.read("a.log", 9), changed.tree.size("a.log")) == (b"other", 5)
    with pytest.raises(Unread, match=r"5 bytes, more than the 2 read"):
        changed.tree.read("a.log", 2)


def test_a_real_change_stands_with_its_whole_report() -> None:
    found = plan(of(example_of("prequant-ttt", "guarded")), audit, Wanted(unsafe=True))
    assert [f.rule for m in found.made for f in m.findings] == ["prequant-ttt"]
    assert not [f for f in found.after.findings if f.rule == "prequant-ttt" and f.active]
