"""Claims that the submission's own logs contradict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from auditor.case import Case
from auditor.evidence.agreement import (
    OWN_DIGITS,
    ROUNDED_TWICE,
    of_a_part,
    of_last_step,
    of_one,
    offset,
    other_line,
    within_reach,
)
from auditor.evidence.claims import Claim
from auditor.evidence.counted import ONE_EVALUATION
from auditor.evidence.printed import Metric
from auditor.evidence.rounding import agrees, cut_off, nearly, unit
from auditor.evidence.run import Run
from auditor.evidence.scored import distinct, finished, of_named_seeds, seeds
from auditor.evidence.series import ONE_CONFIG, Series, by_folder, by_label, meant, one_vocabulary
from auditor.finding import Finding, Status, Step
from auditor.fix.change import Change
from auditor.rule import Authority, Example, Rule
from auditor.submission.names import shown
from rules.claim_corrections import main_metrics, of_the_flag, of_the_loss, of_the_other, to_the_mean
from rules.claims_apart import claims_apart
from rules.declared_flags import belied
from rules.doubtful_scores import estimated
from rules.figures_in_logs import written
from rules.limits import cap, largest_meant
from rules.run_logs import SCRIPT, metadata, package, run_log
from rules.run_settings import differences
from rules.scored_runs import judged, of_seeds, record, reported, score, several
from rules.unread_switches import unread_switches

SLUG = "claim-mismatch"

_OFFSET = 1e-4  # bits per byte by which every seed's claim must differ for an offset
_BY_CHANCE = 2  # units of its last digit by which a loss may miss the mean, and meet a seed's by chance
_NOTHING = 1e-6  # nats: no two evaluations are told apart by less
_SLIP = 1e-3  # bits per byte around a whole unit: the first digit is wrong, not the measurement


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each claim that the logs contradict."""
    if not judged(case):
        return
    yield from _declared(case)
    for other, text in claims_apart(case):
        yield _finding(other, "note", text, ())
    yield from _unread(case)
    claim = case.evidence.leading()
    runs = finished(case.evidence)
    if claim is not None:
        yield from _estimate(case, claim)
    if claim is not None and runs:
        yield from _judge(case, claim, runs)
        yield from _loss(case, reported(case))
    elif claim is not None:
        yield from _unfinished(claim, distinct(case.evidence))


def _estimate(case: Case, claim: Claim[float]) -> Iterator[Finding]:
    """Yield a finding when the README calls the claimed score an estimate: a note where a log has it all the same."""
    found = estimated(case, claim)
    if found is None:
        return
    path, line, text = found
    message = (
        f"The claimed {score(claim.value)} is an estimate by the submission's own words (“{shown(text, 100)}”): a "
        "score has to be measured."
    )
    logged = any(agrees(claim, m.val_bpb, (m,)) for run in finished(case.evidence) for m in run.scores)
    status: Status = "hold" if record(case) and not logged else "note"
    advice = "Give the score that a committed log prints at its end."
    yield Finding(SLUG, "evidence", status, message, path, line, line, advice=advice)


def _unread(case: Case) -> Iterator[Finding]:
    """Yield a note on what the documented command sets and nothing reads."""
    found = unread_switches(case)
    if found is not None:
        place, text = found
        yield Finding(SLUG, "evidence", "note", text, place.path, place.line, place.line)


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the correction of a claim by the logs; none where the log that it is of may be missing.

    As it is where the logs' artifact is over the cap and the stated one isn't: with their score the claim would be its.
    """
    if finding.status == "incomplete" or _of_a_larger_artifact(case):
        return None
    return (
        to_the_mean(case, finding, main_metrics(case))
        or of_the_loss(case, finding)
        or of_the_flag(case, finding)
        or of_the_other(case, finding)
    )


def _of_a_larger_artifact(case: Case) -> bool:
    stated = case.evidence.metadata.first("artifact_bytes")
    totals = [run.artifact_bytes.value for run in reported(case) if run.artifact_bytes is not None]
    return (
        stated is not None
        and stated.value <= cap(case)
        and any(cap(case) < total <= largest_meant(case) for total in totals)
    )


def _loss(case: Case, runs: Sequence[Run]) -> Iterator[Finding]:
    """Yield a note when the claimed loss is one seed's, though the submission reports several."""
    claim = case.evidence.metadata.first("val_loss")
    found = of_one(claim, runs)
    if claim is None or found is None:
        return
    own, mean = found
    lead, scores = case.evidence.leading(), [m for run in runs if (m := run.score) is not None]
    of_all = lead is not None and agrees(lead, fmean(m.val_bpb for m in scores), scores)
    if lead is not None and not of_all and any(agrees(lead, m.val_bpb, (m,)) for m in own.scores):
        return  # the claimed score is that run's too: of it is said what there is to say
    if abs(claim.value - mean) <= max(_BY_CHANCE * unit(claim.decimals), _NOTHING):
        return  # as near to the mean as two roundings may bring it
    who = f"seed {own.seed.value}" if own.seed is not None else "one run"
    several_runs = sum(run.val_loss is not None for run in runs)
    message = (
        f"The claimed val_loss {score(claim.value)} is that of {who} alone; the mean of {several_runs} runs is "
        f"{score(mean)}."
    )
    assert own.score is not None
    yield _finding(claim, "note", message, (own.score,))


def _unfinished(claim: Claim[float], runs: Sequence[Run]) -> Iterator[Finding]:
    """Yield a hold when logs without a final score do not print the claim anywhere."""
    printed_last = ([m for m in run.metrics if m.role in ("step", "pre-quant")][-1:] for run in runs)
    last = [metric for metrics in printed_last for metric in metrics]
    if not last or any(agrees(claim, m.val_bpb, (m,)) for run in runs for m in run.metrics):
        return
    printed = several([score(m.val_bpb) for m in last])
    message = f"No log prints the claimed {score(claim.value)}, nor any final score; the last figures are {printed}."
    yield _finding(claim, "hold", message, last)


def _judge(case: Case, claim: Claim[float], runs: Sequence[Run]) -> Iterator[Finding]:
    """Yield what the logs say against the claimed score; nothing when they carry it."""
    those = of_named_seeds(case.evidence, runs)
    named = by_label(those) if those else ()
    series = (*by_label(runs), *named, *by_folder(runs))
    if any(agrees(claim, s.mean, s.metrics) for s in series if len(s.metrics) > 1):
        return
    if len(runs) == 1 and any(agrees(claim, m.val_bpb, (m,)) for m in runs[0].scores):
        return
    if not record(case) and any(agrees(claim, s.mean, s.metrics) for s in named):
        return  # one seed is enough there
    main = meant(claim, named or by_label(runs))
    whole = next((s for s in series if len(s.metrics) == len(runs) and nearly(claim, s.mean)), None)
    one = of_one(case.evidence.metadata.first("val_loss"), runs)
    if one is not None and any(agrees(claim, m.val_bpb, (m,)) for m in one[0].scores):
        whole = None  # the claimed loss tells whose score it is
    alone = (
        next((m for s in series for m in s.metrics if agrees(claim, m.val_bpb, (m,))), None) if whole is None else None
    )
    if alone is not None and claim.decimals >= OWN_DIGITS:
        yield from _one_of(case, claim, alone, runs, series)
    elif any(abs(claim.value - s.mean) <= ROUNDED_TWICE + unit(claim.decimals) / 2 for s in (series[0], main)):
        return
    elif any(cut_off(claim, s.mean) for s in series if len(s.metrics) > 1 or len(runs) == 1):
        message = (
            f"The claimed {score(claim.value)} is the logs' {score(main.mean)} cut off where it should be rounded."
        )
        yield _finding(claim, "note", message, main.metrics)
    elif whole is not None and len(runs) > 1:
        message = f"The claimed {score(claim.value)} is the runs' mean, {score(whole.mean)}, but for its last digit."
        yield _finding(claim, "note", message, whole.metrics)
    elif alone is not None:
        yield from _one_of(case, claim, alone, runs, series)
    elif not of_a_part(claim, main):
        yield _contradicted(case, claim, runs, main, series[0])


def _one_of(
    case: Case, claim: Claim[float], alone: Metric, runs: Sequence[Run], series: Sequence[Series]
) -> Iterator[Finding]:
    """Yield a hold when the claim is one run's score though several runs of one configuration are there."""
    group = next((s for s in series if len(s.metrics) > 1 and alone in s.metrics), None)
    if group is None:
        return  # the only run that prints this kind of score
    values = [m.val_bpb for m in group.metrics]
    if max(values) - min(values) > ONE_CONFIG or len(seeds(runs)) == 1 or not one_vocabulary(runs):
        return  # an ablation: the other runs are of other configurations
    owners = [run for run in runs if any(m in run.metrics for m in group.metrics)]
    if not record(case) and (any(not run.trained for run in owners) or any(differences(owners))):
        return  # an evaluation of another log's run, or runs of other settings
    owner = next((run for run in runs if alone in run.metrics), None)
    seed = owner.seed if owner is not None else None
    who = f"seed {seed.value}" if seed is not None else "one run"
    rank = "the lowest" if alone.val_bpb == min(values) else "one"
    message = (
        f"The claimed {score(claim.value)} is the score of {who} alone, {rank} of {len(values)} runs; "
        f"their mean is {score(group.mean)}."
    )
    if record(case):
        message += " Early rows were accepted so (#63)."
    yield _finding(claim, "hold" if record(case) else "note", message, group.metrics)


def _contradicted(case: Case, claim: Claim[float], runs: Sequence[Run], main: Series, last: Series) -> Finding:
    """Return the finding on a claim that is neither the runs' mean nor a run's final score.

    ``main`` are the scores that it is compared with, ``last`` the ones that the logs end with.
    """
    shift = offset(case.evidence, runs)
    if shift is not None and abs(shift) > _OFFSET:
        what = "lower" if shift < 0 else "higher"
        message = (
            f"Every seed's claimed score is {score(abs(shift))} {what} than its log prints: the claimed "
            f"{score(claim.value)} is an adjusted figure, the logs' mean is {score(main.mean)}."
        )
        return _finding(claim, "violation" if shift < 0 else "hold", message, main.metrics)
    other = other_line(claim, runs)
    if other is not None:
        return _earlier(claim, *other, main, last)
    difference = claim.value - main.mean
    which = "there" if _same(main, last) else "nearest to it"
    finals = f"the final scores {which} are" if len(main.metrics) > 1 else f"the final score {which} is"
    values = [m.val_bpb for m in main.metrics]
    place = written(case, claim)
    message = (
        f"No log prints the claimed {score(claim.value)}; "
        if place is None
        else f"The claimed {score(claim.value)} is written at {shown(place[0])}:{place[1]}, but is no final score; "
    ) + f"{finals} {several([score(value) for value in values])}"
    if not one_vocabulary(runs):
        message += "; they are of different vocabularies."
    elif max(values) - min(values) <= ONE_EVALUATION:  # what lies farther apart has no mean that says anything
        mean = f", their mean {score(main.mean)}" if len(values) > 1 else ""
        message += f"{mean} ({difference:+.5f})."
    else:
        message += "."
    unlogged = [seed for seed in case.evidence.metadata.seeds if seed not in seeds(runs)]
    if unlogged and seeds(runs) and within_reach(claim, main, len(unlogged)):
        lack = "log of {} is" if len(unlogged) == 1 else "logs of {} are"
        message = f"{message.removesuffix('.')}; the {lack.format(of_seeds(unlogged))} missing."
        return _finding(claim, "incomplete", message, main.metrics)
    if abs(abs(difference) - 1) < _SLIP and message.endswith(")."):
        message = message.removesuffix(").") + "; a digit may be missing)."
    elif shift is not None and abs(shift) <= ROUNDED_TWICE:
        message += " Its own scores of the seeds are those of the logs."
    return _finding(claim, "hold", message, main.metrics)


_ROLES = {
    "pre-quant": "a score before quantisation",
    "step": "a score from the middle of training",
    "progress": "a figure from the middle of an evaluation",
    "reference": "a figure that the log compares with",
    "retold": "a summary's figure, which its run doesn't print",
}


def _same(main: Series, last: Series) -> bool:
    """Tell whether two series are one evaluation, printed with whatever decimals."""
    return abs(main.mean - last.mean) <= max(unit(m.decimals) for m in (*main.metrics, *last.metrics))


def _earlier(claim: Claim[float], run: Run, other: Metric, main: Series, last: Series) -> Finding:
    what = "the score of the last step, from before the artifact" if of_last_step(run, other) else _ROLES[other.role]
    finals = "the final score of the artifact" if len(main.metrics) == 1 else "the mean of the final scores"
    if not _same(main, last):
        finals = f"the nearest of the final scores{'' if len(main.metrics) == 1 else ', as a mean,'}"
    # A figure of few digits is met by chance among many that are printed on the way: said is where it stands.
    message = f"No final score is the claimed {score(claim.value)}: the logs print it as {what}; "
    message += f"{finals} is {score(main.mean)}."
    return _finding(claim, "hold", message, (other, *main.metrics))


def _finding(claim: Claim[float], status: Status, message: str, metrics: Sequence[Metric]) -> Finding:
    return Finding(
        rule=SLUG,
        group="evidence",
        status=status,
        message=message,
        path=claim.path,
        line=claim.line,
        end_line=claim.line,
        trace=tuple(Step(m.path, m.line, _labelled(m)) for m in metrics[:8]),
    )


def _labelled(metric: Metric) -> str:
    """Return a score and what its line calls it, where that stands before it."""
    return f"{score(metric.val_bpb)} ({metric.label})" if metric.label else score(metric.val_bpb)


def _declared(case: Case) -> Iterator[Finding]:
    """Yield a finding for each self-declared compliance that the logs or the metadata itself belie."""
    for claim, (status, text, trace) in belied(case):
        message = f"submission.json declares {claim.key} to be true; {text}."
        yield Finding(SLUG, "evidence", status, message, claim.path, claim.line, claim.line, trace=trace)


_THREE = (run_log(1337, 1.2), run_log(42, 1.201), run_log(7, 1.2035))

RULE = Rule(
    slug=SLUG,
    title="Claims that the logs contradict",
    group="evidence",
    condition="package",
    summary="The claimed score is compared with the final scores of the logs: the mean over the seeds, or the one run "
    "there is. Found are a single seed's score given as the mean, a score from before quantisation or from the middle "
    "of training, adjusted figures, metadata of an older version, slips of the pen, and self-declared booleans that "
    "the logs belie.",
    why="The leaderboard orders rows by differences of a thousandth of a bit. A figure that no log prints cannot be "
    "checked, and one seed of several is not the score that the others show.",
    advice="Give the mean of the final scores in the committed logs, rounded to the digits that are written, in "
    "submission.json, README and title alike.",
    counterpart="A val_bpb that is the mean of three logged final scores, with the seeds listed beside it (#1413).",
    authority=(
        Authority("#63", "OpenAI", "2026-03", "official", "merged with the lowest of three seeds as its score"),
        Authority("#61", "0hq", "2026-03", "official", "title and header disagree; one score"),
        Authority(
            "#1981", "cocohearts", "2026-05", "audit", "the headline uses an unsupported offset on the logged scores"
        ),
        Authority("#2139", "cocohearts", "2026-05", "audit", "one seed though three_seeds is declared true"),
    ),
    check=check,
    needs=("artifact",),
    fix=fix,
    invalid=(
        Example(
            "the lowest seed given as the score",
            SCRIPT,
            '"val_bpb": 1.20004321,',
            files=package(
                run_log(1337, 1.20004321),
                run_log(42, 1.20104321),
                run_log(7, 1.20354321),
                val_bpb=1.20004321,
                seeds=[1337, 42, 7],
            ),
            status="hold",
        ),
        Example(
            "a seed's score given as the mean, though not the lowest",
            SCRIPT,
            '"val_bpb": 1.20104321',
            files=package(
                run_log(1337, 1.20004321), run_log(42, 1.20104321), run_log(7, 1.20354321), val_bpb=1.20104321
            ),
            status="hold",
        ),
        Example(
            "the last score in training instead of the round trip",
            SCRIPT,
            '"val_bpb": 1.1812',
            files=package(run_log(1337, 1.2, early=1.1812), val_bpb=1.1812),
            status="hold",
        ),
        Example(
            "a leading digit is missing",
            SCRIPT,
            '"val_bpb": 0.1204',
            files=package(run_log(1337, 1.1204), run_log(42, 1.1204), run_log(7, 1.1204), val_bpb=0.1204),
            status="hold",
        ),
        Example(
            "a figure that a log writes, though not as its score",
            SCRIPT,
            '"val_bpb": 1.1937',
            files=package(run_log(1337, 1.2, tail="| half way | 1.1937 |\n"), val_bpb=1.1937),
            status="hold",
        ),
        Example(
            "metadata of an older run",
            SCRIPT,
            '"val_bpb": 1.1937',
            files=package(*_THREE, val_bpb=1.1937),
            status="hold",
        ),
        Example(
            "a mean that is lower than the seeds' scores beside it",
            SCRIPT,
            '"val_bpb": 1.1937,',
            files=package(
                *_THREE,
                val_bpb=1.1937,
                seed_results={"1337": {"val_bpb": 1.2}, "42": {"val_bpb": 1.201}, "7": {"val_bpb": 1.2035}},
            ),
            status="hold",
        ),
        Example(
            "every seed's score lowered by the same amount",
            SCRIPT,
            '"val_bpb": 1.1965,',
            files=package(
                *_THREE,
                val_bpb=1.1965,
                seed_results={
                    "1337": {"val_bpb": 1.195},
                    "42": {"val_bpb": 1.196},
                    "7": {"val_bpb": 1.1985},
                },
            ),
        ),
        Example(
            "three seeds declared, one logged and named",
            SCRIPT,
            '"three_seeds": true',
            files=package(run_log(1337, 1.2), val_bpb=1.2, seed=1337, three_seeds=True),
        ),
    ),
    valid=(
        Example("the mean of the logs, rounded", SCRIPT, files=package(*_THREE, val_bpb=1.2015)),
        Example("one run and its score", SCRIPT, files=package(run_log(1337, 1.2), val_bpb=1.2)),
        Example(
            "cut off instead of rounded",
            SCRIPT,
            files=package(run_log(1337, 1.20068), val_bpb=1.2006),
        ),
        Example(
            "the mean of the named seeds, with another run beside them",
            SCRIPT,
            files=package(*_THREE, run_log(99, 1.4), val_bpb=1.2015, seeds=[1337, 42, 7]),
        ),
        Example(
            "one seed rounds to the claim, and the mean is within its last digit",
            SCRIPT,
            files=package(
                run_log(1337, 0.2840529),
                run_log(42, 0.28401598),
                run_log(7, 0.28401911),
                val_bpb=0.2841,
                seeds=[1337, 42, 7],
            ),
        ),
        Example("no log to compare with", SCRIPT, files={"submission.json": metadata(val_bpb=1.2)}),
    ),
    known_problems="A folder of ablations is judged by the run that prints the claim. A figure whose output was not "
    "committed looks like one that was never measured: the finding says only that no log prints it.",
)
