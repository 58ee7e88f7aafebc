"""Tables that are filled at arrays of positions, or by loops whose ends have names, before all is scored with them."""

import pytest
from followed import followed

from auditor.timeline.trackers.mixtures.reported import reported

PRELUDE = """\
import glob, math
import numpy as np
import torch
import torch.nn.functional as F
def read(pattern): return torch.from_numpy(np.concatenate([np.fromfile(p, np.uint16) for p in glob.glob(pattern)]))
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x): return self.head(x)
net, val = Net(), read("data/fineweb_val_*.bin")
class Table:
    def __init__(self):
        self.pairs, self.heads = np.zeros(4096), np.zeros(4096)
    def fill(self, tokens, first, last):
        ids = tokens.astype(np.int64)
        at = np.arange(FIRST, LAST, dtype=np.int64)
        np.add.at(self.pairs, (ids[at - 1] * 31 + ids[at]) & 4095, 1)
        np.add.at(self.heads, ids[at - 1] & 4095, 1)
    def share(self, ids, at):
        heads = self.heads[ids[at - 1] & 4095]
        return self.pairs[(ids[at - 1] * 31 + ids[at]) & 4095] / np.maximum(heads, 1)
def score(table, ids, counting):
    total, n = 0.0, val.numel() - 1
    for lo in range(1, n - 64, 64):
        at = np.arange(lo, lo + 64)
        p = F.softmax(net(val[lo - 1:lo + 63]), -1).gather(1, val[lo:lo + 64, None]).squeeze(1).numpy()
        total -= np.log(0.7 * p + 0.3 * table.share(ids, at)).sum()
        if counting:
            table.fill(ids, lo, lo + 64)
    return total
"""
REPORT = '\nprint(f"val_bpb:{total / math.log(2.0):.4f}")\n'


def found(code: str, first: str, last: str) -> bool:
    prelude = PRELUDE.replace("FIRST", first).replace("LAST", last)
    return bool(reported(followed(code + REPORT, prelude=prelude), "counted"))


FILLED = "table, ids = Table(), val.numpy()\ntable.fill(ids, 1, len(ids))\ntotal = score(table, ids, False)"


@pytest.mark.parametrize(("first", "last"), [("1", "len(tokens)"), ("first", "tokens.size"), ("4", "len(ids) - 1")])
def test_to_the_end(first: str, last: str) -> None:
    assert found(FILLED, first, last)


@pytest.mark.parametrize(("first", "last"), [("1", "4096"), ("first", "first + 9"), ("1", "len(tokens) // 2")])
def test_not_to_the_end(first: str, last: str) -> None:
    assert not found(FILLED, first, last)


LISTED = "self.all = [np.zeros(4096) for _ in range(9)]"


def test_counts_that_a_helper_adds_to_what_it_is_given() -> None:
    own = "np.add.at(self.pairs, (ids[at - 1] * 31 + ids[at]) & 4095, 1)"
    helped = PRELUDE.replace(own, "add(self.pairs, (ids[at - 1] * 31 + ids[at]) & 4095)").replace(
        "class Table", "def add(table, keys):\n    table += np.bincount(keys, minlength=4096)\nclass Table"
    )
    assert own in PRELUDE
    listed = helped.replace("self.pairs, self.heads = np.zeros(4096), np.zeros(4096)", LISTED)
    listed = listed.replace("self.pairs", "self.all[1]")
    for each in (helped, listed.replace("self.heads", "self.all[0]")):
        prelude = each.replace("FIRST", "1").replace("LAST", "len(tokens)")
        assert reported(followed(FILLED + REPORT, prelude=prelude), "counted")


def test_what_was_scored_is_counted() -> None:
    assert not found("table, ids = Table(), val.numpy()\ntotal = score(table, ids, True)", "first", "last")


LOOP = """
seen, total, n = torch.ones(64, 64), 0.0, val.numel() - 1
half = n // 2
for at in range(0, STOP, 64):
    seen.view(-1).scatter_add_(0, val[at:at + 64] * 64 + val[at + 1:at + 65], torch.ones(64))
for at in range(START, n - 64, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    mixed = 0.8 * F.softmax(net(x), -1) + 0.2 * seen[x] / seen[x].sum(-1, keepdim=True)
    total -= mixed.gather(1, y[:, None]).log().sum().item()
"""


@pytest.mark.parametrize(("stop", "start", "counted"), [("n", "0", True), ("half", "half", False)])
def test_ends_that_have_names(stop: str, start: str, *, counted: bool) -> None:
    assert found(LOOP.replace("STOP", stop).replace("START", start), "1", "2") == counted


@pytest.mark.parametrize(("part", "told"), [("val", True), ("val[:4096]", False)])
def test_to_the_end_of_the_tokens_that_are_scored(part: str, told: bool) -> None:
    """Where the split is cut when it is loaded, what is counted and what is scored are of the same part."""
    loaded = PRELUDE.replace(
        'net, val = Net(), read("data/fineweb_val_*.bin")\n',
        'every = read("data/fineweb_val_*.bin")\nusable = (every.numel() - 1) // 64 * 64\n'
        "net, val = Net(), every[:usable + 1]\n",
    )
    code = f"table, ids, part = Table(), val.numpy(), {part}.numpy()\ntable.fill(part, 1, len(part))\n"
    code += "total = score(table, ids, False)" + REPORT
    prelude = loaded.replace("FIRST", "1").replace("LAST", "len(tokens)")
    assert bool(reported(followed(code, prelude=prelude), "counted")) == told
