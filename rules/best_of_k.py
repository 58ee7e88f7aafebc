"""More runs than the claimed mean counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import fmean

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.printed import Metric
from auditor.evidence.rounding import agrees, nearly
from auditor.evidence.run import Run
from auditor.evidence.scored import finished, of_named_seeds, seeds, told_of
from auditor.evidence.series import ONE_CONFIG, by_label, final, one_config
from auditor.finding import Finding, Step
from auditor.fix.change import Change
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from auditor.submission.model import Unread
from rules.claim_corrections import to_the_mean
from rules.run_logs import SCRIPT, package, run_log
from rules.run_settings import differences
from rules.scored_runs import judged, of_seeds, record, score, several

SLUG = "best-of-k"
_MOST_RUNS = 10  # of more runs the subsets are not searched
_TELLING = 6  # decimals of a claim that a mean of some runs does not meet by chance
_FEWEST_SETTINGS = 5  # printed by both runs, from which they are taken to be of one configuration
_SAME_SCORE = 1e-5  # bits per byte: nearer ones are one run, told twice
_FARTHEST_RERUN = 0.005  # bits per byte: seeds of one configuration differ by less, other code by more
_LARGEST_README = 1_000_000
_DISCLOSED = regex(
    r"\b(?:best|top|lowest)[\s-]{1,3}(?P<kept>\d{1,2}|two|three|four|five)[\s-]{1,3}(?:seeds?[\s-]{1,3}|runs?[\s-]{1,3})?"
    r"(?:of|out of|from|/)[\s-]{1,3}(?P<all>\d{1,2}|three|four|five|six|seven|eight|nine|ten)\b",
    re.IGNORECASE,
)


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold when the claimed mean leaves out runs, the README says so, or the logs show them."""
    if not judged(case) or not record(case):
        return
    told = _told(case)
    if told is not None:
        yield told
        return
    claim, runs = case.evidence.leading(), finished(case.evidence)
    if claim is not None and runs:
        yield from _unlogged(case, claim, runs)
    if claim is None or not one_config(runs):
        return
    if len(seeds(runs)) < len(runs):
        yield from _rerun(claim, runs)
        return
    if len(runs) < 3:
        return
    kept = _kept(case, claim, runs)
    left = [run for run in runs if run not in kept]
    if kept and left:
        yield from _left_out(claim, kept, left)


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the correction of the claim to the mean of all runs."""
    return to_the_mean(case, finding, by_label(finished(case.evidence))[0].metrics) if finding.trace else None


def _told(case: Case) -> Finding | None:
    """Return a hold on the README's own sentence that runs were left out."""
    path = case.submission.readme
    if path is None:
        return None
    try:
        text = case.submission.tree.read(path, _LARGEST_README).decode("utf-8", "replace")
    except Unread:
        return None  # the reading side has noted it
    for number, line in enumerate(text.splitlines(), start=1):
        said = _DISCLOSED.search(line[:2_000])
        if said is not None and said["kept"] != said["all"]:
            message = f"The README says that the score is of the {said[0].lower()}: all runs are needed to judge it."
            return Finding(SLUG, "evidence", "hold", message, path, number, number)
    return None


def _unlogged(case: Case, claim: Claim[float], runs: Sequence[Run]) -> Iterator[Finding]:
    """Yield a hold when the metadata gives scores of seeds that the claimed mean of the logged runs leaves out."""
    each = {c.seed: c for c in case.evidence.metadata.all("val_bpb", per_seed=True) if c.seed is not None}
    others = [c for seed, c in each.items() if seed not in told_of(runs)]
    if len(runs) < 2 or not others or not _mean_is(claim, runs):
        return
    worse = [c for c in others if c.value > claim.value and c.value - claim.value < ONE_CONFIG]
    if worse:
        message = (
            f"The claimed {score(claim.value)} is the mean of {len(runs)} logged seeds; submission.json gives worse "
            f"scores of {of_seeds([c.seed for c in worse])}, which it leaves out."
        )
        yield Finding(SLUG, "evidence", "hold", message, worse[0].path, worse[0].line, worse[0].line)


def _rerun(claim: Claim[float], runs: Sequence[Run]) -> Iterator[Finding]:
    """Yield a hold when seeds were run again with the same settings, and the claim is the mean of each seed's best."""
    by_seed: dict[int, list[Run]] = {}
    for run in runs:
        if run.seed is None:
            return  # whose rerun it is can't be told
        by_seed.setdefault(run.seed.value, []).append(run)
    best = [min(group, key=_value) for group in by_seed.values()]
    metrics = _metrics(best)
    if not agrees(claim, fmean(m.val_bpb for m in metrics), metrics) or nearly(claim, fmean(map(_value, runs))):
        return
    pairs = zip(best, by_seed.values(), strict=True)
    again = [run for chosen, group in pairs for run in group if _is_worse_rerun(run, chosen)]
    if not again:
        return
    verb = "was" if len(seeds(again)) == 1 else "were"
    often = "once more" if len(again) == 1 else f"{len(again)} times more"
    message = (
        f"The claimed {score(claim.value)} takes the best of each seed's runs: with the same settings, "
        f"{of_seeds(seeds(again))} {verb} run {often} and scored "
        f"{several([score(_value(run)) for run in again])}."
    )
    steps = tuple(Step(m.path, m.line, f"{score(m.val_bpb)}, left out") for m in _metrics(again))
    yield Finding(SLUG, "evidence", "hold", message, claim.path, claim.line, claim.line, trace=steps)


def _is_worse_rerun(run: Run, chosen: Run) -> bool:
    """Tell whether a run is the chosen one over again, by the settings that both print, and scored a little worse."""
    shared = len(set(run.settings) & set(chosen.settings))
    worse = _SAME_SCORE < _value(run) - _value(chosen) < _FARTHEST_RERUN
    return worse and shared >= _FEWEST_SETTINGS and not any(differences([run, chosen]))


def _kept(case: Case, claim: Claim[float], runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs whose mean the claim is, when it is not the mean of all."""
    whole = [s for s in by_label(runs) if len(s.metrics) == len(runs)]
    if any(nearly(claim, s.mean) or agrees(claim, s.mean, s.metrics) for s in whole):
        return ()  # which of them it is the mean of can't be told by its last digit
    named = of_named_seeds(case.evidence, runs)
    if named and _mean_is(claim, named):
        return named
    if claim.decimals < _TELLING or len(runs) > _MOST_RUNS:
        lowest = sorted(runs, key=lambda run: _value(run))
        sizes = range(2, len(runs))
        return next((tuple(lowest[:n]) for n in sizes if _mean_is(claim, lowest[:n])), ())
    parts = (part for size in range(2, len(runs)) for part in combinations(runs, size))
    return next((part for part in parts if _mean_is(claim, part)), ())


def _mean_is(claim: Claim[float], runs: Sequence[Run]) -> bool:
    metrics = _metrics(runs)
    return len(metrics) > 1 and agrees(claim, fmean(m.val_bpb for m in metrics), metrics)


def _metrics(runs: Sequence[Run]) -> tuple[Metric, ...]:
    return tuple(metric for run in runs if (metric := final(run)) is not None)


def _value(run: Run) -> float:
    metric = final(run)
    return metric.val_bpb if metric is not None else 0.0


def _left_out(claim: Claim[float], kept: Sequence[Run], left: Sequence[Run]) -> Iterator[Finding]:
    mean, rest = fmean(map(_value, kept)), fmean(map(_value, left))
    if rest <= mean:
        return  # what was left out would have improved the score
    everything = fmean(map(_value, (*kept, *left)))
    scored = several([score(_value(run)) for run in left])
    message = (
        f"The claimed {score(claim.value)} is the mean of {len(kept)} of {len(kept) + len(left)} runs "
        f"({of_seeds(seeds(kept))}); {of_seeds(seeds(left))} scored {scored}, and the mean of "
        f"all is {score(everything)}."
    )
    steps = tuple(Step(m.path, m.line, f"{score(m.val_bpb)}, left out") for m in _metrics(left))
    yield Finding(SLUG, "evidence", "hold", message, claim.path, claim.line, claim.line, trace=steps)


_SETTINGS = "matrix_lr: 0.022\nweight_decay: 0.09\nmuon_momentum: 0.97\nnum_layers: 11\nmodel_dim: 512"
_FIVE = (run_log(1, 1.2001), run_log(2, 1.2002), run_log(3, 1.2003), run_log(4, 1.2024), run_log(5, 1.2035))

RULE = Rule(
    slug=SLUG,
    title="The best of more runs",
    group="evidence",
    condition="statistics",
    summary="The logs, the metadata or the README show more runs of the configuration than the claimed mean counts, "
    "and those left out scored worse in the mean.",
    why="The mean of the best few of many seeds lies below the mean of all: choosing seeds by their score buys a gain "
    "that is not the model's. The challenge bars brute-forcing seeds.",
    advice="Report the mean of every run of the configuration, or say why a run does not count.",
    counterpart="Five of seven seeds, disclosed with all seven scores, were accepted after a look (#1769).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "brute-forcing seeds is not allowed"),
        Authority("#1769", "cocohearts", "2026-04", "audit", "accepted: the best five of seven seeds, disclosed"),
    ),
    check=check,
    fix=fix,
    invalid=(
        Example(
            "the lowest three of five logged runs",
            SCRIPT,
            '"val_bpb": 1.2002',
            files=package(*_FIVE, val_bpb=1.2002),
            status="hold",
        ),
        Example(
            "the metadata names three of the five",
            SCRIPT,
            '"val_bpb": 1.2009',
            files=package(*_FIVE, val_bpb=1.2009, seeds=[1, 2, 4]),
            status="hold",
        ),
        Example(
            "the metadata gives scores that the mean leaves out",
            SCRIPT,
            '"val_bpb": 1.2024',
            files=package(
                *_FIVE[:3],
                val_bpb=1.2002,
                seed_results={str(n): {"val_bpb": v} for n, v in enumerate((1.2001, 1.2005, 1.2003, 1.2024), 1)},
            ),
            status="hold",
        ),
        Example(
            "a seed was run again with the same settings, and the better run counts",
            SCRIPT,
            '"val_bpb": 1.2003',
            files=package(
                run_log(1, 1.2002, settings=_SETTINGS), run_log(2, 1.2004, settings=_SETTINGS), val_bpb=1.2003
            )
            | {"again/train_seed2.log": run_log(2, 1.2031, settings=_SETTINGS)},
            status="hold",
        ),
        Example(
            "the README says so",
            SCRIPT,
            "best 3 of 7 seeds",
            files=package(*_FIVE[:3], val_bpb=1.2002) | {"README.md": "# Example\n\nMean of the best 3 of 7 seeds.\n"},
            status="hold",
        ),
    ),
    valid=(
        Example("all runs count", SCRIPT, files=package(*_FIVE, val_bpb=1.2013)),
        Example(
            "what was left out is better",
            SCRIPT,
            files=package(run_log(1, 1.2), run_log(2, 1.202), run_log(3, 1.203), val_bpb=1.2025, seeds=[2, 3]),
        ),
        Example(
            "a seed was run before with other settings",
            SCRIPT,
            files=package(
                run_log(1, 1.2002, settings=_SETTINGS), run_log(2, 1.2004, settings=_SETTINGS), val_bpb=1.2003
            )
            | {"old/train_seed2.log": run_log(2, 1.2031, settings=_SETTINGS.replace("0.022", "0.02"))},
        ),
        Example("one run", SCRIPT, files=package(run_log(1, 1.2), val_bpb=1.2)),
        Example(
            "the mean of all, cut off, is the mean of two as well",
            SCRIPT,
            files=package(run_log(1, 1.20021), run_log(2, 1.20033), run_log(3, 1.20057), val_bpb=1.2003),
        ),
    ),
    known_problems="Runs that were never committed nor mentioned cannot be seen. Runs of one seed whose logs print "
    "other settings, or none, are taken for two versions and not compared.",
)
