"""Records that fewer than three seeds' logs support."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.counted import counted_runs
from auditor.evidence.frontier import load
from auditor.evidence.run import Run
from auditor.evidence.scored import finished, of_named_seeds, seeds, told_of
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule
from rules.run_logs import SCRIPT, metadata, package, run_log
from rules.scored_runs import judged, of_seeds, record, several, stated_day

SLUG = "too-few-seeds"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding when a record shows fewer than three seeds, or when named seeds have no log."""
    if not judged(case) or not case.submission.logs:
        return  # without any log there is nothing to count: missing-files says so
    enough = case.challenge.records.seeds[-1].seeds
    runs = finished(case.evidence)
    shown = seeds(runs)
    if record(case) and _count(runs) < enough:
        yield _by_the_day(case, _few(case, runs, shown), _count(runs))
        return
    counted = seeds(of_named_seeds(case.evidence, runs))
    if record(case) and 1 < len(counted) < enough:  # one seed that is named is the headline's: claim-mismatch tells
        others = several([seed for seed in shown if seed not in counted])
        message = (
            f"A record needs three seeds as a rule; submission.json lists {several(counted)} only, and there are "
            f"logs of {others} too."
        )
        few = Finding(SLUG, "evidence", "incomplete", message, case.submission.metadata)
        yield _by_the_day(case, few, len(counted))
        return
    missing = [seed for seed in _scored(case) if seed not in told_of(runs)]
    if missing and _count(runs) < len(_scored(case)):
        claim = _scored(case)[missing[0]]
        message = (
            f"Scores are claimed for {of_seeds(list(_scored(case)))}; no log shows a final score of {several(missing)}."
        )
        yield Finding(SLUG, "evidence", "incomplete", message, claim.path, claim.line, claim.line)


def _by_the_day(case: Case, few: Finding, count: int) -> Finding:
    """Return the finding as a note where the submission's day asked for no more, or it was accepted all the same."""
    frontier = load(case.challenge)
    own = frontier.own(case.submission.pr, case.submission.name)
    if own is not None and own.status == "leaderboard":
        return replace(few, status="note", message=f"{few.message} It is a row of the leaderboard all the same.")
    day = stated_day(case)
    asked = frontier.seed_count(day) if day is not None else None
    if asked is not None and count > 0 and asked.seeds <= count:
        return replace(few, status="note", message=f"{few.message} On {day} fewer were asked for ({asked.source}).")
    return few


def _count(runs: Sequence[Run]) -> int:
    """Return how many seeds the runs may be of: the seeds shown, and every run that shows none."""
    return len(seeds(runs)) + sum(run.seed is None for run in runs)


def _scored(case: Case) -> dict[int, Claim[float]]:
    """Return the seeds for which submission.json claims a score."""
    return {c.seed: c for c in case.evidence.metadata.all("val_bpb", per_seed=True) if c.seed is not None}


def _few(case: Case, runs: Sequence[Run], shown: Sequence[int]) -> Finding:
    count = _count(runs)
    if not runs:
        said = "no log shows a final score"
    elif not shown:
        said = f"{count} run{'s' if count > 1 else ''} with a final score, of no printed seed"
    elif len(runs) > count:
        said = f"{len(runs)} runs with a final score, all of seed{'s' if count > 1 else ''} {several(shown)}"
    else:
        said = f"final scores of seed{'s' if count > 1 else ''} {several(shown)}"
    if shown and not any(run.logged_seed for run in runs):
        said = f"{said} by their names"
    named = [seed for seed in case.evidence.metadata.seeds if seed not in shown]
    too = " too" if shown else ""  # a run that prints no seed may be of one of these
    more = f"; submission.json names {several(named) if shown else of_seeds(named)}{too}" if named else ""
    # Of a run that prints several scores the line that the others of a report name.
    counted = {id(each.run): each.exact for each in counted_runs(case.evidence)}
    place = counted.get(id(runs[-1]), runs[-1].score) if runs else None
    log = case.evidence.logs[0].path if case.evidence.logs else None
    return Finding(
        SLUG,
        "evidence",
        "incomplete",
        f"A record needs three seeds as a rule; the logs show {said}{more}.".replace("show no log shows a", "show no"),
        place.path if place else log,
        place.line if place else None,
        place.line if place else None,
    )


RULE = Rule(
    slug=SLUG,
    title="Fewer than three seeds",
    group="evidence",
    condition="statistics",
    summary="A record is counted by the distinct seeds whose logs show a final score: three, as a rule. Everywhere, a "
    "seed for which a score is claimed needs its log.",
    why="Seeds differ by about half a thousandth of a bit, as much as many rows gain on the one before. One run cannot "
    "tell a better model from a lucky seed.",
    advice="Add the logs of three seeds of the same configuration, or submit to the non-record track, where one is "
    "enough.",
    counterpart="train_seed42.log, train_seed314.log and train_seed999.log, each with its final score (#1493).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "enough logs to show significance; most often three runs"),
        Authority("#181", "valerio-oai", "2026-03", "official", "the gap is small and there is only one seed"),
        Authority("#1963", "cocohearts", "2026-05", "audit", "single seed, no p-value: not record-ready"),
        Authority("#2020", "cocohearts", "2026-05", "audit", "single-seed headline, no significance"),
        Authority("#2121", "cocohearts", "2026-05", "audit", "single seed"),
        Authority("#2139", "cocohearts", "2026-05", "audit", "one seed"),
    ),
    check=check,
    needs=("records.seeds", "records.frontier"),
    invalid=(
        Example(
            "one seed",
            SCRIPT,
            "final_int8_zlib_roundtrip_exact",
            files=package(run_log(42, 1.2), val_bpb=1.2),
            status="incomplete",
        ),
        Example(
            "three runs of the same seed",
            SCRIPT,
            "val_bpb:1.20300000",
            files={f"run{n}.log": run_log(1337, 1.2 + n / 1000) for n in (1, 2, 3)},
            status="incomplete",
        ),
        Example(
            "the third log ends before its final score",
            SCRIPT,
            "val_bpb:1.20100000",
            files=package(run_log(1, 1.2), run_log(2, 1.201), run_log(3, None), val_bpb=1.2),
            status="incomplete",
        ),
        Example(
            "scores claimed for a fourth seed that has no log",
            SCRIPT,
            '"val_bpb": 1.1999',
            files=package(
                run_log(1, 1.2),
                run_log(2, 1.201),
                run_log(3, 1.202),
                val_bpb=1.2,
                seed_results={str(n): {"val_bpb": v} for n, v in {1: 1.2, 2: 1.201, 3: 1.202, 99: 1.1999}.items()},
            ),
            status="incomplete",
        ),
    ),
    valid=(
        Example("three seeds", SCRIPT, files=package(run_log(1, 1.2), run_log(2, 1.201), run_log(3, 1.202))),
        Example(
            "three runs in one log",
            SCRIPT,
            files={"train.log": run_log(1, 1.2) + run_log(2, 1.201) + run_log(3, 1.202)},
        ),
        Example(
            "one seed on the non-record track",
            SCRIPT,
            files=package(run_log(42, 1.2), val_bpb=1.2, track="non-record"),
        ),
        Example(
            "one seed on a day when one was enough",
            SCRIPT,
            files=package(run_log(42, 1.2), val_bpb=1.2, date="2026-03-19"),
        ),
        Example("no log at all", SCRIPT, files={"submission.json": metadata(val_bpb=1.2)}),
    ),
    known_problems="The bar of significance is waived for changes that only make training faster; that is for a person "
    "to say. Runs whose logs name no seed are taken to be of different seeds.",
)
