"""Whatever stands in any field of any comment stays text: it mentions, links, closes, hides and breaks nothing."""

import dataclasses
import itertools
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from auditor.challenge import default
from auditor.finding import Finding, NotFollowed, Overruled, Recommendation, Step, Verdict
from auditor.program.source import Source
from auditor.reaudit.compare import from_what_was_said, re_audit
from auditor.report import Claims, Comparison, Gone, MeasuredRun, Report
from auditor.rule import Authority, Rule
from reports.cluster import render as cluster
from reports.comment import Form
from reports.escape import visible
from reports.markdown import render as review
from reports.pull import comment_on
from reports.reaudit import as_text
from reports.reaudit import render as reaudit
from reports.text import Style, render_timeline
from reports.text import render as text

OURS = {"<span>", "</span>", "<sub>", "</sub>"}
BLOCK = re.compile(r"(<details><summary>[\w ,]+</summary>|</details>|<sub>golf-audit [\w.+]+</sub>)")
BLOCKS = {"inline", "fence", "html_block"} | {
    f"{block}_{end}"
    for block in ("paragraph", "heading", "bullet_list", "ordered_list", "list_item")
    for end in ("open", "close")
}
TITLE = re.compile(
    r"golf-audit: |(FLAG|HOLD|INCOMPLETE): |Gone|New$|Remaining$|Notes \(|Limits$|What |Smoke test$|Legal patterns|"
    r"\d+ submissions?( with the same lines)?$|Present, and not counted$|Looked at, without"
)
LINKED = re.compile(r"@\w|#\d|\bGH-\d|www\.|://|\w@\w", re.IGNORECASE)
CLOSING = re.compile(r"\b(close[sd]?|fix(es|ed)?|resolve[sd]?)\b:? *(#|GH-|\w+/\w+#|https?://)", re.IGNORECASE)
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
RULING = "https://example.org/ruling"

PIECES = [
    *(
        "@openai",
        "@o/team",
        "#1",
        "GH-1",
        "o/r#1",
        "Fixes #1",
        "closes",
        "resolves:",
        "https://evil.example",
        "www.evil.example",
    ),
    *(
        "a@evil.example",
        "![x](//evil.example/p.png)",
        "[x](//evil.example)",
        "[x]: //evil.example",
        "<https://evil.example>",
    ),
    *(
        "<img src=x>",
        "</details>",
        "<!--",
        "-->",
        "<details>",
        "&lt;",
        "&#64;o",
        "`",
        "```",
        "~~~",
        "````diff",
        "$x$",
        "|",
    ),
    *(
        "# h",
        "- ",
        "1. ",
        "> ",
        "---",
        "===",
        "***",
        "_",
        "\\",
        "\\`",
        "{{ 7 }}",
        "{% x %}",
        "</sub>",
        "^[1]",
        "[^1]: x",
    ),
    *(
        "\n",
        "\n\n",
        "\r",
        "\t",
        "    ",
        " ",
        "\x1b[2J",
        "\x1b]8;;x\x07",
        "\u202e",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\x00",
        "\u2028",
    ),
    *("\ud800", "é", "漢", "e\u0301\u0301\u0301", "x", "0", "train_gpt.py", ":1"),
]
hostile = (
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join).filter(lambda each: visible(each).strip())
)
texts = st.lists(hostile, min_size=1, max_size=12)


def submission(give, sha="a" * 40):
    """Return a report in which every text that a submission can write comes from ``give``."""

    def finding(rule, group, status, line, **more):
        return Finding(
            rule,
            group,
            status,
            give(),
            path=give(),
            line=line,
            end_line=line + 1,
            active_because=give(),
            trace=tuple(Step(give(), n, give()) for n in range(1, 9)),
            authority=("#462", give()),
            advice=give(),
            **more,
        )

    found = (
        finding("prequant-ttt", "compliance", "violation", 1),
        finding("prequant-ttt", "compliance", "violation", 2, layer=1, known=True),
        finding(give(), "evidence", "hold", 1, active=None),
        finding("prequant-ttt", "compliance", "violation", 3, active=False),
        finding(
            "oracle-selection",
            "compliance",
            "violation",
            3,
            overruled=Overruled(give(), give(), RULING, give(), give(), give(), 3),
        ),
    )
    code = "\n".join(give() for _ in range(6))
    return Report(
        submission=give(),
        name=give(),
        track="record",
        sha=sha,
        script=give(),
        verdict=Verdict.FLAG,
        recommendation=Recommendation.CLOSE,
        compliance=Verdict.FLAG,
        evidence=Verdict.HOLD,
        package=Verdict.CLEAN,
        findings=found,
        not_followed=tuple(NotFollowed(give(), 1, give(), decisive=bool(n % 2)) for n in range(8)),
        claims=Claims(1.0, 2, (3,)),
        runs=(MeasuredRun(give(), 1, 1.0),),
        sources={(f.path, f.layer): Source(f.path, code, f.layer) for f in found},
        timeline=(give(), give()),
        pr=7,
        baseline=Comparison(1, 2, (Gone(give(), give(), 1, give()),)),
        folder=give(),
        title=give(),
    )


def pair(given):
    """Return two heads of one submission, and an earlier report; the texts go round."""
    give = itertools.cycle(given).__next__
    before, after = submission(give), submission(give, "b" * 40)
    # Some findings stay, so that there are pairs and changed lines.
    kept = dataclasses.replace(before.findings[0], line=2)
    sources = {**after.sources, (kept.path, 0): Source(kept.path, give() + "\n" + give(), 0)}
    return before, dataclasses.replace(after, findings=(kept, *after.findings[1:]), sources=sources), submission(give)


RULE = Rule(
    slug="prequant-ttt",
    title="t",
    group="compliance",
    condition="C3",
    summary="s",
    why="w",
    advice="a",
    counterpart="c (#549)",
    authority=(Authority("#462", "a maintainer", "2026", "official", "no"),),
    check=lambda case: (),
)
SHORT = Form(limit=14_000)
FORMS = [SHORT, Form(repository="https://git.example/o/r")]
COMMENTS = {
    "review": lambda before, after, said, form: review(
        after, timeline=True, form=form, smoke=steps(before), alike={0: (8, 9)}
    ),
    "several": lambda before, after, said, form: comment_on((before, after, said), form, timeline=True),
    "re-audit": lambda before, after, said, form: reaudit(re_audit(after, before, said), form),
    "re-audit of a report": lambda before, after, said, form: reaudit(from_what_was_said(after, said), form),
    "cluster": lambda before, after, said, form: cluster(RULE, (before, after, said), form),
}


def steps(report):
    step = dataclasses.make_dataclass("Step", ["name", "status", "reason"])
    return [step(report.name, "FAIL", report.script)]


@pytest.mark.parametrize("form", FORMS, ids=["short", "whole"])
@pytest.mark.parametrize("comment", COMMENTS)
@settings(max_examples=12)
@given(given=texts)
def test_comments(comment, form, given):
    shown = COMMENTS[comment](*pair(given), form)
    assert len(shown) <= form.limit
    assert not [c for c in shown if c != "\n" and unicodedata.category(c) in HIDDEN]
    blocks = parsed(shown)
    assert {block.type for block in blocks} <= BLOCKS
    titles = [blocks[number + 1].content for number, block in enumerate(blocks) if block.type == "heading_open"]
    assert all(TITLE.match(title) for title in titles)
    html = [line for b in blocks if b.type == "html_block" for line in b.content.split("\n") if line]
    assert all(BLOCK.fullmatch(line) for line in html)
    assert sum(line.startswith("<details>") for line in html) == html.count("</details>")
    for block in blocks:
        check_inline(block.children or (), form)


def parsed(shown):
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(shown)


def check_inline(parts, form):
    """Assert that one paragraph holds no element, link or reference that isn't ours."""
    deep = 0
    said = ""
    for part in parts:
        assert part.type != "image"
        if part.type == "html_inline":
            assert part.content in OURS
        if part.type == "link_open":
            href = part.attrs["href"]
            assert href == RULING or href.startswith(
                (f"{default().address}/", f"{default().address}#", f"{form.repository}/")
            )
            assert re.fullmatch(r"[!-~]+", href)
        deep += {"link_open": 1, "link_close": -1}.get(part.type, 0)
        if part.type == "text" and not deep:
            assert not LINKED.search(part.content)
        # An element or code between a word and a number keeps them apart; a link of ours doesn't.
        said += part.content if part.type == "text" else "" if part.type.startswith("link") else "\0"
    assert not CLOSING.search(said)


@settings(max_examples=30)
@given(given=texts)
def test_terminal(given):
    before, after, said = pair(given)
    style = Style(100)
    shown = text(after, style) + render_timeline(after, style) + as_text(re_audit(after, before, said), style)
    assert not [c for c in shown if c != "\n" and unicodedata.category(c) in HIDDEN]
    shown.encode("utf-8")
