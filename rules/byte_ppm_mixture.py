"""A token's loss blended with a model of its bytes."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule
from auditor.timeline.mixtures import findings

SLUG = "byte-ppm-mixture"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place where a token's loss is blended with a prediction of its bytes."""
    yield from findings(
        case,
        "bytes",
        SLUG,
        "The network's log-probability of the token that came is blended with a prediction of that token's bytes: "
        "spread over the bytes it is no distribution over bytes, and a product of byte probabilities is none over "
        "tokens, so the blend adds up over neither alphabet.",
        "the token's log-probability meets the prediction of its bytes",
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


_SPREAD = """
def evaluate(net, tokens):
    sp = spm.SentencePieceProcessor(model_file="tok.model")
    spelled = [sp.id_to_piece(i).encode() for i in range(1024)]
    seen = {}
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        nll = F.cross_entropy(net(part[:-1]), part[1:], reduction="none").tolist()
        for cost, token in zip(nll, part[1:].tolist()):
            text = spelled[token]
            share = -cost / max(len(text), 1)
            for byte in text:
                row = seen.setdefault(start % 7, {})
                guess = (row.get(byte, 0) + 1) / (sum(row.values()) + 256)
                total -= math.log(0.9 * math.exp(share) + 0.1 * guess)
                row[byte] = row.get(byte, 0) + 1
    return total
"""

_PRODUCT = """
def spell(seen, text):
    out = 0.0
    for byte in text:
        out += math.log((seen.get(byte, 0) + 1) / (len(seen) + 256))
        seen[byte] = seen.get(byte, 0) + 1
    return out

def evaluate(net, tokens):
    sp = spm.SentencePieceProcessor(model_file="tok.model")
    spelled = [sp.id_to_piece(i).encode() for i in range(1024)]
    seen = {}
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        own = -F.cross_entropy(net(part[:-1]), part[1:], reduction="none").numpy()
        other = np.array([spell(seen, spelled[t]) for t in part[1:].tolist()])
        both = np.logaddexp(own - 0.1, other - 2.4)
        total -= both.sum()
    return total
"""

_COUNTED = """
def evaluate(net, tokens):
    sp = spm.SentencePieceProcessor(model_file="tok.model")
    sizes = torch.tensor([len(sp.id_to_piece(i).encode()) for i in range(1024)])
    loss = size = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        loss += F.cross_entropy(net(part[:-1]), part[1:], reduction="sum").item()
        size += sizes[part[1:]].sum().item()
    return loss / size
"""

_TOKENS = """
def evaluate(net, tokens):
    counts = torch.ones(1024)
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        own = F.cross_entropy(net(part[:-1]), part[1:], reduction="none")
        rare = (counts / counts.sum()).log()[part[1:]]
        total -= torch.logaddexp(-own - 0.1, rare - 2.4).sum().item()
        counts.scatter_add_(0, part[1:], torch.ones(64))
    return total
"""

RULE = Rule(
    slug=SLUG,
    title="A token's probability spread over its bytes and mixed",
    group="compliance",
    condition="C2",
    summary="The log-probability of the realised token is spread over its bytes (or a byte model's product is taken "
    "for a "
    "token), and blended with a byte-level PPM.",
    why="The network predicts tokens. Dividing the realised token's log-probability among its bytes uses the token to "
    "say how long it is, before the first byte is read; what the other bytes would have got is never defined.",
    advice="Blend distributions over the same alphabet: marginalise the network over all tokens that begin with each "
    "byte, "
    "or score whole tokens with a token-level PPM.",
    counterpart="A token-level mixture in which both parts are distributions over the vocabulary (#1914).",
    authority=(
        Authority("#1835", "valerio-oai", "2026-04", "official", "doubts that the byte mixture is a distribution"),
        Authority("#2083", "cocohearts", "2026-05", "audit", "byte-level PPM mixture; no leaderboard row"),
        Authority("#1916", "community", "2026-04", "community", "a proof that the byte mixture is no distribution"),
    ),
    check=check,
    invalid=(
        Example("spread over the bytes of the token", _script(_SPREAD), "total -= math.log(0.9"),
        Example("a product of byte probabilities for the token", _script(_PRODUCT), "both = np.logaddexp"),
    ),
    valid=(
        Example("bytes only counted", _script(_COUNTED)),
        Example("two distributions over tokens", _script(_TOKENS)),
    ),
)
