"""What unpacking a script returns: its layers, or the place and the reason why one could not be opened."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

MAX_LAYERS = 8  # unpacked layers, the file itself not counted
MAX_BYTES = 32 * 1024 * 1024  # of any one value while unpacking
MAX_RATIO = 2000  # unpacked bytes per packed byte
SMALL_BYTES = 64 * 1024  # below this an output is harmless whatever its ratio
MAX_STEPS = 2_000_000  # expressions evaluated per script
MAX_WORK = 1024 * 1024 * 1024  # bytes read and produced while evaluating, per script


class Segment(Struct, frozen=True):
    """Lines ``start`` to ``end`` (1-based, inclusive) of a layer that stood in the layer above at ``origin``.

    ``origin`` is None for lines that came out of the packing.
    """

    start: int
    end: int
    origin: int | None


class LaterCall(Struct, frozen=True):
    """A function that the wrapper calls in the code that it has run: its name, and the arguments that are known.

    An argument is a constant, or None where it is anything else.
    """

    name: str
    arguments: tuple[str | int | float | bool | None, ...] = ()


class Layer(Struct, frozen=True):
    """One layer of a script. Layer 0 is the file itself.

    ``how`` names the decodings that led here, in order; ``line`` is the line in the layer above that runs
    it; ``left`` tells what those decodings left of the packed data, which never runs. ``line_map`` is None
    unless the layer above is more than a wrapper: then this layer is that source with the packed code put in
    the place of the statement that ran it, and the map tells which is which. ``runs_as`` is what ``__name__``
    is there, and ``later`` are the calls of its functions that the layer above makes once it has run.
    """

    index: int
    path: str
    data: bytes
    how: tuple[str, ...] = ()
    line: int | None = None
    line_map: tuple[Segment, ...] | None = None
    left: tuple[str, ...] = ()
    runs_as: str = "__main__"
    later: tuple[LaterCall, ...] = ()


class PackFailure(Struct, frozen=True):
    """A layer that could not be opened: where, why, and the expression that could not be evaluated.

    ``reason`` and ``expression`` are each one printable line.
    """

    layer: int
    path: str
    line: int | None
    reason: str
    expression: str = ""

    def __str__(self) -> str:
        """Return one line: path, line, reason and the quoted expression."""
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        inside = f" (layer {self.layer})" if self.layer else ""
        quoted = f": {self.expression}" if self.expression else ""
        return f"{place}{inside}: {self.reason}{quoted}"


class Unpacked(Struct, frozen=True):
    """A script's layers, outermost first; the last one is what there is to analyse.

    ``environ`` holds the environment variables that wrappers set before they run the next layer;
    ``files`` what they write or load beside it (helper modules, C and CUDA text), by relative path.
    """

    layers: tuple[Layer, ...]
    failure: PackFailure | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def packed(self) -> bool:
        """Return whether there is more than the file itself, or a layer that could not be opened."""
        return len(self.layers) > 1 or self.failure is not None


class Refused(Exception):  # noqa: N818 (it says what was decided, not that we failed)
    """Data that cannot be, or must not be, decoded; the text is one printable line."""


def words(text: str) -> tuple[str, ...]:
    """Return the words of a table that is written as one string."""
    return tuple(text.split())


def printable(text: str, limit: int = 120) -> str:
    """Return ``text`` as one line of at most ``limit`` characters, with unprintable ones escaped."""
    if len(text) > limit * 4:
        text = text[: limit * 2] + text[-limit:]
    line = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in " ".join(text.split())
    )
    if len(line) <= limit:
        return line
    tail = limit // 3
    return f"{line[: limit - tail - 1]}…{line[-tail:]}"
