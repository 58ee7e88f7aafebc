"""A score over a part of the validation tokens."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Status, Step
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.claims import claimed_reports
from auditor.timeline.paths import calls_of
from auditor.timeline.trackers.metric.metric import Doubt, Kind, doubts
from rules.torch_scripts import HEAD, MAIN

SLUG = "subset-scoring"
_BY_LOSS: tuple[Kind, ...] = ("ignored losses", "ranked losses")
_TABLED: Kind = "targets of a table"
KINDS: tuple[Kind, ...] = (
    "first tokens", "random tokens", "ignored targets", "clamped targets", "left out", _TABLED, *_BY_LOSS,
)  # fmt: skip

_LEFT_OUT = ("ignored targets", "clamped targets")  # the script itself leaves them out of what it counts


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each choice of a part of the validation tokens that a reported score rests on.

    A violation where the claimed score is known to be that score, a hold where it is the last one reported.
    """
    timeline = case.timeline
    if timeline is None:
        return
    claimed = claimed_reports(timeline, case.submitted)
    for found in doubts(timeline, KINDS, claimed):
        site = found.doubt.site
        judged = activity(timeline, found.bits, [found.doubt])
        status: Status = judged.status
        if not found.final and judged.active is not False:
            continue  # what is done to a score on the way says nothing of the reported one
        if status == "violation" or (status == "hold" and judged.active):
            main = next((1 << (i + 1) for i, s in enumerate(timeline.settings) if s.kind == "command"), 0)
            if main and not found.bits & main:
                status = "note"  # a default that the main command doesn't use
            elif found.doubt.kind == "first tokens" and found.doubt.number is None:
                status = "hold"  # a limit that is computed
            elif found.doubt.kind in (*_BY_LOSS, _TABLED, "left out"):
                status = "hold"  # what else is done with the others may make up for it
            elif status == "violation" and not claimed and found.doubt.kind not in _LEFT_OUT:
                status = "hold"
        last = found.report.site
        yield judged.found(
            site,
            rule=SLUG,
            status=status,
            message=_say(found.doubt, final=found.final),
            trace=(
                *calls_of(found.doubt),
                Step(last.source.path, last.line, "the score is reported", last.source.layer),
            ),
        )


def _say(doubt: Doubt, *, final: bool) -> str:
    if doubt.kind == "ignored targets":
        return "Which targets count depends on which token they are: the loss of the others is left out of the score."
    if doubt.kind == _TABLED:
        return (
            "How much a target counts is looked up by which token it is: where that is zero, its loss is no part of "
            "the score."
        )
    if doubt.kind == "left out":
        return (
            "Documents for which this holds are passed over before anything of them is scored: their tokens are no "
            "part of this score, unless they are scored elsewhere."
        )
    if doubt.kind == "ignored losses":
        return "Which tokens count depends on how well they were predicted: the losses of the others are left out."
    if doubt.kind == "ranked losses":
        return "What is reported is a rank of the losses (their median, say), not their mean: some count, others don't."
    if doubt.kind == "clamped targets":
        return (
            f"Targets are forced into {doubt.number:,.0f} classes, fewer than the vocabulary of the data has: what is "
            "scored is another, easier text."
        )
    which = "The reported score is" if final else "A score on the way, where it is made, is"
    if doubt.number is None:
        return f"{which} computed from a part of the validation set only: the number of tokens is limited here."
    if doubt.kind == "random tokens":
        return f"{which} computed from tokens at random places of the validation set only."
    return f"{which} computed from no more than the first {doubt.number:,.0f} tokens of the validation set."


_SCORE = """
@torch.inference_mode()
def evaluate(model, tokens):
    total, count = torch.zeros(()), 0
    starts = range(0, tokens.numel() - 1, 1024)
    for at in starts:
        piece = tokens[at:at + 1025]
        total += model(piece[:-1][None], piece[1:][None]) * (piece.numel() - 1)
        count += piece.numel() - 1
    return total.item() / count
"""

_RANDOM = """
@torch.inference_mode()
def sampled(model, tokens, rounds):
    total = torch.zeros(())
    for _ in range(rounds):
        at = torch.randint(0, tokens.numel() - 1025, (1,)).item()
        piece, label = tokens[at:at + 1024], tokens[at + 1:at + 1025]
        total += model(piece[None], label[None])
    return total.item() / rounds
"""


def _script(report: str) -> str:
    return "".join([HEAD, _SCORE, _RANDOM, MAIN, report])


_PRINT = 'print(f"val_bpb:{bits / math.log(2.0) * TOKENS_PER_BYTE:.6f}")\n'


RULE = Rule(
    slug=SLUG,
    title="Scored on a part of the validation set",
    group="compliance",
    condition="metric",
    summary="The reported score is that of the first tokens, or of batches at random places, of the validation set.",
    why="The metric is bits per byte over the full validation set of 50,000 documents. A part of it is another "
    "metric, and a lucky part another score.",
    advice="Score every validation token once.",
    counterpart="Windows that cover the split from the first token to the last; a partial score only for "
    "progress lines.",
    authority=(
        Authority("#1835", "valerio-oai", "2026-04", "official", "a mixture over 3M tokens reported as the full set"),
        Authority("#2009", "cocohearts", "2026-05", "audit", "20 random validation batches"),
        Authority(
            "README", "OpenAI", "2026", "official", "the validation set is the first 50,000 documents, all of them"
        ),
    ),
    check=check,
    known_problems="Of documents that a loop passes over, and of a bound that a file gives, nothing is said.",
    invalid=(
        Example(
            "the first three million tokens",
            _script("\nsmall = val[:3_000_000]\nbits = evaluate(model, small)\n" + _PRINT),
            line="small = val[:3_000_000]",
            status="hold",
        ),
        Example(
            "a limit whose default is active",
            _script(
                '\nlimit = int(os.environ.get("MAX_VAL_TOKENS", "1048577"))\nbits = evaluate(model, val[:limit])\n'
                + _PRINT
            ),
            line="bits = evaluate(model, val[:limit])",
            status="hold",
        ),
        Example(
            "batches at random places",
            _script("\nbits = sampled(model, val, 20)\n" + _PRINT),
            line="piece, label = tokens[at:at + 1024], tokens[at + 1:at + 1025]",
            status="hold",
        ),
    ),
    valid=(
        Example("the full split", _script("\nbits = evaluate(model, val)\n" + _PRINT)),
        Example(
            "a limit that is off",
            _script(
                '\nlimit = int(os.environ.get("MAX_VAL_TOKENS", "0"))\n'
                "bits = evaluate(model, val[:limit] if limit > 0 else val)\n" + _PRINT
            ),
        ),
        Example(
            "a quick score first, the full one last",
            _script(
                '\nquick = evaluate(model, val[:100_000])\nprint(f"quick val_bpb:{quick / math.log(2.0) * '
                'TOKENS_PER_BYTE:.4f}")\n'
                "bits = evaluate(model, val)\n" + _PRINT
            ),
        ),
    ),
)
