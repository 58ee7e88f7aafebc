"""The runs' values of one score: by the label that prints it, by the folder of the logs."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from statistics import fmean

from msgspec import Struct

from auditor.evidence.claims import Claim
from auditor.evidence.printed import Metric
from auditor.evidence.run import Run
from auditor.regex import regex

# A number, or what tells one run from another: hexadecimal digits of some length.
_NUMBER = regex(r"(?<![0-9a-z.])(?=[a-f]{0,40}\d)[0-9a-f]{6,40}(?![0-9a-z.,])|\d+(?:[.,]\d+)*")
_DECIMAL = regex(r"\d+\.\d+")
_MEANT = 1e-3  # bits per byte between a claim and the mean of the scores that it is of
ONE_CONFIG = 0.05  # bits per byte: scores of one configuration lie closer together


class Series(Struct, frozen=True):
    """The last line of one label in each run that prints it: the runs' values of one score."""

    label: str
    metrics: tuple[Metric, ...]

    @property
    def mean(self) -> float:
        """Return the mean in bits per byte."""
        return fmean(m.val_bpb for m in self.metrics)


def by_label(runs: Sequence[Run]) -> tuple[Series, ...]:
    """Return the final scores of the runs by label, one value for each run; the reported score comes first."""
    found: dict[str, dict[int, Metric]] = {}
    for number, run in enumerate(runs):
        for metric in run.scores:
            found.setdefault(kind(metric), {})[number] = metric
    series = [Series("the score", tuple(score for run in runs if (score := final(run)) is not None))]
    series += [Series(label, tuple(each.values())) for label, each in found.items()]
    return tuple(s for s in series if s.metrics and not any(_rounds(s, other) for other in series))


def meant(claim: Claim[float] | None, series: Sequence[Series]) -> Series:
    """Return the scores that a claim is of: those of all runs that it nearly is the mean of, else the reported ones."""
    if claim is None:
        return series[0]
    whole = [s for s in series if len(s.metrics) == len(series[0].metrics)]
    nearest = min(whole, key=lambda s: abs(s.mean - claim.value))
    return nearest if abs(nearest.mean - claim.value) < _MEANT else series[0]


def _rounds(series: Series, other: Series) -> bool:
    """Tell whether a series is another one printed with fewer decimals."""
    return len(series.metrics) == len(other.metrics) and all(
        a.decimals < b.decimals and a.path == b.path and abs(a.val_bpb - b.val_bpb) <= 10.0**-a.decimals
        for a, b in zip(series.metrics, other.metrics, strict=True)
    )


def by_folder(runs: Sequence[Run]) -> tuple[Series, ...]:
    """Return the scores of the runs whose logs share a folder, where the logs lie in several: one for each version."""
    folders: dict[str, list[Run]] = {}
    for run in runs:
        folders.setdefault(posixpath.dirname(run.path), []).append(run)
    groups = [group for group in folders.values() if len(group) > 1] if len(folders) > 1 else []
    return tuple(s for group in groups for s in by_label(group) if len(s.metrics) == len(group))


def final(run: Run) -> Metric | None:
    """Return the run's score when it is a final one."""
    score = run.score
    return score if score is not None and score.role == "final" else None


def kind(metric: Metric) -> str:
    """Return what tells one kind of score line from another: the words before its first decimal."""
    return words(metric.text)


def words(line: str) -> str:
    """Return the words of a line before its first decimal, in lower case, each number a ``#``."""
    before = _DECIMAL.split(line.lower(), maxsplit=1)[0]
    return _NUMBER.sub("#", before)


def one_config(runs: Sequence[Run]) -> bool:
    """Tell whether the runs may be seeds of one configuration: of one vocabulary, with scores close together."""
    if not one_vocabulary(runs):
        return False
    values = [metric.val_bpb for run in runs if (metric := final(run)) is not None]
    return not values or max(values) - min(values) <= ONE_CONFIG


def one_vocabulary(runs: Sequence[Run]) -> bool:
    """Tell whether no two of the runs print that their vocabularies have different sizes."""
    return len({size for run in runs if (size := run.vocabulary) is not None}) < 2
