"""Evaluation that takes longer than its ten minutes."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.counted import Counted, counted_runs
from auditor.evidence.printed import Metric, Value
from auditor.evidence.run import Run
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import and_others, is_timed, limited, on_line, strictness
from rules.evidence_examples import PLAIN, RECORD, log, metadata, record
from rules.limits import time

SLUG = "eval-wallclock"

_MOST_CLAIMED = 10  # times the limit: a claim beyond that is in another unit


class Cost(Struct, frozen=True):
    """What a run's score needs on validation data, in seconds.

    ``scoring`` is the evaluation that prints the score, ``before`` adaptation ahead of quantisation, ``hints``
    what is computed ahead of the evaluation's clock (0 when it is inside).
    """

    scoring: float
    before: float
    hints: float
    hints_known_outside: bool
    line: int | None

    @property
    def needed(self) -> float:
        """Return the sum without the hints."""
        return self.scoring + self.before


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for the slowest evaluation of a counted run, else for a claim of more than 600 s."""
    if not is_timed(case):
        return
    limit = time(case).eval_seconds
    costs = [(each, cost) for each in counted_runs(case.evidence) if (cost := cost_of(each)) is not None]
    over = sorted((p for p in costs if p[1].needed > limit), key=lambda p: (not p[0].claimed, -p[1].needed))
    if over:
        counted, cost = over[0]
        took = f"takes {cost.needed:.1f} s{_parts(cost)}"
        message = f"The evaluation behind {_whose(counted)} {took}; {limit:.0f} s are allowed."
        said = _stated(case)
        if said is not None and said.value > cost.needed + 1:
            message += f" The submission itself says {said.value:.0f} s ({said.key})."
        status, message = limited(case, strictness(case, counted), and_others(message, len(over) - 1))
        yield on_line(SLUG, status, message, counted.run.path, cost.line)
        return
    hinted = sorted((p for p in costs if p[1].needed + p[1].hints > limit), key=lambda p: -p[1].hints)
    if hinted:
        counted, cost = hinted[0]
        where = "outside" if cost.hints_known_outside else "maybe outside"
        message = (
            f"The evaluation takes {cost.needed:.1f} s, and {cost.hints:.1f} s of hints on validation tokens are "
            f"computed {where} its clock: {cost.needed + cost.hints:.1f} s together. A row with hints ahead of the "
            "clock was accepted (#1514), within 600 s in all."
        )
        yield on_line(SLUG, "hold", and_others(message, len(hinted) - 1), counted.run.path, cost.line)
        return
    yield from _another(case)


def cost_of(counted: Counted) -> Cost | None:
    """Return what the score of a run costs, None when its log doesn't time it."""
    run = counted.run
    scoring = _scoring(run, counted.score)
    if scoring is None:
        return None
    hints = max((v.value for v in run.numbers("precompute_time")), default=0.0)
    outside = run.settings.get("ngram_hint_precompute_outside")
    known = None if outside is None else outside.value.strip().lower() in ("1", "true")
    return Cost(
        scoring=scoring.value,
        before=max((v.value for v in run.numbers("prequant_time")), default=0.0),
        hints=0.0 if known is False else hints,
        hints_known_outside=known is True,
        line=scoring.line,
    )


def _scoring(run: Run, score: Metric) -> Value[float] | None:
    """Return the duration of the evaluation that prints a score: its line's, its twin's, or the printed total."""
    digits = score.decimals
    twins = [m for m in run.scores if abs(m.val_bpb - score.val_bpb) < 10.0 ** -min(m.decimals, digits)]
    twins += _printed_together(run, score)
    timed = [Value(m.seconds, m.path, m.line, m.label) for m in twins if m.seconds is not None]
    last = run.score
    if last is not None and abs(last.val_bpb - score.val_bpb) < 10.0 ** -min(last.decimals, digits):
        whole = run.eval_seconds
        timed += [whole] if whole is not None else []
    return max(timed, key=lambda v: v.value, default=None)


def _printed_together(run: Run, score: Metric) -> list[Metric]:
    """Return the lines right before a score that print the same one, whatever they call it: it is one evaluation's."""
    out: list[Metric] = []
    for metric in sorted((m for m in run.metrics if m.line < score.line), key=lambda m: -m.line):
        nearest = out[-1].line if out else score.line
        same = abs(metric.val_bpb - score.val_bpb) < 10.0 ** -min(metric.decimals, score.decimals)
        if nearest - metric.line > 1 or not same or metric.role in ("step", "reference", "progress"):
            break
        out.append(metric)
    return out


def _whose(counted: Counted) -> str:
    """Return the score that a run's evaluation prints, in words: the claimed one, or another."""
    return "the score" if counted.claimed else "this run's score"


def _parts(cost: Cost) -> str:
    if not cost.before:
        return ""
    ahead = f"{cost.before:.1f} s of adaptation on validation data before quantisation"
    return f" ({ahead} and {cost.scoring:.1f} s of scoring)"


def _another(case: Case) -> Iterator[Finding]:
    """Yield a hold for a longer evaluation in a claimed run that is not plainly the claimed one, or for a claim."""
    limit = time(case).eval_seconds
    for counted in counted_runs(case.evidence):
        long = [m for m in counted.run.scores if m.seconds is not None and m.seconds > limit]
        if long and counted.claimed:
            m = long[-1]
            message = (
                f"An evaluation in the log of a claimed run takes {m.seconds:.1f} s; the claimed score is printed "
                "elsewhere in it, and may be part of the same evaluation."
            )
            yield on_line(SLUG, "hold", message, m.path, m.line)
            return
    claim = _stated(case)
    if claim is not None:
        message = f"The metadata says that evaluation takes {claim.value:.1f} s; {limit:.0f} s are allowed."
        yield on_line(SLUG, "hold", message, claim.path, claim.line)


def _stated(case: Case) -> Claim[float] | None:
    """Return the longest evaluation beyond the limit that submission.json states in seconds."""
    metadata, limit = case.evidence.metadata, time(case).eval_seconds
    claims = metadata.all("eval_seconds") + metadata.all("eval_seconds", per_seed=True)
    said = [c for c in claims if limit < c.value < _MOST_CLAIMED * limit and c.key.lower().endswith(("_s", "seconds"))]
    return max(said, key=lambda c: c.value, default=None)


_ADAPTED = record(
    1.0397, 1.0396, 1.0399, after_training="prequant_ttt:done total_time=523.6s\n", stop=588.0, evaluated=115.0
)
_HINTS = "ngram_hint_precompute_outside: {}\n"
_PRECOMPUTED = "ngram_tilt:precompute_done elapsed=168.13s total_targets=62021632\n"


def _hinted(outside: bool) -> dict[str, str]:
    text = _HINTS.format(outside) + log(1, 1.2244, evaluated=540.0, after_training=_PRECOMPUTED)
    return {"train_seed1.log": text, "submission.json": metadata(1.2244, seeds=(1,))}


RULE = Rule(
    slug=SLUG,
    title="Evaluated for longer than 600 s",
    group="evidence",
    condition="budget",
    summary="What the score needs on validation data (adaptation before quantisation and the evaluation that prints "
    "it) takes more than 600 s by the log. Evaluations that only compare are left out.",
    why="Evaluation has its own ten minutes. Adaptation and search at evaluation time buy score for seconds, so each "
    "stage that the score needs counts, wherever the clock was started.",
    advice="Start one clock before the first use of validation data, stop it after the score, and cut the work to fit.",
    counterpart="A log that prints total_eval_time below 600 s with every stage inside (#2135).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "evaluation takes at most 10 minutes on 8xH100"),
        Authority("#529", "valerio-oai", "2026-03", "official", "616 s of evaluation"),
        Authority("#1972", "cocohearts", "2026-05", "audit", "about 688 s of evaluation in all"),
    ),
    check=check,
    needs=("time",),
    invalid=(
        Example(
            "one evaluation of 616 s",
            PLAIN,
            "eval_time:616000ms",
            RECORD | {"train_seed3.log": log(3, 1.22444570, evaluated=616.0)},
        ),
        Example(
            "adaptation before quantisation and scoring, together",
            PLAIN,
            "val_bpb:1.03970000",
            _ADAPTED
            | {
                "train_seed1.log": _ADAPTED["train_seed1.log"].replace("523.6", "529.9"),
            },
        ),
        Example("hints ahead of the clock", PLAIN, "eval_time:540000ms", _hinted(outside=True), status="hold"),
        Example(
            "the metadata says so",
            PLAIN,
            "eval_time_seconds",
            {"submission.json": metadata(1.2244, seeds=(1,), eval_time_seconds=640.2)},
            status="hold",
        ),
    ),
    valid=(
        Example("short evaluations", PLAIN, files=RECORD),
        Example("hints inside the clock", PLAIN, files=_hinted(outside=False)),
        Example(
            "a slow comparison in a log of its own",
            PLAIN,
            files=RECORD | {"ablation_stride1.log": log(99, 1.2101, evaluated=1900.0)},
        ),
        Example(
            "non-record work",
            PLAIN,
            files={
                "train_seed1.log": log(1, 1.2244, evaluated=1900.0),
                "submission.json": metadata(1.2244, seeds=(1,), track="non-record-16mb"),
            },
        ),
    ),
    known_problems="Stages that the log doesn't time (loading, compilation, serialisation) are not in the sum.",
)
