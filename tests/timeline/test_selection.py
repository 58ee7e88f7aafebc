"""Choices, gates and weights of predictions of the true token, written in ways that the rules' examples don't show."""

import pytest
from followed import followed

from auditor.timeline.trackers.mixtures.reported import reported

PRELUDE = """\
import functools, glob, heapq, math
import numpy as np
import torch
import torch.nn.functional as F
def read(pattern): return torch.from_numpy(np.concatenate([np.fromfile(p, np.uint16) for p in glob.glob(pattern)]))
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x): return self.head(x)
net, rough = Net(), Net()
starts, table, lift = np.load("starts.npy"), torch.load("table.pt"), torch.load("lift.pt")
val = read("data/fineweb_val_*.bin")
total = 0.0
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    one, two = F.cross_entropy(net(x), y, reduction="none"), F.cross_entropy(rough(x), y, reduction="none")
    p, q = (-one).exp(), (-two).exp()
"""
REPORT = '\nprint(f"val_bpb:{total / math.log(2.0):.4f}")\n'
KINDS = ("oracle", "gate", "unweighted", "overweight", "scaled", "shift", "told", "heated", "raised", "peak", "bonus")


def kinds(body: str) -> list[str]:
    """Return the kinds of what is found in a loop over windows."""
    code = "".join(f"    {line}\n" for line in body.splitlines())
    timeline = followed(code + REPORT, prelude=PRELUDE)
    return [kind for kind in KINDS if reported(timeline, kind)]


@pytest.mark.parametrize(
    "body",
    [
        "total += torch.stack((one, two), 1).kthvalue(1, dim=1).values.sum().item()",
        "total += np.sort(np.stack([one.numpy(), two.numpy()]), axis=0)[0].sum()",
        "total -= torch.maximum(-one, -two).sum().item()",
        "total -= torch.log(torch.fmax(p, q)).sum().item()",
        "total += (two + (one - two).clamp(max=0)).sum().item()",
        "total += (0.5 * (one + two) - 0.5 * (one - two).abs()).sum().item()",
        "better = two < one\ntotal += (two * better + one * ~better).sum().item()",
        "total += torch.where((one - two) > 0, two, one).sum().item()",
        "total += torch.where(two.lt(one), two, one).sum().item()",
        "total += torch.lerp(one, two, (two - one).lt(0).float()).sum().item()",
        "share = table[x].gather(1, y[:, None])[:, 0]\nother = -share.log()\n"
        "total += torch.where(torch.less(other - one, 0), other, one).sum().item()",
        "for a, b in zip(one.tolist(), two.tolist()):\n    total += min((a, b))",
        "for pair in zip(one.tolist(), two.tolist()):\n    total += heapq.nsmallest(1, pair)[0]",
        "total += functools.reduce(torch.fmin, (one, two)).sum().item()",
    ],
)
def test_the_better_one_is_kept(body: str) -> None:
    assert kinds(body) == ["oracle"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("r = torch.where(p < 0.5, 0.5 * p + 0.5 * q, p)\ntotal -= r.log().sum().item()", "gate"),
        (
            "for a, b in zip(p.tolist(), q.tolist()):\n    total -= math.log(a if a > 0.6 else 0.5 * a + 0.5 * b)",
            "gate",
        ),
        ("total -= torch.logsumexp(torch.stack([-one, -two]), 0).sum().item()", "unweighted"),
        ("total -= (p * 0.8 + q * 0.4).log().sum().item()", "overweight"),
        ("total += (one * 0.95).sum().item()", "scaled"),
        ("total += (one - 0.1).sum().item()", "shift"),
        ("total -= (p + 0.05).log().sum().item()", "shift"),
        ("total += one.clamp(max=4.0).sum().item()", "shift"),
    ],
)
def test_what_cannot_be_known_before_the_token(body: str, kind: str) -> None:
    assert kinds(body) == [kind]


@pytest.mark.parametrize(
    "body",
    [
        "total += one.sum().item()",
        "total -= (0.7 * p + 0.3 * q).log().sum().item()",
        "a, b = -one + math.log(0.7), -two + math.log(0.3)\ntotal -= torch.logaddexp(a, b).sum().item()",
        "a, b, w = -one, -two, (0.5 * net(x).softmax(-1).amax(-1)).clamp(0.1, 0.9)\n"
        "total -= torch.logaddexp(torch.log1p(-w) + a, w.log() + b).sum().item()",
        "a, b, w = -one, -two, net.head.weight.sum() * net(x).mean(-1)\n"
        "total -= torch.logaddexp(a + F.logsigmoid(-w), b + F.logsigmoid(w)).sum().item()",
        "total -= (torch.logsumexp(torch.stack([-one, -two]), 0) - math.log(2)).sum().item()",
        "top = torch.maximum(-one, -two)\n"
        "total -= (top + (0.5 * (-one - top).exp() + 0.5 * (-two - top).exp()).log()).sum().item()",
        "total -= (p + 1e-9).log().sum().item()",
        "total -= p.clamp(min=1e-8).log().sum().item()",
        "total += torch.maximum(one, two).sum().item()",  # the worse one
        "worst = one.max().item()\nprint(worst)\ntotal += one.sum().item()",
        "best = min(total, 1e9)\ntotal += one.sum().item()",
        "total += one.sum().item() * (1.0 / 8)",
    ],
)
def test_proper_scores(body: str) -> None:
    assert kinds(body) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("w = torch.where(starts[y], 0.1, 0.4)\ntotal -= ((1 - w) * p + w * q).log().sum().item()", "told"),
        ("w = 0.4 / (1 + y.float())\ntotal -= ((1.0 - w) * p + w * q).log().sum().item()", "told"),
        ("heat = torch.where(y < 32, 1.1, 0.9)\ntotal += F.cross_entropy(net(x) / heat[:, None], y).item()", "heated"),
        ("f = 1 + starts[y]\ntotal -= F.log_softmax(net(x) * f[:, None], -1)[range(64), y].sum().item()", "heated"),
        ("total -= torch.where(starts[y], 0.6 * p + 0.4 * q, p).log().sum().item()", "raised"),
        ("r = p[0]\nif starts[y[0]]:\n    r = 0.5 * r + 0.5 * q[0]\ntotal -= r.log()", "raised"),
        ("hint = table[x].argmax(-1)\ntotal += (one - lift[x] * (hint == y)).sum().item()", "bonus"),
        ("total += -(p ** 0.9).log().sum().item()", "scaled"),
        (
            "r = torch.stack([net(x).softmax(-1), rough(x).softmax(-1)]).amax(0)\ntotal -= r[range(64), y].log().sum()",
            "peak",
        ),
        ("r = torch.maximum(net(x).softmax(-1), rough(x).softmax(-1))\ntotal -= r[range(64), y].log().sum()", "peak"),
        ("w = torch.softmax(torch.stack([-one, -two]), 0)\ntotal += (w * torch.stack([one, two])).sum()", "gate"),
        ("w = np.exp(-np.cumsum(one, 0))\nw /= w.sum(0)\ntotal -= np.log((w * p).sum(0)).sum()", "gate"),
    ],
)
def test_what_looks_at_the_token_itself(body: str, kind: str) -> None:
    assert kinds(body) == [kind]


@pytest.mark.parametrize(
    "body",
    [
        "w = torch.where(starts[x], 0.1, 0.4)\ntotal -= ((1 - w) * p + w * q).log().sum().item()",
        "heat = torch.where(x < 32, 1.1, 0.9)\ntotal += F.cross_entropy(net(x) / heat[:, None], y).item()",
        "total -= torch.where(starts[x], 0.6 * p + 0.4 * q, p).log().sum().item()",
        # Right guesses gain what wrong ones pay.
        "best, at = F.softmax(net(x), -1).max(-1)\n"
        "total -= torch.where(at == y, best + (1 - best) * p, (1 - best) * p).log().sum().item()",
        "hint = table[x].argmax(-1)\nz = (1 + net(x).softmax(-1)[range(64), hint] * lift[x].expm1()).log()\n"
        "total += (one - lift[x] * (hint == y) + z).sum().item()",
        "r = torch.maximum(net(x).softmax(-1), rough(x).softmax(-1))\nr = r / r.sum(-1, keepdim=True)\n"
        "total -= r[range(64), y].log().sum()",
        "sure = net(x).softmax(-1).amax(-1)\ntotal -= ((1 - sure) * p + sure * q).log().sum().item()",
        "past = np.cumsum(np.stack([one, two]), 1)[:, :-1]\nw = np.exp(-np.concatenate([np.zeros((2, 1)), past], 1))\n"
        "w /= w.sum(0)\ntotal -= np.log((w * np.stack([p, q])).sum(0)).sum()",
        "w = torch.sigmoid(torch.roll(one - two, 1))\ntotal -= ((1 - w) * p + w * q).log().sum().item()",
    ],
)
def test_what_looks_at_tokens_before(body: str) -> None:
    assert kinds(body) == []


ROUNDS = """
opt = torch.optim.SGD(net.parameters(), lr=0.1)
weight = 0.1
table = torch.ones(64, 64)
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    with torch.no_grad():
        one = F.cross_entropy(net(x), y, reduction="none")
    share = table[x].gather(1, y[:, None]).squeeze(1) / table[x].sum(1)
    {before}
    total -= ((1.0 - weight) * (-one).exp() + weight * share).log().sum().item()
    {after}
    table.index_put_((x, y), torch.ones(64), accumulate=True)
    F.cross_entropy(net(x), y).backward()
    opt.step()
"""


def test_losses_of_an_earlier_round_are_known() -> None:
    prelude = PRELUDE.partition("for at in")[0]
    update = "weight = 0.9 * weight + 0.1 * torch.sigmoid(4.0 * (one + share.log()).mean() - 2.0)"
    for before, after, found in (("pass", update, []), (update, "pass", ["gate"])):
        timeline = followed(ROUNDS.format(before=before, after=after) + REPORT, prelude=prelude)
        assert [kind for kind in (*KINDS, "counted", "preview") if reported(timeline, kind)] == found


COUNTS = """
ids, table = val.tolist(), {}
for place in range(1, len(ids)):
    model = math.exp(-F.cross_entropy(net(val[place - 1:place]), val[place:place + 1]).item())
    row = table.setdefault(ids[place - 1], {})
    share = row.get(ids[place], 0) / max(sum(row.values()), 1)
"""


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("total -= math.log(max(model, share))", ["oracle"]),
        ("if share > model:\n    model = share\ntotal -= math.log(model)", ["oracle"]),
        ("pair = [(model, 0), (share, 1)]\ntotal -= math.log(max(pair, key=lambda one: one[0])[0])", ["oracle"]),
        ("total -= math.log(0.9 * model + 0.1 * share)", []),
        ("wins = share > model\nprint(wins)\ntotal -= math.log(0.9 * model + 0.1 * share)", []),
        ("w = 0.3 if len(row) > 2 else 0.0\ntotal -= math.log((1 - w) * model + w * share)", []),
        ("total -= math.log(max(model, 1e-9))", []),
    ],
)
def test_counts_that_were_asked_for_the_token_are_a_prediction_of_it(body: str, found: list[str]) -> None:
    code = COUNTS + "".join(f"    {line}\n" for line in body.splitlines())
    timeline = followed(code + REPORT, prelude=PRELUDE.partition("for at in")[0])
    assert [kind for kind in KINDS if reported(timeline, kind)] == found


EXPERTS = """\
    pass
class Experts:
    def __init__(self):
        self.seen, self.count, self.logs = torch.zeros(64), 0, torch.tensor([0.0, -3.0])
    def blend(self, nll, now):
        p = (self.seen[now] + 0.1) / (self.count + 6.4)
        share = torch.softmax(self.logs, 0)
        loss = -(share[0] * torch.exp(-nll) + share[1] * p).log()
        losses = torch.stack((nll.mean(), (-p.log()).mean()))
        self.logs -= 0.3 * (losses - losses.min())
        WITH
        self.seen.index_add_(0, now, torch.ones(64))
        self.count += 64
        return loss.sum()
experts = Experts()
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    total += experts.blend(F.cross_entropy(net(x), y, reduction="none"), y).item()
"""


@pytest.mark.parametrize(
    ("end", "found"),
    [
        ("self.logs -= self.logs.max()", []),
        ("self.logs -= torch.max(self.logs)", []),
        ("loss = torch.fmin(loss, -p.log())", ["oracle"]),
    ],
)
def test_weights_that_are_set_apart_from_their_best_keep_none(end: str, found: list[str]) -> None:
    timeline = followed(EXPERTS.replace("WITH", end) + REPORT.lstrip(), prelude=PRELUDE)
    assert [kind for kind in KINDS if reported(timeline, kind)] == found
