"""Blends whose probabilities do not add up to one over the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.events import MixtureKind
from auditor.timeline.trackers.mixtures.reported import findings

SLUG = "unnormalized-mixture"

_OVER_THE_SUM = "Compute it for every token of the vocabulary, and divide by the sum over all of them."
_IN_THE_LOGITS = (
    "Change the logits before the softmax instead (divide them by a temperature, add to some of them), so that what is "
    "picked adds up to one over the vocabulary."
)


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each expert that gives every token the same mass, and each ratio of two tables."""
    yield from findings(
        case,
        "pseudo",
        SLUG,
        "One of the experts blended here does not depend on which token came (the entropy of the model's own "
        "prediction): it hands the same mass to whatever occurs, so the mixture adds up to more than one over the "
        "vocabulary.",
        "the experts are blended",
    )
    yield from _advised(
        _OVER_THE_SUM,
        case,
        "ratio",
        "Every candidate's count is divided by a count of another table, not by the sum of the candidates' counts: "
        "their hashed buckets are shared with other pairs, so these quotients don't add up to one over the vocabulary.",
        "the candidates' counts are divided by the context's",
    )
    yield from _advised(
        _OVER_THE_SUM,
        case,
        "peak",
        "For every token the largest of several predictions is taken, and nothing divides by the sum: what is left "
        "adds up to more than one over the vocabulary.",
        "the largest prediction of each token is taken",
    )
    yield from _advised(
        _IN_THE_LOGITS,
        case,
        "bonus",
        "Where a hint names the token that came, its loss is lowered; where it names another, nothing is added, and no "
        "normaliser is: these probabilities add up to more than one.",
        "the loss is lowered where the hint is right",
    )
    yield from findings(
        case,
        "overweight",
        SLUG,
        "The constant weights of the probabilities added here come to more than one, so what they make of them adds up "
        "to more than one over the vocabulary.",
        "the probabilities are added with these weights",
    )
    yield from _advised(
        _IN_THE_LOGITS,
        case,
        "shift",
        "A constant is added to the probability of the token that came (or taken off its loss): the same would have "
        "been added for any other token, so these probabilities add up to more than one.",
        "the constant enters",
    )
    yield from _advised(
        _IN_THE_LOGITS,
        case,
        "scaled",
        "The loss of the token that came is multiplied by a constant: these are not the losses of probabilities that "
        "add up to one over the vocabulary.",
        "the loss is multiplied",
    )
    yield from _advised(
        _IN_THE_LOGITS,
        case,
        "bent",
        "A multiple of its own power is taken off the loss of the token that came: the same would have been done for "
        "any other token, so these are not the losses of probabilities that add up to one over the vocabulary.",
        "the multiple is taken off",
    )
    yield from _advised(
        "Score the token that came by its own probability alone.",
        case,
        "doubled",
        "Two entries of one prediction are added, and the sum counts as the probability of the token that came: the "
        "same would have been done for any other token, so these sums add up to more than one over the vocabulary.",
        "the two entries are added",
    )
    yield from findings(
        case,
        "loose",
        SLUG,
        "Nothing makes the weights of the predictions added here come to one (no division by their sum, no softmax), "
        "so what they make of them is no distribution over the vocabulary.",
        "the predictions are weighted and added",
    )
    yield from _advised(
        _OVER_THE_SUM,
        case,
        "noisy",
        "One minus the product of what two predictions leave over is more than either gives the token, for every "
        "token: these probabilities add up to more than one over the vocabulary.",
        "the two predictions are joined",
    )
    yield from _advised(
        _OVER_THE_SUM,
        case,
        "powers",
        "The root of a sum of powers of several predictions is more than their mean, for every token, and nothing "
        "divides by the sum over the vocabulary: these probabilities add up to more than one.",
        "the root is taken",
    )
    yield from _advised(
        _IN_THE_LOGITS,
        case,
        "lifted",
        "After the softmax something is added to the prediction of some tokens, and nothing divides by the sum or goes "
        "through a softmax again: what is picked here adds up to more than one over the vocabulary.",
        "the token's prediction is picked",
    )
    yield from _advised(
        _OVER_THE_SUM,
        case,
        "smoothed",
        "The count of the token is raised by a constant, and the divisor by less than two times that: each token of "
        "the vocabulary would get the same, so these probabilities add up to more than one.",
        "the raised count is divided",
    )


def _advised(advice: str, case: Case, kind: MixtureKind, message: str, step: str) -> Iterator[Finding]:
    """Yield the findings of a kind that another advice mends than the rule's, which is on experts in a blend."""
    for found in findings(case, kind, SLUG, message, step):
        yield replace(found, advice=advice)


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


_PSEUDO = """
def experts(logits, y, unigram):
    lp = F.log_softmax(logits, dim=-1)
    own = -lp.gather(1, y[:, None]).squeeze(1)
    rare = -(unigram / unigram.sum()).log()[y]
    doubt = -(lp.exp() * lp).sum(-1)
    return torch.stack([own, rare, doubt], dim=-1)

def evaluate(net, tokens):
    unigram = torch.ones(1024)
    weights = torch.zeros(3)
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        x, y = part[:-1], part[1:]
        nll = experts(net(x), y, unigram)
        mixed = -torch.logsumexp(-nll + weights.log_softmax(0), dim=-1)
        total += mixed.sum().item()
        weights = weights - 0.1 * nll.mean(0)
        unigram.scatter_add_(0, y, torch.ones(64))
    return total
"""

_PSEUDO_CLASS = """
class Blend:
    def __init__(self):
        self.w = torch.zeros(2)

    def score(self, logits, y):
        lp = F.log_softmax(logits, dim=-1)
        spread = (lp.exp() * lp).sum(-1)
        rows = torch.stack((lp.gather(1, y.unsqueeze(1))[:, 0], spread))
        blended = (rows + self.w[:, None]).logsumexp(0)
        return -blended

def evaluate(net, tokens):
    blend = Blend()
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        total += blend.score(net(part[:-1]), part[1:]).sum().item()
    return total
"""

_PROPER = """
def evaluate(net, tokens):
    unigram = torch.ones(1024)
    weights = torch.zeros(2)
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        x, y = part[:-1], part[1:]
        own = F.cross_entropy(net(x), y, reduction="none")
        rare = -(unigram / unigram.sum()).log()[y]
        nll = torch.stack([own, rare], dim=-1)
        total -= torch.logsumexp(weights.log_softmax(0) - nll, dim=-1).sum().item()
        weights = weights - 0.1 * nll.mean(0)
        unigram.scatter_add_(0, y, torch.ones(64))
    return total
"""

_ENTROPY_WEIGHT = """
def evaluate(net, tokens):
    counts = torch.ones(1024, 1024)
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        x, y = part[:-1], part[1:]
        p = F.softmax(net(x), dim=-1)
        doubt = -(p * p.log()).sum(-1, keepdim=True)
        a = torch.sigmoid(doubt - 3.0)
        table = counts[x] / counts[x].sum(-1, keepdim=True)
        mixed = (1 - a) * p + a * table
        total -= mixed.gather(1, y[:, None]).log().sum().item()
        counts.view(-1).index_add_(0, x * 1024 + y, torch.ones(64))
    return total
"""

_EACH = """
def evaluate(net, tokens):
    size = 4096
    contexts = torch.zeros(size)
    pairs = torch.zeros(size)
    every = torch.arange(1024)
    total = 0.0
    for start in range(2, tokens.numel() - 65, 64):
        part = tokens[start - 2:start + 64]
        x, y = part[1:-1], part[2:]
        own = F.softmax(net(x), dim=-1).gather(1, y[:, None]).squeeze(1)
        h = (part[:-2] * 31 ^ x * 17) % size
        seen = contexts[h]
        hits = pairs[(h[:, None] * 29 + every[None, :]) % size]
        share = (hits.gather(1, y[:, None]).squeeze(1) + 2.0 * own) / (DIVISOR + 2.0)
        total -= (0.5 * own + 0.5 * share).log().sum().item()
        contexts.scatter_add_(0, h, torch.ones(64))
        pairs.scatter_add_(0, (h * 29 + y) % size, torch.ones(64))
    return total
"""

_AFTERWARDS = _EACH.replace(
    "share = (hits.gather(1, y[:, None]).squeeze(1) + 2.0 * own) / (DIVISOR + 2.0)",
    "rates = (hits + 0.01) / (seen[:, None] + 2.0)\n"
    "        share = (rates / rates.sum(1, keepdim=True)).gather(1, y[:, None]).squeeze(1)",
)

RULE = Rule(
    slug=SLUG,
    title="A mixture that is no probability distribution",
    group="compliance",
    condition="C2",
    summary="The blend is computed for the token that really came only, with a part that is not a distribution over "
    "the "
    "vocabulary: a pseudo-expert with the same mass for every token, or a count divided by something that is not the "
    "sum over all candidates.",
    why="A compressor needs one code length for every token before it reads the next one. Where the masses of all "
    "tokens "
    "add up to more than one, the score of the token that came is better than any such code could be.",
    advice="Compute every expert for the whole vocabulary, check that it adds up to one, and blend these "
    "distributions.",
    counterpart="A log-sum-exp over experts that are each distributions, with weights fixed before the token is read "
    "(#606), or "
    "a division by the sum over all candidates (#978, #1011).",
    authority=(
        Authority(
            "#1185", "valerio-oai", "2026-04", "official", "the blended probabilities do not add up to one; not valid"
        ),
        Authority("#1026", "valerio-oai", "2026-03", "official", "the blend is computed for the gold token only"),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("the model's entropy as an expert", _script(_PSEUDO), "mixed = -torch.logsumexp"),
        Example("a class that stacks log-probabilities and entropy", _script(_PSEUDO_CLASS), "blended = (rows"),
        Example(
            "every candidate's count over the context's", _script(_EACH.replace("DIVISOR", "seen")), "share = (hits"
        ),
    ),
    valid=(
        Example("experts that are each distributions", _script(_PROPER)),
        Example("distributions over the vocabulary, weighted by entropy", _script(_ENTROPY_WEIGHT)),
        Example("every candidate's count over their sum", _script(_EACH.replace("DIVISOR", "hits.sum(1)"))),
        Example("over the context's count, then over their sum", _script(_AFTERWARDS)),
    ),
)
