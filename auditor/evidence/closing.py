"""The end of a log that says more than any run does: read backwards, since scores come last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from auditor.evidence.model import EmbeddedSource

_MOST_LOOKED_AT = 20_000  # lines of shapes that are not routine; beyond them the end has been seen
_MOST_KEPT = 2_000
_MOST_OF_A_SHAPE = 200


class Closing(Struct, frozen=True):
    """The last lines of a log, each with its number, in the order of the log.

    ``latest`` is the last line of each routine shape. ``total`` counts the lines of the whole log, ``unread`` those
    that were passed over.
    """

    kept: tuple[tuple[int, bytes], ...]
    latest: dict[bytes, tuple[int, bytes]]
    total: int
    unread: int


def closing(
    data: bytes,
    start: int,
    read: int,
    sources: Sequence[EmbeddedSource],
    routine: Collection[bytes],
    shape_of: Callable[[bytes], bytes],
    telling: Callable[[bytes], bool],
) -> Closing:
    """Return the last telling lines of ``data`` after the offset ``start``, before which ``read`` lines stand.

    Of a shape in ``routine`` only the last line counts; lines of embedded sources do not.
    """
    end = len(data) - 1 if data.endswith(b"\n") else len(data)
    total = number = read + data.count(b"\n", start, end) + (start < len(data))
    kept: list[tuple[int, bytes]] = []
    latest: dict[bytes, tuple[int, bytes]] = {}
    seen: Counter[bytes] = Counter()
    spans = list(sources)
    looked_at = 0
    while number > read and looked_at < _MOST_LOOKED_AT and len(kept) < _MOST_KEPT:
        begin = data.rfind(b"\n", start, end) + 1 or start
        raw = data[begin : end + 1]
        end = begin - 1
        line, number = number, number - 1
        while spans and spans[-1].first_line > line:
            spans.pop()
        if spans and line <= spans[-1].last_line:
            continue
        shape = shape_of(raw)
        if shape in routine:
            latest.setdefault(shape, (line, raw))
            continue
        seen[shape] += 1
        if seen[shape] > _MOST_OF_A_SHAPE:
            continue
        looked_at += 1
        if telling(raw):
            kept.append((line, raw))
    return Closing(tuple(reversed(kept)), latest, total, number - read)
