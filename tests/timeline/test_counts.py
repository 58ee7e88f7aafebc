"""Tables that hold a validation token before it is scored, and such that don't."""

import pytest
from followed import followed

from auditor.timeline.trackers.keys.reported import target_lookups
from auditor.timeline.trackers.mixtures.reported import reported

PRELUDE = """\
import collections, glob, math, os, zlib
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
def one_pass(seen, counting):
    total = 0.0
    for at in range(0, val.numel() - 65, 64):
        x, y = val[at:at + 64], val[at + 1:at + 65]
        mixed = 0.8 * F.softmax(net(x), -1) + 0.2 * seen[x] / seen[x].sum(-1, keepdim=True)
        total -= mixed.gather(1, y[:, None]).log().sum().item()
        if counting:
            seen.view(-1).scatter_add_(0, x * 64 + y, torch.ones(64))
    return total
seen = torch.ones(64, 64)
"""
REPORT = '\nprint(f"val_bpb:{total / math.log(2.0):.4f}")\n'


def found(code: str) -> list[str]:
    """Return the kinds of counts that a reported score rests on."""
    timeline = followed(code + REPORT, prelude=PRELUDE)
    return [kind for kind in ("counted", "preview") if reported(timeline, kind)]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (
            "seen.view(-1).index_add_(0, val[:-1] * 64 + val[1:], torch.ones(9))\ntotal = one_pass(seen, False)",
            "counted",
        ),
        ("one_pass(seen, True)\ntotal = one_pass(seen, False)", "counted"),
        ("for again in range(3):\n    total = one_pass(seen, True)", "counted"),
        ("seen = seen + torch.histc(val, 64)[None]\ntotal = one_pass(seen, False)", "counted"),
        (
            "total = 0.0\nfor at in range(0, val.numel() - 65, 64):\n"
            "    x, y = val[at:at + 64], val[at + 1:at + 65]\n"
            "    lift = torch.bincount(y, minlength=64).log()\n"
            '    total += F.cross_entropy(net(x) + lift, y, reduction="sum").item()',
            "preview",
        ),
    ],
)
def test_the_token_is_counted_first(code: str, kind: str) -> None:
    assert found(code) == [kind]


@pytest.mark.parametrize(
    "code",
    [
        "total = one_pass(seen, True)",
        "total = one_pass(seen, False)",
        "one_pass(seen, True)\ntotal = one_pass(torch.ones(64, 64), True)",
        "for again in range(1):\n    total = one_pass(seen, True)",
    ],
)
def test_the_token_is_scored_first(code: str) -> None:
    assert found(code) == []


RANGES = """
class Tables:
    def __init__(self):
        self.cells = np.zeros(4096)
    def keys(self, ids, first, last):
        return ids[first:last] & 4095
    def add(self, keys):
        self.cells += np.bincount(keys, minlength=4096)
    def add_all(self, ids):
        self.add(self.keys(ids, 0, len(ids)))
    def add_range(self, ids, first, last):
        self.add(self.keys(ids, first, last))
ids, tables, total = {tokens}.numpy(), Tables(), 0.0
{first}
for at in range(1, val.numel() - 65, 64):
    own = F.softmax(net(val[at - 1:at + 63]), -1).gather(1, val[at:at + 64, None]).squeeze(1).numpy()
    total -= np.log(0.8 * own + 0.2 * tables.cells[ids[at:at + 64] & 4095] / tables.cells.sum()).sum()
    {after}
"""
PART = "(val[:int(os.environ['PART'])] if int(os.environ.get('PART', '0')) else val)"


@pytest.mark.parametrize(
    ("tokens", "first", "after", "kinds"),
    [
        ("val", "tables.add_all(ids)", "pass", ["counted"]),
        (PART, "tables.add_all(ids)", "pass", ["counted"]),  # the part is of no setting in play
        ("val", "", "tables.add_range(ids, at, at + 64)", []),
        ("val", "tables.add_all(read('data/fineweb_train_*.bin').numpy())", "pass", []),
    ],
)
def test_a_stretch_is_of_all_tokens_where_its_ends_are_handed_in(
    tokens: str, first: str, after: str, kinds: list[str]
) -> None:
    code = RANGES.format(tokens=tokens, first=first, after=after)
    assert found(code) == kinds


KEYS = """
ids, table, total = val.tolist(), collections.Counter(), 0.0
for i in range(4, len(ids)):
    own = F.softmax(net(val[i - 4:i])[-1], -1)[val[i]].item()
    share = table[KEY(ids[i - 3:END])] / (table[KEY(ids[i - 3:i])] + 1)
    total -= math.log(0.9 * own + 0.1 * share)
    table[KEY(ids[i - 3:i])] += 1
    table[KEY(ids[i - 3:i + 1])] += 1
"""


@pytest.mark.parametrize(
    "key",
    [
        "lambda s: hash(tuple(s)) % 4093",
        "lambda s: zlib.crc32(repr(s).encode()) & 4095",
        'lambda s: hash("-".join(map(str, s))) % 4093',
    ],
)
def test_a_stretch_that_ends_with_the_token(key: str) -> None:
    code = f"KEY = {key}\n{KEYS}"
    assert target_lookups(followed(code.replace("END", "i + 1") + REPORT, prelude=PRELUDE))
    assert not target_lookups(followed(code.replace("END", "i") + REPORT, prelude=PRELUDE))


RUNNING = """
held, total = torch.ones(64), 0.0
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    hot = F.one_hot(y, 64)
    seen = held + {seen}
    mixed = 0.9 * F.softmax(net(x), -1) + 0.1 * seen / seen.sum(-1, keepdim=True)
    total -= mixed.gather(1, y[:, None]).log().sum().item()
    held = held + hot.sum(0)
"""


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        ("hot.cumsum(0)", ["preview"]),
        ("hot.cumsum(0) - hot", []),
        ("torch.cat([torch.zeros(1, 64), hot.cumsum(0)[:-1]])", []),
    ],
)
def test_running_counts_hold_the_token_itself(seen: str, kinds: list[str]) -> None:
    assert found(RUNNING.format(seen=seen)) == kinds


STRAIGHT = """
total = 0.0
for at in range(0, tokens.numel() - 65, 64):
    x, y = tokens[at:at + 64], tokens[at + 1:at + 65]
    total += F.cross_entropy(net(x), y, reduction="sum").item()
"""
MASKED = """
class Masked(Net):
    absent = None
    def forward(self, x): return self.head(x).masked_fill(self.absent, -1e9)
net = Masked()
usable = val.numel() // 64 * 64
tokens = val[:usable + 1]
"""
BLENDED = STRAIGHT.replace(
    'F.cross_entropy(net(x), y, reduction="sum").item()',
    "-(0.9 * F.softmax(net(x), -1) + 0.1 * prior).gather(1, y[:, None]).log().sum().item()",
)


@pytest.mark.parametrize(
    "code",
    [
        MASKED + "there = torch.zeros(64, dtype=torch.bool)\nthere[torch.unique(tokens)] = True\n"
        "net.absent = ~there" + STRAIGHT,
        "n = val.numel() - 1\ntokens = val[:n]\ntally = collections.Counter(tokens.tolist())\n"
        "prior = torch.tensor([tally.get(i, 0) + 1.0 for i in range(64)])\nprior /= prior.sum()" + BLENDED,
        "tokens = val[:-1]\ntally = {}\nfor token in tokens.tolist():\n    tally[token] = tally.get(token, 0) + 1\n"
        "prior = torch.tensor([tally.get(i, 1) for i in range(64)])" + BLENDED,
    ],
)
def test_statistics_of_everything(code: str) -> None:
    assert found(code) == ["counted"]


@pytest.mark.parametrize(
    "code",
    [
        "size = (torch.bincount(val[1:], minlength=64) * widths).sum().item()\ntokens = val" + STRAIGHT
        + "total = total / size",
        "size = sum(widths[t] * n for t, n in collections.Counter(val.tolist()).items())\nper = len(val) / size\n"
        "tokens = val" + STRAIGHT + "total = total / len(val) * per",
        MASKED + "there = torch.zeros(64, dtype=torch.bool)\n"
        'there[torch.unique(read("data/fineweb_train_*.bin"))] = True\nnet.absent = ~there' + STRAIGHT,
        MASKED + "print(torch.unique(tokens).numel())\nnet.absent = torch.zeros(64, dtype=torch.bool)" + STRAIGHT,
    ],
)  # fmt: skip
def test_statistics_that_predict_nothing(code: str) -> None:
    assert found(code) == []


@pytest.mark.parametrize("change", ["sizes[edge[ids]] = 0.0", "sizes[edge[ids] == 1] = 0.0"])
def test_a_value_for_each_place_that_a_mask_changes_is_no_table(change: str) -> None:
    code = f"""
lut, edge, count = torch.ones(64), torch.zeros(64, dtype=torch.bool), val.numel() - 1
losses = F.cross_entropy(net(val[:-1]), val[1:], reduction="none")
ids = val[1 : count + 1]
sizes = lut[ids]
{change}
total = (losses * (sizes > 0).float()).sum().item() / sizes.sum().item()
"""
    assert found(code) == []
