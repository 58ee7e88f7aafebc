"""Scores that don't beat the row that stood when they were submitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from msgspec import Struct

from auditor.case import Case
from auditor.evidence.counted import ONE_EVALUATION, Counted, counted_runs
from auditor.evidence.frontier import Bar, Frontier, Row, load
from auditor.evidence.scored import finished, seeds
from auditor.evidence.series import ONE_CONFIG
from auditor.evidence.statistics import Sample, describe, nats_per_byte, nats_per_token, welch_one_sided
from auditor.finding import Finding, Status
from auditor.rule import Authority, Example, Rule
from auditor.submission.names import shown
from rules.claimed_runs import on_line
from rules.evidence_examples import PLAIN, metadata, record
from rules.limits import bytes_per_token
from rules.record_claim import disclaimed
from rules.scored_runs import stated_day
from rules.validation_set import denominator, rightly_divided, tokenizer

SLUG = "not-significant"

_ONE_SETTING = 0.005  # bits per byte: runs of one seed with the same settings lie closer together
_CLEARLY_ABOVE = 0.002  # bits per byte above the row that stood: more than seeds differ


class OfSeed(Struct, frozen=True):
    """One seed's runs, as one value of a sample: runs of a seed are no seeds."""

    runs: tuple[Counted, ...]

    @property
    def seeded(self) -> bool:
        """Tell whether the runs print a seed."""
        return self.runs[0].run.seed is not None

    @property
    def different(self) -> int:
        """Return how many runs the logs show: two files may tell of one."""
        return len({round(each.exact.val_bpb, 6) for each in self.runs})

    @property
    def best(self) -> bool:
        """Tell whether the runs differ by more than a seed does, so that one of them is meant, and not their mean."""
        values = [each.exact.val_bpb for each in self.runs]
        return max(values) - min(values) > _ONE_SETTING

    @property
    def score(self) -> float:
        """Return the seed's value, in bits per byte: its runs' mean, the least where they are of other settings."""
        values = {round(each.exact.val_bpb, 6): each.exact.val_bpb for each in self.runs}
        return min(values.values()) if self.best else fmean(values.values())


class Comparison(Struct, frozen=True):
    """A submission's sample against a row: ``delta`` is new minus old in bits per byte.

    ``gain`` is what that saves, in nats per token where the bytes per token are known (``per_token``), else in nats
    per byte. ``p`` is None where a side has a single score, or the submission's are all ``equal``: a spread of zero is
    no evidence. ``single`` tells that the submission has one score.
    """

    row: Row
    delta: float
    gain: float
    per_token: bool
    p: float | None
    equal: bool = False

    def meets(self, bar: Bar) -> bool:
        """Tell whether the comparison clears a bar; without a p, by the sign and the gain alone."""
        significant = self.p is None or self.p < bar.p
        return self.delta < 0 and significant and (bar.nats is None or self.gain >= bar.nats)

    def told(self, what: str = "") -> str:
        """Return the comparison in words; ``what`` says more of the row."""
        unit = "nats per token" if self.per_token else "nats per byte"
        side = "below" if self.delta < 0 else "above"
        if self.equal:
            test = "the seeds' scores are all equal, and a spread of zero is no evidence to test with"
        elif self.p is None:
            theirs = self.row.sample
            lone = theirs is None or theirs.sd is None
            test = f"no test, for {'no spread of that row is known here' if lone else 'one score has no spread'}"
        else:
            test = f"one-sided Welch p = {self.p:.4f}"
        difference = f"{abs(self.delta):.6f} bits per byte ({abs(self.gain):.4f} {unit}) {side}"
        return f"{difference} {_named(self.row)}{what}: {test}"


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold when the bar in force is missed, a note when only the README's is or the row was accepted so.

    What doesn't even beat the row that stood, or says itself that it is no record, is only in the wrong track.
    """
    submission = case.submission
    if submission.lone or submission.track != "record":
        return
    compared = _by_seed(counted_runs(case.evidence))
    counted = [each for one in compared for each in one.runs]
    frontier = load(case.challenge)
    date = stated_day(case)
    own = frontier.own(submission.pr, submission.name)
    old = _before(frontier, own, submission.pr, date)
    if not counted or old is None or _of_several_works(counted):
        return
    sample = describe([one.score for one in compared])
    ratio = _bytes_per_token(case, counted)
    against = _compare(sample, old, ratio)
    day = own.date if own is not None else date
    bar = frontier.bar(day or frontier.bars[-1].since)
    missed = [b for b in frontier.bars if not against.meets(b)]
    if not missed:
        return
    message = (
        f"{_said(case, compared)}{_apart(case, compared, sample)}, {sample.mean:.6f}, is "
        f"{against.told(_stands(own, old, submission.pr, date))}. "
        f"Missed: {'; '.join(_missed(b, against) for b in missed)}. "
        f"{f'In force on {day}' if day else 'The latest bar'}: {_bar(bar)}."
    )
    if own is not None and own.pooled is not None:
        message += (
            f" With the reproduction that the maintainers pooled it is {_compare(own.pooled, old, ratio).told()}."
        )
    current = frontier.current
    if current not in (old, own):
        message += f" Today it is {_compare(sample, current, ratio).told()}."
    status: Status = "hold" if bar in missed else "note"
    if own is not None and own.status == "leaderboard":
        message += " It is a row of the leaderboard all the same (#1902 applies p < 0.25 to the whole frontier)."
        status = "note"
    said = disclaimed(case) if status == "hold" else None
    if status == "hold" and against.delta > _CLEARLY_ABOVE:
        # Nothing is to be weighed here: a score above the row that stood is no record by any bar.
        status = "incomplete"
    if said is not None:
        message += (
            f" It says itself that it is no record (“{shown(said.text, 60)}”): its place is the non-record track."
        )
        status = "incomplete"
    yield on_line(SLUG, status, message, counted[0].score.path, counted[0].score.line)


def _of_several_works(counted: Sequence[Counted]) -> bool:
    """Tell whether the runs, none of which prints what is claimed, lie too far apart for a mean of theirs to be one."""
    values = [each.exact.val_bpb for each in counted]
    return not any(each.claimed for each in counted) and max(values) - min(values) > ONE_CONFIG


def _said(case: Case, compared: Sequence[OfSeed]) -> str:
    """Return what is compared, in words: of seeds that are logged and not taken as the claimed ones, how many."""
    logged, first = len(set(seeds(finished(case.evidence)))), compared[0]
    seed = first.runs[0].run.seed
    if len(compared) > 1:
        if not all(one.seeded for one in compared):
            return f"The mean of {len(compared)} runs"
        beside = f" of the {logged} logged" if logged > len(compared) else ""
        return f"The mean of {len(compared)}{beside} seeds{_of_each(compared)}"
    if logged > 1 and seed is not None:
        return f"The score of one of the {logged} logged seeds ({seed.value}{_of_each(compared)})"
    return f"The score of the one seed{_of_each(compared)}" if first.seeded else "The score of the one run"


def _apart(case: Case, compared: Sequence[OfSeed], sample: Sample) -> str:
    """Return in words that the score is of another evaluation than the claimed one, where it lies that far from it."""
    claim = case.evidence.leading()
    claimed = any(each.claimed for one in compared for each in one.runs)
    if claim is None or claimed or abs(claim.value - sample.mean) <= ONE_EVALUATION:
        return ""
    return f" in the logs, which is not the claimed {claim.value:g}"


def _of_each(compared: Sequence[OfSeed]) -> str:
    """Return in words how several runs of a seed were taken as one, nothing where each seed has one run."""
    if all(one.different == 1 for one in compared):
        return ""
    best = any(one.best for one in compared)
    if len(compared) > 1:
        return f", of which some have several runs ({'the best of a seed' if best else 'their mean'} is taken)"
    return f", the {'best' if best else 'mean'} of its {compared[0].different} runs"


def _stands(own: Row | None, row: Row, pr: int | None, date: str | None) -> str:
    """Return by what a row is the best that stood, in words: of rows of one day nobody knows which score came first."""
    if own is not None:
        return ", the best of the rows before its own"
    if pr is None:
        return f", the best of the rows before {date}, the day that it states"
    if date is None:
        return ", the best of pull requests with lower numbers"
    same = ", of that same day, which of the scores came first is not known" if row.date == date else ""
    return f", the best of pull requests with lower numbers and dates up to {date}, the day that it states{same}"


def _by_seed(counted: Sequence[Counted]) -> list[OfSeed]:
    """Return the seeds with their runs, of the claimed runs where some are; runs without a seed stand alone."""
    kept: dict[object, list[Counted]] = {}
    for each in [each for each in counted if each.claimed] or counted:
        seed = each.run.seed
        kept.setdefault(seed.value if seed is not None else (each.run.path, each.run.first_line), []).append(each)
    return [OfSeed(tuple(runs)) for runs in kept.values()]


def _before(frontier: Frontier, own: Row | None, pr: int | None, date: str | None) -> Row | None:
    """Return the best row that surely stood before a submission, None when that can't be told.

    Pull requests are in the order of their numbers; where one has none, rows of earlier days count.
    """
    if own is not None:
        older = [r for r in frontier.rows if (r.date, -r.score) < (own.date, -own.score)]
    elif date is None and pr is None:
        return None
    else:
        older = [r for r in frontier.rows if _stood(r, pr, date)]
    return min(older, key=lambda r: r.score, default=None)


def _stood(row: Row, pr: int | None, date: str | None) -> bool:
    if pr is not None and row.pr is not None:
        return row.pr < pr and (date is None or row.date <= date)
    return date is not None and row.date < date


def _bytes_per_token(case: Case, counted: Sequence[Counted]) -> float | None:
    rightly = rightly_divided(case.evidence.runs, case.challenge.data)
    for each in counted:
        d = denominator(each, rightly, case.challenge.data)
        if d is not None:
            return d.ratio
    name, _ = tokenizer(counted[0].run, case.challenge.data)
    return bytes_per_token(case).get(name or "")


def _compare(sample: Sample, row: Row, ratio: float | None) -> Comparison:
    theirs = row.sample
    test = None
    if theirs is not None and theirs.sd is not None and sample.sd is not None and not sample.equal:
        test = welch_one_sided(sample, theirs)
    delta = test.delta if test is not None else sample.mean - (theirs.mean if theirs is not None else row.score)
    gain = nats_per_byte(-delta) if ratio is None else nats_per_token(-delta, ratio)
    return Comparison(row, delta, gain, ratio is not None, None if test is None else test.p, sample.equal)


def _named(row: Row) -> str:
    """Return the row and its published score, with the mean that is compared where it has more digits or runs."""
    kind = "the proposed row" if row.status == "proposed" else "the row"
    which = f"of #{row.pr}" if row.pr is not None else f"“{row.name}”"
    theirs = row.sample
    if theirs is None or theirs.n == 1:
        compared = "" if theirs is None or theirs.mean == row.score else f"; {theirs.mean:.6f} by its seed"
    elif row.pooled is not None:
        compared = f"; {theirs.mean:.6f} over {theirs.n} runs, a reproduction pooled with its own"
    else:
        compared = f"; {theirs.mean:.6f} over its {theirs.n} seeds"
    return f"{kind} {which} ({row.score}{compared})"


def _missed(bar: Bar, against: Comparison) -> str:
    """Return a bar that is missed, in words, and which half of it is met, or was not tested."""
    if bar.nats is not None and against.p is None and against.delta < 0:
        return f"{bar.nats} nats ({bar.source}, whose p < {bar.p} was not tested)"
    if bar.nats is None or against.p is None or against.delta >= 0:
        return _bar(bar)
    if against.p < bar.p:
        return f"{bar.nats} nats ({bar.source}, whose p < {bar.p} is met)"
    return f"p < {bar.p} ({bar.source}, whose {bar.nats} nats are met)" if against.gain >= bar.nats else _bar(bar)


def _bar(bar: Bar) -> str:
    gain = "" if bar.nats is None else f" and {bar.nats} nats"
    return f"p < {bar.p}{gain} ({bar.source})"


_SEEDS = (1.10, 1.1005, 1.1002)

RULE = Rule(
    slug=SLUG,
    title="Doesn't beat the record that stood",
    group="evidence",
    condition="statistics",
    summary="The seeds' scores are compared with the best leaderboard row that stood when the submission was made, "
    "by a one-sided Welch test with sample deviations, and with the best row of today.",
    why="A record has to be better than what was there by more than chance. Seeds of one configuration differ by about "
    "0.001 bits per byte, so a smaller gain needs more of them.",
    advice="Submit as non-record; where no more than chance is in doubt, add seeds of the same configuration.",
    counterpart="Three seeds whose mean is below the last row with p < 0.01 and 0.005 nats (#1019), or, from "
    "2026-04-28, with p < 0.25 (#2135).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "0.005 nats below the best at p < 0.01"),
        Authority("#473", "valerio-oai", "2026-03", "official", "below 0.005 nats against the row of its time"),
        Authority("#589", "valerio-oai", "2026-03", "official", "looks valid, but below 0.005 nats"),
        Authority("#1902", "cocohearts", "2026-04-28", "audit", "p < 0.25 against the chronological frontier"),
    ),
    check=check,
    needs=("records.frontier", "records.bars"),
    invalid=(
        Example(
            "above the row that stood",
            PLAIN,
            "val_bpb:1.22436570",
            record(1.22436570, 1.22434570, 1.22444570),
            status="incomplete",
        ),
        Example(
            "below it by less than seeds differ",
            PLAIN,
            "val_bpb:1.06050000",
            record(1.0605, 1.0618, 1.0611)
            | {"submission.json": metadata(1.06113333, seeds=(1, 2, 3), date="2026-04-29")},
            status="hold",
        ),
        Example(
            "below it by the bar of its day but not by the README's",
            PLAIN,
            "val_bpb:1.05990000",
            record(1.0599, 1.0605, 1.0601)
            | {"submission.json": metadata(1.06016667, seeds=(1, 2, 3), date="2026-04-29")},
            status="note",
        ),
        Example(
            "far above it, and no record by its own words",
            PLAIN,
            "val_bpb:1.22436570",
            record(1.22436570, 1.22434570, 1.22444570)
            | {"README.md": "# Example\n\nThis is a non-record submission that shows what does not work.\n"},
            status="incomplete",
        ),
    ),
    valid=(
        Example(
            "far below",
            PLAIN,
            files=record(1.0401, 1.0402, 1.0403)
            | {"submission.json": metadata(1.0402, seeds=(1, 2, 3), date="2026-04-30")},
        ),
        Example(
            "non-record work",
            PLAIN,
            files=record(*_SEEDS) | {"submission.json": metadata(1.10023333, seeds=(1, 2, 3), track="non-record-16mb")},
        ),
        Example("no logs", PLAIN, files={"submission.json": metadata(1.3, seeds=(1,))}),
    ),
    known_problems="A change for speed alone is not held to the bar (README), which the files don't tell. Rows without "
    "published scores are compared by their mean, and rows of the same day are passed over when no number of a pull "
    "request says which came first.",
)
