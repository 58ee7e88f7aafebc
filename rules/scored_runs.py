"""The runs of a submission as the evidence rules compare them: each run once, its scores by label."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from msgspec import Struct

from auditor.case import Case
from auditor.evidence.model import Claim, Evidence, Metric, Run
from auditor.regex import regex
from auditor.submission.names import shown

_DAY = regex(r"(?<!\d)(20\d\d-[01]\d-[0-3]\d)(?!\d)")
_NUMBER = regex(r"\d+(?:[.,]\d+)*")
_DECIMAL = regex(r"\d+\.\d+")
# A log's name or folder that says what it is kept for: to compare with, or as what was there before.
_ASIDE = regex(
    r"(?:^|[/_.\-])(?:reference|ref|baseline|earlier|previous|prior|parent|superseded|archived?|old|upstream)(?=[/_.\-]|$)"
)
_TELLING_DIGITS = 6  # decimals of a score that two runs do not share by chance
_FEWEST_DECIMALS = 2  # that a claim is taken to have: JSON drops the zeros of 1.2000
ONE_CONFIG = 0.05  # bits per byte: scores of one configuration lie closer together


class Series(Struct, frozen=True):
    """The last line of one label in each run that prints it: the runs' values of one score."""

    label: str
    metrics: tuple[Metric, ...]

    @property
    def mean(self) -> float:
        """Return the mean in bits per byte."""
        return fmean(m.val_bpb for m in self.metrics)


def judged(case: Case) -> bool:
    """Tell whether there is a package to judge; a lone script has none."""
    return not case.submission.lone


def record(case: Case) -> bool:
    """Tell whether the submission stands on the record track."""
    return case.submission.track == "record"


def stated_day(case: Case) -> str | None:
    """Return the day of the submission (YYYY-MM-DD): the metadata's, else the one in the folder's name."""
    said = case.evidence.metadata.text("date")
    for text in (said.value if said is not None else "", case.submission.name):
        match = _DAY.search(text)
        if match is not None:
            return match[1]
    return None


def distinct(evidence: Evidence) -> tuple[Run, ...]:
    """Return the runs with a score, each once though several files may tell of it, in the order of the logs."""
    kept: dict[tuple[object, ...], Run] = {}
    for run in evidence.runs:
        if run.score is not None:
            kept.setdefault(_identity(run), run)
    return tuple(kept.values())


def _identity(run: Run) -> tuple[object, ...]:
    """Return what two tellings of one run share: its scores, and its seed where scores of few digits may coincide."""
    scores = run.scores or run.metrics
    digits = max(m.decimals for m in scores)
    values = frozenset(m.val_bpb for m in scores if m.decimals == digits)
    seed = run.seed.value if run.seed is not None and digits < _TELLING_DIGITS else None
    return (values, seed)


def finished(evidence: Evidence) -> tuple[Run, ...]:
    """Return the distinct runs that print a final score; those of logs that are kept for comparison only if all are."""
    runs = tuple(run for run in distinct(evidence) if run.scores)
    claim = claimed(evidence)
    own = tuple(run for run in runs if not _ASIDE.search(run.path.lower()))
    aside = [run for run in runs if run not in own]
    if not own or (claim is not None and any(agrees(claim, m.val_bpb, (m,)) for run in aside for m in run.scores)):
        return runs
    return own


def seeds(runs: Sequence[Run]) -> tuple[int, ...]:
    """Return the seeds of the runs, each once, in the order of the runs."""
    return tuple(dict.fromkeys(run.seed.value for run in runs if run.seed is not None))


def told_of(runs: Sequence[Run]) -> frozenset[int]:
    """Return the seeds that the runs print or that their files are named by."""
    return frozenset({*seeds(runs), *(run.name_seed.value for run in runs if run.name_seed is not None)})


def by_label(runs: Sequence[Run]) -> tuple[Series, ...]:
    """Return the final scores of the runs by label, one value for each run; the reported score comes first."""
    found: dict[str, dict[int, Metric]] = {}
    for number, run in enumerate(runs):
        for metric in run.scores:
            found.setdefault(kind(metric), {})[number] = metric
    series = [Series("the score", tuple(score for run in runs if (score := final(run)) is not None))]
    series += [Series(label, tuple(each.values())) for label, each in found.items()]
    return tuple(s for s in series if s.metrics and not any(_rounds(s, other) for other in series))


def _rounds(series: Series, other: Series) -> bool:
    """Tell whether a series is another one printed with fewer decimals."""
    return len(series.metrics) == len(other.metrics) and all(
        a.decimals < b.decimals and a.path == b.path and abs(a.val_bpb - b.val_bpb) <= 10.0**-a.decimals
        for a, b in zip(series.metrics, other.metrics, strict=True)
    )


def final(run: Run) -> Metric | None:
    """Return the run's score when it is a final one."""
    score = run.score
    return score if score is not None and score.role == "final" else None


def kind(metric: Metric) -> str:
    """Return what tells one kind of score line from another: the words before its first decimal."""
    before = _DECIMAL.split(metric.text.lower(), maxsplit=1)[0]
    return _NUMBER.sub("#", before)


def claimed(evidence: Evidence) -> Claim[float] | None:
    """Return the claimed score of the whole submission, else the mean of the claims per seed."""
    return evidence.leading()


def agrees(claim: Claim[float], value: float, metrics: Sequence[Metric]) -> bool:
    """Tell whether the claim is ``value``, taken from ``metrics``, but for the rounding of both."""
    printed = max((unit(m.decimals) for m in metrics), default=0.0)
    said = unit(max(claim.decimals, _FEWEST_DECIMALS))
    # One printed score is either copied or rounded once; a mean of rounded scores carries their error too.
    error = (said + printed) / 2 if len(metrics) > 1 else max(said, printed) / 2
    return abs(claim.value - value) <= error + 1e-9


def nearly(claim: Claim[float], value: float) -> bool:
    """Tell whether the claim is ``value`` within one unit of the claim's last digit: rounded, cut off or rounded up."""
    return abs(claim.value - value) <= unit(max(claim.decimals, _FEWEST_DECIMALS)) + 1e-9


def unit(decimals: int) -> float:
    """Return one unit of the last of so many decimals."""
    return float(10.0**-decimals)


def of_named_seeds(evidence: Evidence, runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs whose seeds submission.json names, when it names some of the runs and all it names are there."""
    named = set(evidence.metadata.seeds)
    those = tuple(run for run in runs if run.seed is not None and run.seed.value in named)
    whole = {run.seed.value for run in those if run.seed is not None} == named
    return those if those and whole and len(those) < len(runs) else ()


def one_config(runs: Sequence[Run]) -> bool:
    """Tell whether the runs' scores lie so close together that they may be seeds of one configuration."""
    values = [metric.val_bpb for run in runs if (metric := final(run)) is not None]
    return not values or max(values) - min(values) <= ONE_CONFIG


def reported(case: Case) -> tuple[Run, ...]:
    """Return the finished runs that the claimed score rests on, as far as that can be told: else all of them.

    In a folder of ablations that is the run that prints the claim, or the runs of the named seeds.
    """
    runs = finished(case.evidence)
    claim = claimed(case.evidence)
    if len(runs) < 2 or claim is None:
        return runs
    if any(agrees(claim, s.mean, s.metrics) for s in by_label(runs) if len(s.metrics) == len(runs)):
        return runs
    named = of_named_seeds(case.evidence, runs)
    if named:
        return named
    alone = [run for run in runs if any(agrees(claim, m.val_bpb, (m,)) for m in run.scores)]
    ablations = not record(case) or not one_config(runs) or len(seeds(runs)) == 1
    return tuple(alone[:1]) if alone and ablations else runs


def score(value: float) -> str:
    """Return bits per byte with the digits that logs print, without trailing zeros beyond the fourth."""
    text = f"{value:.8f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<4}"


def several(items: Sequence[object], most: int = 6) -> str:
    """Return items as one readable list of at most ``most``, made safe to print."""
    texts = [shown(str(item), 80) for item in items[:most]]
    return ", ".join(texts) + (f" and {len(items) - most} more" if len(items) > most else "")
