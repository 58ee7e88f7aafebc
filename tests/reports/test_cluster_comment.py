"""The cluster comment: one pattern, several pull requests."""

import dataclasses

import pytest

from auditor.program.source import Source
from auditor.rule import Authority, Rule
from reports.cluster import render
from reports.detail import GITHUB_LIMIT

RULE = Rule(
    slug="prequant-ttt",
    title="Trained first",
    group="compliance",
    condition="C3",
    summary="It trains, then scores.",
    why="It has seen it.",
    advice="Score first.",
    counterpart="score-first (#549)",
    authority=(Authority("#462", "a maintainer", "2026-03-20", "official", "not allowed"),),
    check=lambda case: (),
)


@pytest.fixture
def member(flagged):
    """Return a maker of submissions whose decisive lines are of one kind or the other."""

    def make(number, kind):
        text = f"\n\n\n\nloss_{kind}.backward()\nstep()\n"
        sources = {("train_gpt.py", 1): Source("train_gpt.py", text, 1)}
        return dataclasses.replace(flagged, pr=number, sources=sources)

    return make


def test_grouped_by_what_the_lines_say(member, flagged):
    off = dataclasses.replace(flagged.findings[0], active=False, active_because="A defaults to 0")
    quiet = dataclasses.replace(flagged, pr=4, findings=(off,))
    without = dataclasses.replace(flagged, pr=5, findings=())
    text = render(RULE, [member(1, "b"), member(2, "a"), quiet, without, member(3, "a")])
    for part in (
        "## golf-audit: prequant-ttt in 3 submissions\n",
        "**Trained first** (C3). It trains, then scores.\n\nIt has seen it.",
        "### 2 submissions with the same lines\n",
        "### 1 submission\n",
        "- **Legal counterpart**: score-first ([#549](",
        "/pull/3) at [`0123456789ab`]",
        "### Present, and not counted\n\n- [#4]",
        "; A defaults to 0\n",
        "### Looked at, without the pattern\n\n[#5](",
    ):
        assert part in text
    assert text.count("> 5 | loss_a.backward()") == text.count("> 5 | loss_b.backward()") == 1
    assert text.index("loss_a") < text.index("[#2]") < text.index("[#3]") < text.index("loss_b") < text.index("[#1]")


@pytest.mark.parametrize(
    ("kinds", "note"),
    [(2, "more are left out here."), (90, "more submissions, with other lines, are left out here.")],
)
def test_many_fit_with_a_note(member, kinds, note):
    text = render(RULE, [member(number, number % kinds) for number in range(1, 1500)])
    assert len(text) <= GITHUB_LIMIT
    assert "## golf-audit: prequant-ttt in 1499 submissions" in text
    assert note in text
