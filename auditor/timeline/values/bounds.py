"""Which positions of a window a loss keeps: slices and masks with symbolic bounds, and whether two of them meet.

A bound is a sum of named sizes (``seq_len - stride``); it stands for an interior window, one that is neither the
first nor cut short by the end of the tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from msgspec import Struct

from auditor.timeline.values.frames import Site

END = "$end"  # the atom of a bound that counts from the end, as negative indices do
ONE = ""  # the atom of a constant


class Form(Struct, frozen=True):
    """A sum of sizes: how often each atom is in it, by name, without zeros."""

    terms: tuple[tuple[str, int], ...] = ()

    @property
    def constant(self) -> int | None:
        """Return the number that the form is, or None when sizes without a known value are in it."""
        if not self.terms:
            return 0
        (name, count), *rest = self.terms
        return count if name == ONE and not rest else None

    def plus(self, other: Form, times: int = 1) -> Form:
        """Return ``self + times * other``."""
        counts = dict(self.terms)
        for name, count in other.terms:
            counts[name] = counts.get(name, 0) + times * count
        return Form(tuple(sorted((name, count) for name, count in counts.items() if count)))

    def scaled(self, times: int) -> Form:
        """Return ``times * self``."""
        return Form().plus(self, times)

    @property
    def sign(self) -> int | None:
        """Return 0, 1 or -1 for a form that is zero, positive or negative for all sizes; else None."""
        if not self.terms:
            return 0
        signs = {1 if count > 0 else -1 for _, count in self.terms}
        return signs.pop() if len(signs) == 1 else None


def number(value: int) -> Form:
    """Return the form of a constant."""
    return Form(((ONE, value),)) if value else Form()


def size(name: str) -> Form:
    """Return the form of one named size."""
    return Form(((name, 1),))


@dataclass(frozen=True)
class Part:
    """The positions from ``lower`` to before ``upper`` (None: the window's own), as kept at ``site``.

    It holds under the settings ``bits``. ``rows``: each row of a batch has its own, picked in the loop ``loop`` (if in
    any); ``tokens``: what was cut are tokens before a model saw them, not what the model made of them. ``branches`` are
    the open conditions on the way to where it was met first (see ``Event.branches``).
    """

    lower: Form | None
    upper: Form | None
    bits: int
    site: Site
    rows: bool = False
    tokens: bool = False
    loop: Site | None = None
    branches: tuple[int, ...] = field(default=(), compare=False)

    def complement(self) -> Part:
        """Return the positions that are left when these are taken away from a window's tail or head."""
        if self.lower is not None:
            return replace(self, lower=None, upper=self.lower)
        return replace(self, lower=self.upper, upper=None)


def reaches(fitted: Part, scored: Part) -> bool | None:
    """Return whether ``fitted`` has positions of ``scored``; None when their bounds can't be compared."""
    if fitted.upper is None:
        if fitted.lower is not None and scored.upper is not None:
            return fitted.lower.plus(scored.upper, -1).sign not in (0, 1)
        return True
    if scored.lower is None:
        return True
    ahead = fitted.upper.plus(scored.lower, -1).sign
    if ahead is not None:
        return ahead > 0
    if scored.upper is not None:
        if fitted.upper.plus(scored.upper, -1).sign in (0, 1):
            return True
        if fitted.lower is not None and _width(fitted) == _width(scored):
            return True  # both are the last stride of a window, counted from differently named ends
    return None


def _width(part: Part) -> Form:
    assert part.lower is not None and part.upper is not None
    return part.upper.plus(part.lower, -1)


def meets(fitted: Sequence[Part], scored: Sequence[Part]) -> bool | None:
    """Return whether a loss over the positions in all of ``fitted`` has positions that are in all of ``scored``.

    None when it could not be decided. No parts are the whole window. Tokens cut before a model saw them can only
    show that there are none: most such cuts pick the window itself.
    """
    judged = [s for s in scored if not s.tokens]
    judged = [s for s in judged if s.lower is not None] or judged
    if not judged:
        return True
    out: bool | None = True
    surely = False
    for part in fitted:
        found = {reaches(part, s) for s in judged}
        if False in found:
            return False
        if part.tokens:
            continue
        if True not in found:
            out = None
        elif part.lower is not None:
            surely = True  # the same tail of the window as the score's
    return surely or out


def under(parts: Iterable[Part], bit: int) -> list[Part]:
    """Return the parts that hold under the setting ``bit``."""
    return [part for part in parts if part.bits & bit]
