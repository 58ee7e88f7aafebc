"""The runs of a submission whose logs carry their source, grouped into samples: one script, one folder, one plan.

What a challenge with a target tests is the mean of such a sample (:class:`auditor.challenge.model.Target`).
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
import tokenize
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from auditor.challenge.model import Challenge
from auditor.evidence.frontier import Row, load
from auditor.evidence.model import EmbeddedSource, Evidence, Log
from auditor.evidence.printed import Value
from auditor.evidence.run import Run
from auditor.evidence.statistics import Sample, describe, upper_tail
from auditor.regex import regex

# A log's name or folder that says what it is kept for: to compare with, or as what was there before.
_ASIDE = regex(
    r"(?:^|[/_.\- ])(?:baseline|comparison|compare|reference|ref|prior|previous|old|original|master|upstream|extra|"
    r"ablations?|single[_-]gpu|profil\w*)(?=[/_.\- \d]|$)",
    re.IGNORECASE,
)


class Final(Struct, frozen=True):
    """The end of one run: its last validation loss in nats per token, and the training time beside it."""

    log: Log
    run: Run
    loss: Value[float]

    @property
    def seconds(self) -> Value[float] | None:
        """Return the training time in seconds."""
        return self.run.train_seconds

    @property
    def source(self) -> EmbeddedSource | None:
        """Return the script that the log begins with."""
        return next(iter(self.log.sources), None)

    @property
    def broke_off(self) -> bool:
        """Tell whether the log shows fewer steps than it plans."""
        done, planned = self.run.steps, self.run.planned_steps
        return done is not None and planned is not None and done.value < planned.value

    @property
    def cards(self) -> int:
        """Return how many accelerators the log lists (0: it lists none)."""
        return len(self.run.all("gpu"))


class Runs(Struct, frozen=True):
    """Runs of one script in one folder: a sample. ``digest`` is the script's, empty where the logs carry none."""

    folder: str
    digest: str
    finals: tuple[Final, ...]

    @property
    def losses(self) -> Sample:
        """Return mean, deviation and number of the last validation losses."""
        return describe([final.loss.value for final in self.finals])

    @property
    def seconds(self) -> float | None:
        """Return the mean training time in seconds, None where no log times it."""
        times = [time.value for final in self.finals if (time := final.seconds) is not None]
        return sum(times) / len(times) if times else None

    @property
    def aside(self) -> bool:
        """Tell whether the names say that these runs are kept to compare with."""
        return all(_ASIDE.search(final.log.path) for final in self.finals)


class Claimed(Struct, frozen=True):
    """The sample that a submission stands on; ``because`` tells how it was told from the others."""

    runs: Runs
    because: str
    row: Row | None = None


def finals(evidence: Evidence) -> tuple[Final, ...]:
    """Return the end of every run that prints a validation loss, in the order of the logs."""
    found: list[Final] = []
    for log in evidence.logs:
        for run in log.runs:
            losses = run.numbers("val_loss")
            if losses:
                found.append(Final(log, run, max(losses, key=lambda value: value.line or 0)))
    return tuple(found)


def samples(evidence: Evidence) -> tuple[Runs, ...]:
    """Return the runs by folder, script, number of steps that were planned, and number of accelerators."""
    groups: dict[tuple[str, str, int | None, int], list[Final]] = {}
    for final in finals(evidence):
        planned = final.run.planned_steps
        key = (posixpath.dirname(final.log.path), digest(final.source), planned.value if planned else None, final.cards)
        groups.setdefault(key, []).append(final)
    return tuple(Runs(folder, script, tuple(each)) for (folder, script, _, _), each in groups.items())


def digest(source: EmbeddedSource | None) -> str:
    """Return what tells one embedded script from another: a hash of what it says to Python.

    Comments, blank lines, docstrings and the ends of lines make no difference. Empty without a script.
    """
    return "" if source is None or source.text is None else _digest(source.text)


@lru_cache(maxsize=64)
def _digest(text: str) -> str:
    said = _statements(text)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _statements(text: str) -> str:
    """Return the tokens of a script that do something; its plain lines where it can't be split into tokens."""
    kept: list[str] = []
    begins = True
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
    tokens = [token for token in tokens if token.type not in (tokenize.COMMENT, tokenize.NL)]
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        alone = begins and after is not None and after.type == tokenize.NEWLINE
        if token.type == tokenize.STRING and alone:
            continue
        begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        kept.append(tokenize.tok_name[token.type] if begins else token.string)
    return "\n".join(kept)


def claimed(evidence: Evidence, challenge: Challenge, name: str, pr: int | None, script: str = "") -> Claimed | None:
    """Return the sample that a submission stands on, None where no log prints a validation loss.

    In this order: that with the log that the challenge's table names; that of the shipped ``script`` (its digest);
    the only one that isn't kept for comparison; the fastest of these on the most accelerators.
    """
    found = samples(evidence)
    if not found:
        return None
    row = load(challenge).own(pr, name)
    named = [each for each in found if row is not None and row.log is not None and _holds(each, row.log)]
    if named:
        return Claimed(max(named, key=lambda each: len(each.finals)), "the table names a log of it", row)
    same = [each for each in found if script and each.digest == script]
    if same:
        return Claimed(max(same, key=lambda each: len(each.finals)), "it is of the script that lies there", row)
    own = [each for each in found if not each.aside] or list(found)
    if len(own) == 1:
        return Claimed(own[0], "no other is there" if len(found) == 1 else "the others are for comparison", row)
    best = min(own, key=lambda each: (-max(final.cards for final in each.finals), each.seconds or 0.0))
    return Claimed(best, f"it is the fastest of {len(own)} samples", row)


def p_below(losses: Sample, target: float) -> float | None:
    """Return the one-sided p of Student's test that the mean lies below a target.

    None below two values, and for values that are all equal: a spread of zero is no evidence.
    """
    if losses.sd is None or losses.equal:
        return None
    t = (losses.mean - target) / (losses.sd / losses.n**0.5)
    return upper_tail(-t, losses.n - 1)


def _holds(runs: Runs, log: str) -> bool:
    """Tell whether a sample has the log of that path, or lies in the folder of that path."""
    return any(final.log.path == log or final.log.path.startswith(log.rstrip("/") + "/") for final in runs.finals)


def pooled(found: Iterable[Runs], runs: Runs) -> tuple[Runs, ...]:
    """Return the samples that may be meant with one: of the same folder, plan and machine, by other scripts."""
    first = runs.finals[0]
    planned = first.run.planned_steps.value if first.run.planned_steps is not None else None
    return tuple(
        each
        for each in found
        if each.folder == runs.folder
        and not each.aside
        and each.finals[0].cards == first.cards
        and (steps := each.finals[0].run.planned_steps) is not None
        and steps.value == planned
    )


def kept_aside(path: str) -> bool:
    """Tell whether a file's name or folder says that it is kept to compare with, or for another purpose."""
    return _ASIDE.search(path) is not None
