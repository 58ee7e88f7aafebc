"""Origins as bits: what a value was made from.

Every abstract value carries an ``int`` whose bits are origins, so that joining two values' origins is
``a | b``. A few bits are fixed; the rest are handed out by :class:`Atoms` as the program is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

MAX_SETTINGS = 12  # "any value", the defaults, and up to ten more
_EACH = (1 << MAX_SETTINGS) - 1
VAL = _EACH  # from the validation split (its path, or tokens read from it): one bit per setting in play
TRAIN = _EACH << MAX_SETTINGS  # from the training split: one bit per setting in play
_FIXED = 2 * MAX_SETTINGS
BITS = 1 << _FIXED  # passed through ln 2, so it is in bits, not nats
CLOCK = 1 << _FIXED + 1  # read from a clock
LAUNCH = 1 << _FIXED + 2  # rank or world size
RANDOM = 1 << _FIXED + 3  # from a random generator
TEXT_FILE = 1 << _FIXED + 4  # bytes read from a file of unknown content
HASHED = 1 << _FIXED + 5  # an integer that went through xor, multiply-and-mask or modulo
VOCAB = 1 << _FIXED + 6  # ranges over the whole vocabulary
SIZE = 1 << _FIXED + 7  # how many items, not which: a length, a shape
LISTING = 1 << _FIXED + 8  # a file name from a directory listing
FIXED_BITS = _FIXED + 9


def under(origins: int, settings: int) -> int:
    """Return ``origins`` with the splits kept for the given settings only."""
    if not origins & (VAL | TRAIN):
        return origins
    return origins & ~(VAL | TRAIN) | origins & (settings | settings << MAX_SETTINGS)


def val_settings(origins: int) -> int:
    """Return the settings under which ``origins`` include the validation split."""
    return origins & VAL


def train_settings(origins: int) -> int:
    """Return the settings under which ``origins`` include the training split."""
    return (origins & TRAIN) >> MAX_SETTINGS


def replaced(origins: int, splits: int, bit: int) -> int:
    """Return ``origins`` with the split that a setting's path names in the place of the default's."""
    if not splits:
        return origins
    return under(origins, ~bit & VAL) | under(splits, bit)


def bits_of(mask: int) -> Iterator[int]:
    """Yield the single-bit masks in ``mask``, lowest first."""
    while mask:
        low = mask & -mask
        yield low
        mask ^= low


class _Families(dict[str, int]):
    """Masks of families, 0 for one without a bit."""

    def __missing__(self, family: str) -> int:
        self[family] = 0
        return 0


class Atoms:
    """Hands out bits by family and remembers what each stands for.

    ``family(name)`` returns the mask of all bits handed out in a family so far. It is asked for at every step, hence
    no method of Python's.
    """

    def __init__(self) -> None:
        self.made = 0  # how many bits were handed out
        self._next = 1 << FIXED_BITS
        self._families = _Families()
        self.family: Callable[[str], int] = self._families.__getitem__
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
        self.made += 1
        self._families[family] |= bit
        self._meaning[bit] = meaning
        return bit

    def meanings(self, mask: int, family: str) -> list[object]:
        """Return what the bits of ``mask`` in ``family`` stand for, oldest first."""
        mask &= self._families[family]
        if not mask:
            return []
        meaning = self._meaning
        return [meaning[bit] for bit in bits_of(mask)]
