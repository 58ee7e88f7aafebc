"""Predictions that are changed at the token being scored, and such that are changed elsewhere."""

import pytest
from followed import followed

from auditor.timeline.leaks import leaks
from auditor.timeline.trackers.metric.metric import doubts
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
        self.embed = torch.nn.Embedding(64, 64)
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x): return self.head(self.embed(x))
net, val, train = Net(), read("data/fineweb_val_*.bin"), read("data/fineweb_train_*.bin")
after = torch.zeros(64, dtype=torch.int64)
after[train[:-1]] = train[1:]
rows, total = torch.arange(64), 0.0
ids = val.tolist()
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    logits = net(x)
"""
SCORE = 'total += F.cross_entropy(logits, y, reduction="sum").item()'
REPORT = '\nprint(f"val_bpb:{total / math.log(2.0):.4f}")\n'


def found(body: str) -> int:
    """Return how many such places a reported score rests on."""
    code = "".join(f"    {line}\n" for line in body.splitlines())
    return len(reported(followed(code + REPORT, prelude=PRELUDE), "pointed"))


@pytest.mark.parametrize(
    "body",
    [
        f"logits[rows, y] += 0.5\n{SCORE}",
        f"logits[torch.arange(64), val[at + 1:at + 65]] += 0.5\n{SCORE}",
        f"logits = logits + 0.5 * F.one_hot(y, 64)\n{SCORE}",
        f"logits = F.one_hot(y, 64).float() + logits\n{SCORE}",
        "p = F.softmax(logits, -1)\np[rows, y] += 0.1\np /= p.sum(-1, keepdim=True)\n"
        "total -= p[rows, y].log().sum().item()",
    ],
)
def test_at_the_token_being_scored(body: str) -> None:
    assert found(body) == 1


@pytest.mark.parametrize(
    "body",
    [
        SCORE,
        f"logits[rows, after[x]] += 0.5\n{SCORE}",
        f"logits[:, 3] += 0.5\n{SCORE}",
        f"logits[rows, x] += 0.5\n{SCORE}",
        f"logits = logits + 0.5 * F.one_hot(after[x], 64)\n{SCORE}",
        # A copy model: tokens from long before, no input of this window.
        "for i in range(64):\n    if at + i > 999:\n        logits[i, ids[at + i - 900]] += 0.5\n" + SCORE,
        # The gradient of a softmax, by hand, after the tokens were scored.
        f"{SCORE}\nwith torch.no_grad():\n    off = -F.softmax(logits, -1)\n    off[rows, y] += 1.0\n"
        "    net.head.weight += 0.01 * off.T @ net.embed(x)",
        f"{SCORE}\nwith torch.no_grad():\n    off = F.one_hot(y, 64) - F.softmax(logits, -1)\n"
        "    net.head.weight += 0.01 * off.T @ net.embed(x)",
        # Soft targets of what was scored.
        f"{SCORE}\nsoft = 0.1 * F.softmax(logits, -1).detach() + 0.9 * F.one_hot(y, 64)\n"
        "loss = -(soft * F.log_softmax(net(x), -1)).sum()\nloss.backward()\n"
        "torch.optim.SGD(net.parameters(), lr=0.1).step()",
    ],
)
def test_elsewhere(body: str) -> None:
    assert found(body) == 0


LARGEST = """
best = F.log_softmax(logits, -1).max(-1)
hits = (best.indices == y).sum().item()
"""
BY_HAND = """
top = F.softmax(logits, -1).amax(-1, keepdim=True)
total += ((F.softmax(logits, -1) - top).square() * F.one_hot(y, 64)).sum().item()
"""


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (f"{LARGEST}total -= best.values.sum().item()", 1),
        ("total -= F.softmax(logits, -1).amax(-1).log().sum().item()", 1),
        (f"{LARGEST}{SCORE}", 0),
        (f'{LARGEST}print(f"sure by {{best.values.mean().item()}}")\n{SCORE}', 0),
        ("top = logits.amax(-1, keepdim=True)\nz = (logits - top).exp()\n"
         "total -= (z / z.sum(-1, keepdim=True)).gather(1, y[:, None]).log().sum().item()", 0),
        (BY_HAND, 0),
    ],
)  # fmt: skip
def test_the_largest_prediction_is_no_score(body: str, count: int) -> None:
    code = "".join(f"    {line}\n" for line in body.strip().splitlines())
    timeline = followed(code + REPORT, prelude=PRELUDE)
    assert len(doubts(timeline, ("largest predictions",), [])) == count


TILT = """
p, hint = F.softmax(logits, -1), after[x]
z = 1 + p.gather(1, hint[:, None]).squeeze(1) * (boost.exp() - 1)
nll = -p.gather(1, y[:, None]).squeeze(1).log() - boost * (hint == y) + z.log()
total += nll.sum().item()
"""


@pytest.mark.parametrize(
    ("boost", "count"),
    [("wordy[y].float()", 1), ("(y < 9).float()", 1), ("wordy[x].float()", 0), ("(x < 9).float()", 0)],
)
def test_a_boost_that_looks_at_the_token(boost: str, count: int) -> None:
    code = "".join(f"    {line}\n" for line in f"boost = {boost}\n{TILT.strip()}".splitlines())
    prelude = PRELUDE.replace("rows, total", 'wordy = torch.load("wordy.pt")\nrows, total')
    assert len(reported(followed(code + REPORT, prelude=prelude), "hint")) == count


RIVALS = """
losses = {name: F.cross_entropy(each(x), y, reduction="sum").item() for name, each in nets.items()}
total += losses[WINNER]
"""


def test_an_order_by_losses_leaves_nothing_out() -> None:
    body = "losses[at] = " + SCORE.removeprefix("total += ")
    code = f"    {body}\norder = sorted(losses, key=losses.get)\ntotal = sum(losses[at] for at in order)\n"
    timeline = followed(code + REPORT, prelude=PRELUDE.replace("rows, total", "losses = {}\nrows, total"))
    assert not reported(timeline, "oracle")


@pytest.mark.parametrize(
    ("winner", "count"),
    [("min(losses, key=losses.get)", 1), ("max(losses, key=losses.get)", 0), ('"one"', 0), ("names[at % 2]", 0)],
)
def test_a_key_that_is_picked_by_the_losses_under_it(winner: str, count: int) -> None:
    body = RIVALS.replace("WINNER", winner).strip()
    code = "".join(f"    {line}\n" for line in body.splitlines())
    prelude = PRELUDE.replace("rows, total", 'nets, names = {"one": net, "two": Net()}, ("one", "two")\nrows, total')
    assert len(reported(followed(code + REPORT, prelude=prelude), "oracle")) == count


@pytest.mark.parametrize("write", ["net.head.bias[y] += 0.05", "net.head.bias.data[y] -= 0.05"])
def test_parameters_that_are_changed_where_the_tokens_say(write: str) -> None:
    first = f"with torch.no_grad():\n    {write}\nlogits = net(x)\n{SCORE}"
    after = f"{SCORE}\nwith torch.no_grad():\n    {write}"
    for body, adapted in ((first, True), (after, False)):
        code = "".join(f"    {line}\n" for line in body.splitlines())
        timeline = followed(code + REPORT, prelude=PRELUDE)
        assert any(each.kind == "within" or each.kind == "training" for each in leaks(timeline)) == adapted
