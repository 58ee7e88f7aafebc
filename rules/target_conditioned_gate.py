"""Weights and choices of experts that look at the token being scored."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.trackers.mixtures.reported import findings

SLUG = "target-conditioned-gate"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each weight or hint that depends on the token being scored."""
    yield from findings(
        case,
        "gate",
        SLUG,
        "The weight between the experts depends on the loss of the token being scored: it is larger where the first "
        "expert happens to be wrong, which nobody can know before the token is read.",
        "the weight that depends on the loss of the true token is applied",
    )
    yield from findings(
        case,
        "told",
        SLUG,
        "The weight between the experts is computed from the token being scored: which token comes must be known "
        "before the blend is.",
        "the weight that was computed from the token being scored is applied",
    )
    yield from findings(
        case,
        "heated",
        SLUG,
        "The predictions are scaled by a number that is computed from the token being scored: which token comes must "
        "be known before its probability is.",
        "the predictions are scaled",
    )
    yield from findings(
        case,
        "raised",
        SLUG,
        "The token that came is tested: where it passes, its probability is changed, and where it doesn't, the model's "
        "own counts. What some tokens gain is taken from none of the others.",
        "the token that came is tested",
    )
    yield from findings(
        case,
        "pointed",
        SLUG,
        "The prediction of the very token that is scored is raised before its probability is taken: which token comes "
        "must be known before it is predicted.",
        "the prediction is raised at the token being scored",
    )
    yield from findings(
        case,
        "hint",
        SLUG,
        "A hint is given only where the token being scored is of a certain kind (the start of a word, say), and its "
        "boost is not zero: that a hint is there at all tells of the token before it is read.",
        "what is written here weighs the boost of a hint that was chosen by looking at the token",
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

_HINT = """
import os

def hints(ids, starts):
    best, held, word = np.zeros(len(ids)), {}, []
    for i, t in enumerate(ids):
        token = int(t)
        if starts[token]:
            seen, hits = held.get(tuple(word), (0, 0))
            if seen > 0:
                best[i] = hits / seen
            held[tuple(word)] = (seen + 1, hits)
            word = [token]
        else:
            word.append(token)
    return best

def evaluate(net, tokens):
    push = float(os.environ.get("WORD_PUSH", "PUSH"))
    starts = np.load("starts.npy")
    lift = hints(tokens.numpy(), starts)
    gain = lift * push
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        nll = F.cross_entropy(net(part[:-1]), part[1:], reduction="none").detach().numpy()
        total += (nll - gain[start + 1:start + 65]).sum()
    return total
"""

_SOURCE = """#include <stdint.h>
#define SLOTS 65536

typedef struct { int32_t best; uint32_t hits, seen; } Slot;
typedef struct { Slot slots[SLOTS]; uint32_t word; double push; } Words;
static Words state;

void words_start(double push) {
    state.push = push;
    state.word = 0;
}

static void learn(Slot *slot, int32_t token) {
    slot->seen++;
    if (slot->seen == 1) slot->best = token;
    if (slot->best == token) slot->hits++;
}

void words_hints(const int32_t *ids, int64_t n, const uint8_t *starts, int32_t *hint, double *lift) {
    for (int64_t i = 1; i < n; i++) {
        int32_t token = ids[i];
        Slot *slot = &state.slots[(state.word * 2654435761u) & (SLOTS - 1)];
        hint[i] = -1;
        lift[i] = 0.0;
        if (!starts[token] && slot->seen > 2) {
            hint[i] = slot->best;
            lift[i] = state.push;
        }
        learn(slot, token);
        state.word = starts[token] ? (uint32_t)token : state.word * 31u + (uint32_t)token;
    }
}
"""

_COMPILED = """
import ctypes, os, subprocess

def evaluate(net, tokens):
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "words.so", "words.c"], check=True)
    lib = ctypes.CDLL("./words.so")
    starts = np.load("starts.npy").astype(np.uint8)
    ids = tokens[1:].int().numpy()
    hint, lift = np.full(len(ids), -1, dtype=np.int32), np.zeros(len(ids))
    lib.words_start(ctypes.c_double(float(os.environ.get("WORD_PUSH", "PUSH"))))
    lib.words_hints(
        ids.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(len(ids)), starts.ctypes.data_as(ctypes.c_void_p),
        hint.ctypes.data_as(ctypes.c_void_p), lift.ctypes.data_as(ctypes.c_void_p),
    )
    logp = F.log_softmax(net(tokens[:-1]), dim=-1)
    own = logp.gather(1, tokens[1:, None]).squeeze(1).detach().numpy()
    q = logp.gather(1, torch.from_numpy(hint.clip(0)).long()[:, None]).squeeze(1).detach().exp().numpy()
    return -(own + lift * (ids == hint) - np.log1p(q * np.expm1(lift))).sum()
"""

_ENTROPY = """
def evaluate(net, tokens):
    ids = tokens.tolist()
    after = {}
    total = 0.0
    for p in range(2, len(ids)):
        lp = F.log_softmax(net(tokens[p - 2:p])[-1], dim=-1)
        w = min(0.5, 0.1 * -(lp.exp() * lp).sum().item())
        row = after.setdefault((ids[p - 2], ids[p - 1]), {})
        share = (row.get(ids[p], 0) + 0.001) / (sum(row.values()) + 1.024)
        total -= math.log((1.0 - w) * lp[tokens[p]].exp().item() + w * share)
        row[ids[p]] = row.get(ids[p], 0) + 1
    return total
"""

RULE = Rule(
    slug=SLUG,
    title="The weight of an expert looks at the token being scored",
    group="compliance",
    condition="C1",
    summary="What chooses or weighs an expert reads the token that is about to be scored: its loss, or whether it "
    "starts a "
    "word.",
    why="What is mixed in, and how much of it, must be fixed before the token is known: a weight that grows with the "
    "token's loss, or a hint that is there only for some kinds of tokens, moves mass to it with hindsight.",
    advice="Choose weights and hints by the prefix alone: the entropy of the model's own distribution, counts of the "
    "context, earlier losses.",
    counterpart="A gate on the entropy of the prediction, or on how often the context was seen (#659, #1514).",
    authority=(
        Authority("#2041", "cocohearts", "2026-05", "audit", "within-word and word gates read the target token"),
        Authority("#2118", "cocohearts", "2026-05", "audit", "the same gates; no leaderboard row"),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("a weight that grows with the token's loss", _script(_LOSS), "total -= math.log((1.0 - w)"),
        Example(
            "hints for the tokens that start a word", _script(_HINT.replace('PUSH"))', '0.75"))')), "gain = lift * push"
        ),
        Example(
            "hints in C that the token's own class withholds",
            _script(_COMPILED.replace('PUSH"))', '0.5"))')),
            "if (!starts[token] && slot->seen > 2)",
            {"words.c": _SOURCE},
        ),
    ),
    valid=(
        Example("a weight by the entropy of the prediction", _script(_ENTROPY)),
        Example("the same hints with a boost of zero", _script(_HINT.replace('PUSH"))', '0.0"))'))),
        Example(
            "hints in C that the class of the token before decides",
            _script(_COMPILED.replace('PUSH"))', '0.5"))')),
            files={"words.c": _SOURCE.replace("!starts[token] &&", "!starts[ids[i - 1]] &&")},
        ),
        Example(
            "the hints in C with a boost of zero",
            _script(_COMPILED.replace('PUSH"))', '0.0"))')),
            files={"words.c": _SOURCE},
        ),
    ),
)
