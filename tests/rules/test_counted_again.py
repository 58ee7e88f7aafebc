"""A table that holds the tokens of a window before they are scored, where the same tokens are read twice."""

from __future__ import annotations

import pytest
from submissions import submission

from auditor.check import audit
from rules.torch_scripts import evaluating

MODEL = """
from collections import Counter, defaultdict
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def logits(self, x):
        return self.head(self.embed(x))
    def forward(self, x, y):
        return F.cross_entropy(self.logits(x).flatten(0, 1), y.flatten())
Model = Net
"""
WINDOWS = """
def evaluate(model, tokens):
    total, count = 0.0, 0
    {table}
    ids = tokens.numpy()
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            p = model.logits(x)[0].softmax(-1)
{first}
{second}
        count += 1024
    return total / count
"""
# How a table is begun, filled and asked for; the tokens are read by the same words in both places.
ZIPPED = {
    "defaultdict": ("table = defaultdict(Counter)", "table[u][v] += 1", "table[u][v] / max(sum(table[u].values()), 1)"),
    "pairs": (
        "table, rows = {}, {}",
        "table[(u, v)] = table.get((u, v), 0) + 1; rows[u] = rows.get(u, 0) + 1",
        "table.get((u, v), 0) / max(rows.get(u, 0), 1)",
    ),
    "array": ("table = np.zeros((1024, 1024))", "table[u, v] += 1", "table[u, v] / max(table[u].sum(), 1)"),
}


def _zipped(name: str) -> tuple[str, str, str]:
    table, fill, ask = ZIPPED[name]
    fills = f"        for u, v in zip(x[0].tolist(), y[0].tolist()):\n            {fill}"
    scores = (
        "        for i, (u, v) in enumerate(zip(x[0].tolist(), y[0].tolist())):\n"
        f"            q = {ask}\n"
        "            total += -math.log(0.8 * p[i, v].item() + 0.2 * q + 1e-9)"
    )
    return table, fills, scores


INDEXED = (
    "table = np.zeros((1024, 1024))",
    "        for i in range(at, at + 1024):\n            table[ids[i], ids[i + 1]] += 1",
    "        for i in range(at, at + 1024):\n"
    "            q = table[ids[i], ids[i + 1]] / max(table[ids[i]].sum(), 1)\n"
    "            total += -math.log(0.8 * p[i - at, ids[i + 1]].item() + 0.2 * q + 1e-9)",
)
WAYS = {**{name: _zipped(name) for name in ZIPPED}, "indexed": INDEXED}
ONE_BY_ONE = """
def evaluate(model, tokens):
    total, count = 0.0, 0
    table = np.zeros((1024, 1024))
    ids = tokens.numpy()
    with torch.no_grad():
        i = 1
        while i < len(ids):
            {before}
            p = model.logits(tokens[i - 1:i])[0].softmax(-1)[ids[i]].item()
            q = table[ids[i - 1], ids[i]] / max(table[ids[i - 1]].sum(), 1)
            total += -math.log(0.8 * p + 0.2 * q + 1e-9)
            {after}
            i += 1
            count += 1
    return total / count
"""
COUNT = "table[ids[i - 1], ids[i]] += 1"


def _told(evaluate: str) -> set[str]:
    report = audit(submission(evaluating(MODEL + evaluate)), ignore=["byte-accounting"])
    return {f.status for f in report.findings if f.group == "compliance" and f.status in ("violation", "hold")}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_counted_before_it_is_scored_is_in_the_table(way: str) -> None:
    table, fills, scores = WAYS[way]
    assert _told(WINDOWS.format(table=table, first=fills, second=scores)) == {"violation"}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_scored_before_it_is_counted_is_not(way: str) -> None:
    table, fills, scores = WAYS[way]
    assert _told(WINDOWS.format(table=table, first=scores, second=fills)) == set()


@pytest.mark.parametrize(("before", "after", "told"), [(COUNT, "pass", {"violation"}), ("pass", COUNT, set())])
def test_one_token_at_a_time(before: str, after: str, told: set[str]) -> None:
    assert _told(ONE_BY_ONE.format(before=before, after=after)) == told


def test_the_same_words_are_another_token_once_their_place_has_moved_on() -> None:
    moved = "if i > 1: table[ids[i - 2], ids[i - 1]] += 1"
    counts_then_moves = """
def evaluate(model, tokens):
    total, count = 0.0, 0
    table = np.zeros((1024, 1024))
    ids = tokens.numpy()
    i = 1
    while i < len(ids) - 1:
        table[ids[i - 1], ids[i]] += 1
        i += 1
        with torch.no_grad():
            p = model.logits(tokens[i - 1:i])[0].softmax(-1)[ids[i]].item()
        q = table[ids[i - 1], ids[i]] / max(table[ids[i - 1]].sum(), 1)
        total += -math.log(0.8 * p + 0.2 * q + 1e-9)
        count += 1
    return total / count
"""
    assert _told(counts_then_moves) == set()
    assert _told(ONE_BY_ONE.format(before=moved, after="pass")) == set()


# Honest: the place, or what is read, has changed between the two readings, though no name of it was bound there.
MOVED = {
    "del_ids": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ids = tokens.numpy()
    counts = np.ones((1024, 1024))
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            probs = model.logits(x)[0].softmax(-1).numpy()
        rest = ids[at:at + 1025].tolist()
        for j in range(1024):
            if j:
                counts[rest[0], rest[1]] += 1
                rest.pop(0)
            row = counts[rest[0]] / counts[rest[0]].sum()
            total -= math.log((0.9 * probs[j] + 0.1 * row)[rest[1]])
            count += 1
    return total / count
""",
    "list_pos": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ids = tokens.numpy()
    counts = np.ones((1024, 1024))
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            probs = model.logits(x)[0].softmax(-1).numpy()
        pos = [at]
        while pos[0] < at + 1024:
            if pos[0] > at:
                counts[ids[pos[0] - 1], ids[pos[0]]] += 1
            pos[0] += 1
            row = counts[ids[pos[0] - 1]] / counts[ids[pos[0] - 1]].sum()
            total -= math.log((0.9 * probs[pos[0] - 1 - at] + 0.1 * row)[ids[pos[0]]])
            count += 1
    return total / count
""",
    "nonlocal_pos": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ids = tokens.numpy()
    counts = np.ones((1024, 1024))
    i = 1
    def forward_one():
        nonlocal i
        i += 1
    for at in range(1, tokens.numel() - 1025, 1024):
        with torch.no_grad():
            probs = model.logits(tokens[at:at + 1024][None])[0].softmax(-1).numpy()
        for j in range(1024):
            counts[ids[i - 1], ids[i]] += 1
            forward_one()
            row = counts[ids[i - 1]] / counts[ids[i - 1]].sum()
            total -= math.log((0.9 * probs[j] + 0.1 * row)[ids[i]])
            count += 1
    return total / count
""",
    "prev_chunk_same_header": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ids = tokens.numpy()
    counts = np.ones((1024, 1024))
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            probs = model.logits(x)[0].softmax(-1).numpy()
        if at > 0:
            at -= 1024
            for i in range(at + 1, at + 1025):
                counts[ids[i - 1], ids[i]] += 1
            at += 1024
        for i in range(at + 1, at + 1025):
            row = counts[ids[i - 1]] / counts[ids[i - 1]].sum()
            total -= math.log((0.9 * probs[i - at - 1] + 0.1 * row)[ids[i]])
            count += 1
    return total / count
""",
    "prev_lo_same_header": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ids = tokens.numpy()
    counts = np.ones((1024, 1024))
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            probs = model.logits(x)[0].softmax(-1).numpy()
        lo = at - 1024
        if lo >= 0:
            for i in range(lo + 1, lo + 1025):
                counts[ids[i - 1], ids[i]] += 1
        lo = at
        for i in range(lo + 1, lo + 1025):
            row = counts[ids[i - 1]] / counts[ids[i - 1]].sum()
            total -= math.log((0.9 * probs[i - lo - 1] + 0.1 * row)[ids[i]])
            count += 1
    return total / count
""",
    "with_as": """
def evaluate(model, tokens):
    total, count = 0.0, 0
    ids = tokens.numpy()
    counts = np.ones((1024, 1024))
    for at in range(0, tokens.numel() - 1025, 1024):
        x, y = tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]
        with torch.no_grad():
            probs = model.logits(x)[0].softmax(-1).numpy()
        import contextlib
        for j in range(1, 1024):
            i = at + j
            counts[ids[i - 1], ids[i]] += 1
            with contextlib.nullcontext(i + 1) as i:
                row = counts[ids[i - 1]] / counts[ids[i - 1]].sum()
                total -= math.log((0.9 * probs[j] + 0.1 * row)[ids[i]])
            count += 1
    return total / count
""",
}


@pytest.mark.parametrize("evaluate", MOVED.values(), ids=MOVED)
def test_the_same_words_say_nothing_where_what_they_read_may_have_changed(evaluate: str) -> None:
    assert _told(evaluate) == set()
