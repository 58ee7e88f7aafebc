"""What outweighs what, and what a maintainer is advised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.finding import Finding, NotFollowed, Recommendation, Verdict
from auditor.rule import Authority, Rule
from auditor.verdict import closes, judge, weigh, worst

GROUPS = ("compliance", "evidence", "package")
CLOSING = frozenset({"closing-rule"})


def finding(rule="some-rule", group="compliance", status="violation", active=True):
    return Finding(rule, group, status, "message", active=active)


findings = st.lists(
    st.builds(
        finding,
        rule=st.sampled_from(["some-rule", "closing-rule", "not-significant"]),
        group=st.sampled_from(GROUPS),
        status=st.sampled_from(["violation", "hold", "incomplete", "note"]),
        active=st.sampled_from([True, False, None]),
    ),
    max_size=6,
)
unfollowed = st.lists(st.builds(NotFollowed, st.just("a.py"), st.just(1), st.just("x"), st.booleans()))
tracks = st.sampled_from(["record", "non-record", "unknown"])


def test_order_is_the_contracts():
    order = [Verdict.FLAG, Verdict.HOLD, Verdict.UNREADABLE, Verdict.INCOMPLETE, Verdict.CLEAN]
    assert sorted(Verdict, key=lambda verdict: -verdict.severity) == order


@pytest.mark.parametrize(
    ("status", "active", "group", "expected"),
    [
        ("violation", True, "compliance", Verdict.FLAG),
        ("violation", None, "compliance", Verdict.HOLD),
        ("violation", False, "compliance", Verdict.CLEAN),
        ("hold", True, "evidence", Verdict.HOLD),
        ("hold", False, "evidence", Verdict.CLEAN),
        ("incomplete", True, "package", Verdict.INCOMPLETE),
        ("incomplete", True, "compliance", Verdict.HOLD),
        ("note", True, "package", Verdict.CLEAN),
    ],
)
def test_one_finding(status, active, group, expected):
    assert weigh(finding(group=group, status=status, active=active)) is expected


def test_each_group_has_its_own_verdict():
    result = judge([finding(status="hold"), finding(group="package", status="incomplete")])
    assert (result.compliance, result.evidence, result.package) == (
        Verdict.HOLD,
        Verdict.CLEAN,
        Verdict.INCOMPLETE,
    )
    assert result.verdict is Verdict.HOLD


def test_what_hangs_on_something_unfollowed_is_held():
    item = NotFollowed("a.py", 3, "a computed name", decisive=True)
    assert judge([], [item]).compliance is Verdict.HOLD
    assert judge([], [NotFollowed("a.py", 3, "a computed name")]).compliance is Verdict.CLEAN
    assert judge([finding()], [item]).compliance is Verdict.FLAG


def test_unreadable_is_never_clean():
    assert judge([], readable=False).verdict is Verdict.UNREADABLE
    assert judge([finding(group="package", status="incomplete")], readable=False).verdict is Verdict.UNREADABLE
    assert judge([finding(status="hold")], readable=False).compliance is Verdict.HOLD


@pytest.mark.parametrize(
    ("found", "track", "expected"),
    [
        ([], "record", Recommendation.MERGE),
        ([], "non-record", Recommendation.MERGE_NON_RECORD),
        ([], "unknown", Recommendation.MERGE_NON_RECORD),
        ([finding("closing-rule")], "record", Recommendation.CLOSE),
        ([finding("some-rule")], "record", Recommendation.REQUEST_CHANGES),
        (
            [finding("closing-rule", active=None), finding("x", "package")],
            "record",
            Recommendation.REQUEST_CHANGES,
        ),
        ([finding(status="hold")], "record", Recommendation.HOLD),
        ([finding(group="package", status="incomplete")], "record", Recommendation.REQUEST_CHANGES),
        ([finding("closing-rule", active=False)], "record", Recommendation.MERGE),
        ([finding("not-significant", "evidence")], "record", Recommendation.MERGE_NON_RECORD),
        ([finding("not-significant", "evidence", "note")], "record", Recommendation.MERGE),
    ],
)
def test_recommendation(found, track, expected):
    assert judge(found, track=track, closing=CLOSING).recommendation is expected


def test_an_unreadable_script_asks_for_changes():
    assert judge([], readable=False, track="record").recommendation is Recommendation.REQUEST_CHANGES


@given(findings, unfollowed, st.booleans(), tracks)
def test_overall_is_the_worst_group(found, items, readable, track):
    result = judge(found, items, readable=readable, track=track, closing=CLOSING)
    assert result.verdict is worst([result.compliance, result.evidence, result.package])
    assert result.compliance is not Verdict.INCOMPLETE
    assert readable or result.compliance.severity >= Verdict.UNREADABLE.severity


@given(findings, unfollowed, st.booleans(), tracks)
def test_notes_and_dead_code_change_no_verdict(found, items, readable, track):
    live = [f for f in found if f.active is not False and f.status != "note"]
    kept = judge(live, items, readable=readable, track=track, closing=CLOSING)
    whole = judge(found, items, readable=readable, track=track, closing=CLOSING)
    assert (whole.compliance, whole.evidence, whole.package) == (kept.compliance, kept.evidence, kept.package)


@given(findings, findings, unfollowed)
def test_more_findings_never_make_it_milder(some, more, items):
    assert judge(some + more, items).verdict.severity >= judge(some, items).verdict.severity


@given(findings, unfollowed, st.booleans(), tracks)
def test_order_of_findings_does_not_matter(found, items, readable, track):
    def result(order):
        return judge(order, items, readable=readable, track=track, closing=CLOSING)

    assert result(found) == result(list(reversed(found)))


@given(findings, unfollowed, st.booleans(), tracks)
def test_merging_needs_compliance(found, items, readable, track):
    result = judge(found, items, readable=readable, track=track, closing=CLOSING)
    if result.recommendation in (Recommendation.MERGE, Recommendation.MERGE_NON_RECORD):
        assert result.compliance is Verdict.CLEAN
    if result.recommendation is Recommendation.CLOSE:
        assert result.verdict is Verdict.FLAG


@pytest.mark.parametrize(
    ("weight", "condition", "expected"),
    [
        ("official", "C1", True),
        ("audit", "metric", True),
        ("community", "C1", False),
        ("official", "budget", False),
        ("official", "package", False),
    ],
)
def test_what_closes(weight, condition, expected):
    rule = Rule(
        slug="r",
        title="t",
        group="compliance",
        condition=condition,
        summary="",
        why="",
        advice="",
        counterpart="",
        authority=(Authority("#1", "who", "2026-01-01", weight, "said"),),
        check=lambda case: (),
    )
    assert closes(rule) is expected
