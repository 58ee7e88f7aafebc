"""Origins as bits: what a value was made from.

Every abstract value carries an ``int`` whose bits are origins, so that joining two values' origins is
``a | b``. A few bits are fixed; the rest are handed out by :class:`Atoms` as the program is followed.
"""

from __future__ import annotations

from collections.abc import Iterator

VAL = 1 << 0  # from the validation split: its path, or tokens read from it
TRAIN = 1 << 1  # from the training split
BITS = 1 << 2  # passed through ln 2, so it is in bits, not nats
CLOCK = 1 << 3  # read from a clock
LAUNCH = 1 << 4  # rank or world size
RANDOM = 1 << 5  # from a random generator
TEXT_FILE = 1 << 6  # bytes read from a file of unknown content
HASHED = 1 << 7  # an integer that went through xor, multiply-and-mask or modulo
VOCAB = 1 << 8  # ranges over the whole vocabulary
SIZE = 1 << 9  # how many items, not which: a length, a shape
FIXED_BITS = 10


def bits_of(mask: int) -> Iterator[int]:
    """Yield the single-bit masks in ``mask``, lowest first."""
    while mask:
        low = mask & -mask
        yield low
        mask ^= low


class Atoms:
    """Hands out bits by family and remembers what each stands for."""

    def __init__(self) -> None:
        self._next = 1 << FIXED_BITS
        self._families: dict[str, int] = {}
        self._known: dict[tuple[str, object], int] = {}
        self._meaning: dict[int, object] = {}

    def bit(self, family: str, meaning: object) -> int:
        """Return the bit of ``meaning`` in ``family``, the same one every time."""
        key = (family, meaning)
        bit = self._known.get(key)
        if bit is None:
            bit = self.fresh(family, meaning)
            self._known[key] = bit
        return bit

    def fresh(self, family: str, meaning: object) -> int:
        """Return a new bit for ``meaning`` in ``family``."""
        bit = self._next
        self._next <<= 1
        self._families[family] = self._families.get(family, 0) | bit
        self._meaning[bit] = meaning
        return bit

    def family(self, family: str) -> int:
        """Return the mask of all bits handed out in ``family`` so far."""
        return self._families.get(family, 0)

    def meanings(self, mask: int, family: str) -> list[object]:
        """Return what the bits of ``mask`` in ``family`` stand for, oldest first."""
        meaning = self._meaning
        return [meaning[bit] for bit in bits_of(mask & self._families.get(family, 0))]
