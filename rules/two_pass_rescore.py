"""Scoring the validation set again after everything in it has been learned from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.events import Mixture
from auditor.timeline.leaks import Leak, findings
from auditor.timeline.trackers.mixtures import reported
from rules.torch_scripts import EVALUATE, SCORE_FIRST, evaluating

SLUG = "two-pass-rescore"

_FIRST_ONLY = "Report the score of a first pass in which each token is looked up before it is counted."  # of tables


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    return (
        "These updates use tokens that were scored first, but the same model then scores them a second time "
        f"(line {leak.score.site.line}), and that score is reported."
    )


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each second scoring by a model that learned from the first."""
    yield from findings(case, "rescore", SLUG, say)
    counted = [replace(found, advice=_FIRST_ONLY) for found in _counted(case)]
    yield from counted
    told = {(found.path, found.line, found.layer) for found in counted}
    put: set[str] = set()  # one correction is one finding, however many tables it is made with
    for again in reported.findings(case, "rescored", SLUG, _corrected, "tokens that were scored are counted"):
        if (again.path, again.line, again.layer) not in told and again.message not in put:
            put.add(again.message)
            yield replace(again, advice=_FIRST_ONLY)


def _counted(case: Case) -> Iterator[Finding]:
    yield from reported.findings(
        case,
        "counted",
        SLUG,
        "Validation tokens are counted here before a score of the same tokens that is reported: what was counted holds "
        "each token already when it is predicted.",
        "validation tokens are counted",
    )


def _corrected(mixture: Mixture) -> str:
    where = f"line {mixture.at.line}" if mixture.at is not None else "later"
    return (
        "These tokens are scored and counted here; a second loss, made with the table that holds them by then, takes "
        f"the place of the first one in the reported score ({where})."
    )


_AGAIN = evaluating(
    SCORE_FIRST.replace("def evaluate(", "def adapt_and_score(") + EVALUATE,
    top='print(f"first pass val_bpb:{adapt_and_score(model, val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")\n',
)

_TEMPERATURE = evaluating(
    SCORE_FIRST.replace("def evaluate(", "def first_pass(")
    + """
@torch.no_grad()
def rescore(model, tokens, temperature):
    total = 0.0
    for at in range(0, tokens.numel() - 1025, 1024):
        logits = model.head(model.embed(tokens[at:at + 1024])) / temperature
        total += F.cross_entropy(logits, tokens[at + 1:at + 1025], reduction="sum").item()
    return total / (tokens.numel() - 1)

def evaluate(model, tokens):
    first = first_pass(model, tokens)
    print(f"val_bpb at 1.0:{first / math.log(2.0) * TOKENS_PER_BYTE:.4f}")
    return rescore(model, tokens, 0.98)
"""
)

_PASSES = evaluating(
    SCORE_FIRST.replace("def evaluate(", "def one_pass(")
    + EVALUATE
    + """
def timed(label, work, *args):
    result = work(*args)
    print(f"{label} val_bpb:{result / math.log(2.0) * TOKENS_PER_BYTE:.6f}")
    return result
""",
    top="timed('adaptive', one_pass, model, val)\n",
    report="timed('final', evaluate, model, val)\n",
)

_ALTERNATIVES = evaluating(
    SCORE_FIRST.replace("def evaluate(", "def adapt_and_score(") + EVALUATE,
    report="""
if int(os.environ.get("TTT_ENABLED", "1")):
    nats = adapt_and_score(model, val)
else:
    nats = evaluate(model, val)
print(f"val_bpb:{nats / math.log(2.0) * TOKENS_PER_BYTE:.6f}")
""",
)

_LOADED = evaluating(
    SCORE_FIRST.replace("def evaluate(", "def adapt_and_score(") + EVALUATE,
    top="""
torch.save(model.state_dict(), "final_model.pt")
print(f"ttt val_bpb:{adapt_and_score(model, val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")
fresh = Model()
fresh.load_state_dict(torch.load("final_model.pt"))
""",
    report='print(f"frozen val_bpb:{evaluate(fresh, val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")\n',
)

_BEFORE = evaluating(
    SCORE_FIRST.replace("def evaluate(", "def adapt_and_score(") + EVALUATE,
    top='print(f"frozen val_bpb:{evaluate(model, val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")\n',
    report='print(f"val_bpb:{adapt_and_score(model, val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")\n',
)

_COPY = evaluating(
    SCORE_FIRST.replace("def evaluate(", "def adapt_and_score(") + EVALUATE,
    top='print(f"ttt val_bpb:{adapt_and_score(copy.deepcopy(model), val) / math.log(2.0) * TOKENS_PER_BYTE:.6f}")\n',
)

RULE = Rule(
    slug=SLUG,
    title="Scored a second time after learning from the first pass",
    group="compliance",
    condition="C4",
    summary="A first, score-first pass adapts the model (or fills a cache) over the validation set; a second scoring "
    "of the same tokens with what it left behind is reported.",
    why="There is one left-to-right pass. In a second one every token is scored by a state that has seen it, and the "
    "tokens after it.",
    advice="Report the first pass, or load the saved model again before any other evaluation.",
    counterpart="Two evaluations in the alternative, or a freshly deserialised model for each (#1413).",
    authority=(
        Authority("#846", "valerio-oai", "2026-03", "official", "rescoring after the cache has seen the whole set"),
        Authority("#991", "valerio-oai", "2026-03", "official", "two passes over the evaluation tokens"),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("a plain evaluation of the model that score-first adaptation left behind", _AGAIN, "sgd.step()"),
        Example("a rescoring at another temperature", _TEMPERATURE, "sgd.step()"),
        Example("two passes, handed to a function that times them", _PASSES, "sgd.step()"),
    ),
    valid=(
        Example("one evaluation or the other", _ALTERNATIVES),
        Example("the saved model is loaded again", _LOADED),
        Example("the plain evaluation comes first", _BEFORE),
        Example("a copy is adapted, and the model itself evaluated", _COPY),
    ),
)
