"""Losses that take the place of first ones, with and without a table that was filled in between."""

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
ids = val.numpy().astype(np.int64)
pairs, tails = np.zeros(4096), np.zeros(4096)
spans = plan_of(ids)
def own(lo, hi):
    return F.softmax(net(val[lo - 1:hi - 1]), -1).gather(1, val[lo:hi, None]).squeeze(1).numpy()
def mixed(p, lo, hi):
    at = np.arange(lo, hi)
    seen = tails[ids[at - 1]]
    share = pairs[(ids[at - 1] * 64 + ids[at]) & 4095] / np.maximum(seen, 1)
    return float(-np.log(np.where(seen > 0, 0.7 * p + 0.3 * share, p)).sum())
def count(lo, hi):
    at = np.arange(lo, hi)
    np.add.at(pairs, (ids[at - 1] * 64 + ids[at]) & 4095, 1)
    np.add.at(tails, ids[at - 1], 1)
total, first, kept = 0.0, [], []
for lo, hi in spans:
    p = own(lo, hi)
    loss = mixed(p, lo, hi)
    total += loss
    first.append(loss)
    kept.append((p, lo, hi, loss, float(-np.log(p).sum())))
    count(lo, hi)
"""
REPORT = '\nprint(f"val_bpb:{total / math.log(2.0) / len(ids):.4f}")\n'


def found(code: str) -> list[str]:
    """Return where a score is replaced, of those that the report rests on."""
    timeline = followed(code + REPORT, prelude=PRELUDE)
    texts = []
    for each in reported(timeline, "rescored"):
        assert each.mixture.at is not None
        source = each.mixture.at.source.text
        texts.append(source[each.mixture.at.start : each.mixture.at.end])
    return sorted(set(texts))


@pytest.mark.parametrize(
    ("code", "where"),
    [
        (
            "for n, (lo, hi) in enumerate(spans[:9]):\n    total = total - first[n] + mixed(own(lo, hi), lo, hi)",
            "total - first[n] + mixed(own(lo, hi), lo, hi)",
        ),
        (
            "for p, lo, hi, old, _ in kept:\n    total += mixed(p, lo, hi) - old",
            "total += mixed(p, lo, hi) - old",
        ),
        (
            "for p, lo, hi, old, _ in kept:\n    total -= old\n    total += mixed(p, lo, hi)",
            "total += mixed(p, lo, hi)",
        ),
        (
            "for p, lo, hi, old, _ in kept:\n    total += mixed(p, lo, hi)\n    total -= old",
            "total -= old",
        ),
        (
            "for p, lo, hi, old, _ in kept:\n    gain = old - mixed(p, lo, hi)\n    total -= gain",
            "total -= gain",
        ),
        (
            "again = sum(mixed(p, lo, hi) for p, lo, hi, _, _ in kept[:9])\ntotal = total - sum(first[:9]) + again",
            "total - sum(first[:9]) + again",
        ),
        (
            "for n, (p, lo, hi, _, _) in enumerate(kept[:9]):\n    first[n] = mixed(p, lo, hi)\ntotal = sum(first)",
            "first[n]",
        ),
    ],
)
def test_a_second_look_replaces_the_first(code: str, where: str) -> None:
    assert found(code) == [where]


@pytest.mark.parametrize(
    "code",
    [
        "",
        # The plain loss of the same look, in place of the mixed one.
        "for _, _, _, old, plain in kept:\n    total = total - old + plain",
        "for n, each in enumerate(kept):\n    first[n] = each[4]\ntotal = sum(first)",
        # A longer context for the first ones, and no table.
        "for n, (lo, hi) in enumerate(spans[:9]):\n    total = total - first[n] + float(-np.log(own(lo, hi)).sum())",
        # The second look is printed, and nothing more.
        "for p, lo, hi, old, _ in kept:\n    again = mixed(p, lo, hi)\n"
        '    print(f"would be {again / math.log(2.0):.3f}, by {(old - again) / math.log(2.0):.3f}")',
        # Another table, filled from training data.
        'train = read("data/fineweb_train_*.bin").numpy()\npairs = np.bincount(train[:-1] * 64 + train[1:])\n'
        "tails = np.bincount(train[:-1])\nfor p, lo, hi, old, _ in kept:\n    total += mixed(p, lo, hi) - old",
    ],
)
def test_a_correction_that_saw_no_more(code: str) -> None:
    assert found(code) == []


def test_within_one_look() -> None:
    """Each loss is corrected before its tokens are counted."""
    code = (
        "total, pairs, tails = 0.0, np.zeros(4096), np.zeros(4096)\nfor lo, hi in spans:\n    p = own(lo, hi)\n"
        "    plain = float(-np.log(p).sum())\n    total += plain\n    total = total - plain + mixed(p, lo, hi)\n"
        "    count(lo, hi)"
    )
    assert found(code) == []


def test_places_that_are_filled_one_after_the_other() -> None:
    """Of two loops that store losses in an array, the later one overwrites where it goes over the same places."""
    store = "    lo, hi = spans[n]\n    nll[n] = mixed(own(lo, hi), lo, hi)\n"
    code = (
        "nll, pairs, tails = np.zeros(99), np.zeros(4096), np.zeros(4096)\n"
        f"for n in range(0, FIRST):\n{store}    count(lo, hi)\nfor n in range(START, 99):\n{store}total = nll.sum()"
    )
    assert found(code.replace("FIRST", "50").replace("START", "50")) == []
    assert found(code.replace("FIRST", "99").replace("START", "0")) == ["nll[n]"]


HEDGE = """
class Hedge:
    def __init__(self):
        self.weights, self.seen, self.all = torch.zeros(2), torch.ones(64), 64.0
    def mixed(self, sure, y):
        costs = torch.zeros(2, len(y))
        costs[0] = -sure[torch.arange(len(y)), y]
        costs[1] = -torch.log(self.seen / self.all)[y]
        share = torch.softmax(self.weights, 0)
        out = -torch.logsumexp(-costs + torch.log(share).unsqueeze(1), 0)
        self.weights -= 0.1 * costs.mean(dim=1)
        return out
    def count(self, y):
        self.seen.scatter_add_(0, y, torch.ones(len(y)))
        self.all += len(y)
hedge, total = Hedge(), 0.0
for chunk in range(0, 9):
    part = val[chunk * 4096 : chunk * 4096 + 4097]
    for first in range(0, 4096, 256):
        rows = part[first : first + 257]
        sure = F.log_softmax(net(rows[:-1]), -1)
        for lo in range(0, 256, 64):
            y = rows[lo + 1 : lo + 65]
            total += hedge.mixed(sure[lo : lo + 64], y).sum().item()
            hedge.count(y)
"""


def test_weights_that_learn_from_losses_correct_no_sum() -> None:
    assert found(HEDGE) == []
