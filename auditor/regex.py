"""Regular expressions that are compiled when they are first asked for something that may be there.

A check knows hundreds and uses a few dozens; compiling all of them took a third of a small one. Of those that it asks,
most are told at a glance that a text holds no match: without one of a few words, their *cues*, there is none. The cues
stand in ``cues.json``, which ``make cues`` works out from the patterns (``tests/test_cues.py``). A pattern without any
there is compiled when it is first asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, AnyStr, cast

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split")
_PATIENCE = 100  # texts without cues, after which compiling is cheaper than looking for them
_ANY_CASE = int(re.IGNORECASE)
# Letters that a pattern takes for ASCII's where it ignores case, though they aren't lowered to it.
_ASCII_LETTERS = (("İ", "i"), ("ı", "i"), ("ſ", "s"), ("K", "k"))
_LONG = 4_000  # characters, beyond which lowering a text takes as long as compiling

Cues = tuple[tuple[str, ...], ...]
"""Sets of words; a match holds one of each set. Without regard to case they are in lower case."""


@lru_cache(maxsize=1)
def _table() -> dict[int, dict[str, Cues]]:
    import msgspec  # only a check has a use for it

    stored = Path(__file__).with_name("cues.json").read_bytes()
    return msgspec.json.decode(stored, type=dict[int, dict[str, Cues]])


def cue(text: str, flags: int, cues: Cues) -> bool:
    """Tell whether a text holds a word of each set, as every text with a match of the pattern does."""
    if flags & _ANY_CASE:
        if not text.isascii():
            for other, letter in _ASCII_LETTERS:
                text = text.replace(other, letter)
        text = text.lower()
    for words in cues:
        for word in words:
            if word in text:
                break
        else:
            return False
    return True


def _asked(name: str, nothing: Callable[[Any], object], at: int = 0) -> Callable[..., Any]:
    """Return a pattern's method until it is compiled; ``nothing`` makes what it returns of a text without a match."""

    def method(self: Late, *given: Any, **named: Any) -> Any:
        if len(given) > at and self._passes(given[at]):
            return nothing(given[at])
        return getattr(self._compiled(), name)(*given, **named)

    return method


class Late:
    """A pattern that isn't compiled yet; from then on its methods are the compiled one's own."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self.pattern = text
        self._given = int(flags)  # plain: what masks an enumeration's member takes longer than most searches
        self._passed = 0

    @cached_property
    def _cues(self) -> Cues | None:
        return _table().get(self._given, {}).get(self.pattern) if isinstance(self.pattern, str) else None

    def _passes(self, text: str) -> bool:
        """Tell whether a text has no match for want of a cue; False where that takes the pattern itself."""
        cues = self._cues
        if cues is None or self._passed >= _PATIENCE or (self._given & _ANY_CASE and len(text) > _LONG):
            return False
        if cue(text, self._given, cues):
            return False
        self._passed += 1
        return True

    def _compiled(self) -> re.Pattern[Any]:
        compiled = re.compile(self.pattern, self._given)
        for each in _METHODS:
            setattr(self, each, getattr(compiled, each))
        return compiled

    search = _asked("search", lambda text: None)
    match = _asked("match", lambda text: None)
    fullmatch = _asked("fullmatch", lambda text: None)
    finditer = _asked("finditer", lambda text: iter(()))
    findall = _asked("findall", lambda text: [])
    sub = _asked("sub", lambda text: text, at=1)
    subn = _asked("subn", lambda text: (text, 0), at=1)
    split = _asked("split", lambda text: [text])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._compiled(), name)

    def __reduce__(self) -> tuple[type[Late], tuple[str | bytes, int]]:
        return Late, (self.pattern, self._given)


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what ``re.compile`` would, compiled when it is needed; a text that is none raises ``re.error`` only then.

    ``re``'s own functions don't take it (``re.sub(regex(…), …)``): its methods do the same.
    """
    return cast("re.Pattern[AnyStr]", Late(text, flags))
