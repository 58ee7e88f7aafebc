"""A token's loss blended with a model of its bytes."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.trackers.mixtures.reported import findings

SLUG = "byte-ppm-mixture"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place where a token's loss is blended with a prediction of its bytes."""
    yield from findings(
        case,
        "bytes",
        SLUG,
        "The network's probability of the token that came is blended with a prediction of that token's bytes: "
        "one is a share among tokens and the other a share among bytes, so the blend adds up over neither alphabet.",
        "the token's probability meets the prediction of its bytes",
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
        own = -F.cross_entropy(net(part[:-1]), part[1:], reduction="none").detach().numpy()
        other = np.array([spell(seen, spelled[t]) for t in part[1:].tolist()])
        both = np.logaddexp(own - 0.1, other - 2.4)
        total -= both.sum()
    return total
"""

_COMPILED = '''
import ctypes, subprocess

CODE = r"""
#include <math.h>
#include <stdint.h>
typedef struct { double seen[256]; double sum; } Row;
static Row rows[256];
static double guess_of(Row *row, uint8_t byte) {
    return (row->seen[byte] + 1.0) / (row->sum + 256.0);
}
int spread(const int32_t *ids, const double *nll, int n, const uint8_t *spelled, const int32_t *from,
           const int32_t *length, double weight, double *out) {
    double total = 0.0;
    uint8_t before = 0;
    for (int i = 0; i < n; i++) {
        int id = ids[i];
        if (length[id] <= 0) continue;
        double share = exp(-nll[i] / length[id]);
        for (int j = 0; j < length[id]; j++) {
            uint8_t byte = spelled[from[id] + j];
            Row *row = &rows[before];
            double guess = guess_of(row, byte);
            total -= log(weight * share + (1.0 - weight) * guess);
            row->seen[byte] += 1.0;
            row->sum += 1.0;
            before = byte;
        }
    }
    out[0] = total;
    return 0;
}
"""

def evaluate(net, tokens):
    sp = spm.SentencePieceProcessor(model_file="tok.model")
    spelled = [sp.id_to_piece(i).encode() for i in range(1024)]
    length = np.array([len(s) for s in spelled], dtype=np.int32)
    begin = np.cumsum(length, dtype=np.int32) - length
    flat = np.frombuffer(b"".join(spelled), dtype=np.uint8)
    open("/tmp/spread.c", "w").write(CODE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "/tmp/spread.so", "/tmp/spread.c", "-lm"], check=True)
    lib = ctypes.CDLL("/tmp/spread.so")
    nll = F.cross_entropy(net(tokens[:-1]), tokens[1:], reduction="none").detach().double().numpy()
    ids = tokens[1:].int().numpy()
    out = np.zeros(1)
    at = [a.ctypes.data_as(ctypes.c_void_p) for a in (flat, begin, length)]
    lib.spread(
        ids.ctypes.data_as(ctypes.c_void_p), nll.ctypes.data_as(ctypes.c_void_p), len(ids), at[0], at[1], at[2],
        ctypes.c_double(0.8), out.ctypes.data_as(ctypes.c_void_p),
    )
    return out[0]
'''

_COMPILED_COUNT = '''
import ctypes, subprocess

CODE = r"""
#include <stdint.h>
double bytes_of(const int32_t *ids, const int32_t *before, int n, const int16_t *length, const uint8_t *spaced) {
    double size = 0.0;
    for (int i = 0; i < n; i++) {
        size += length[ids[i]];
        if (spaced[ids[i]] && before[i] != 1) size += 1.0;
    }
    return size;
}
"""

def evaluate(net, tokens):
    sp = spm.SentencePieceProcessor(model_file="tok.model")
    pieces = ["?" if sp.is_byte(i) else sp.id_to_piece(i) for i in range(1024)]
    length = np.array([len(piece.lstrip("\u2581").encode()) for piece in pieces], dtype=np.int16)
    spaced = np.array([piece.startswith("\u2581") for piece in pieces], dtype=np.uint8)
    open("/tmp/size.c", "w").write(CODE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "/tmp/size.so", "/tmp/size.c"], check=True)
    lib = ctypes.CDLL("/tmp/size.so")
    lib.bytes_of.restype = ctypes.c_double
    loss = F.cross_entropy(net(tokens[:-1]), tokens[1:], reduction="sum").item()
    x, y = tokens[:-1].int().numpy(), tokens[1:].int().numpy()
    return loss / lib.bytes_of(
        y.ctypes.data_as(ctypes.c_void_p), x.ctypes.data_as(ctypes.c_void_p), len(y),
        length.ctypes.data_as(ctypes.c_void_p), spaced.ctypes.data_as(ctypes.c_void_p),
    ) * len(tokens)  # the mean over bytes; the report divides by the tokens
'''

_COUNTED = """
def evaluate(net, tokens):
    sp = spm.SentencePieceProcessor(model_file="tok.model")
    pieces = [sp.id_to_piece(i).replace("\u2581", " ").encode() for i in range(1024)]
    sizes = torch.tensor([1 if sp.is_byte(i) else len(piece) for i, piece in enumerate(pieces)])
    loss = size = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        loss += F.cross_entropy(net(part[:-1]), part[1:], reduction="sum").item()
        size += sizes[part[1:]].sum().item()
    return loss / size * len(tokens)  # the mean over bytes; the report divides by the tokens
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
    fix=switch_off,
    invalid=(
        Example("spread over the bytes of the token", _script(_SPREAD), "total -= math.log(0.9"),
        Example("a product of byte probabilities for the token", _script(_PRODUCT), "both = np.logaddexp"),
        Example("C code in a string that spreads and blends", _script(_COMPILED), "total -= log(weight"),
    ),
    valid=(
        Example("bytes only counted", _script(_COUNTED)),
        Example("two distributions over tokens", _script(_TOKENS)),
        Example("C code that only counts bytes", _script(_COMPILED_COUNT)),
    ),
)
