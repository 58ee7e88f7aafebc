"""Counted windows that end before the validation tokens do, and such that don't."""

import pytest
from followed import followed

from auditor.timeline.trackers.metric.metric import doubts

PRELUDE = """\
import glob, math, os
import numpy as np
import torch
import torch.nn.functional as F
def read(pattern): return torch.from_numpy(np.concatenate([np.fromfile(p, np.uint16) for p in glob.glob(pattern)]))
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x): return self.head(x)
net, val, SEQ = Net(), read("data/fineweb_val_*.bin"), 1024
rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
"""
CODE = """
def evaluate(tokens):
    total, count = 0.0, 0
    n = (tokens.numel() - 1) // SEQ
    few = n // 4
    for i in range(ROUNDS):
        at = PLACE
        x, y = tokens[at:at + SEQ], tokens[at + 1:at + SEQ + 1]
        total += F.cross_entropy(net(x), y, reduction="sum").item()
        count += SEQ
    return total / count
print(f"val_bpb:{evaluate(val) / math.log(2.0):.4f}")
"""


def found(rounds: str, place: str) -> bool:
    timeline = followed(CODE.replace("ROUNDS", rounds).replace("PLACE", place), prelude=PRELUDE)
    return bool(doubts(timeline, ("first tokens",), []))


@pytest.mark.parametrize(
    ("rounds", "place"),
    [
        ("n >> 2", "i * SEQ"),
        ("n // 2", "SEQ * i"),
        ("few", "i * SEQ"),
        ("int(n * 0.25)", "i * SEQ"),
        ("0, n >> 1", "i * SEQ"),
        ("(tokens.numel() - 1) // (SEQ * 8)", "i * SEQ"),
    ],
)
def test_a_part_of_the_windows(rounds: str, place: str) -> None:
    assert found(rounds, place)


@pytest.mark.parametrize(
    ("rounds", "place"),
    [
        ("n", "i * SEQ"),
        ("(tokens.numel() - 1) >> 10", "i << 10"),
        ("(tokens.numel() - 1) >> 10", "i * SEQ"),
        ("n // 4", "i * SEQ * 4"),
        ("n // world", "(i * world + rank) * SEQ"),
        ("n // world", "(rank * (n // world) + i) * SEQ"),
        ("(tokens.numel() - 1 + SEQ) // SEQ", "i * SEQ"),
        ("max(1, n)", "i * SEQ"),
    ],
)
def test_all_of_the_windows(rounds: str, place: str) -> None:
    assert not found(rounds, place)
