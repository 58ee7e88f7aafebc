"""Hostile text can neither steer a terminal nor become markup."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports.escape import Markdown, code, cut, fence, markdown, visible

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
anything = st.text(st.characters(codec=None), max_size=60)
# Text made of what has a meaning somewhere is likelier to find a hole than random letters.
MARKS = r"` ``` ~~~ * _ [a](b) ![ <b> &amp; @bob #12 GH-7 http://x.y www.x.y \ | 1. - > # a $x$ <!--"
WORDS = re.findall(r"\S+", MARKS)
BLANKS = [" ", "    ", "\n", "\r\n", "\t", "\x1b[31m", "\u202e", "\u200b"]
nasty = st.lists(st.sampled_from(WORDS + BLANKS), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, näïve 漢字", "plain text, näïve 漢字"),
        ("\x1b[2J", "<U+001B>[2J"),
        ("a\u202eb", "a<U+202E>b"),
        ("a\u200bb\ufeff", "a<U+200B>b<U+FEFF>"),
        ("a\nb\r", "a<U+000A>b<U+000D>"),
        ("a\tb", "a    b"),
        ("a\u00a0b", "a<U+00A0>b"),
        ("\ud800", "<U+D800>"),
        ("\u3164\u2800\ufe0f", "<U+3164><U+2800><U+FE0F>"),
        ("e\u0301\u0301\u0301\u0301x", "e\u0301\u0301<U+0301><U+0301>x"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


@given(anything | nasty)
def test_nothing_hidden_survives(text):
    shown = visible(text)
    assert not [char for char in shown if unicodedata.category(char) in HIDDEN]
    assert visible(shown) == shown
    shown.encode("utf-8")


@given(anything | nasty, st.integers(0, 40))
def test_cut_keeps_the_width_and_says_what_is_missing(text, width):
    shown = cut(text, width)
    if len(visible(text)) <= width:
        assert shown == visible(text)
        return
    mark = re.search(r"… \[\+(\d+)\]$", shown)
    assert mark is not None
    kept = shown[: mark.start()]
    assert len(shown) <= width or not kept
    assert visible(text[: len(text) - int(mark.group(1))]) == kept


def test_cut_does_not_read_the_whole_of_an_endless_line():
    assert cut("x" * 50_000_000, 12) == "… [+50000000]"


@given(anything | nasty)
@example("`" * 9)
def test_a_code_span_cannot_be_closed_from_inside(text):
    span = code(text, 500)
    if span == "–":
        return
    fence_run = re.match("`+", span).group()
    inside = span[len(fence_run) : -len(fence_run)]
    assert span.endswith(fence_run)
    assert fence_run not in re.findall("`+", inside)
    assert "\n" not in span


@given(st.lists(anything | nasty, max_size=5))
def test_a_fence_cannot_be_closed_from_inside(texts):
    block = fence([visible(text) for text in texts])
    opening, *body, closing = block.split("\n")
    assert opening == closing
    assert set(opening) == {"`"}
    assert all(opening not in line for line in body)


@given(anything | nasty)
def test_prose_renders_as_itself(text):
    shown = str(markdown(text))
    blocks = MarkdownIt("commonmark").enable(["strikethrough", "table"]).parse(shown)
    if not visible(text).strip():
        assert not blocks
        return
    assert [block.type for block in blocks] == ["paragraph_open", "inline", "paragraph_close"]
    parts = blocks[1].children
    assert {part.type for part in parts} <= {"text", "html_inline"}
    assert {part.content for part in parts if part.type == "html_inline"} <= {"<span>", "</span>"}
    assert "".join(p.content for p in parts if p.type == "text").strip() == visible(text).strip()


@given(anything | nasty)
def test_prose_gives_github_nothing_to_link(text):
    # GitHub looks for mentions, references and addresses within one text node.
    nodes = re.split("</?span>", str(markdown(text)))
    for node in nodes:
        assert not re.search(r"@\w|#\d|gh-\d|www\.|://", node, re.IGNORECASE)


def test_markdown_is_marked_as_such():
    assert isinstance(markdown("a_b"), Markdown)
    assert markdown("12. x") == "12\\. x"
    assert markdown("0.1.0") == "0.1.0"
