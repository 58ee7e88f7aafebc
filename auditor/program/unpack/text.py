"""Bytes of a source file to text, the way Python and editors would read it."""

from __future__ import annotations

import codecs

from auditor.regex import regex

_CODING = regex(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode_text(data: bytes) -> tuple[str, str]:
    """Return the text of a source file and a note on its encoding ("utf-8" when there is nothing to say).

    A byte order mark decides, then a PEP 263 coding line, then UTF-8, then UTF-16 without a mark, and
    Latin-1 at last, so there is always a text. The mark itself is not part of it. NUL characters stay
    in the text and are counted in the note.
    """
    text, note = _decode(data)
    nuls = text.count("\0")
    return (text, f"{note}, {nuls} NUL") if nuls else (text, note)


def _decode(data: bytes) -> tuple[str, str]:
    for bom, name in _BOMS:
        if data.startswith(bom):
            try:
                return data[len(bom) :].decode(name), f"{name} with byte order mark"
            except UnicodeDecodeError as error:
                return data.decode("latin-1"), f"latin-1 (not {name} at byte {error.start + len(bom)})"
    declared = _declared(data)
    if declared is not None and declared not in ("utf-8", "ascii"):
        try:
            return data.decode(declared), f"{declared} (declared)"
        except UnicodeError:
            pass  # a coding line that does not fit the bytes: read on as if it were not there
    wide = _unmarked_utf16(data)
    if wide is not None:
        return data.decode(wide), f"{wide} without byte order mark"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        return data.decode("latin-1"), f"latin-1 (not utf-8 at byte {error.start})"


def _declared(data: bytes) -> str | None:
    for line in data.split(b"\n", 2)[:2]:
        found = _CODING.match(line)
        if found:
            try:
                info = codecs.lookup(found[1].decode("ascii"))
            except LookupError:
                return None
            return info.name if info._is_text_encoding and info.name not in ("idna", "punycode") else None
        if line.strip() and not line.lstrip().startswith(b"#"):
            return None
    return None


def _unmarked_utf16(data: bytes) -> str | None:
    """Return the UTF-16 flavour of mostly ASCII text whose every other byte is NUL."""
    head = data[:400]
    if len(data) % 2 or len(head) < 8:
        return None
    for name, high in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if high.count(0) > 0.9 * len(high):
            try:
                data.decode(name)
            except UnicodeDecodeError:
                continue
            return name
    return None
