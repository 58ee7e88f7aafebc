from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.program.unpack import decode_text

TEXT = "x = 'naïve'\n"


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [
        (TEXT.encode(), TEXT, "utf-8"),
        (TEXT.encode("utf-8-sig"), TEXT, "utf-8 with byte order mark"),
        (TEXT.encode("utf-16"), TEXT, "utf-16-le with byte order mark"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), TEXT, "utf-16-be with byte order mark"),
        (TEXT.encode("utf-16-le"), TEXT, "utf-16-le without byte order mark"),
        (
            b"# -*- coding: latin-1 -*-\ny = '\xe9'\n",
            "# -*- coding: latin-1 -*-\ny = 'é'\n",
            "iso8859-1 (declared)",
        ),
        (b"#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\n'\x80'", None, "cp1252 (declared)"),
        (b"y = '\xe9'\n", "y = 'é'\n", "latin-1 (not utf-8 at byte 5)"),
        (b"# coding: no-such-thing\nx", "# coding: no-such-thing\nx", "utf-8"),
        (b"a\0b\0c", "a\0b\0c", "utf-8, 2 NUL"),
        (b"", "", "utf-8"),
    ],
)
def test_text_and_encoding(data: bytes, text: str | None, note: str) -> None:
    found, said = decode_text(data)
    assert said == note
    assert text is None or found == text


def test_a_coding_word_below_the_second_line_says_nothing() -> None:
    assert decode_text(b"a\nb\n# coding: latin-1\n\xc3\xa9")[1] == "utf-8"


@given(st.binary())
def test_every_file_has_a_text(data: bytes) -> None:
    text, note = decode_text(data)
    assert isinstance(text, str)
    assert note.isprintable()
