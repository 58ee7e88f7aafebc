"""The review comment: the parts reviewers expect, and hostile text that stays text."""

import dataclasses

from markdown_it import MarkdownIt

from auditor import catalogue
from auditor.rule import Authority, Rule
from reports.markdown import render

EVIL = "x`` ``` <img src=x> @openai #1 [a](http://evil.example) | \u202e\n# heading\n\n---\n<!--"


def parsed(text):
    return MarkdownIt("commonmark").parse(text)


def test_parts_of_the_comment(flagged):
    text = render(flagged)
    for part in (
        "## golf-audit: `2026-04-01_Name` (pull request 7)",
        "**FLAG**, recommendation to maintainers: **CLOSE**",
        "`1.09250 logged (mean of 2 logs, sd 0.00071), 1.0925 claimed`",
        "`train_gpt.py at 0123456789abcdef0123456789abcdef01234567`",
        "compliance: **FLAG** · evidence: **INCOMPLETE** · package: **CLEAN**",
        "### FLAG: prequant-ttt",
        "At `train_gpt.py:5 (layer 1)`:",
        "> 5 | loss.backward()",
        "1. `train_gpt.py:40 (layer 1)` val\\_tokens passed in",
        "- **Fix**: Score each chunk first.",
        "### Notes (none changes the verdict)",
        "Not reached: BEST\\_OF defaults to 0",
        "**the verdict hangs on it**",
        "### Limits",
    ):
        assert part in text


def test_headings_are_ours_alone(flagged, monkeypatch):
    monkeypatch.setattr(catalogue, "find", lambda slug: None)
    first = dataclasses.replace(flagged.findings[0], message=EVIL, active_because=EVIL, advice=EVIL, path=EVIL)
    report = dataclasses.replace(
        flagged,
        name=EVIL,
        script=EVIL,
        findings=(first,),
        not_followed=tuple(dataclasses.replace(n, what=EVIL, path=EVIL) for n in flagged.not_followed),
        timeline=(EVIL,),
    )
    text = render(report, timeline=True)
    blocks = parsed(text)
    titles = [blocks[i + 1].content for i, block in enumerate(blocks) if block.type == "heading_open"]
    assert len(titles) == 5
    assert not [block for block in blocks if block.type in ("hr", "html_block")]
    inline = [part for block in blocks for part in block.children or ()]
    assert not [part for part in inline if part.type == "image"]
    assert {p.content for p in inline if p.type == "html_inline"} <= {"<span>", "</span>", "<sub>", "</sub>"}
    links = [part.attrs["href"] for part in inline if part.type == "link_open"]
    assert links == ["https://github.com/openai/parameter-golf/pull/462"]
    prose = [part.content for part in inline if part.type == "text"]
    assert not [part for part in prose if "@openai" in part or "#1" in part]


def test_quoted_code_stays_in_its_fence(flagged):
    fences = [block for block in parsed(render(flagged)) if block.type == "fence"]
    assert len(fences) == 1
    assert fences[0].content.splitlines()[0] == "  4 | loss = model(x, y)  # ping @someone about #12 ``` <b><U+202E>"


def test_whose_ruling_it_is(flagged, monkeypatch):
    rule = Rule(
        slug="prequant-ttt",
        title="train, then score",
        group="compliance",
        condition="C3",
        summary="",
        why="",
        advice="",
        counterpart="score first (#549)",
        authority=(Authority("#462", "a maintainer", "2026-03-20", "official", "adapting first is not allowed"),),
        check=lambda case: (),
    )
    monkeypatch.setattr(catalogue, "find", lambda slug: rule if slug == rule.slug else None)
    text = render(flagged)
    assert "### FLAG: prequant-ttt (train, then score)" in text
    link = "[#462](https://github.com/openai/parameter-golf/pull/462)"
    assert f"- **Authority**: {link} **official** (a maintainer, 2026-03-20): adapting first is not allowed" in text
    legal = "[#549](https://github.com/openai/parameter-golf/pull/549)"
    assert f"- **Legal counterpart**: score first ({legal})" in text


def test_timeline_only_on_request(flagged):
    assert "What the script does" not in render(flagged)
    assert "Adapt model on <U+001B>[31mval" in render(flagged, timeline=True)
