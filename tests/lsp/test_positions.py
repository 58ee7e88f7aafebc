"""Places in documents: lines as editors have them, columns in UTF-16."""

import re

from hypothesis import given
from hypothesis import strategies as st

from auditor.lsp.diagnostics import lines
from auditor.lsp.positions import Lines

TEXTS = st.text(st.sampled_from("ab \t\n\r\f\v\u2028\u0085é\U0001f40d"), max_size=40)


def test_a_form_feed_and_a_line_separator_end_no_line() -> None:
    text = "a\fb\u2028c\nd"
    assert Lines(text).place(text.index("d")) == (1, 0)
    assert len(text.splitlines()) == 4  # as pygls counts


def test_columns_count_utf_16() -> None:
    text = 'x = "\U0001f40d\U0001f40d"; y'
    assert Lines(text).place(text.index("y")) == (0, 12)
    assert Lines(text).offset(0, 12) == text.index("y")


@given(TEXTS)
def test_places_lead_back(text: str) -> None:
    places = Lines(text)
    for offset in range(len(text) + 1):
        line, column = places.place(offset)
        if not offset or text[offset - 1 : offset + 1] != "\r\n":  # between the two there is no place
            assert places.offset(line, column) == offset
    assert len(places.starts) == len(re.split("\r\n|\n|\r", text))


def test_a_findings_lines_are_found_behind_a_lone_carriage_return() -> None:
    text = "a\rb\nthe line\nc"
    found = lines(text, 2, 2)
    assert (found.start.line, found.start.character) == (2, 0)
    assert (found.end.line, found.end.character) == (2, 8)
