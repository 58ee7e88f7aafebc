"""Regular expressions that are compiled when they are first asked for something.

A check knows hundreds and uses a few dozens; compiling all of them took a third of a small one.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split")


class Late:
    """A pattern that isn't compiled yet; from the first use on its methods are the compiled one's own."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self.pattern = text
        self._given = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self._given)
        for each in _METHODS:
            setattr(self, each, getattr(compiled, each))
        return getattr(compiled, name)

    def __reduce__(self) -> tuple[type[Late], tuple[str | bytes, int]]:
        return Late, (self.pattern, self._given)


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what ``re.compile`` would, compiled at its first use; a text that is none raises ``re.error`` only then.

    ``re``'s own functions don't take it (``re.sub(regex(…), …)``): its methods do the same.
    """
    return cast("re.Pattern[AnyStr]", Late(text, flags))
