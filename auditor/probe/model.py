"""What the experiments say: PASS, FAIL or SKIP each, with what was seen and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Status = Literal["PASS", "FAIL", "SKIP"]
Standing = Literal["explained", "unexplained", "unseen", "agrees", "open"]

EXPERIMENTS = ("future", "order", "answer", "reported")
"""The experiments in their order."""

RULES: Mapping[str, str] = {
    "future": "what is computed for a token when it is scored doesn't depend on tokens after it",
    "order": "no token is scored again, and reported, after it was learned from",
    "answer": "the probabilities that a token's candidates would get add up to at most one",
    "reported": "the printed score is the sum over the tokens, each once, over the bytes of these tokens",
}
"""What each experiment asks, in a sentence."""


@dataclass(frozen=True)
class Seen:
    """The first token that shows it: its ``position`` in the set, what it was given ``before`` and ``after``."""

    position: int
    before: float
    after: float


@dataclass(frozen=True)
class Result:
    """One experiment: ``reason`` in a line, ``place`` the script's line (``file:line``) where it was seen.

    ``seen`` is what moved (future, order), ``rescored`` when the same token had been scored before; ``total`` the mean
    sum over candidates and ``bits`` the log2 of the odds against chance (answer); ``tokens`` how many the result
    rests on.
    """

    experiment: str
    status: Status
    reason: str
    place: str = ""
    seen: Seen | None = None
    total: float | None = None
    bits: float | None = None
    tokens: int = 0
    rescored: bool = False


@dataclass(frozen=True)
class Compared:
    """What the reading of the code says beside it: the ``verdict`` on compliance, and a ``line`` for each result.

    ``standing`` is, by experiment: ``explained`` (fails, and a finding says why), ``unexplained`` (fails, and none
    does), ``unseen`` (passes, and a finding says it should not), ``agrees``, ``open`` (nothing to compare).
    """

    verdict: str
    findings: tuple[str, ...]
    standing: Mapping[str, Standing]


@dataclass(frozen=True)
class ProbeReport:
    """The experiments on one submission.

    ``cut`` says how the run was made small; ``seed`` draws the same tokens again. ``runs`` took ``seconds`` of wall
    clock together, and at most ``memory`` bytes. ``printed`` is the line with the score.
    """

    submission: str
    name: str
    script: str | None
    setting: str
    results: tuple[Result, ...]
    seed: int = 0
    cut: tuple[str, ...] = ()
    runs: int = 0
    seconds: float = 0.0
    memory: int = 0
    mechanism: str = ""
    stand_ins: tuple[str, ...] = ()
    printed: str = ""
    compared: Compared | None = None

    @property
    def failed(self) -> bool:
        """Whether any experiment failed."""
        return any(result.status == "FAIL" for result in self.results)

    @property
    def hold(self) -> bool:
        """Whether an experiment failed that no finding of the static audit explains."""
        standing = self.compared.standing if self.compared is not None else {}
        return any(r.status == "FAIL" and standing.get(r.experiment) != "explained" for r in self.results)

    def result(self, experiment: str) -> Result:
        """Return an experiment's result."""
        return next(result for result in self.results if result.experiment == experiment)
