"""What makes predictions add up to one, and blends that nothing does."""

import pytest
from followed import followed

from auditor.timeline.events import MixtureKind
from auditor.timeline.trackers.mixtures.reported import reported

LOOP = """
class Plain(torch.nn.Module):
    def forward(self, x): return x
net = Plain()
val = read("data/fineweb_val_*.bin")
counts = torch.ones(64, 64)
logw, ones, gates = torch.zeros(2), torch.ones(2), torch.sigmoid(torch.tensor([2.0, -1.0]))
hits, tries = torch.zeros(64), torch.zeros(64)
total = 0.0
for start in range(0, val.numel() - 65, 64):
    x, y = val[start:start + 64], val[start + 1:start + 65]
    lp = F.log_softmax(net(x), dim=-1)
    row = counts[x]
    at, hint = torch.arange(64), row.argmax(-1)
    own = -lp.gather(1, y[:, None]).squeeze(1)
    p, c, n = (-own).exp(), row.gather(1, y[:, None]).squeeze(1), row.sum(1)
    q = c / n
    both = torch.stack([p, q])
    {score}
    total += nll.sum().item()
    hits.index_add_(0, x, (hint == y).float())
    tries.index_add_(0, x, torch.ones(64))
    counts.view(-1).index_add_(0, x * 64 + y, torch.ones(64))
print(f"val_bpb:{{bits(total)}}")
"""
PICKED = "; nll = -s.gather(1, y[:, None]).squeeze(1).log()"

CASES: list[tuple[MixtureKind, str]] = [
    ("loose", "nll = -(gates[0] * p + gates[1] * q).log()"),
    ("loose", "nll = -(ones[:, None] * both).sum(0).log(); ones = ones * torch.exp(-own.mean())"),
    ("loose", "nll = -(ones @ both).log()"),
    ("loose", "w = row / row.amax(1, keepdim=True); nll = -(0.8 * p + 0.2 * (w * (hint == y)[:, None]).sum(1)).log()"),
    ("noisy", "nll = -(1 - (1 - p) * (1 - 0.5 * q)).log()"),
    ("noisy", "nll = -(p + q - p * q).log()"),
    ("noisy", "nll = -torch.log1p(-(1 - p) * (1 - 0.4 * q))"),
    ("noisy", "nll = -(1 - torch.stack([1 - p, 1 - 0.4 * q]).prod(0)).log()"),
    ("lifted", "lp[at, hint] += n.log(); nll = -lp[at, y]"),
    ("lifted", "s = net(x).softmax(-1); s[at, hint] *= 1.7" + PICKED),
    ("lifted", "s = net(x).softmax(-1); s = s + 0.2 * row / row.sum(1, keepdim=True)" + PICKED),
    ("lifted", "s = net(x).softmax(-1); s.scatter_add_(1, hint[:, None], n[:, None])" + PICKED),
    ("smoothed", "nll = -(0.7 * p + 0.3 * (c + 1.0) / (n + 1.0)).log()"),
    ("pseudo", "nll = -(0.8 * p + 0.1 * q + 0.1 * lp.exp().amax(-1)).log()"),
    ("pseudo", "h = -(lp.exp() * lp).sum(-1); nll = -(0.9 * p + 0.1 * torch.exp(-h)).log()"),
    ("powers", "nll = -((0.5 * p ** 2 + 0.5 * q ** 2) ** 0.5).log()"),
    ("powers", "nll = -0.5 * (0.5 * p ** 2 + 0.5 * q ** 2).log()"),
    ("powers", "nll = -both.square().mean(0).sqrt().log()"),
    ("powers", "nll = -(torch.logsumexp(2.0 * both.log(), 0) - math.log(2.0)) / 2.0"),
    ("powers", "s = (0.5 * lp.exp() ** 2 + 0.5 * (row / n[:, None]) ** 2) ** 0.5" + PICKED),
    ("gate", "nll = -((p ** 2 + q ** 2) / (p + q)).log()"),
    ("gate", "u, v = p ** 2, q ** 2; nll = -((u * p + v * q) / (u + v)).log()"),
    ("overweight", "w = [0.7, 0.5]; nll = -sum(a * b for a, b in zip(w, (p, q))).log()"),
    ("overweight", "w = [0.7, 0.5]; nll = -(w[0] * p + w[1] * q).log()"),
    ("overweight", "w = torch.tensor([0.7, 0.5]); nll = -(w[:, None] * both).sum(0).log()"),
    ("overweight", "w = torch.tensor([0.7, 0.5]); nll = -(w @ both).log()"),
    ("overweight", "r = row / row.sum(1, keepdim=True); s = 0.8 * lp.exp() + 0.4 * r" + PICKED),
    ("raised", "hit = hint == y; nll = -torch.where(hit, 0.3 + 0.7 * p, p).log()"),
    ("raised", "hit = hint == y; nll = -torch.where(hit, 2.0 * p, p).log()"),
    ("raised", "hit = hint == y; nll = -(torch.where(hit, 2.0 * p, p) / (0.5 + p)).log()"),
]
PROPER = [
    "nll = -(gates[0] * p + (1 - gates[0]) * q).log()",
    "nll = -((gates[0] * p + gates[1] * q) / gates.sum()).log()",
    "w = ones / ones.sum(); nll = -(w[:, None] * both).sum(0).log(); ones = ones * torch.exp(-own.mean())",
    "w = logw - torch.logsumexp(logw, 0); nll = -torch.logsumexp(w[:, None] + both.log(), 0)",
    "s = lp.exp() * (1 - 0.2); s[at, hint] += 0.2" + PICKED,
    "lp[at, hint] += 1.5; nll = -F.log_softmax(lp, dim=-1)[at, y]",
    "lp[at, hint] += n; lp = lp - torch.logsumexp(lp, dim=-1, keepdim=True); nll = -lp[at, y]",
    'lp[at, hint] += 1.5; nll = F.cross_entropy(lp, y, reduction="none")',
    "nll = -(0.7 * p + 0.3 * (c + 1.0) / (n + 64)).log()",
    "V, m = 64, 0.0; m += n; nll = -(0.7 * p + 0.3 * (c + 0.5) / (m + 0.5 * V)).log()",
    "w = ((hits + 1.0) / (tries + 1.0))[x]; nll = -((1 - 0.5 * w) * p + 0.5 * w * q).log()",
    "w = lp.exp().amax(-1); nll = -(w * p + (1 - w) * q).log()",
    "w = 0.3 * n / n.max(); nll = -((1 - w) * p + w * q).log()",
    "nll = -((1 - 1e-3) * p + 1e-3 / 64).log()",
    "hit = hint == y; nll = -torch.where(hit, 0.3 + (1 - 0.3) * p, (1 - 0.3) * p).log()",
    "h = lp.exp()[at, hint]; hit = hint == y; nll = -(torch.where(hit, 2.0 * p, p) / (1 - h + 2.0 * h)).log()",
    "h = lp.exp()[at, hint]; hit = hint == y; nll = torch.log1p(h) - torch.where(hit, 2.0 * p, p).log()",
    "s = (0.5 * lp.exp() ** 2 + 0.5 * (row / n[:, None]) ** 2) ** 0.5; nll = -(s[at, y] / s.sum(-1)).log()",
    "nll = -((0.5 * p ** 0.5 + 0.5 * q ** 0.5) ** 2).log()",
    "print(((1 - p) ** 2).mean() + (q ** 2).mean()); nll = -(0.7 * p + 0.3 * q).log()",
    "w = [0.7, 0.3]; nll = -sum(a * b for a, b in zip(w, (p, q))).log()",
    "w = [0.7, 0.5]; nll = -(sum(a * b for a, b in zip(w, (p, q))) / sum(w)).log()",
    "w = torch.tensor([0.7, 0.5]); w = w / w.sum(); nll = -(w[:, None] * both).sum(0).log()",
    "r = row / (n + 1)[:, None]; left = 1 - r.sum(1, keepdim=True); s = 0.8 * lp.exp() + 0.2 * r + 0.2 * left / 64"
    + PICKED,
    "r = row / (n + 1)[:, None]; left = (1 - r.sum(1)[:, None]) / 64; s = 0.8 * lp.exp() + 0.2 * r + 0.2 * left"
    + PICKED,
    "s = 1.0 * lp.exp() + 0.2 * F.one_hot(hint, 64) - 0.2 * lp.exp()" + PICKED,
    "m = (torch.arange(64) < 9).float(); s = 1.0 * lp.exp() * m + 1.0 * lp.exp() * (1 - m)" + PICKED,
    "r = row / row.sum(1, keepdim=True); s = 0.8 * lp.exp() + 0.4 * r; s = s / s.sum(-1, keepdim=True)" + PICKED,
    "r = row / row.sum(1, keepdim=True); s = 0.8 * lp.exp() + 0.4 * r; "
    'nll = F.cross_entropy(s.log(), y, reduction="none")',
    "w = 1.0 / (1.0 + n); nll = -((1 - w) * (1 - 0.3) * q + (1 - (1 - w) * (1 - 0.3)) * p).log()",
]
KINDS: tuple[MixtureKind, ...] = (
    "loose", "noisy", "lifted", "smoothed", "pseudo", "raised", "shift", "overweight", "unweighted", "bonus", "gate",
    "powers",
)  # fmt: skip


@pytest.mark.parametrize(("kind", "score"), CASES)
def test_what_nothing_makes_add_up_to_one_is_told(kind: MixtureKind, score: str) -> None:
    assert reported(followed(LOOP.format(score=score.replace("; ", "\n    "))), kind)


@pytest.mark.parametrize("score", PROPER)
def test_what_adds_up_to_one_is_not(score: str) -> None:
    timeline = followed(LOOP.format(score=score.replace("; ", "\n    ")))
    assert not [kind for kind in KINDS if reported(timeline, kind)]
