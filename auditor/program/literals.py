"""What number and string literals evaluate to, without evaluating any code and without warnings."""

from __future__ import annotations

import re
import unicodedata

from auditor.regex import regex

# Python's own default limit: such a file does not compile either.
MAX_INTEGER_DIGITS = 4300

_ESCAPE = regex(
    r"\\(?:(\n)|([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|N\{([^}]*)\}|(.))",
    re.DOTALL,
)
_SIMPLE = {
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}


class BadLiteralError(ValueError):
    """A literal that Python refuses as well; the message is one line."""


def number(text: str) -> int | float | complex:
    """Return the value of an integer, float or imaginary literal.

    Raise :class:`BadLiteralError` for a decimal integer longer than Python reads.
    """
    last = text[-1]
    if last in "jJ" and text[:2] not in ("0x", "0X"):
        return complex(0.0, float(text[:-1]))
    if text.isdecimal():
        if len(text) > MAX_INTEGER_DIGITS:
            raise BadLiteralError(f"an integer of {len(text)} digits; Python reads {MAX_INTEGER_DIGITS}")
        return int(text)
    if text[:2] in ("0x", "0X", "0o", "0O", "0b", "0B"):
        return int(text, 0)
    digits = text.replace("_", "")
    return number(digits) if digits.isdecimal() else float(digits)


def string_value(literal: str) -> str | bytes:
    """Return the value of one string or bytes literal, given with its prefix and quotes.

    Raise :class:`BadLiteralError` for an escape that Python refuses, or bytes beyond ASCII.
    """
    opening = 0
    while literal[opening] not in "'\"":
        opening += 1
    prefix = literal[:opening].lower()
    width = 3 if literal.startswith(('"""', "'''"), opening) else 1
    text = literal[opening + width : -width]
    text = line_feeds(text)
    if "b" not in prefix:
        return text if "r" in prefix else unescape(text)
    if not text.isascii():
        raise BadLiteralError("a bytes literal holds a character beyond ASCII")
    return (text if "r" in prefix else unescape(text, in_bytes=True)).encode("latin-1")


def formatted_text(text: str, *, raw: bool) -> str:
    """Return the value of literal text within an f-string; raises :class:`BadLiteralError`."""
    plain = line_feeds(text).replace("{{", "{").replace("}}", "}")
    return plain if raw else unescape(plain)


def line_feeds(text: str) -> str:
    """Return ``text`` with every line end as a line feed, which is how Python reads them."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def unescape(text: str, *, in_bytes: bool = False) -> str:
    r"""Return ``text`` with its backslash escapes decoded; unknown ones (``\d``) stay as they are.

    Raise :class:`BadLiteralError` for a broken ``\x``, ``\u``, ``\U`` or ``\N``.
    """
    if "\\" not in text:
        return text

    def decode(match: re.Match[str]) -> str:
        newline, octal, hexa, short, long, name, other = match.groups()
        if newline:
            return ""
        if octal:
            return chr(int(octal, 8) & (0xFF if in_bytes else 0x1FF))
        if hexa:
            return chr(int(hexa, 16))
        if other in _SIMPLE:
            return _SIMPLE[other]
        if in_bytes and other != "x":
            return match.group()
        if short or long:
            code = int(short or long, 16)
            if code > 0x10FFFF:
                raise BadLiteralError(f"there is no character {match.group()}")
            return chr(code)
        if name is not None:
            try:
                return unicodedata.lookup(name)
            except KeyError:
                raise BadLiteralError("a \\N escape names no character") from None
        if other in ("x", "u", "U", "N"):
            raise BadLiteralError(f"a \\{other} escape is cut short")
        return match.group()

    return _ESCAPE.sub(decode, text)
