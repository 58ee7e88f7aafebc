"""Where a log holds the script itself: three in ten do, and its strings and comments look like metrics."""

from __future__ import annotations

from auditor.evidence.model import EmbeddedSource

_RULE = b"=" * 60
_OPENERS = (b'"""', b"import ", b"from ", b"#!")
_QUOTES = (b'"', b"'", b'r"', b"r'")  # a docstring in one line, at the log's beginning
_STATEMENTS = (b"\ndef ", b"\nclass ", b"\n    def ", b"\n    return ", b"exec(")
_ENDINGS = (
    b'\nif __name__ == "__main__":\n',
    b"\nif __name__ == '__main__':\n",
    b'\nif __name__=="__main__":',
)
_LONGEST = 2_000_000


def embedded_sources(data: bytes) -> tuple[EmbeddedSource, ...]:
    """Return the line ranges of ``data`` that hold Python source, in order.

    A script stands before a ruler of equal signs (the challenge's baseline writes it so), or, with no
    ruler after it, ends with its ``__main__`` guard, or else with the last function or class of the log.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    while True:
        ruler = _ruler(data, start)
        end = ruler if ruler >= 0 else len(data)
        span = _script(data, start, end, closed=ruler >= 0)
        if span is not None:
            spans.append(span)
        while ruler < 0 and span is not None:  # the next seed's, in a log of several
            span = _script(data, span[1], end, closed=False)
            if span is not None:
                spans.append(span)
        if ruler < 0:
            return _numbered(data, spans)
        after = data.find(b"\n", ruler)
        start = len(data) if after < 0 else after + 1


def _ruler(data: bytes, start: int) -> int:
    """Return the offset of the next line that is nothing but equal signs, or -1."""
    while True:
        at = data.find(_RULE, start)
        if at < 0:
            return -1
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        if (at == 0 or data[at - 1 : at] == b"\n") and not data[at:end].strip(b"=\r "):
            return at
        start = end


def _script(data: bytes, lo: int, hi: int, *, closed: bool) -> tuple[int, int] | None:
    """Return the span of a script between two rulers, or None."""
    begin = _opening(data, lo, hi)
    if begin < 0:
        return None
    if not closed:
        ends = [at for mark in _ENDINGS if (at := data.find(mark, begin, hi)) >= 0]
        last = min(ends) if ends else max(data.rfind(mark, begin, hi) for mark in _STATEMENTS[:2])
        if last < 0:
            return None
        hi = _after_block(data, last + 1, hi)
    found = sum(min(data.count(mark, begin, hi), 3) for mark in _STATEMENTS)
    return (begin, hi) if found >= (3 if not data.count(b"exec(", begin, hi) else 1) else None


def _opening(data: bytes, lo: int, hi: int) -> int:
    found = [lo] if data[lo : lo + 8].startswith(_OPENERS) or _quoted(data, lo, hi) else []
    for mark in _OPENERS:
        at = data.find(b"\n" + mark, lo, hi)
        if at >= 0:
            found.append(at + 1)
    return min(found, default=-1)


def _quoted(data: bytes, lo: int, hi: int) -> bool:
    """Tell whether a line that is nothing but a string stands before the imports: the script's docstring."""
    end = data.find(b"\n", lo, hi)
    line = data[lo : max(end, lo)].strip()
    if end < 0 or not line.startswith(_QUOTES) or len(line) < 2 or line[-1:] != line.lstrip(b"r")[:1]:
        return False
    return data[end:hi].lstrip().startswith((b"import ", b"from "))


def _after_block(data: bytes, guard: int, hi: int) -> int:
    """Return the offset after the indented lines that follow the ``__main__`` guard."""
    at = data.find(b"\n", guard, hi)
    while 0 <= at < hi - 1 and data[at + 1 : at + 2] in (b" ", b"\t", b"\n", b"\r"):
        at = data.find(b"\n", at + 1, hi)
    return hi if at < 0 else at + 1


def _numbered(data: bytes, spans: list[tuple[int, int]]) -> tuple[EmbeddedSource, ...]:
    found: list[EmbeddedSource] = []
    line, at = 1, 0
    for begin, end in spans:
        line += data.count(b"\n", at, begin)
        first = line
        line += data.count(b"\n", begin, end)
        at = end
        text = data[begin:end].decode("utf-8", "replace") if end - begin <= _LONGEST else None
        last = line - 1 if data[end - 1 : end] == b"\n" else line
        found.append(EmbeddedSource(first, last, text))
    return tuple(found)
