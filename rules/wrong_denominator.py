"""Scores that were not divided by the bytes of the validation set."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.evidence.counted import counted_runs
from auditor.evidence.printed import Value
from auditor.evidence.run import Run
from auditor.finding import Finding, Status
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import and_others, on_line, strictness
from rules.evidence_examples import PLAIN, RECORD, log, metadata, record
from rules.limits import bytes_per_token, validation_bytes
from rules.validation_set import WRONG, Denominator, denominator, rightly_divided, text_scored, validation_tokens

SLUG = "wrong-denominator"

_PART = 0.95  # of the bytes: below it a part was scored, which is another rule's matter
_CORRECTED = 2e-4  # bits per byte
_LOSS = regex(r"\b(\w*?)_?loss\s?[:=]", re.IGNORECASE)
_SCORE = regex(r"\b(\w*?)_?bpb\s?[:=]", re.IGNORECASE)
_MIXTURE = regex(r"ppm|mix|gram|hedge|cache|blend", re.IGNORECASE)  # may print the loss of the model alone

_Fact = tuple[Status, str, str, int | None]


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for the counted runs whose scores imply another number of bytes, and for printed byte counts."""
    if case.submission.lone:
        return
    counted = counted_runs(case.evidence)
    rightly = rightly_divided(case.evidence.runs, case.challenge.data)
    found = [d for each in counted if (d := denominator(each, rightly, case.challenge.data)) is not None]
    for facts in (
        [fact for d in found if (fact := _implied(case, d)) is not None],
        [fact for each in counted if (fact := _printed(case, each.run)) is not None],
    ):
        if facts:
            status, message, path, line = min(facts, key=lambda fact: ("violation", "hold", "note").index(fact[0]))
            yield on_line(SLUG, status, and_others(message, len(facts) - 1), path, line)


def _implied(case: Case, d: Denominator) -> _Fact | None:
    """Return what is wrong with the bytes that loss and score imply, None when they are right or can't be told."""
    score, implied = d.counted.score, d.implied
    if _of_two(score.text):
        return None
    if implied is None:
        return _by_the_tokenizer(case, d)
    whole = validation_bytes(case)
    off = implied / whole - 1
    if abs(off) <= WRONG or implied < _PART * whole:
        return None
    usual = bytes_per_token(case).get(d.name or "")
    if usual is not None and abs(d.ratio / usual - 1) <= WRONG:
        return None  # divided rightly, by the bytes of another set: another rule's matter
    if d.mixed:
        message = (
            f"Loss and score of this line don't belong together: they imply {_mb(implied)} of validation text instead "
            f"of {_mb(whole)}. Other lines divide by that, so one of the two is another quantity."
        )
        return "note", message, score.path, score.line
    low = f"{_beside(off):.1%} {'too low' if off > 0 else 'too high'}"
    message = (
        f"Loss and score imply that {d.tokens.value if d.tokens else 0:,.0f} validation tokens are {_mb(implied)}; the "
        f"validation set has {_mb(whole)}, so the score is {low}, or it is no score of that loss, or of that set."
    )
    certain = off > 0 and d.whole and not _MIXTURE.search(score.label)
    return strictness(case, d.counted) if certain else "hold", message, score.path, score.line


def _of_two(line: str) -> bool:
    """Tell whether a line's loss and its score are named as different quantities (``val_loss``, ``val_var_bpb``)."""
    loss, score = _LOSS.search(line), _SCORE.search(line)
    if loss is None or score is None or not loss[1] or not score[1] or _MIXTURE.search(score[1]):
        return False
    return loss[1].lower() != score[1].lower()


def _by_the_tokenizer(case: Case, d: Denominator) -> _Fact | None:
    """Judge a score whose log prints no number of tokens by the tokenizer's bytes per token."""
    usual = bytes_per_token(case).get(d.name or "")
    if usual is None or abs(d.ratio / usual - 1) <= WRONG:
        return None
    score, off = d.counted.score, d.ratio / usual - 1
    message = (
        f"Loss and score imply {d.ratio:.4f} bytes per token; {d.name} has {usual:.4f} on the validation set, "
        f"which makes the score {_beside(off):.1%} too {'low' if off > 0 else 'high'}"
    )
    if d.mixed:
        return "note", f"{message}, unless one of the two is another quantity.", score.path, score.line
    certain = off > 0 and d.named
    status = strictness(case, d.counted) if certain else "hold"
    return status, f"{message}, or other text was scored.", score.path, score.line


def _printed(case: Case, run: Run) -> _Fact | None:
    """Return what is wrong with the number of bytes that the run says it scored."""
    printed, tokens = run.last("scored_bytes"), validation_tokens(run)
    if printed is None:
        return None
    if tokens is not None and printed.value == tokens.value:
        message = (
            f"The number of bytes that this line prints, {printed.value:,.0f}, is the number of tokens; whether a "
            "score was divided by it, the line doesn't tell."
        )
        return "hold", message, printed.path, printed.line
    expected = text_scored(run, case.challenge.data)
    off = printed.value / expected - 1
    if off <= WRONG:
        return None
    message = f"This line divides by {printed.value:,.0f} bytes; the text that was scored has {_mb(expected)}"
    if _is_corrected(case, printed, expected):
        return "hold", f"{message}. The claimed score is corrected for it, the log is not.", printed.path, printed.line
    status: Status = "violation" if case.submission.track == "record" else "hold"
    return status, f"{message}, so its score is {_beside(off):.1%} too low.", printed.path, printed.line


def _beside(off: float) -> float:
    """Return by which share of the right score a score lies beside it that was divided by 1 + ``off`` of the bytes."""
    return abs(off / (1 + off))


def _is_corrected(case: Case, printed: Value[float], expected: float) -> bool:
    """Tell whether the claim is the logged score of the same seed times what the denominator is off by."""
    claimed = case.evidence.claims().val_bpb
    if claimed is None:
        return False
    logged = [
        m.val_bpb * printed.value / expected
        for run in case.evidence.runs
        for m in run.metrics
        if m.path == printed.path and m.role == "final"
    ]
    per_seed = [c.value for c in case.evidence.metadata.all("val_bpb", per_seed=True)]
    return any(abs(value - want) <= _CORRECTED for value in logged for want in (claimed, *per_seed))


def _mb(count: float) -> str:
    return f"{count / 1e6:.2f} MB"


_COUNTED_TWICE = record(1.0345, 1.0346, 1.0347, scored_bytes=177_830_000, tokens=40_540_160)
_SLICED = "final_ttt val_loss:2.40000000 val_bpb:1.18000000 eval_time:90000ms\n"

RULE = Rule(
    slug=SLUG,
    title="The score is not divided by the validation set's bytes",
    group="evidence",
    condition="metric",
    summary="Loss in nats per token, score in bits per byte and the number of tokens together tell the bytes that "
    "the score was divided by. The validation set has 151.08 MB with any tokenizer; more than 0.3 % off is reported.",
    why="Bits per byte compare tokenizers only if all divide by the bytes of the same text. A denominator that counts "
    "a space twice, bytes of transformed text, or tokens, lowers the score without predicting better.",
    advice="Count the bytes of the raw text (the sidecar of CaseOps) and check that the sum is 151.08 MB.",
    counterpart="A log whose val_tokens · val_loss / (ln 2 · val_bpb) is 151.08 MB within 0.03 % (#1729, #1736).",
    authority=(
        Authority("#2138", "cocohearts", "2026-05", "audit", "divides by 164,594,398 instead of 151,074,309 bytes"),
        Authority("#2071", "cocohearts", "2026-05", "audit", "byte accounting of CaseOps left off"),
        Authority("#2039", "cocohearts", "2026-05", "audit", "32.76 MB for 9.66M tokens instead of about 29.95 MB"),
        Authority(
            "#1184", "cocohearts", "2026-04", "official", "merged, then removed: invalid byte accounting (#1806)"
        ),
    ),
    check=check,
    needs=("data.bytes",),
    invalid=(
        Example("spaces counted twice", PLAIN, "val_bpb:1.03450000", _COUNTED_TWICE),
        Example(
            "a constant for bytes per token, and no token count",
            PLAIN,
            "val_bpb:",
            {
                "train_seed1.log": "vocab=4096\nseed:1\nfinal val_loss:2.00322596 val_bpb:1.05003120 eval_time:9s\n",
                "submission.json": metadata(1.0500312, seeds=(1,)),
            },
            status="hold",
        ),
        Example(
            "a mixer that divides by too many bytes",
            PLAIN,
            "bytes=164594398",
            {
                "train_seed1.log": log(1, 1.2244, after_training="ppm_mix tokens=62021632 bytes=164594398 mix=1\n"),
                "submission.json": metadata(1.2244, seeds=(1,)),
            },
        ),
        Example(
            "the same, claimed as corrected",
            PLAIN,
            "bytes=164594398",
            {
                "train_seed1.log": log(1, 1.2244, after_training="ppm_mix tokens=62021632 bytes=164594398 mix=1\n"),
                "submission.json": metadata(1.33392, seeds=(1,)),
            },
            status="hold",
        ),
    ),
    valid=(
        Example("the validation set", PLAIN, files=RECORD),
        Example(
            "another tokenizer",
            PLAIN,
            files=record(1.0601, 1.0602, 1.0603, tokens=47_851_520, data="./data/fineweb10B_sp8192_caseops"),
        ),
        Example(
            "an own tokenizer that divides by the same bytes",
            PLAIN,
            files=record(1.0601, 1.0602, 1.0603, tokens=76_632_064, data="./data/own_bpe_288"),
        ),
        Example(
            "a mixture that prints the loss of its model",
            PLAIN,
            files={
                "train_seed1.log": log(1, 1.2244, last=_SLICED),
                "submission.json": metadata(1.18, seeds=(1,)),
            },
        ),
    ),
    known_problems="A log without losses says nothing here, and an own tokenizer is judged only where the log prints "
    "the number of validation tokens.",
)
