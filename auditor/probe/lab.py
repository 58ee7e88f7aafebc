"""The script under experiment: how it is run, its first run, and how far a later one's score is from that."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from auditor.probe.printed import Printed
from auditor.probe.run import Ran, Spans, run_script
from auditor.probe.scores import Placed, placed
from auditor.probe.sizes import byte_counts
from auditor.probe.tokens import COUNT, Draw
from auditor.sandbox import Limits, Mechanism
from auditor.smoke.plan import Plan
from auditor.submission.model import Submission

FEW_TRAIN_TOKENS = 1 << 17
"""Tokens of a training shard where that is enough: what a script fills from all of them is filled in a second."""


@dataclass
class Lab:
    """One submission in the sandbox: how it is run, and what its runs took.

    ``claimed`` are the words before the score in the line that counts, where several are printed.
    """

    submission: Submission
    planned: Plan
    limits: Limits
    use: Mechanism | None
    bare: bool = False
    train: int = FEW_TRAIN_TOKENS
    claimed: str | None = None
    ran: list[Ran] = field(default_factory=list)

    def run(self, draw: Draw, spans: Spans | None = None, amount: float = 0.0) -> Ran:
        """Run the script under a draw, with ``amount`` added at ``spans``."""
        out = run_script(
            self.submission,
            self.planned,
            draw,
            self.limits,
            use=self.use,
            spans=spans,
            amount=amount,
            bare=self.bare,
            train=self.train,
            claimed=self.claimed,
        )
        self.ran.append(out)
        return out


@dataclass(frozen=True)
class Base:
    """The first run: its draw, tokens (COUNT,) and their bytes, what it computed about them, and what it printed."""

    ran: Ran
    draw: Draw
    size: int
    tokens: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    placed: dict[str, Placed]
    printed: Printed


def base_of(ran: Ran, draw: Draw) -> Base | str:
    """Return the first run as what can be judged, or in one line why it can't be."""
    if ran.trouble is not None:
        return f"the run didn't finish: {ran.trouble}"
    if ran.vocabulary is None:
        return "the script read no validation tokens"
    if ran.printed is None:
        return "the script prints no score"
    tokens = draw.tokens(ran.vocabulary).astype(np.int64)
    sizes = byte_counts(tokens, ran.vocabulary)
    return Base(ran, draw, ran.vocabulary, tokens, sizes, placed(ran.sites, tokens), ran.printed)


def reach(base: Base, nudged: Ran) -> float | None:
    """Return by how many nats, over all tokens, the printed score moved."""
    if nudged.trouble is not None or nudged.printed is None:
        return None
    here, there = base.printed, nudged.printed
    if here.loss is not None and there.loss is not None and here.bpb is None:
        return (there.loss - here.loss) * (COUNT - 1)
    if here.bpb is None or there.bpb is None:
        return None
    return (there.bpb - here.bpb) * float(np.log(2.0)) * float(base.sizes[1:].sum())
