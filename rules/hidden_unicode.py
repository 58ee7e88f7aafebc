"""Characters that make code read differently from what is compiled."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.change import Change, Edit
from auditor.program.source import Source
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from rules.submitted_code import code_of

SLUG = "hidden-unicode"

_MAX_FINDINGS = 8  # per file; the last one tells how many more lines there are

# Bidirectional controls; characters without width; tags; fillers; line separators that are none to Python;
# control characters (but for tab, line ends and form feed).
_HIDDEN: Final = regex(
    "[\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ODD: Final = regex(r"[^\t\n\f\r -~]")
_EMOJI_TAGS: Final = regex("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")

# Strings and comments are prose; the other group is code. Good enough for names, and the same for Python and C.
_PROSE: Final = regex(
    r"""(?P<prose>\#[^\n]*|(?P<prefix>[A-Za-z]{0,2})(?:\"\"\"[\s\S]*?(?:\"\"\"|\Z)|'''[\s\S]*?(?:'''|\Z)"""
    r"""|"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?))"""
)
_TOKEN: Final = regex(rf"{_PROSE.pattern}|(?P<name>[^\W\d]\w*)")
_FIELD: Final = regex(r"\{[^{}]*\}")
_NAME: Final = regex(r"[^\W\d]\w*")

# Letters that look like Latin ones in most fonts (a part of Unicode's table of confusables).
_LOOKALIKES: Final = str.maketrans(
    "аеорсухіјѕԁһԛԝАВЕКМНОРСТХІЈЅԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧοӏҮցոսօԱՍՏՕ",
    "aeopcyxijsdhqwABEKMHOPCTXIJSGQWABEZHIKMNOPTYXolYgnuoUUSO",
)
_PYTHON: Final = frozenset([*keyword.kwlist, *keyword.softkwlist, *dir(builtins)])


class Hidden(Struct, frozen=True):
    """Something in a text that does not read as it compiles: where it starts, and what it is."""

    offset: int
    what: str


def hidden(text: str) -> list[Hidden]:
    """Return what in ``text`` is invisible, reorders it, or is a name that looks like another, by place."""
    odd = set(_ODD.findall(text))
    found = list(_characters(text)) if any(map(_HIDDEN.match, odd)) else []
    letters = [char for char in odd if not char.isascii() and f"_{char}".isidentifier() and _shape(char).isascii()]
    if letters and any(char in part for part in _where_names_stand(text) for char in letters):
        found += _names(text)
    return sorted(found, key=lambda each: each.offset)


def _characters(text: str) -> Iterator[Hidden]:
    flags = [match.span() for match in _EMOJI_TAGS.finditer(text)]
    for match in _HIDDEN.finditer(text):
        at = match.start()
        if _harmless(text, at) or any(start <= at < end for start, end in flags):
            continue
        yield Hidden(at, _spelt(match[0]))


def _harmless(text: str, at: int) -> bool:
    """Return whether a joiner or selector stands where writing needs it: in an emoji, between letters that join."""
    char = text[at]
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if "\ufe00" <= char <= "\ufe0f":
        return after == "\u20e3" or _pictorial(before)
    if char == "\u200d" and _pictorial(before) and _pictorial(after):
        return True
    if char not in "\u200c\u200d":
        return False
    return not before.isascii() and before.isalpha() and not after.isascii() and after.isalpha()


def _pictorial(char: str) -> bool:
    if not char or char.isascii():
        return False
    return char == "\ufe0f" or unicodedata.category(char) in ("So", "Sk", "Sm", "Po")


def _where_names_stand(text: str) -> Iterator[str]:
    """Yield the parts of a text that may hold names: what is no comment or string, and formatted strings."""
    at = 0
    for match in _PROSE.finditer(text):
        yield text[at : match.end() if "f" in (match["prefix"] or "").lower() else match.start()]
        at = match.end()
    yield text[at:]


def _names(text: str) -> Iterator[Hidden]:
    """Yield names that compile as, or look like, others: not as Greek letters in formulas, which are themselves."""
    odd: list[tuple[int, str]] = []
    plain: set[str] = set()
    for match in _TOKEN.finditer(text):
        if match["name"] is not None:
            _sort(match["name"], match.start(), odd, plain)
        elif "f" in (match["prefix"] or "").lower() and not match[0].isascii():
            for field in _FIELD.finditer(text, match.start(), match.end()):
                for inner in _NAME.finditer(text, field.start(), field.end()):
                    _sort(inner[0], inner.start(), odd, plain)
    for at, name in odd:
        shape = _shape(name)
        if shape == name or not shape.isascii():
            continue
        mixed = any(char.isascii() and char.isalpha() for char in name)
        if mixed or shape in plain or shape in _PYTHON:
            strange = ", ".join(_spelt(char) for char in dict.fromkeys(name) if not char.isascii())
            how = "compiles as" if unicodedata.normalize("NFKC", name).isascii() else "looks like"
            yield Hidden(at, f"a name that {how} {shape!r} and is written with {strange}")


def _shape(name: str) -> str:
    """Return what a name looks like: as it compiles, with look-alikes in Latin letters."""
    return unicodedata.normalize("NFKC", name).translate(_LOOKALIKES)


def _sort(name: str, at: int, odd: list[tuple[int, str]], plain: set[str]) -> None:
    if name.isascii():
        plain.add(name)
    else:
        odd.append((at, name))


def _spelt(char: str) -> str:
    name = unicodedata.name(char, "a control character")
    return f"U+{ord(char):04X} {name}"


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold for each line of the submission's code that holds something hidden."""
    for source in code_of(case):
        lines: dict[int, list[str]] = {}
        for each in hidden(source.text):
            what = lines.setdefault(source.line_of(each.offset), [])
            if each.what not in what:
                what.append(each.what)
        for number, (line, whats) in enumerate(lines.items()):
            if number == _MAX_FINDINGS:
                break
            more = len(lines) - _MAX_FINDINGS if number == _MAX_FINDINGS - 1 else 0
            rest = f"; so do {more} lines after it" if more > 0 else ""
            some = ", ".join(whats[:4]) + (f" and {len(whats) - 4} more" if len(whats) > 4 else "")
            yield Finding(
                rule=SLUG,
                group="package",
                status="hold",
                message=f"This line does not read as it compiles: it holds {some}{rest}.",
                path=source.path,
                line=line,
                end_line=line,
                layer=source.layer,
            )


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the change of a line: hidden characters go, in a string they become escapes, names as they compile.

    None where a name would have to be spelt otherwise everywhere, or where a string takes no escapes.
    """
    for source in code_of(case):
        if (source.path, source.layer) != (finding.path, finding.layer) or finding.line is None:
            continue
        start = source.line_starts[finding.line - 1]
        end = start + len(source.line_text(finding.line))
        parts: list[Edit] = []
        for each in hidden(source.text):
            if not start <= each.offset < end:
                continue
            edit = _plain(source, each.offset)
            if edit is None:
                return None
            parts.append(edit)
        kept = dict.fromkeys(parts)
        if not kept:
            return None
        if source.path.endswith(".py"):
            return Change("Take the hidden characters out", "safe", tuple(kept))
        return Change(
            "Take the hidden characters out", "unsafe", tuple(kept), "What reads this file reads it otherwise."
        )
    return None


def _plain(source: Source, offset: int) -> Edit | None:
    """Return the edit of one hidden character or misleading name."""
    text, char = source.text, source.text[offset]
    token = next((m for m in _TOKEN.finditer(text) if m.start() <= offset < m.end()), None)
    if _HIDDEN.match(char) is None:
        name = _NAME.match(text, offset)
        if name is None or token is None or token["name"] is None:
            return None
        compiled = unicodedata.normalize("NFKC", name[0])
        if not compiled.isascii():
            return None  # another name, to Python too
        return Edit(source.path, offset, name.end(), name[0], compiled, source.layer)
    new = ""
    if token is not None and token["prose"] is not None and not token["prose"].startswith("#"):
        if not source.path.endswith(".py") or set((token["prefix"] or "").lower()) & set("rbf"):
            return None
        new = f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
        new = new if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
    return Edit(source.path, offset, offset + 1, char, new, source.layer)


_SCORE = """import math

total = 151078222

def evaluate(nats):
    return nats / math.log(2.0) / total
"""
_CYRILLIC_A = "\u0430"

RULE = Rule(
    slug=SLUG,
    title="Hidden or misleading characters in code",
    group="package",
    condition="package",
    summary="The code holds characters that reorder the line on the screen, that cannot be seen, or "
    "names that look like, or compile as, other names.",
    why="A reviewer reads one program and Python compiles another. There is no honest use for such characters in code.",
    advice="Take the characters out; write them as escapes where a string needs them.",
    counterpart="Any visible characters: emoji with their joiners in comments and strings, accents, Greek letters in "
    "formulas.",
    authority=(
        Authority(
            "#167", "GitHub", "2026-03", "community", "the banner on hidden or bidirectional Unicode text; no ruling"
        ),
    ),
    check=check,
    fix=fix,
    invalid=(
        Example(
            "an override that shows a comment as code",
            _SCORE + "\n# \u202e2 / latot = latot\u202c\nprint(evaluate(1.9))\n",
            "latot",
            status="hold",
        ),
        Example(
            "isolates inside a string",
            _SCORE + 'if total != "0\u2066# the full set\u2069":\n    print(evaluate(1.9))\n',
            "the full set",
            status="hold",
        ),
        Example(
            "a name with a Cyrillic letter",
            _SCORE + f"\ntot{_CYRILLIC_A}l = total * 2\nprint(evaluate(1.9))\n",
            "total * 2",
            status="hold",
        ),
        Example(
            "a name that compiles as another",
            _SCORE + "\n\uff54otal = total * 2\nprint(evaluate(1.9))\n",
            "total * 2",
            status="hold",
        ),
        Example(
            "a space without width in a helper",
            "import helper\n\nprint(helper.SPLIT)\n",
            "SPLIT =",
            files={"helper.py": 'SPLIT = "tra\u200bin"\n'},
            status="hold",
        ),
        Example(
            "an escape sequence in a run script",
            _SCORE,
            "TTT_ENABLED",
            files={"run.sh": "#!/bin/sh\nTTT_ENABLED=1 \u001b[2K python train_gpt.py\n"},
            status="hold",
        ),
    ),
    valid=(
        Example("plain code", _SCORE),
        Example(
            "emoji and their joiners in comments and strings",
            _SCORE
            + "\n# \U0001f468\u200d\U0001f4bb says \u26a0\ufe0f and 1\ufe0f\u20e3\n"
            + 'print("\u2705 done", evaluate(1.9))\n',
        ),
        Example(
            "Greek letters in a formula",
            "\u03b1, \u03bc = 0.1, 3.0\n\u0394\u03bc = \u03b1 * \u03bc\nprint(\u0394\u03bc)\n",
        ),
        Example("words with accents", 'caf\u00e9 = "na\u00efve"\nprint(caf\u00e9)  # \u00fcber\n'),
        Example("escapes instead of the characters", 'HIDDEN = "\\u202e\\u200b"\nprint(len(HIDDEN))\n'),
        Example("a byte order mark", "\ufeffimport math\n\nprint(math.pi)\n"),
    ),
    known_problems="Names are compared with a short table of look-alikes, so that rarer scripts are not all known.",
)
