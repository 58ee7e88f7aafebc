"""Recognises legal mixtures: whole distributions are blended before the token is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule
from auditor.timeline.trackers.mixtures.reported import findings

SLUG = "normalized-mixture"


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each reported blend of whole predictions."""
    for found in findings(
        case,
        "blend",
        SLUG,
        "Two predictions are averaged over the whole vocabulary, with a weight that does not know the token; "
        "only then is the token looked up in the result.",
        "the predictions are averaged",
    ):
        if found.status == "violation":  # what is legal is worth a word where it surely runs
            yield dataclasses.replace(found, status="note")


_HEAD = """
import glob, math
import numpy as np
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

_TWO_MODELS = """
def average(a, b, share):
    return share * a + (1 - share) * b

def evaluate(net, tokens):
    other = Net()
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        p = F.softmax(net(part[:-1]), dim=-1)
        q = F.softmax(other(part[:-1]), dim=-1)
        total -= average(p, q, 0.7).gather(1, part[1:, None]).log().sum().item()
    return total
"""

_LOSS = """
def evaluate(net, tokens):
    ids = tokens.tolist()
    after = {}
    total = 0.0
    for p in range(2, len(ids)):
        nll = F.cross_entropy(net(tokens[p - 2:p])[-1:], tokens[p:p + 1]).item()
        row = after.setdefault((ids[p - 2], ids[p - 1]), {})
        share = row.get(ids[p], 0) / max(sum(row.values()), 1)
        w = min(0.5, 0.1 * (1.0 + nll))
        total -= math.log((1.0 - w) * math.exp(-nll) + w * share)
        row[ids[p]] = row.get(ids[p], 0) + 1
    return total
"""

_ALONE = """
def evaluate(net, tokens):
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        total += F.cross_entropy(net(part[:-1]), part[1:], reduction="sum").item()
    return total
"""


RULE = Rule(
    slug=SLUG,
    title="A mixture of whole distributions",
    group="compliance",
    condition="C2",
    summary="Distributions over the vocabulary are averaged with weights that are fixed before the token is read, and "
    "the token is looked up in the average.",
    why="An average of distributions is a distribution: every token has its code length before the next one is read.",
    advice="Nothing to change.",
    counterpart="This is the legal pattern itself.",
    authority=(
        Authority("#1514", "OpenAI", "2026-04", "official", "merged: a tilt with its normaliser in closed form"),
    ),
    check=check,
    invalid=(
        Example("a model and rows of counts", _script(_ENTROPY_WEIGHT), "mixed = (1 - a) * p", status="note"),
        Example("two models", _script(_TWO_MODELS), "return share * a", status="note"),
    ),
    valid=(
        Example("one model alone", _script(_ALONE)),
        Example("a blend for the true token only", _script(_LOSS)),
    ),
    known_problems="That each part adds up to one is not proved here, only that whole predictions are averaged.",
    legal_reference=True,
)
