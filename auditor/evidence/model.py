"""Everything that the logs, the metadata, the README and the history of a submission say."""

from __future__ import annotations

from statistics import fmean
from typing import Literal

from msgspec import Struct, field

from auditor.evidence.claims import Claim, ClaimSet
from auditor.evidence.run import Run
from auditor.evidence.sizes import Sizes
from auditor.regex import regex
from auditor.report import Claims

_SCORE = "val_bpb"
_MEAN = regex(r"_(?:mean|avg|average|final|exact|\d?_?seed)")
_FAR = 0.05  # bits per byte: scores of one configuration lie closer together


class EmbeddedSource(Struct, frozen=True):
    """The lines of a log that hold the script itself; ``text`` is None when it is too long to keep."""

    first_line: int
    last_line: int
    text: str | None


class Trouble(Struct, frozen=True):
    """A line of a log that says that the run, or the log, went wrong."""

    kind: Literal["traceback", "connection", "placeholder", "killed", "summary", "nought"]
    line: int
    text: str


class Reuse(Struct, frozen=True):
    """A log of the submission that is byte for byte one of an earlier pull request's folder.

    ``path`` is the submission's own, ``place`` the other's below the repository's root. ``pr`` is the earlier pull
    request, None for a folder of main. ``same_author`` compares the two submission.json, None where one names nobody.
    """

    path: str
    place: str
    pr: int | None
    same_author: bool | None


class Commit(Struct, frozen=True):
    """A commit of the pull request that changed the record folder.

    ``when`` is its committer's date in seconds since 1970, ``paths`` the changed files below the folder, ``late``
    whether that is after the challenge's cutoff.
    """

    sha: str
    when: int
    paths: tuple[str, ...]
    late: bool


class Log(Struct, frozen=True):
    """One log file: its runs, the scripts that it embeds, and the lines that tell of trouble.

    ``blob`` is the file's git object name, by which the same log is known again in another pull request.
    """

    path: str
    size: int
    blob: str
    encoding: str  # "utf-8", "utf-16", "gzip", …
    lines: int
    runs: tuple[Run, ...] = ()
    sources: tuple[EmbeddedSource, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    unread: int = 0  # lines that were passed over because the log says more than any run does


class Evidence(Struct, frozen=True):
    """Everything that a submission's logs, metadata, README and files say."""

    logs: tuple[Log, ...] = ()
    metadata: ClaimSet = ClaimSet()
    readme: ClaimSet = ClaimSet()
    sizes: Sizes = field(default_factory=Sizes)
    problems: tuple[str, ...] = ()  # one line each: a log that could not be read, …
    reused: tuple[Reuse, ...] = ()  # logs that an earlier pull request holds too
    commits: tuple[Commit, ...] = ()  # what changed the folder, where some of it came after the cutoff

    @property
    def runs(self) -> tuple[Run, ...]:
        """Return every run of every log, in the order of the logs."""
        return tuple(run for log in self.logs for run in log.runs)

    def leading(self) -> Claim[float] | None:
        """Return the claimed score: submission.json's, else the mean of its claims per seed, else the README's."""
        whole = self.metadata.first("val_bpb")
        each = self.metadata.all("val_bpb", per_seed=True)
        if whole is None and not each and not self.metadata.retracted:
            return self.readme.first("val_bpb")
        first = each[0] if each else None
        if first is None or (whole is not None and not _of_another_run(whole, each)):
            return whole
        mean = fmean(c.value for c in each)
        return Claim("val_bpb", mean, first.path, first.line, first.key, None, min(c.decimals for c in each))

    def claims(self) -> Claims:
        """Return what the submission says of itself: submission.json first, then the README."""
        size = _largest(self.metadata.all("artifact_bytes")) or _largest(
            self.metadata.all("artifact_bytes", per_seed=True)
        )
        size = size or _largest(self.readme.all("artifact_bytes"))
        size = size or _largest(self.readme.all("artifact_bytes", per_seed=True))
        lead = self.leading()
        return Claims(
            val_bpb=lead.value if lead is not None else None,
            artifact_bytes=round(size.value) if size else None,
            seeds=self.metadata.seeds or self.readme.seeds,
            score_at=self._aside(lead),
            bytes_at=self._aside(size),
            seeds_at="" if self.metadata.seeds else self.readme.path or "",
        )

    def _aside(self, claim: Claim[float] | None) -> str:
        """Return where a claim stands that is no plain entry of submission.json; empty for one that is."""
        loss = claim is not None and claim.name == "val_bpb" and "loss" in claim.key
        if claim is None or (claim.path == self.metadata.path and "." not in claim.key and not loss):
            return ""
        of_seeds = any(claim.key == each.key for each in self.metadata.all(claim.name, per_seed=True))
        place = claim.path if claim.line is None else f"{claim.path}:{claim.line}"
        return "" if of_seeds else f"{place} ({claim.key})" if loss else place


def _of_another_run(whole: Claim[float], each: tuple[Claim[float], ...]) -> bool:
    """Tell whether a claim of the whole is beside the scores of the seeds, which stand under the score's own key.

    ``"val_bpb": {"42": 1.93}, "val_bpb_long_run": 1.61``: what has more words in its key, and lies far off, is no mean.
    """
    own = [c for c in each if c.key.partition(".")[0] == _SCORE]
    more = whole.key.startswith(f"{_SCORE}_") and _MEAN.search(whole.key) is None
    return more and bool(own) and abs(fmean(c.value for c in own) - whole.value) > _FAR


def _largest(claims: tuple[Claim[float], ...]) -> Claim[float] | None:
    """Return the leading claim, or the largest of those that share its key (a list or one entry per seed)."""
    if not claims:
        return None
    lead = claims[0]
    same = [c for c in claims if c.key == lead.key or (lead.seed is not None and c.seed is not None)]
    return max(same, key=lambda c: c.value)
