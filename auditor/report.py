"""The result of one audit, before any renderer sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

from auditor.challenge import Challenge, default
from auditor.failure import Failure
from auditor.finding import Finding, NotFollowed, Recommendation, RestsOn, Verdict
from auditor.fix.change import Tried
from auditor.program.source import Source
from auditor.submission.model import Track


class Claims(Struct, frozen=True):
    """What the submission says of itself (submission.json first, then README); None where it says nothing.

    What is no plain entry of submission.json may be said of another work or of a trial: ``score_at``, ``bytes_at`` and
    ``seeds_at`` are where it stands then, empty otherwise.
    """

    val_bpb: float | None = None
    artifact_bytes: int | None = None
    seeds: tuple[int, ...] = ()
    score_at: str = ""
    bytes_at: str = ""
    seeds_at: str = ""


class MeasuredRun(Struct, frozen=True):
    """What one log shows. Every number comes from a log line or a file on disk."""

    log: str
    seed: int | None = None
    val_bpb: float | None = None  # bits per byte
    val_loss: float | None = None  # nats per token
    artifact_bytes: int | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    steps: int | None = None
    world_size: int | None = None
    claimed_bpb: float | None = None  # the score of it that the claim rests on, where its log prints others after it
    validation_seconds: float | None = None  # all timed passes over validation data, where it times several
    vocabulary: int | None = None  # entries: runs of several are no seeds of one configuration
    with_disk: bool = (
        False  # its log prints no total of the artifact: the script's size on disk is in ``artifact_bytes``
    )

    @property
    def claimed(self) -> bool:
        """Whether the claimed score rests on it."""
        return self.claimed_bpb is not None


class Curve(Struct, frozen=True):
    """What one run prints step by step: ``points`` are (step, value), in the order of the log.

    Losses are in nats per token, ``val_bpb`` in bits per byte. ``run`` counts the runs of one log from 1.
    """

    log: str
    run: int
    name: Literal["train_loss", "val_loss", "val_bpb"]
    points: tuple[tuple[int, float], ...]


class DiskSize(Struct, frozen=True):
    """One file that the challenge counts, or may count: its size on disk, in bytes."""

    part: Literal["script", "helper", "artifact"]
    path: str
    size: int


class Gone(Struct, frozen=True):
    """A finding that the baseline has and this audit has not; ``line`` is where it was."""

    rule: str
    path: str | None
    line: int | None
    message: str


class Comparison(Struct, frozen=True):
    """What of a report its baseline knows: findings that count, and what could not be followed and counts."""

    known: int
    new: int
    gone: tuple[Gone, ...] = ()


class Printed(Struct, frozen=True):
    """A score that the program prints under one setting in play, and the lines whose predictions it counts.

    ``statement`` is what prints it, as it is written, ``label`` the setting's.
    """

    path: str
    line: int
    statement: str
    label: str
    counts: tuple[tuple[str, int, str], ...]  # (path, line, text)


@dataclass(frozen=True)
class Report:
    """One submission's verdicts and what they rest on.

    ``rests_on`` is what the score that may be claimed rests on; compliance is CLEAN only where all of it was followed.
    ``sources`` holds every readable layer by (path, layer), so that renderers can quote lines; ``cited`` the other
    files in which findings lie (logs, metadata), by path. ``folder`` is the record folder's place in its repository
    ("": the root; None: not known), ``title`` what submission.json calls the work.
    ``tried`` are changes that take findings away, where they were asked for (:mod:`auditor.fix.offer`).
    ``failures`` are defects of ours that cost this report a part; ``not_followed`` says so, too.
    ``timeline`` is the reviewer's summary of the script, one line per event, ``gist`` the same in two sentences.
    ``printed`` are the scores that the program prints, ``ends`` tells of each setting in play whether the program comes
    to its last line: what :mod:`auditor.fix` compares.
    ``applied`` are the rules that were applied (None: all there are); ``hidden`` counts findings that were asked not to
    be shown. ``curves`` and ``sizes`` are there only
    where a page shows them (:func:`auditor.evidence.exhibits.exhibit`).
    """

    submission: str
    name: str
    track: Track
    sha: str | None
    script: str | None
    verdict: Verdict
    recommendation: Recommendation
    compliance: Verdict
    evidence: Verdict
    package: Verdict
    findings: tuple[Finding, ...] = ()
    not_followed: tuple[NotFollowed, ...] = ()
    rests_on: tuple[RestsOn, ...] = ()
    claims: Claims = field(default_factory=Claims)
    runs: tuple[MeasuredRun, ...] = ()
    sources: Mapping[tuple[str, int], Source] = field(default_factory=dict)
    timeline: tuple[str, ...] = ()
    pr: int | None = None
    baseline: Comparison | None = None  # None: there is no baseline
    folder: str | None = None
    title: str = ""
    cited: Mapping[str, Source] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    sizes: tuple[DiskSize, ...] = ()
    failures: tuple[Failure, ...] = ()
    challenge: Challenge = field(default_factory=default)
    gist: tuple[str, ...] = ()
    applied: tuple[str, ...] | None = None
    hidden: int = 0
    tried: tuple[Tried, ...] = ()
    printed: tuple[Printed, ...] = ()
    ends: Mapping[str, bool] = field(default_factory=dict)

    @property
    def calls(self) -> bool:
        """Tell whether somebody must look: the verdict isn't CLEAN, and not all that makes it so is known.

        An unreadable script is never known: nobody can tell what is in it.
        """
        if self.compliance is Verdict.UNREADABLE:
            return True
        if self.baseline is not None and not self.baseline.new:
            return False
        if self.hidden:
            # Who asks not to see them doesn't ask for an exit code because of them.
            return any(shown(f) and not f.known for f in self.findings) or any(
                item.decisive for item in self.not_followed
            )
        return self.verdict is not Verdict.CLEAN


def shown(finding: Finding) -> bool:
    """Tell whether a finding may count: it is no note, its code may run, and no ruling stands against it."""
    return finding.status != "note" and finding.active is not False and finding.overruled is None
