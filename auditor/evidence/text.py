"""Bytes of a log to numbered lines, whatever wrote them: UTF-16, gzip, terminal colours, progress bars."""

from __future__ import annotations

import zlib

from msgspec import Struct

from auditor.regex import regex

LONGEST_LINE = 4_000  # characters of a line that are looked at; longer ones are data, not messages
_ANSI = regex(r"\x1b(?:\[[0-9;?]{0,20}[A-Za-z]|\][^\x07\x1b]{0,200}\x07)")
_PREFIX = regex(
    r"(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\s\]]{0,12}\]?(?:\s*-)?\s*"
    r"|\[?\d\d:\d\d:\d\d(?:[.,]\d{1,6})?\]?\s+"
    r"|\[(?:default|rank|gpu|worker|proc)?_?\d{0,3}\]:?\s*"
    r"|\[(?:modal|stdout|stderr|out|err|info|log|train|eval|local|remote)\]\s*"
    r"|(?:INFO|WARNING|DEBUG|stdout|stderr)\s*[:|]\s*"
    r"|(?:[│|>]\s*)"
    r"|\d{10}\.\d{1,6}\s+"
    r"|\d{4}-\d\d-\d\dT[\d:.]{8,18}Z?\s+){1,6}"
)


class Unreadable(Exception):  # noqa: N818 (a verdict, as Unread is)
    """A log that cannot be turned into text; the message is one line."""


class Decoded(Struct, frozen=True):
    """A log as UTF-8 bytes, and how it was stored."""

    data: bytes
    encoding: str


def decode(data: bytes, limit: int) -> Decoded:
    """Return the log as UTF-8 bytes with no byte order mark; raises :class:`Unreadable`.

    ``limit`` bounds the size after decompression, in bytes.
    """
    encoding = "utf-8"
    if data.startswith(b"\x1f\x8b"):
        data, encoding = _gunzip(data, limit), "gzip"
    for mark, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return Decoded(data[2:].decode(name, "replace").encode("utf-8", "replace"), "utf-16")
    if data.startswith(b"\xef\xbb\xbf"):
        return Decoded(data[3:], "utf-8-sig")
    head = data[:400]
    if head[1::2].count(0) > len(head) // 3:  # UTF-16 written without its mark, as some shells do
        return Decoded(data.decode("utf-16-le", "replace").encode("utf-8", "replace"), "utf-16")
    return Decoded(data, encoding)


def _gunzip(data: bytes, limit: int) -> bytes:
    """Return the contents of every member of a gzip file, at most ``limit`` bytes together."""
    parts: list[bytes] = []
    left = limit
    rest = data
    while rest.startswith(b"\x1f\x8b"):
        engine = zlib.decompressobj(wbits=31)
        try:
            # One byte more than is allowed tells a full member from one that goes on.
            parts.append(engine.decompress(rest, left + 1))
        except zlib.error as error:
            raise Unreadable(f"not valid gzip: {error}") from error
        left -= len(parts[-1])
        if left < 0:
            raise Unreadable(f"more than {limit} bytes after decompression")
        if not engine.eof:
            raise Unreadable("not valid gzip: it ends early")
        rest = engine.unused_data
    return b"".join(parts)


def messages(raw: bytes) -> list[str]:
    """Return what one line says: its carriage-return parts, without colours and launcher prefixes."""
    text = raw[: LONGEST_LINE * 4].decode("utf-8", "replace")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    parts = text.split("\r") if "\r" in text else [text]
    return [plain(part) for part in parts[-50:] if part.strip()]


def plain(text: str) -> str:
    """Return a message without launcher prefixes (times, ranks, log levels) and outer white space."""
    text = text.strip()[:LONGEST_LINE]
    found = _PREFIX.match(text)
    return text[found.end() :] if found else text
