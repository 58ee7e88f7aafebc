"""Blends of predictions: what they look at, and whether a report rests on them."""

import pytest
from followed import followed

from auditor.timeline.events import MixtureKind
from auditor.timeline.trackers.mixtures.reported import reported

LOOP = """
class Plain(torch.nn.Module):
    def forward(self, x): return x
a, b = Plain(), Plain()
val = read("data/fineweb_val_*.bin")
counts = torch.ones(64, 64)
total = 0.0
for start in range(0, val.numel() - 65, 64):
    x, y = val[start:start + 64], val[start + 1:start + 65]
    p, q = F.softmax(a(x), dim=-1), F.softmax(b(x), dim=-1)
    own = F.cross_entropy(a(x), y, reduction="none")
    other = F.cross_entropy(b(x), y, reduction="none")
    row = counts[x, y] / counts[x].sum(-1)
    {score}
    total += nll.sum().item()
    counts.view(-1).index_add_(0, x * 64 + y, torch.ones(64))
print(f"val_bpb:{{bits(total)}}")
"""

CASES: list[tuple[MixtureKind, str]] = [
    ("blend", "nll = -(0.3 * p + (1 - 0.3) * q).gather(1, y[:, None]).log()"),
    ("blend", "w = torch.sigmoid(p.max()); nll = -((1.0 - w) * q + w * p).gather(1, y[:, None]).log()"),
    ("gate", "w = torch.sigmoid(own); nll = -((1 - w) * (-own).exp() + w * row).log()"),
    ("oracle", "nll = torch.minimum(own, other)"),
    ("oracle", "better = other < own; nll = torch.where(better, other, own)"),
    ("pseudo", "rows = torch.stack([own, -(p * p.log()).sum(-1)]); nll = -torch.logsumexp(-rows, 0)"),
    (
        "pseudo",
        "rows = torch.stack([own, -(p * p.log()).sum(-1)]); mixed = torch.logsumexp(-rows, 0); "
        "nll = -(0.5 * mixed.exp() + 0.5 * row).log()",
    ),
]
PROPER = [
    "nll = own",
    "rows = torch.stack([own, -row.log()]); nll = -torch.logsumexp(-rows, 0)",
    "w = torch.sigmoid(p.max()); nll = -((1 - w) * (-own).exp() + w * row).log()",
    "worse = other > 3.0; nll = torch.where(worse, own * 1.0, own)",
    "g = torch.sigmoid(a(x)); h = (1 - g) * a(x) + g * b(x); nll = F.cross_entropy(h, y, reduction='none')",
    "top = torch.maximum(-own, -other); nll = -(top + ((-own - top).exp() + (-other - top).exp()).log())",
]
BAD: tuple[MixtureKind, ...] = ("pseudo", "bytes", "gate", "hint", "oracle")


@pytest.mark.parametrize(("kind", "score"), CASES)
def test_a_mixture_is_told_for_what_it_is(kind: MixtureKind, score: str) -> None:
    timeline = followed(LOOP.format(score=score))
    assert {each for each in (*BAD, "blend") if reported(timeline, each)} == {kind}
    (found,) = reported(timeline, kind)
    assert found.report.label.startswith("val_bpb")
    assert found.bits & timeline.in_play


@pytest.mark.parametrize("score", PROPER)
def test_proper_scores_are_none(score: str) -> None:
    timeline = followed(LOOP.format(score=score))
    assert not [each for each in (*BAD, "blend") if reported(timeline, each)]


@pytest.mark.parametrize(
    ("index", "gated"),
    [("each[:, 1]", False), ("each[..., -1]", False), ("each[:, 0]", True), ("each.mean(-1)", True)],
)
def test_of_stacked_losses_a_row_keeps_what_it_was(index: str, gated: bool) -> None:
    score = f"each = torch.stack([own, -(p * p.log()).sum(-1)], dim=-1); w = torch.sigmoid({index}); "
    timeline = followed(LOOP.format(score=score + "nll = -((1 - w) * (-own).exp() + w * row).log()"))
    assert bool(reported(timeline, "gate")) == gated
    assert not reported(timeline, "pseudo")


def test_a_mixture_behind_a_switch_runs_where_it_is_on() -> None:
    score = 'nll = torch.minimum(own, other) if os.environ.get("PICK", "0") == "1" else own'
    timeline = followed(LOOP.format(score=score))
    (found,) = reported(timeline, "oracle")
    assert not found.bits & timeline.in_play


ROWS = """
class Plain(torch.nn.Module):
    def forward(self, x): return x
net = Plain()
val = read("data/fineweb_val_*.bin")
ids = val.tolist()
context, pair = {{}}, {{}}
total = 0.0
for start in range(0, val.numel() - 65, 64):
    own = F.cross_entropy(net(val[start:start + 64]), val[start + 1:start + 65], reduction="none").numpy()
    share = np.zeros(len(own))
    for row, at in enumerate(range(start + 1, start + 65)):
        seen = context.get({key}, 0)
        if seen > 1:
            share[row] = pair.get((ids[at - 1], ids[at]), 0) / seen
    total += (own - 0.3 * share).sum()
print(f"val_bpb:{{bits(total)}}")
"""


@pytest.mark.parametrize(("key", "found"), [("ids[at - 1]", False), ("(ids[at - 1], ids[at])", True)])
def test_only_what_looks_at_the_scored_token_tells_of_it(key: str, found: bool) -> None:
    assert bool(reported(followed(ROWS.format(key=key)), "hint")) is found


RETURNS = """
class Both(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x, y, more=None, logits_only=False):
        logits = self.head(x)
        if logits_only:
            return logits
        if more is not None:
            logits = logits + more
        return F.cross_entropy(logits, y, reduction="none")
net = Both()
val = read("data/fineweb_val_*.bin")
total = 0.0
for start in range(0, val.numel() - 65, 64):
    x, y = val[start:start + 64], val[start + 1:start + 65]
    given = net(x, y, {call})
    own = F.cross_entropy(net(x, y, logits_only=True), y, reduction="none")
    lp = F.log_softmax(given, dim=-1)
    w = torch.sigmoid(-(lp.exp() * lp).sum(-1))
    nll = -((1 - w) * (-own).exp() + w * 0.01).log()
    total += nll.sum().item()
print(f"val_bpb:{{bits(total)}}")
"""


@pytest.mark.parametrize(
    ("call", "found"), [("logits_only=True", False), ("None, True", False), ("logits_only=False", True), ("x", True)]
)
def test_a_model_that_is_handed_the_targets_gives_a_loss_only_where_it_uses_them(call: str, found: bool) -> None:
    assert bool(reported(followed(RETURNS.format(call=call)), "gate")) is found


def test_what_decides_between_two_values_is_blended_with_neither() -> None:
    told = """
import sentencepiece as spm
sp = spm.SentencePieceProcessor(model_file="t.model")
empty = torch.tensor([sp.id_to_piece(i).encode()[0] < 0 for i in range(64)])
"""
    score = "nll = torch.where(empty[y], torch.zeros_like(own), own)"
    assert not reported(followed(told + LOOP.format(score=score)), "bytes")


@pytest.mark.parametrize("kept", ["[]", "[] if on else None"])
def test_what_is_kept_side_by_side_stays_apart(kept: str) -> None:
    code = f"""
class Plain(torch.nn.Module):
    def forward(self, x): return x
net, val, on = Plain(), read("data/fineweb_val_*.bin"), int(os.environ.get("ON", "1"))
kept = {kept}
for at in range(0, val.numel() - 65, 64):
    y = val[at + 1:at + 65]
    kept.append((y.numpy(), F.cross_entropy(net(val[at:at + 64]), y, reduction="none").numpy()))
tokens, losses = np.concatenate([each[0] for each in kept]), np.concatenate([each[1] for each in kept])
w = 1.0 / (1.0 + np.exp(tokens))
print(f"val_bpb:{{bits(-np.log((1.0 - w) * np.exp(-losses) + w * 0.001).sum())}}")
"""
    timeline = followed(code)
    assert reported(timeline, "told")
    assert not reported(timeline, "gate")


BYTES = """
import sentencepiece as spm
sp = spm.SentencePieceProcessor(model_file="t.model")
first = torch.tensor([sp.id_to_piece(i).encode()[0] for i in range(64)])
begins, prior = F.one_hot(first, 256).float(), torch.ones(256) / 256
"""
SHARE = "(p @ begins).gather(1, first[y][:, None]).squeeze(1)"


@pytest.mark.parametrize(
    ("network", "found"),
    [("(-own / 3).exp()", True), (SHARE, False), (f"(-own).exp() / {SHARE}", True)],
)
def test_the_share_of_a_byte_is_a_prediction_of_bytes(network: str, found: bool) -> None:
    score = f"nll = -(0.5 * ({network}) + (1 - 0.5) * prior[first[y]]).log()"
    assert bool(reported(followed(BYTES + LOOP.format(score=score)), "bytes")) is found


PAIRS = """
class Pair(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x, y, both=False):
        logits = self.head(x)
        nll = F.cross_entropy(logits, y, reduction="none")
        if both:
            lp = F.log_softmax(logits, dim=-1)
            return nll, -(lp.exp() * lp).sum(-1)
        return nll
net, other = Pair(), Pair()
val = read("data/fineweb_val_*.bin")
kept = torch.zeros(64)
total = 0.0
for start in range(0, val.numel() - 65, 64):
    x, y = val[start:start + 64], val[start + 1:start + 65]
    own, unsure = net(x, y, both=True)
    kept[:] = {told}
    blend = -(0.5 * (-own).exp() + 0.5 * (-other(x, y)).exp()).log()
    total += torch.where(kept >= 2.0, blend, own).sum().item()
print(f"val_bpb:{{bits(total)}}")
"""


@pytest.mark.parametrize(("told", "found"), [("unsure", False), ("own", True)])
def test_an_entropy_that_a_model_gives_beside_its_loss_is_none(told: str, found: bool) -> None:
    assert bool(reported(followed(PAIRS.format(told=told)), "gate")) is found


ENTRY = "u, v = p.gather(1, y[:, None]).squeeze(1), q.gather(1, y[:, None]).squeeze(1); "
OTHER = "o = p.gather(1, alias[y][:, None]).squeeze(1); "


@pytest.mark.parametrize(
    ("kind", "score"),
    [
        ("bent", "nll = own - 0.02 * own ** 2"),
        ("bent", "nll = own - own * own / 50"),
        ("bent", "nll = own - 0.02 * torch.square(own)"),
        ("bent", "nll = own - 0.02 * own.pow(2)"),
        ("doubled", ENTRY + OTHER + "nll = -(u + o).log()"),
        ("unweighted", ENTRY + "nll = -(u + v).log()"),
        ("", ENTRY + "nll = -((u + v) / 2).log()"),
        ("", ENTRY + "nll = -(0.5 * (u + v)).log()"),
        ("", ENTRY + "nll = -((u + v).log() - math.log(2.0))"),
        ("", ENTRY + "nll = -(0.4 * u + 0.6 * v).log()"),
        ("", ENTRY + "nll = -((u + v) / (p.sum(-1) + q.sum(-1))).log()"),
        ("", ENTRY + OTHER + "print((u + o).mean().item()); nll = own"),
        ("", "print(own.mean() - 1.96 * ((own ** 2).mean() - own.mean() ** 2).sqrt()); nll = own"),
        ("", "focal = own - 0.02 * own ** 2; print(focal.max()); nll = own"),
    ],
)
def test_a_loss_that_is_bent_and_entries_that_are_added(kind: str, score: str) -> None:
    code = LOOP.replace("total = 0.0", "alias, total = torch.randperm(64), 0.0").format(score=score)
    timeline = followed(code)
    kinds: tuple[MixtureKind, ...] = ("bent", "doubled", "unweighted")
    assert [each for each in kinds if reported(timeline, each)] == ([kind] if kind else [])
