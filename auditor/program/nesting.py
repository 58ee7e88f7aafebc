"""How deeply a text nests, measured before the native parser sees it.

That parser recurses on the machine's stack, so a hostile file could end the process: with the usual
8 MiB it dies at about 1,000 nested brackets, or several thousand links of one chain (``a+a+a…``,
``not not…``, ``x.y.z…``, ``lambda: lambda: …``), and long before that it takes seconds. Python itself
refuses more than 200 nested brackets.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from auditor.regex import regex

MAX_BRACKETS = 100
MAX_LINKS = 300  # on the way from a statement down to its deepest expression, brackets included
MAX_ELIF = 400

# Adjacent strings nest in the parser, which takes thousands of them; the IR joins them.
_STRING_WEIGHT = 0.25

# What can open, close, separate or link; a backslash line end is matched so that it ends nothing.
_COMMON = r"""[#][^\r\n]* | "{3} | '{3} | ["'] | \\(?:\r\n|[\r\n]) | [()\[\]{}] | [\r\n,;:] | \blambda\b"""
_COARSE = regex(_COMMON, re.VERBOSE)
_FINE = regex(_COMMON + r""" | \*\*|//|<<|>>|[-+*/%@&|^~.] | \b(?:and|or|not|if|else|for|await)\b""", re.VERBOSE)
_STRING_REST = {
    '"': regex(r'(?:[^\\"\r\n]|\\(?:\r\n|.))*+"?', re.DOTALL),
    "'": regex(r"(?:[^\\'\r\n]|\\(?:\r\n|.))*+'?", re.DOTALL),
    '"""': regex(r'(?:[^\\"]|\\.|"(?!""))*+(?:""")?', re.DOTALL),
    "'''": regex(r"(?:[^\\']|\\.|'(?!''))*+(?:''')?", re.DOTALL),
}
# Short lines on which every bracket and string ends: whatever they hold, they can't reach a bound, and most lines are
# such. (Each of their 120 characters counts for one link at most, each bracket for another one.)
_PLAIN = r"""[^()\[\]{}"'#\\;\r\n]++ | "(?!"")[^"\\{}\r\n]*+" | '(?!\'\')[^'\\{}\r\n]*+'"""
_NESTED = _PLAIN
for _ in range(4):
    _NESTED = rf"{_PLAIN} | [(\[{{] (?:{_NESTED})*+ [)\]}}]"
_SIMPLE = regex(rf"(?: (?=[^\n]{{0,120}}\n) (?:{_NESTED})*+ (?:[#][^\r\n]*+)? \r?\n )*+", re.VERBOSE)
# The like in brackets, on a line of its own up to a comma. ``lambda`` counts beyond it.
_ITEMS = regex(rf"(?: (?=[^\n]{{0,100}}\n) (?![^\n]*lambda) (?:{_NESTED})*+ (?<=,) \r? \n )*+", re.VERBOSE)
_LINE = 100
# In f-strings a backslash does not hide a brace, except in the name of a character.
_RAW_TEXT = regex(r"""\\(?:\r\n|[^{}]) | \{\{ | [{}] | "{3} | '{3} | ["'\r\n]""", re.VERBOSE | re.DOTALL)
_TEXT = regex(r"""\\N\{[^{}"'\r\n]*\} | """ + _RAW_TEXT.pattern, re.VERBOSE | re.DOTALL)
_ELIF = regex(r"^[ \t\f]*elif\b", re.MULTILINE)
_LINKS = f"one expression chains more than {MAX_LINKS} operators"
_BRACKETS = f"more than {MAX_BRACKETS} nested brackets"


class TooDeep(NamedTuple):
    """Where (a character offset) a text nests too deeply, and how, in one line."""

    offset: int
    reason: str


_Kind: TypeAlias = Literal["bracket", "text", "field", "spec"]
_TEXTS = ("text", "spec")


class _Levels:
    """The open brackets and f-strings, and how many links each level has had since its last comma."""

    __slots__ = ("carried", "lambdas", "links", "stack")

    def __init__(self) -> None:
        self.links: float = 0
        self.lambdas = 0
        self.carried: float = 0  # links and lambdas of all levels but the innermost
        self.stack: list[tuple[_Kind, str, bool, float, int]] = []

    def enter(self, kind: _Kind, quote: str = "", raw: bool = False) -> None:
        self.links += 1
        self.stack.append((kind, quote, raw, self.links, self.lambdas))
        self.carried += self.links + self.lambdas
        self.links = self.lambdas = 0

    def leave(self) -> None:
        _, _, _, self.links, self.lambdas = self.stack.pop()
        self.carried -= self.links + self.lambdas

    def begin_spec(self) -> None:
        _, quote, raw, links, lambdas = self.stack[-1]
        self.stack[-1] = ("spec", quote, raw, links, lambdas)

    @property
    def innermost(self) -> _Kind | None:
        return self.stack[-1][0] if self.stack else None


def too_deep(text: str) -> TooDeep | None:
    """Return the first place where ``text`` nests deeper than the parser can safely follow, or None."""
    if text.count("elif") > MAX_ELIF:
        branches = list(_ELIF.finditer(text))
        if len(branches) > MAX_ELIF:
            return TooDeep(branches[MAX_ELIF].start(), f"more than {MAX_ELIF} elif branches")
    # Taking every character for a link is quick and clears nearly all files; the rest is counted.
    found = _scan(text, _COARSE, gaps=True)
    if found is not None and found.reason == _LINKS:
        return _scan(text, _FINE, gaps=False)
    return found


def _scan(text: str, events: re.Pattern[str], *, gaps: bool) -> TooDeep | None:
    levels = _Levels()
    stack = levels.stack
    at = _SIMPLE.match(text).end() if gaps else 0  # type: ignore[union-attr]  # matches ""
    while match := events.search(text, at):
        start = match.start()
        if gaps:
            levels.links += start - at
        at = match.end()
        token = text[start]
        if token == ",":
            if levels.carried + levels.links + levels.lambdas > MAX_LINKS:
                return TooDeep(start, _LINKS)
            levels.links = 0
        elif token in "([{":
            levels.enter("bracket")
            if len(stack) > MAX_BRACKETS:
                return TooDeep(start, _BRACKETS)
        elif token in ")]}":
            if levels.carried + levels.links + levels.lambdas > MAX_LINKS:
                return TooDeep(start, _LINKS)
            if stack and (token == "}" or levels.innermost == "bracket"):
                levels.leave()
        elif token in "\r\n;":
            if levels.carried + levels.links + levels.lambdas > MAX_LINKS:
                return TooDeep(start, _LINKS)
            if not stack:
                levels.links = levels.lambdas = 0
                if gaps and token == "\n":
                    at = _SIMPLE.match(text, at).end()  # type: ignore[union-attr]
            elif (
                gaps
                and token == "\n"
                and stack[-1][0] == "bracket"
                and levels.carried + levels.links + levels.lambdas + _LINE <= MAX_LINKS
            ):
                past = _ITEMS.match(text, at).end()  # type: ignore[union-attr]
                if past > at:
                    at, levels.links = past, 0
        elif token in "\"'":
            prefix = _formatted_prefix(text, start)
            if prefix:
                levels.enter("text", match.group(), "r" in prefix)
            else:
                levels.links += _STRING_WEIGHT
                at = _STRING_REST[match.group()].match(text, at).end()  # type: ignore[union-attr]
        elif token == ":":
            if levels.innermost == "field":
                levels.begin_spec()
        elif token == "l":
            levels.lambdas += 1  # its parameters have commas of their own, so these do not end it
        elif token not in "#\\":
            levels.links += 1
        while stack and stack[-1][0] in _TEXTS:
            at = _formatted_text(text, at, levels)
            if len(stack) > MAX_BRACKETS:
                return TooDeep(start, _BRACKETS)
    rest = len(text) - at if gaps else 0
    if levels.carried + levels.links + levels.lambdas + rest > MAX_LINKS:
        return TooDeep(at, _LINKS)
    return None


def _formatted_prefix(text: str, quote: int) -> str:
    """Return the prefix, in lower case, of the string at ``quote`` if it is an f-string or t-string."""
    first = quote
    while first > 0 and quote - first < 3 and (text[first - 1].isalnum() or text[first - 1] == "_"):
        first -= 1
    prefix = text[first:quote].lower()
    return prefix if prefix in ("f", "t", "fr", "rf", "tr", "rt") else ""


def _formatted_text(text: str, at: int, levels: _Levels) -> int:
    """Step over literal text of an f-string, up to a replacement field or the end; return where."""
    kind, quote, raw, _, _ = levels.stack[-1]
    match = (_RAW_TEXT if raw else _TEXT).search(text, at)
    if match is None:
        levels.leave()
        return len(text)
    token = match.group()
    if token == "{" or (token == "{{" and kind == "spec"):
        levels.enter("field", quote, raw)
        return match.start() + 1
    if token == "}" and kind == "spec":
        levels.leave()
    elif token.startswith(quote):
        while levels.innermost == "spec":
            levels.leave()
        levels.leave()
        return match.start() + len(quote)
    elif token in "\r\n" and len(quote) == 1:
        levels.leave()
    return match.end() if len(quote) == 3 or token[0] not in "\"'" else match.start() + 1
