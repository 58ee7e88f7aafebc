"""The score that a script prints: the last number that it calls bits per byte, and the loss beside it.

Of several scores, the claimed one counts: the last line that begins as the line of the log does that the claim is of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditor.evidence.model import Evidence
from auditor.evidence.series import by_label, kind, meant, words
from auditor.regex import regex

_NUMBER = r"(\d{1,6}\.\d{1,17}(?:e[-+]?\d{1,3})?)(?![\w.]|\s*(?:s|ms|MB|%)\b)"
_BPB = regex(rf"(\w*(?:bpb|bits[_ /]per[_ /]byte|bpc)\w*)[\"'\])]{{0,2}}\s*(?:[:=]|is)?\s*{_NUMBER}", re.I)
_LOSS = regex(rf"(\w*(?:loss|nll)\w*)[\"'\])]{{0,2}}\s*[:=]?\s*{_NUMBER}", re.I)
_NOT = regex(r"train|ttt_loss|delta|diff|baseline|improve|best|target", re.I)
_ASIDE = regex(r"^\W*(?:diagnostic|sanity|debug)", re.I)
_LONGEST = 2000  # characters of a line


@dataclass(frozen=True)
class Printed:
    """A printed score: ``bpb`` bits per byte, ``loss`` nats per token beside it, ``text`` as it stands there."""

    bpb: float | None
    loss: float | None
    text: str
    digits: int

    @property
    def step(self) -> float:
        """The size of the last printed digit."""
        return float(10.0**-self.digits)


def claimed_kind(evidence: Evidence) -> str | None:
    """Return the words before the number in the line of the logs that the claimed score is of; None without logs."""
    series = by_label(evidence.runs)
    return kind(meant(evidence.leading(), series).metrics[-1]) if series else None


def printed_score(output: str, claimed: str | None = None) -> Printed | None:
    """Return the last score that a run printed, but for what it calls a diagnostic; None where it printed none.

    Lines with the words ``claimed`` before their number go before others.
    """
    found: Printed | None = None
    loss_only: Printed | None = None
    of_claim: Printed | None = None
    for line in output.splitlines():
        if len(line) > _LONGEST or _ASIDE.match(line):
            continue
        scores = [m for m in _BPB.finditer(line) if not _NOT.search(m[1])]
        losses = [m for m in _LOSS.finditer(line) if not _NOT.search(m[1]) and "bpb" not in m[1].lower()]
        if scores:
            last = scores[-1]
            loss = float(losses[-1][2]) if losses else None
            found = Printed(float(last[2]), loss, line.strip(), _digits(last[2]))
            of_claim = found if claimed is not None and words(line.strip()) == claimed else of_claim
        elif losses:
            loss_only = Printed(None, float(losses[-1][2]), line.strip(), _digits(losses[-1][2]))
    return of_claim or found or loss_only


def _digits(number: str) -> int:
    return len(re.split("[eE]", number)[0].partition(".")[2])
