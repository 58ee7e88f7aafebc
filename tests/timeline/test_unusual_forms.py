"""The same facts in unusual forms: modules that mix, arithmetic written as calls, records, stars, running minima."""

import pytest
from followed import followed

from auditor.timeline.events import Forward, Mixture
from auditor.timeline.trackers.keys.reported import target_lookups
from auditor.timeline.trackers.metric.metric import doubts

HEAD = """
class Plain(torch.nn.Module):
    def forward(self, x): return self.body(x)
net, rough = Plain(), Plain()
val = read("data/fineweb_val_*.bin").long()
"""
# Two predictions of each token; ``{mix}`` makes its loss of them.
PAIR = (
    HEAD
    + """
class Blend(torch.nn.Module):
    def forward(self, y, logits, other):
        both = torch.stack([logits.log_softmax(-1), other.log_softmax(-1)])
        seen = both.gather(-1, y.expand(2, -1)[..., None])[..., 0]
        p, q = seen.exp()
        {mix}
blend, total = Blend(), 0.0
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    total += blend(y, net(x), rough(x)).sum().item()
print(f"val_bpb:{{bits(total) / val.numel()}}")
"""
)
GATED = [
    "w = torch.sigmoid(4 * (seen[1] - seen[0])); return -((1 - w) * p + w * q).log()",
    "w = torch.sigmoid(4 * (seen[1] - seen[0])); keep = 1 - w; return -(keep * p + w * q).log()",
    "w = torch.sigmoid(4 * (seen[1] - seen[0])); return -(p + w * (q - p)).log()",
    "w = torch.sigmoid(4 * (seen[1] - seen[0])); return torch.lerp(p, q, w).log().neg()",
    "w = seen[1].sub(seen[0]).mul(4).sigmoid(); return p.mul(1 - w).add(q.mul(w)).log().neg()",
    "w = torch.sigmoid(4 * (seen[1] - seen[0])); return -torch.logsumexp(seen + torch.stack([1 - w, w]).log(), 0)",
    "w = torch.tanh(seen[1] - seen[0]).abs(); return -(torch.stack([1 - w, w]) * seen.exp()).sum(0).log()",
]
FAIR = [
    "w = torch.tensor(0.3); keep = 1 - w; return -(keep * p + w * q).log()",
    "return torch.lerp(p, q, 0.3).log().neg()",
    "return p.mul(0.7).add(q.mul(0.3)).log().neg()",
    "w = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).sub(4).sigmoid(); return -((1 - w) * p + w * q).log()",
]
TRIES = (
    HEAD
    + """
from dataclasses import dataclass, field
@dataclass(order=True)
class Try:
    cost: float
    heat: float = field(compare=False)
def attempt(at, heat):
    loss = F.cross_entropy(net(val[at:at + 64]) / heat, val[at + 1:at + 65], reduction="sum").item()
    return Try(loss, heat)
total = 0.0
for at in range(0, val.numel() - 65, 64):
    {choose}
print(f"val_bpb:{{bits(total) / val.numel()}}")
"""
)
BEST = [
    "first, *_ = sorted(attempt(at, heat) for heat in (0.9, 1.0)); total += first.cost",
    "total += min([attempt(at, heat) for heat in (0.9, 1.0)], key=lambda one: one.cost).cost",
    "low = 1e9\n    for heat in (0.9, 1.0):\n        cost = attempt(at, heat).cost\n        if cost < low:\n"
    "            low = cost\n    total += low",
    "low = float('inf')\n    for heat in (0.9, 1.0):\n        low = min(low, attempt(at, heat).cost)\n    total += low",
]
ANY = [
    "tries = [attempt(at, heat) for heat in (0.9, 1.0)]; total += tries[0].cost",
    "total += attempt(at, 1.0).cost\n    low = min(total, 1e9)",
    "total += max([attempt(at, heat) for heat in (0.9, 1.0)], key=lambda one: one.cost).cost",
]
PAIRS = (
    HEAD
    + """
import zlib
both, left = np.zeros(4096), np.zeros(4096)
def spot(*parts): return zlib.crc32(np.asarray(parts, np.uint16).tobytes()) % 4096
ids, total = val.tolist(), 0.0
for at in range(0, len(ids) - 65, 64):
    probs = net(val[at:at + 64]).softmax(-1)
    for step in range(64):
        i = at + step + 1
        context = ids[max(0, i - 3):i]
        {key}
        p = (both[spot(*full)] + 0.1) / (left[spot(*context)] + 1)
        total -= math.log(0.7 * float(probs[step, ids[i]]) + 0.3 * p)
print(f"val_bpb:{{bits(total) / len(ids)}}")
"""
)
SOME = (
    HEAD
    + """
import itertools
rare, places = torch.zeros(1024, dtype=torch.bool), torch.arange(64)
def windows():
    for at in range(0, val.numel() - 65, 64):
        yield val[at:at + 65]
total, text, room = 0.0, 10**6, input()
{loop}
print(f"val_bpb:{{bits(total) / text}}")
"""
)
SCORE = "    total += F.cross_entropy(net(w[:-1]), {goal}, reduction='sum').item()"


def _kinds(code: str) -> set[str]:
    timeline = followed(code)
    assert timeline.failure is None
    return {event.kind for event in timeline.events if isinstance(event, Mixture) and event.reports}


def _lines(code: str) -> str:
    return code.replace("; ", "\n        ")


@pytest.mark.parametrize("mix", GATED)
def test_a_weight_of_the_tokens_own_losses_is_a_gate_however_it_is_applied(mix: str) -> None:
    assert "gate" in _kinds(PAIR.format(mix=_lines(mix)))


@pytest.mark.parametrize("mix", FAIR)
def test_a_weight_that_knows_no_loss_is_none(mix: str) -> None:
    assert not _kinds(PAIR.format(mix=_lines(mix))) - {"blend"}


@pytest.mark.parametrize(
    ("mixed", "found"),
    [
        ("torch.logaddexp(a, b - 0.9)", True),
        ("torch.logaddexp(a, b - 0.9).log_softmax(-1)", False),
        ("torch.logaddexp(a - 0.5, b - 0.93)", False),
    ],
)
def test_a_second_prediction_on_top_of_a_whole_one(mixed: str, found: bool) -> None:
    code = (
        "a, b, total = net(val[:-1]).log_softmax(-1), rough(val[:-1]).log_softmax(-1), 0.0\n"
        f"total -= ({mixed}).gather(1, val[1:, None]).sum().item()\nprint(f'val_bpb:{{bits(total) / val.numel()}}')\n"
    )
    assert ("lifted" in _kinds(HEAD + code)) is found


@pytest.mark.parametrize("choose", BEST)
def test_the_lowest_of_several_losses_in_records_and_rounds(choose: str) -> None:
    assert "oracle" in _kinds(TRIES.format(choose=choose.replace("; ", "\n    ")))


@pytest.mark.parametrize("choose", ANY)
def test_what_is_not_the_lowest(choose: str) -> None:
    assert "oracle" not in _kinds(TRIES.format(choose=choose.replace("; ", "\n    ")))


@pytest.mark.parametrize(
    ("key", "found"), [("full = (*context, ids[i])", True), ("full = (*context, 0)", False), ("full = context", False)]
)
def test_a_key_of_as_many_tokens_as_nobody_knows(key: str, found: bool) -> None:
    assert bool(target_lookups(followed(PAIRS.format(key=key)))) is found


@pytest.mark.parametrize(
    ("over", "goal", "kind"),
    [
        ("itertools.islice(windows(), 500)", "w[1:]", "first tokens"),
        ("[w for w in windows()][:500]", "w[1:]", "first tokens"),
        ("itertools.islice(windows(), 0, None)", "w[1:]", ""),
        ("windows()", "w[1:]", ""),
        ("windows()", "torch.where(rare[w[1:]], -100, w[1:])", "targets of a table"),
        # A short window is padded by where its document ends, whatever stands there.
        ("windows()", "torch.where(places[:(w == 1).sum()] < 5, w[1:], 0)", ""),
        ("windows()", "torch.where(places[:w[0]] < int(room), w[1:], 0)", ""),
        ("windows()", "torch.where(rare[(w == 1).sum()], w[1:], 0)", ""),
        ("windows()", "w[1:].masked_fill(torch.isin(w[1:], rare), -100)", "targets of a table"),
        ("windows()", "w[1:], ignore_index=13", "ignored targets"),
        ("windows()", "w[1:], ignore_index=0", ""),
    ],
)
def test_parts_of_the_set(over: str, goal: str, kind: str) -> None:
    loop = f"for w in {over}:\n" + SCORE.format(goal=goal)
    found = doubts(followed(SOME.format(loop=loop)), ("first tokens", "targets of a table", "ignored targets"), [])
    assert {each.doubt.kind for each in found} == ({kind} if kind else set())


LEARNED = (
    HEAD
    + """
class Hedge:
    def __init__(self): self.log_w = torch.zeros(2)
    def mixed(self, y, one, other):
        losses = torch.zeros(2, len(y))
        losses[0] = -one.log_softmax(-1)[torch.arange(len(y)), y]
        losses[1] = -other.log_softmax(-1)[torch.arange(len(y)), y]
        {early}
        shares = torch.softmax(self.log_w, dim=0)
        out = -torch.logsumexp(torch.log(shares).unsqueeze(1) - losses, dim=0)
        {late}
        return out
opt = torch.optim.SGD(net.parameters(), lr=0.1)
hedge, total = Hedge(), 0.0
for first in range(0, val.numel() - 1025, 1024):
    for at in range(first, first + 1024, 64):
        x, y = val[at:at + 64], val[at + 1:at + 65]
        with torch.no_grad():
            total += hedge.mixed(y, net(x), rough(x)).sum().item()
        F.cross_entropy(net(x), y).backward()
        opt.step()
print(f"val_bpb:{{bits(total) / val.numel()}}")
"""
)


@pytest.mark.parametrize(
    ("early", "late", "found"),
    [("", "self.log_w -= 0.1 * losses.mean(1)", False), ("self.log_w -= 0.1 * losses.mean(1)", "", True)],
)
def test_shares_that_are_learned_from_the_tokens_before(early: str, late: str, found: bool) -> None:
    assert ("gate" in _kinds(LEARNED.format(early=early, late=late))) is found


# Finished scores that are set beside each other: what one gains on the other is printed, and weights no token.
COMPARED = (
    HEAD
    + """
opt = torch.optim.SGD(net.parameters(), lr=0.1)
blended, alone, past = torch.zeros(()), torch.zeros(()), torch.zeros(2)
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    with torch.no_grad():
        losses = torch.stack([F.cross_entropy(each(x), y, reduction="none") for each in (net, rough)])
    shares = torch.softmax({seen}, dim=0)
    one = -torch.logsumexp(shares.log().unsqueeze(1) - losses, dim=0)
    blended += one.sum()
    {alone}
    past -= losses.sum(1)
    F.cross_entropy(net(x), y).backward()
    opt.step()
ours, plain = bits(blended / val.numel()), bits(alone / val.numel())
print(f"val_bpb:{{ours}} gain:{{plain - ours}} share:{{100 * ours / (ours + plain) * plain}}")
"""
)


@pytest.mark.parametrize(
    ("seen", "alone", "found"),
    [
        ("0.1 * past", "alone += losses[0].sum()", []),
        ("0.1 * past", "alone = alone + losses[0].mean()", []),
        ("-losses.mean(1)", "alone += losses[0].sum()", ["gate"]),
    ],
)
def test_what_one_score_gains_on_another_is_no_weight(seen: str, alone: str, found: list[str]) -> None:
    assert [kind for kind in _kinds(COMPARED.format(seen=seen, alone=alone)) if kind == "gate"] == found


@pytest.mark.parametrize(("asks", "kind", "runs"), [("==", "bool", False), ("is", "bool", False), ("==", "str", True)])
def test_a_helper_that_asks_which_type_it_got(asks: str, kind: str, runs: bool) -> None:
    loop = (
        "def env(key, default, kind):\n    text = os.environ.get(key, str(default))\n"
        f"    return bool(int(text)) if kind {asks} bool else kind(text)\n"
        f"if env('AGAIN', 0, {kind}):\n    for w in windows():\n    " + SCORE.format(goal="w[1:]")
    )
    events = followed(SOME.format(loop=loop)).events
    assert any(isinstance(event, Forward) and event.bits & 2 for event in events) is runs
