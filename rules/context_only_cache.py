"""Recognises legal caches: tables that are read under a key made from the context alone."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.trackers.keys.reported import context_lookups

SLUG = "context-only-cache"


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each table that is read under a hash of the context, where no key holds the token."""
    if case.timeline is None:
        return
    for found in context_lookups(case.timeline):
        site = found.lookup.site
        judged = activity(case.timeline, found.bits, [found.lookup])
        if judged.status != "violation":
            continue  # what is legal, or harmless, is worth a word where it surely runs
        yield judged.found(
            site,
            rule=SLUG,
            status="note",
            message="This table is read under a key made from the tokens before the one being scored; that token is "
            "mixed into no key of it.",
            trace=(
                Step(found.key.source.path, found.key.line, "the key is made from the context", found.key.source.layer),
            ),
        )


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


_DENSE = """
def evaluate(net, tokens):
    counts = torch.zeros(8192, 1024)
    totals = torch.zeros(8192)
    total = 0.0
    for start in range(1, tokens.numel() - 65, 64):
        part = tokens[start - 1:start + 65]
        x, y = part[1:-1], part[2:]
        row = (part[:-2] * 31 ^ x * 17) % 8192
        own = F.softmax(net(x), dim=-1).gather(1, y[:, None]).squeeze(1)
        share = (counts[row, y] + 0.1) / (totals[row] + 102.4)
        total -= (0.8 * own + 0.2 * share).log().sum().item()
        counts.view(-1).index_add_(0, row * 1024 + y, torch.ones(64))
        totals.index_add_(0, row, torch.ones(64))
    return total
"""

_CLASS = """
class Rows:
    def __init__(self):
        self.rows = np.zeros((4096, 1024))

    def key(self, ids, at):
        h = np.zeros(len(at), dtype=np.int64)
        for back in (1, 2, 3):
            h = h * 1000003 ^ ids[at - back]
        return h % 4096

    def after(self, ids, at):
        found = self.rows[self.key(ids, at)] + 0.01
        return found / found.sum(axis=1, keepdims=True)

    def learn(self, ids, at):
        np.add.at(self.rows, (self.key(ids, at), ids[at]), 1)

def evaluate(net, tokens):
    ids = tokens.numpy()
    rows = Rows()
    total = 0.0
    for start in range(3, len(ids) - 65, 64):
        at = np.arange(start, start + 64)
        own = F.softmax(net(tokens[start - 1:start + 63]), dim=-1).detach().numpy()
        both = 0.9 * own + 0.1 * rows.after(ids, at)
        total -= np.log(both[np.arange(64), ids[at]]).sum()
        rows.learn(ids, at)
    return total
"""

_NO_CACHE = """
def evaluate(net, tokens):
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        total += F.cross_entropy(net(part[:-1]), part[1:], reduction="sum").item()
    return total
"""

_HELPER = """
def keys_at(ids, where, width):
    h = np.zeros(len(where), dtype=np.int64)
    for k in range(width):
        h = (h * 1000003) ^ ids[where - width + k]
    return h % 65536, (h * 1000003 ^ ids[where]) % 65536

def evaluate(net, tokens):
    ids = tokens.numpy()
    low, high = np.zeros(65536), np.zeros(65536)
    total = 0.0
    for start in range(0, len(ids) - 65, 64):
        part = tokens[start:start + 65]
        nll = F.cross_entropy(net(part[:-1]), part[1:], reduction="none").detach().numpy()
        where = np.arange(start + 1, start + 65)
        a, b = keys_at(ids, where, 3)
        guess = np.minimum(high[b], low[a]) / np.maximum(low[a], 1)
        total += -np.log(0.5 * np.exp(-nll) + 0.5 * guess).sum()
        np.add.at(low, a, 1)
        np.add.at(high, b, 1)
    return total
"""


RULE = Rule(
    slug=SLUG,
    title="A cache under the context alone",
    group="compliance",
    condition="C1",
    summary="Counts are kept and read under a hash of the tokens before the one being scored.",
    why="The key is known before the token is, so the same row can be asked for every token of the vocabulary.",
    advice="Nothing to change; see that the counts are divided by the sum over all tokens.",
    counterpart="This is the legal pattern itself.",
    authority=(
        Authority("#1514", "OpenAI", "2026-04", "official", "merged: hints from hashes of the prefix only"),
        Authority("#2135", "cocohearts", "2026-05", "audit", "token-only hints, on the leaderboard"),
    ),
    check=check,
    invalid=(
        Example("rows of counts under a hashed context", _script(_DENSE), "share = (counts[row, y]", status="note"),
        Example("a class of rows, averaged with the model", _script(_CLASS), "found = self.rows[", status="note"),
    ),
    valid=(
        Example("no cache at all", _script(_NO_CACHE)),
        Example("a key that holds the token", _script(_HELPER)),
    ),
    legal_reference=True,
)
