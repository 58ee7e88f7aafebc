"""Validation sets of another size than the challenge's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.case import Case
from auditor.evidence.counted import Counted, counted_runs
from auditor.finding import Finding, Status
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import and_others, on_line, strictness
from rules.evidence_examples import PLAIN, RECORD, log, metadata, record
from rules.limits import validation_bytes
from rules.validation_set import (
    WRONG,
    Rightly,
    denominator,
    is_a_whole_count,
    is_count_of,
    rightly_divided,
    tokenizer,
    validation_tokens,
)

SLUG = "val-partition"

_SCORES = "This line scores "
_SCORE_ALL = "Score every token of the validation set, and report that."

_PART = 0.95  # of the whole set

_Fact = tuple[Status, str, str, int | None]


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for counted runs that score another number of tokens than the whole set's."""
    if case.submission.lone:
        return
    rightly = rightly_divided(case.evidence.runs, case.challenge.data)
    facts = [fact for each in counted_runs(case.evidence) if (fact := _judge(case, each, rightly)) is not None]
    if facts:
        status, message, path, line = min(facts, key=lambda fact: ("violation", "hold", "note").index(fact[0]))
        found = on_line(SLUG, status, and_others(message, len(facts) - 1), path, line)
        # The set may be whole, and a part of it scored.
        yield replace(found, advice=_SCORE_ALL) if message.startswith(_SCORES) else found


def _judge(case: Case, counted: Counted, rightly: Rightly) -> _Fact | None:
    tokens = validation_tokens(counted.run)
    if tokens is None:
        return None
    data = case.challenge.data
    name, _ = tokenizer(counted.run, data)
    usual = is_count_of(tokens.value, name, data)
    if usual or is_a_whole_count(tokens.value, data):
        return _scored(case, counted)
    d = denominator(counted, rightly, data)
    whole = data.tokens_of.get(name or "")
    if d is not None and d.implied is not None:
        share, by = d.implied / validation_bytes(case), ", by loss and score,"
    elif whole is not None:
        share, by = tokens.value / whole, ""
    else:
        return None
    if share < _PART:
        part = f"{tokens.value:,.0f} validation tokens are{by} {share:.1%} of the validation set"
        if whole is not None and tokens.value < _PART * whole:  # a loss and a score may be of some of them only
            part = (
                f"{tokens.value:,.0f} validation tokens are {tokens.value / whole:.1%} of the {whole:,} that accepted "
                f"logs with {name} show"
            )
        message = f"{part}; the score must be over the whole set, the first {data.documents:,} documents."
        return strictness(case, counted), message, tokens.path, tokens.line
    if usual is None or whole is None:
        return _scored(case, counted)  # an own tokenizer has its own count
    message = f"{tokens.value:,.0f} validation tokens; accepted logs with {name} show {whole:,}"
    if abs(share - 1) > WRONG:
        return (
            "hold",
            f"{message}, and by loss and score the text is {share:.1%} of its bytes.",
            tokens.path,
            tokens.line,
        )
    return (
        "hold",
        f"{message}. Its bytes agree with the whole set, so it was split into tokens differently: how it was made "
        "must be shown.",
        tokens.path,
        tokens.line,
    )


def _scored(case: Case, counted: Counted) -> _Fact | None:
    """Return what is wrong when a line prints that only some of the bytes were scored."""
    printed = counted.run.last("scored_bytes")
    tokens = validation_tokens(counted.run)
    if printed is None or (tokens is not None and printed.value == tokens.value):
        return None
    share = printed.value / validation_bytes(case)
    if share >= _PART:
        return None
    message = f"{_SCORES}{printed.value:,.0f} bytes, {share:.1%} of the validation set."
    same = counted.score.line == printed.line
    return strictness(case, counted) if same else "hold", message, printed.path, printed.line


_SLICE = "ppm_mixer val_bpb:0.99000000 N_bytes=29365687\n"

RULE = Rule(
    slug=SLUG,
    title="Another validation set",
    group="evidence",
    condition="metric",
    summary="The number of validation tokens in the log is not the one of the first 50,000 documents with that "
    "tokenizer: a part of them, another split, or other documents.",
    why="All scores are over the same fixed text. A part of it can be easier, and text that was split or ordered "
    "differently is not comparable until shown to be the same.",
    advice="Score every token of the validation set, prepared in one process from the first 50,000 documents.",
    counterpart="Accepted counts: 62,021,632 (sp1024), 45,508,608 (sp4096), 40,540,160 (sp8192), 47,851,520 (CaseOps).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "the fixed first 50,000 documents, the full set"),
        Authority("#1835", "valerio-oai", "2026-04", "official", "a score over a part reported as if over all"),
        Authority("#2109", "cocohearts", "2026-05", "audit", "a validation partition that is not the canonical one"),
    ),
    check=check,
    needs=("data.bytes", "data.tokens_of"),
    invalid=(
        Example(
            "the first ten thousand documents",
            PLAIN,
            "val_loader:shards pattern=./data/fineweb_val_*.bin tokens:9662000",
            record(
                1.0158,
                1.0157,
                1.0156,
                tokens=9_662_464,
                scored_bytes=29_950_000,
                data="./data/fineweb10B_sp8192_caseops",
            )
            | {
                "train_seed1.log": log(
                    1, 1.0158, tokens=9_662_000, scored_bytes=29_948_500, data="./data/fineweb10B_sp8192_caseops"
                )
            },
        ),
        Example(
            "the same text in other tokens than its tokenizer's",
            PLAIN,
            "tokens:43767808",
            {
                "train_seed1.log": log(1, 1.0586, tokens=43_767_808, data="./data/fineweb10B_sp8192_caseops_own_v3"),
                "submission.json": metadata(1.0586, seeds=(1,)),
            },
            status="hold",
        ),
        Example(
            "a mixer that scores a fifth",
            PLAIN,
            "N_bytes=29365687",
            {
                "train_seed1.log": log(1, 1.2244, last=_SLICE),
                "submission.json": metadata(0.99, seeds=(1,)),
            },
        ),
    ),
    valid=(
        Example("the whole set", PLAIN, files=RECORD),
        Example(
            "the whole set with CaseOps, its end cut elsewhere",
            PLAIN,
            files=record(1.0601, 1.0602, 1.0603, tokens=47_853_343, data="./data/fineweb10B_sp8192_caseops"),
        ),
        Example(
            "an own tokenizer over the whole set",
            PLAIN,
            files=record(1.0601, 1.0602, 1.0603, tokens=76_632_064, data="./data/own_bpe_288"),
        ),
        Example(
            "a quick check in a log of its own",
            PLAIN,
            files=RECORD | {"smoke.log": log(99, 3.2, tokens=65_536, scored_bytes=160_000)},
        ),
    ),
    known_problems="The right number of tokens doesn't show that the documents are the right ones, or in their order.",
)
