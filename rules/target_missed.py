"""Logs that don't show, at the level asked for, that their mean reaches the target."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.evidence.samples import Runs, p_below, pooled, samples
from auditor.evidence.statistics import describe
from auditor.finding import Finding, Status
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import on_line
from rules.speedrun_examples import log, logs
from rules.speedruns import REPOSITORY, accepted, sample, target

SLUG = "target-missed"


def check(case: Case) -> Iterator[Finding]:
    """Yield what the logs show of the target: a note where they reach it, else what is missing."""
    if case.submission.lone or case.submission.track != "record":
        return
    asked, found = target(case), sample(case)
    if asked is None:
        return
    if found is None:
        message = f"No log shows a validation loss, so nothing shows that the mean is at most {asked.loss:g}."
        yield Finding(SLUG, "evidence", "incomplete", message, next(iter(case.submission.logs), None))
        return
    runs = found.runs
    losses, p = runs.losses, p_below(runs.losses, asked.loss)
    spread = "" if losses.sd is None else f", sample sd {losses.sd:.4f}"
    count = "one run shows" if losses.n == 1 else f"{losses.n} runs show a mean of"
    shown = f"{count[0].upper()}{count[1:]} {losses.mean:.4f}{spread} ({found.because}); the target is {asked.loss:g}"
    if losses.mean > asked.loss:
        status, said = _open(f"{shown}, which they miss on average")
    elif asked.p is None:
        status, said = "note", f"{shown}."
    elif p is None:
        why = "one run has no spread" if losses.n == 1 else "equal losses have no spread"
        status, said = _open(f"{shown} at p < {asked.p:g}, and {why} to test with")
    elif p >= asked.p:
        status, said = _open(f"{shown} at p < {asked.p:g}, and one-sided p is {p:.4f}: more runs are needed")
    else:
        status, said = "note", f"{shown}, and one-sided p is {_written(p)}, below the {asked.p:g} asked for."
    if status == "incomplete":
        said += _together(case, runs, asked.loss) + accepted(found)
    place = _worst(runs)
    yield on_line(SLUG, status, said, place[0], place[1])


def _together(case: Case, runs: Runs, target: float) -> str:
    """Return what the runs of all scripts of the folder show together, empty where there is one script."""
    all_of_them = pooled(samples(case.evidence), runs)
    if len(all_of_them) < 2:
        return ""
    losses = describe([final.loss.value for each in all_of_them for final in each.finals])
    p = p_below(losses, target)
    if p is None:
        return ""
    return f" With the runs of other scripts beside it ({len(all_of_them)} scripts) p over {losses.n} is {_written(p)}."


def _open(said: str) -> tuple[Status, str]:
    waived = "Whether this changes the speed alone, for which no test is asked, is for a person to say."
    return "incomplete", f"{said}. {waived}"


def _written(p: float) -> str:
    return f"{p:.4f}" if p >= 1e-4 else f"{p:.1e}"


def _worst(runs: Runs) -> tuple[str, int | None]:
    """Return where the highest loss of a sample stands."""
    highest = max(runs.finals, key=lambda final: final.loss.value)
    return highest.loss.path, highest.loss.line


_ENOUGH = (3.2770, 3.2775, 3.2781, 3.2768, 3.2779)

RULE = Rule(
    slug=SLUG,
    title="The logs don't show that the target is reached",
    group="evidence",
    condition="statistics",
    summary="The last validation losses of the runs that a record stands on are tested against the track's target, by "
    "a one-sided Student test of their mean with the sample deviation.",
    why="One run lies above or below its mean by chance, by about a thousandth. Only several runs of one script show "
    "that the method reaches the target, and not a lucky one of them.",
    advice="Add logs of more runs of the same script until p is below the level; choose none of them.",
    counterpart="Ten logs of one script with a mean of 3.2781 and a deviation of 0.0013: p is far below 0.01.",
    authority=(
        Authority(
            f"{REPOSITORY} README", "KellerJordan", "2024-12-04", "official", "p < 0.01 that the mean is at most 3.28"
        ),
    ),
    check=check,
    challenge="modded-nanogpt",
    needs=("tracks.targets",),
    invalid=(
        Example("one run", "", "val_loss:3.2775", logs(3.2775), status="incomplete"),
        Example("a mean above the target", "", "val_loss:3.2831", logs(3.2790, 3.2831, 3.2826), status="incomplete"),
        Example("runs that scatter", "", "val_loss:3.2835", logs(3.2700, 3.2835, 3.2801), status="incomplete"),
        Example("a log that ends before it measures", "", None, {"run1.txt": log(3.2, steps=9)[:300]}, "incomplete"),
    ),
    valid=(
        Example("five runs", "", files=logs(*_ENOUGH)),
        Example(
            "others that are kept to compare with",
            "",
            files=logs(*_ENOUGH) | {"baseline/run1.txt": log(3.2840), "baseline/run2.txt": log(3.2851)},
        ),
    ),
    known_problems="Losses are compared as they are printed, with four digits. Which runs were left out no file tells.",
)
