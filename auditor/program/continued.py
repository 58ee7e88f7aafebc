r"""Lines that hold nothing but a backslash: blank to Python, and a trap for LibCST.

Python joins such a line with the next one and counts the indentation of the first. LibCST refuses a block that begins
with one, and leaves others out of its tree, so that what it writes back is not what it read.
"""

from __future__ import annotations

import re

from auditor.regex import regex

_LONE = regex(r"^[ \t\f]*\\\r?$", re.MULTILINE)
_TOKENS = regex(
    r"""[#][^\r\n]*
      | \"{3}(?:[^"\\]|\\.|"(?!""))*+(?:\"{3})? | '{3}(?:[^'\\]|\\.|'(?!''))*+(?:'{3})?
      | "(?:[^"\\\r\n]|\\(?:\r\n|.))*+"? | '(?:[^'\\\r\n]|\\(?:\r\n|.))*+'?
      | ^(?P<indent>[ \t\f]*+)(?P<lone>\\\r?\n[ \t\f]*+)++(?=[^\s\\])
      | \\\r?\n(?:[ \t\f]*+\\\r?\n)*+""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


def blanked(text: str) -> str:
    """Return ``text`` with lone backslashes turned into blank lines, as long as before: every offset still holds.

    The line that they lead to gets the indentation of the first of them, as Python has it.
    """
    if "\\" not in text or _LONE.search(text) is None:
        return text
    return _TOKENS.sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    whole, indent = match.group(), match.group("indent")
    if match.group("lone") is None:
        return whole
    return "\n" * (len(whole) - len(indent)) + indent
