"""Keeping the better of several losses of the same token."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.claims import claimed_reports
from auditor.timeline.paths import calls_of
from auditor.timeline.trackers.metric.metric import Kind, doubts
from auditor.timeline.trackers.mixtures.reported import findings

SLUG = "oracle-selection"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place where the better of two losses of the same tokens is kept."""
    yield from findings(
        case,
        "oracle",
        SLUG,
        "The better of two losses of the same tokens is kept and goes into the score: which prediction counts is "
        "decided after the tokens are known.",
        "the losses are compared and the better one is kept",
    )
    yield from findings(
        case,
        "unweighted",
        SLUG,
        "Two predictions' probabilities of the token are added without weights: what counts is more than the better of "
        "the two, whichever that is, and adds up to two over the vocabulary.",
        "the probabilities are added",
    )
    yield from _evaluations(case)


def _evaluations(case: Case) -> Iterator[Finding]:
    """Yield a hold where the score that is reported last, or claimed, is the lowest of several, or of no token."""
    timeline = case.timeline
    if timeline is None:
        return
    said: dict[Kind, str] = {
        "best evaluation": "The validation tokens are evaluated several times, and the scores themselves decide here "
        "which of these evaluations is reported.",
        "largest predictions": "The largest prediction at each place is what the reported score is made of, whichever "
        "token it is of: which token came is not asked.",
    }
    for found in doubts(timeline, tuple(said), claimed_reports(timeline, case.submitted)):
        if not found.final:
            continue
        site, last = found.doubt.site, found.report.site
        judged = activity(timeline, found.bits, [found.doubt])
        yield judged.found(
            site,
            rule=SLUG,
            status="hold" if judged.status == "violation" else judged.status,
            message=said[found.doubt.kind],
            trace=(
                *calls_of(found.doubt),
                Step(last.source.path, last.line, "the score is reported", last.source.layer),
            ),
        )


_HEAD = """
import glob, math
import numpy as np
import sentencepiece as spm
import torch
import torch.nn.functional as F

def read(pattern):
    parts = [np.fromfile(p, dtype=np.uint16) for p in sorted(glob.glob(pattern))]
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)

    def forward(self, ids):
        return self.head(self.emb(ids))
"""

_TAIL = """
tokens = read("data/fineweb_val_*.bin")
print(f"val_bpb:{evaluate(Net(), tokens) / math.log(2.0) / len(tokens):.6f}")
"""


def _script(body: str) -> str:
    return _HEAD + body + _TAIL


_MINIMUM = """
def evaluate(net, tokens):
    best = torch.full((tokens.numel(),), 1e9)
    for temperature in (1.0, 0.9):
        for start in range(0, tokens.numel() - 65, 64):
            part = tokens[start:start + 65]
            nll = F.cross_entropy(net(part[:-1]) / temperature, part[1:], reduction="none")
            kept = F.cross_entropy(net(part[:-1]), part[1:], reduction="none")
            best[start:start + 64] = torch.minimum(kept, nll)
    return best[best < 1e9].sum().item()
"""

_BRANCH = """
def better(own, other):
    if other < own:
        return other
    return own

def evaluate(net, tokens):
    rough = Net()
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        own = F.cross_entropy(net(part[:-1]), part[1:]) * 64
        other = F.cross_entropy(rough(part[:-1]), part[1:]) * 64
        total += better(own, other).item()
    return total
"""

_MASK = """
def improve(nll, other):
    helped = other < nll
    nll[helped] = other[helped]

def evaluate(net, tokens):
    rough = Net()
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        nll = F.cross_entropy(net(part[:-1]), part[1:], reduction="none").detach().numpy()
        other = F.cross_entropy(rough(part[:-1]), part[1:], reduction="none").detach().numpy()
        improve(nll, other)
        total += nll.sum()
    return total
"""

_FIXED = """
def evaluate(net, tokens):
    rough = Net()
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        own = -F.cross_entropy(net(part[:-1]), part[1:], reduction="none")
        other = -F.cross_entropy(rough(part[:-1]), part[1:], reduction="none")
        top = torch.maximum(own, other)
        total -= (top + (0.5 * (own - top).exp() + 0.5 * (other - top).exp()).log()).sum().item()
    return total
"""

_CHECKPOINT = """
def evaluate(net, tokens):
    best = 1e9
    for epoch in range(3):
        loss = 0.0
        for start in range(0, 4096, 64):
            part = tokens[start:start + 65]
            loss += F.cross_entropy(net(part[:-1]), part[1:], reduction="sum").item()
        if loss < best:
            best = loss
            torch.save(net.state_dict(), "best.pt")
    return loss
"""

RULE = Rule(
    slug=SLUG,
    title="The best of several losses is kept",
    group="compliance",
    condition="C4",
    summary="Per token, document or epoch, the smaller of several losses is summed into the reported score.",
    why="The minimum over several predictions, taken with the answer in hand, is better than each of them and belongs "
    "to none: no decoder could make that choice.",
    advice="Commit to one prediction, or to weights computed from the prefix, before the token is read.",
    counterpart="Early stopping between checkpoints on training or held-out data, minima of quantisation errors, and "
    "gates on the "
    "model's own entropy (#659).",
    authority=(
        Authority("#573", "valerio-oai", "2026-03", "official", "the per-token minimum over passes is an oracle"),
        Authority("#611", "valerio-oai", "2026-03", "official", "best epoch per document"),
        Authority("#659", "valerio-oai", "2026-03", "official", "minimum of cache and model; gate on entropy instead"),
        Authority("#685", "valerio-oai", "2026-03", "official", "minimum of the losses of several passes"),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("the minimum of two losses per token", _script(_MINIMUM), "torch.minimum"),
        Example("a branch that returns the smaller loss", _script(_BRANCH), "if other < own"),
        Example("a mask of where the other loss is smaller", _script(_MASK), "helped = other < nll"),
    ),
    valid=(
        Example("a mixture with fixed weights, computed stably", _script(_FIXED)),
        Example("a checkpoint kept when its loss is the lowest", _script(_CHECKPOINT)),
    ),
)
