"""Coroutines that score what is sent to them, and learn from it before or after."""

import pytest
from followed import followed

from auditor.timeline.events import Forward, Report, Timeline
from auditor.timeline.leaks import leaks

CODE = """
val = read("data/fineweb_val_*.bin")
class Head(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x): return self.head(x)
def scorer(net, opt):
    loss = None
    while True:
        x, y = yield loss
        STEPS
net, total = Head(), 0.0
work = scorer(net, torch.optim.SGD(net.parameters(), lr=0.1))
PRIME
for at in range(0, val.numel() - 65, 64):
    total += work.send((val[at:at + 64], val[at + 1:at + 65]))
print(f"val_bpb:{bits(total):.4f}")
"""
SCORE = 'loss = F.cross_entropy(net(x), y, reduction="sum").item()'
LEARN = "opt.zero_grad(); F.cross_entropy(net(x), y).backward(); opt.step()"


def timeline(*steps: str, prime: str = "next(work)") -> Timeline:
    return followed(CODE.replace("STEPS", "\n        ".join(steps)).replace("PRIME", prime))


def opaque(found: Timeline) -> bool:
    return any(e.opaque for e in found.events if isinstance(e, Report))


@pytest.mark.parametrize("prime", ["next(work)", "work.send(None)"])
def test_what_is_sent_is_scored_first(prime: str) -> None:
    found = timeline(SCORE, LEARN, prime=prime)
    assert not leaks(found)
    assert not opaque(found)
    assert [e for e in found.events if isinstance(e, Forward) and e.reports]


def test_what_is_sent_is_learned_first() -> None:
    assert leaks(timeline(LEARN, SCORE))


def test_two_rounds_for_what_is_sent_are_not_followed() -> None:
    found = timeline(SCORE, LEARN, "yield None", "opt.step()")
    assert opaque(found)
