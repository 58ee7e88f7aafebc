"""What a submission says of itself, claim by claim, with the place that says it."""

from __future__ import annotations

from typing import Generic

from msgspec import Struct

from auditor.evidence.printed import T_co, Value


class Claim(Struct, Generic[T_co], frozen=True):
    """One value that the submission says of itself, and where.

    ``key`` is the dotted path in submission.json or the column or sentence of the README; ``seed`` is set
    when the claim is about one seed. ``decimals`` counts the written decimals, 0 for other than decimals.
    """

    name: str
    value: T_co
    path: str
    line: int | None
    key: str
    seed: int | None = None
    decimals: int = 0


class ClaimSet(Struct, frozen=True):
    """Every claim of one file, in its order, and what kept the file from being read."""

    path: str | None = None
    numbers: tuple[Claim[float], ...] = ()
    texts: tuple[Claim[str], ...] = ()
    declared: tuple[Claim[bool], ...] = ()  # self-declared compliance: a claim, never evidence
    seeds: tuple[int, ...] = ()
    problems: tuple[Value[str], ...] = ()
    blank: str | None = None  # what stands for the score and is none (null, 0, "TBD"), as JSON writes it
    retracted: bool = False  # it names the score, gives none (null), and says that it was retracted

    def all(self, name: str, *, per_seed: bool = False) -> tuple[Claim[float], ...]:
        """Return the claims of a name, the most authoritative first; of single seeds when ``per_seed``."""
        return tuple(c for c in self.numbers if c.name == name and (c.seed is not None) == per_seed)

    def first(self, name: str) -> Claim[float] | None:
        """Return the leading claim of a name about the submission as a whole."""
        found = self.all(name)
        return found[0] if found else None

    def text(self, name: str) -> Claim[str] | None:
        """Return the leading claim of a name that is text."""
        return next((c for c in self.texts if c.name == name), None)
