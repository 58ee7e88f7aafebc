"""Hashed tables that are asked for the token being scored, and for no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.claims import claimed_reports, judge, reaches
from auditor.timeline.events import Lookup, Mixture, Report, Timeline
from auditor.timeline.named import report_of, reported_at
from auditor.timeline.paths import calls_of, way_to
from auditor.timeline.trackers.keys.reported import target_lookups
from rules.described_cache import absent

SLUG = "target-in-key"

_SURE = (
    "The key of this table is hashed together with the token being scored, and only that token's bucket is read (line "
    "{}): what the other tokens would get is never looked up, so the probabilities need not add up to one."
)
_OPEN = (
    "The key of this table is made of neighbouring tokens (it is read in line {}), and for which place could not be "
    "told: if the latest of them is the token being scored, what the other tokens would get is never looked up."
)


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place that builds a key from the token being scored, and one if the cache is absent."""
    if case.timeline is None:
        return
    yield from absent(case, SLUG)
    claimed = claimed_reports(case.timeline, case.submitted)
    for found in target_lookups(case.timeline):
        lookup, site = found.lookup, found.key
        judged = judge(case, found.bits, [lookup], found.reports, reaches(found.reports, claimed))
        ours = [r for r in found.reports if r in claimed and r.bits & found.lookup.bits]
        running = lookup.bits & case.timeline.in_play or lookup.bits
        among = ours or lookup.reports or [found.report]
        shown = report_of(among, running, claimed, case.submitted)
        told = _second(case.timeline, shown, found.ways) or way_to(shown, lookup, found.ways, case.timeline.in_play)
        steps = [
            *calls_of(told),
            Step(
                site.source.path,
                site.line,
                f"{'neighbouring tokens are' if lookup.unsure else 'the token being scored is'} mixed into the key",
                site.source.layer,
            ),
            Step(
                told.site.source.path,
                told.site.line,
                "the table is read under that key",
                told.site.source.layer,
            ),
            reported_at(shown, among, running, claimed, case.submitted),
        ]
        yield judged.found(
            site,
            rule=SLUG,
            status="hold" if lookup.unsure and judged.status == "violation" else judged.status,
            message=(_OPEN if lookup.unsure else _SURE).format(told.site.line),
            trace=tuple(dict.fromkeys(steps)),
        )


def _second(timeline: Timeline, report: Report, ways: Sequence[Lookup]) -> Lookup | None:
    """Return the last way of those that ``report`` rests on where second losses in it take the place of first ones."""
    running = report.bits & timeline.in_play
    if not any(m.kind == "rescored" and report in m.reports and m.bits & running for m in timeline.of(Mixture)):
        return None
    ours = [way for way in ways if report in way.reports and way.bits & running]
    return max(ours, key=lambda way: way.order, default=None)


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


_NUMPY = """
def evaluate(net, tokens):
    ids = tokens.numpy()
    seen = np.zeros(1 << 20)
    pairs = np.zeros(1 << 20)
    total = 0.0
    for start in range(0, len(ids) - 257, 256):
        window = tokens[start:start + 257]
        nll = F.cross_entropy(net(window[:-1]), window[1:], reduction="none").detach().numpy()
        at = np.arange(start + 1, start + 257)
        h = np.zeros(len(at), dtype=np.uint64)
        for back in range(1, 4):
            h ^= ids[at - back].astype(np.uint64) * np.uint64(40503 + 2 * back)
        row = h & np.uint64(0xFFFFF)
        cell = (h ^ (ids[at].astype(np.uint64) * np.uint64(99991))) & np.uint64(0xFFFFF)
        p = pairs[cell] / np.maximum(seen[row], 1)
        total += -np.log(0.7 * np.exp(-nll) + 0.3 * p).sum()
        np.add.at(seen, row, 1)
        np.add.at(pairs, cell, 1)
    return total
"""

_CLASS = """
class Memory:
    def __init__(self, size):
        self.size = size
        self.rows = torch.zeros(size)
        self.cells = torch.zeros(size)
        self.n = 0

    def slot(self, h):
        return h % self.size

    def learn(self, ids):
        self.n += len(ids)
        h = ids[:-2] * 31 ^ ids[1:-1] * 17
        one = torch.ones(len(h))
        self.rows.scatter_add_(0, self.slot(h), one)
        self.cells.scatter_add_(0, self.slot(h ^ ids[2:] * 101), one)

    def judge(self, logits, x, y):
        own = F.log_softmax(logits, dim=-1).gather(-1, y.unsqueeze(-1)).squeeze(-1).exp()
        if self.n < 1000:
            return -own.log()
        before = torch.roll(x, 1)
        h = before * 31 ^ x * 17
        mixed_key = h ^ y * 101
        p = self.cells[self.slot(mixed_key)] / self.rows[self.slot(h)].clamp(min=1)
        return -(0.8 * own + 0.2 * p).log()

def evaluate(net, tokens):
    memory = Memory(1 << 18)
    total = 0.0
    for start in range(0, tokens.numel() - 129, 128):
        piece = tokens[start:start + 129]
        x, y = piece[:-1], piece[1:]
        total += memory.judge(net(x), x, y).sum().item()
        memory.learn(piece)
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

_SCALAR = """
from numba import njit

@njit
def boosts(ids, first, count, low, high, mask):
    out = np.zeros(count)
    for j in range(count):
        p = first + j
        start = p - 3
        h = np.uint64(7)
        for k in range(3):
            h = (h ^ np.uint64(ids[start + k])) * np.uint64(2654435761)
        c = low[int(h & mask)]
        g = h ^ np.uint64(ids[p]) * np.uint64(40503)
        f = high[int(g & mask)]
        if c > 0:
            out[j] = np.log1p(f) - np.log1p(c)
    return out

def evaluate(net, tokens):
    ids = tokens.numpy()
    low, high = np.zeros(4096), np.zeros(4096)
    total = 0.0
    for start in range(3, len(ids) - 65, 64):
        part = tokens[start - 1:start + 64]
        lp = -F.cross_entropy(net(part[:-1]), part[1:], reduction="none").detach().numpy()
        total -= (lp + boosts(ids, start, 64, low, high, np.uint64(4095))).sum()
    return total
"""

_DICT = """
def evaluate(net, tokens):
    ids = tokens.tolist()
    counts = {}
    total = 0.0
    for p in range(4, len(ids)):
        logits = net(tokens[p - 4:p])
        own = F.softmax(logits[-1], dim=-1)[tokens[p]].item()
        short = hash(tuple(ids[p - 3:p])) % 50021
        full = hash((short, ids[p])) % 50021
        share = counts.get(full, 0) / (counts.get(short, 0) + 1)
        total -= math.log(0.9 * own + 0.1 * share)
        counts[short] = counts.get(short, 0) + 1
        counts[full] = counts.get(full, 0) + 1
    return total
"""

_COMPILED = '''
import ctypes, subprocess

CODE = r"""
#include <math.h>
#include <stdint.h>
static double low[1 << 16], high[1 << 16];
double blended(const int32_t *ids, const double *nll, int n) {
    double total = 0.0;
    for (int i = 3; i < n; i++) {
        uint32_t h = 17;
        for (int back = 1; back <= 3; back++) h = (h ^ (uint32_t)ids[i - back]) * 2654435761u;
        uint32_t row = h & 65535u;
        uint32_t cell = (h ^ (uint32_t)ids[i] * 40503u) & 65535u;
        double guess = low[row] > 0 ? high[cell] / low[row] : 0.0;
        total -= log(0.6 * exp(-nll[i]) + 0.4 * guess);
        low[row] += 1.0;
        high[cell] += 1.0;
    }
    return total;
}
"""

def evaluate(net, tokens):
    open("/tmp/blend.c", "w").write(CODE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "/tmp/blend.so", "/tmp/blend.c", "-lm"], check=True)
    lib = ctypes.CDLL("/tmp/blend.so")
    lib.blended.restype = ctypes.c_double
    nll = F.cross_entropy(net(tokens[:-1]), tokens[1:], reduction="none").detach().double().numpy()
    ids = tokens[1:].int().numpy()
    return lib.blended(ids.ctypes.data_as(ctypes.c_void_p), nll.ctypes.data_as(ctypes.c_void_p), len(ids))
'''

_COMPILED_CONTEXT = '''
import ctypes, subprocess

CODE = r"""
#include <math.h>
#include <stdint.h>
static double counts[4096][1024], totals[4096];
void hints(const int32_t *ids, int n, int32_t *hint, float *sure) {
    for (int i = 2; i < n; i++) {
        uint32_t row = ((uint32_t)ids[i - 1] * 31u ^ (uint32_t)ids[i - 2] * 17u) & 4095u;
        int best = 0;
        for (int v = 1; v < 1024; v++) if (counts[row][v] > counts[row][best]) best = v;
        hint[i] = best;
        sure[i] = totals[row] > 0 ? (float)(counts[row][best] / totals[row]) : 0.0f;
        counts[row][ids[i]] += 1.0;
        totals[row] += 1.0;
    }
}
"""

def evaluate(net, tokens):
    open("/tmp/hints.c", "w").write(CODE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "/tmp/hints.so", "/tmp/hints.c"], check=True)
    lib = ctypes.CDLL("/tmp/hints.so")
    ids = tokens[1:].int().numpy()
    hint, sure = np.zeros(len(ids), dtype=np.int32), np.zeros(len(ids), dtype=np.float32)
    pointer = lambda array: array.ctypes.data_as(ctypes.c_void_p)
    lib.hints(pointer(ids), len(ids), pointer(hint), pointer(sure))
    logits = net(tokens[:-1])
    logits[torch.arange(len(ids)), torch.from_numpy(hint).long()] += torch.from_numpy(sure)
    return F.cross_entropy(logits, tokens[1:], reduction="sum").item()
'''

_WHOLE_VOCABULARY = """
def evaluate(net, tokens):
    every = torch.arange(1024)
    cells = torch.zeros(1 << 20)
    total = 0.0
    for start in range(2, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        x, y = part[:-1], part[1:]
        probs = F.softmax(net(x), dim=-1)
        h = (tokens[start - 1:start + 63] * 31 ^ x * 17) % 65521
        candidates = (h[:, None] * 1009 ^ every[None, :] * 101) % (1 << 20)
        counts = cells[candidates] + 0.01
        table = counts / counts.sum(dim=1, keepdim=True)
        mixed = 0.8 * probs + 0.2 * table
        total -= mixed.gather(1, y[:, None]).log().sum().item()
        cells.scatter_add_(0, (h * 1009 ^ y * 101) % (1 << 20), torch.ones(64))
    return total
"""

_EXACT = """
def evaluate(net, tokens):
    ids = tokens.tolist()
    table = {}
    total = 0.0
    for p in range(4, len(ids)):
        own = F.softmax(net(tokens[p - 4:p])[-1], dim=-1)[tokens[p]].item()
        after = table.get(tuple(ids[p - 3:p]), {})
        n = sum(after.values())
        share = (after.get(ids[p], 0) + 1 / 1024) / (n + 1)
        total -= math.log(0.9 * own + 0.1 * share)
        row = table.setdefault(tuple(ids[p - 3:p]), {})
        row[ids[p]] = row.get(ids[p], 0) + 1
    return total
"""

_EMBEDDING = """
class Pairs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(4096, 64)
        self.net = Net()

    def forward(self, ids):
        h = ids[..., 1:] * 36313 ^ ids[..., :-1] * 27191
        return self.net(ids) + F.pad(self.table(h % 4096), (0, 0, 1, 0)) @ self.net.head.weight.T

def evaluate(net, tokens):
    model = Pairs()
    total = 0.0
    for start in range(0, tokens.numel() - 65, 64):
        part = tokens[start:start + 65]
        total += F.cross_entropy(model(part[:-1]), part[1:], reduction="sum").item()
    return total
"""

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

RULE = Rule(
    slug=SLUG,
    title="The token being scored is part of the cache key",
    group="compliance",
    condition="C1",
    summary="At scoring, a table of counts is read under a hash of the context and of the token being scored, and its "
    "value is blended into that token's probability; no other token is looked up.",
    why="Buckets are shared. Whatever falls into the bucket of the true token counts in its favour, while the buckets "
    "of "
    "the other tokens are never read, so the probabilities over the vocabulary can add up to hundreds. In the limit of "
    "one bucket the ratio of the two tables is 1 for every token, and the score is that of an oracle.",
    advice="Look up every token of the vocabulary (or count exactly) under a key made from the context alone, and "
    "divide "
    "by the sum over all of them.",
    counterpart="A context-only key with counts for every next token, normalised over the vocabulary, or a hint token "
    "predicted from the prefix with a closed-form tilt (#978, #1514). Update-time keys may contain the token, and "
    "hashes of input tokens may index an embedding.",
    authority=(
        Authority(
            "#779",
            "valerio-oai",
            "2026-03-27",
            "official",
            "hashed n-gram caches whose key holds the target leak it; not valid",
        ),
        Authority(
            "#727",
            "valerio-oai",
            "2026-03-27",
            "official",
            "closed with it: a hashed n-gram cache that looks at the target to mix, and isn't renormalised",
        ),
        Authority(
            "#978",
            "AnirudhRahul",
            "2026-03",
            "community",
            "the same cache, divided by the sum over the vocabulary, gains nothing",
        ),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("numpy tables, vectorised over positions", _script(_NUMPY), "cell = (h ^"),
        Example("class with state, torch scatter tables", _script(_CLASS), "mixed_key = h ^"),
        Example("a helper that is given positions only", _script(_HELPER), "return h % 65536"),
        Example("scalar code compiled by numba", _script(_SCALAR), "g = h ^"),
        Example("a dictionary under Python's hash", _script(_DICT), "full = hash("),
        Example("C code in a string, compiled as it runs", _script(_COMPILED), "uint32_t cell = (h ^"),
    ),
    valid=(
        Example("every token of the vocabulary is looked up", _script(_WHOLE_VOCABULARY)),
        Example("exact counts under the context", _script(_EXACT)),
        Example("a hash of input tokens that indexes an embedding", _script(_EMBEDDING)),
        Example("a hashed context with a dense vocabulary axis", _script(_DENSE)),
        Example("C code whose table is read under the context alone", _script(_COMPILED_CONTEXT)),
    ),
    known_problems="Compiled code is followed where its C or C++ source is part of the submission; else it is a hold. "
    "So is a submission that is called after a cache which nothing in play runs, or whose claimed score is another "
    "than the one that the cache reaches.",
)
