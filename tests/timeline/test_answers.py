"""Stores of tokens that answer for others: pointers, neighbours, and first passes over the windows."""

import pytest
from followed import followed

from auditor.timeline.events import MixtureKind
from auditor.timeline.trackers.mixtures.reported import reported

SCRIPT = """
class Plain(torch.nn.Module):
    def hidden(self, x): return self.body(x)
    def forward(self, x): return self.hidden(x)
net = Plain()
val = read("data/fineweb_val_*.bin")
counts, keys, values = torch.ones(64, 64), torch.zeros(0, 64), torch.zeros(0, dtype=torch.int64)
total = 0.0
{before}
for start in range(0, val.numel() - 65, 64):
    x, y = val[start:start + 64], val[start + 1:start + 65]
    h = net(x)
    p = h.softmax(-1)
    {score}
    total -= s.gather(1, y[:, None]).log().sum().item()
    {after}
print(f"val_bpb:{{bits(total)}}")
"""
NEAR = "idx = torch.cdist(h, keys).topk(8, largest=False).indices; s = 0.8 * p + 0.2 * NEW"
NEAR = NEAR.replace("NEW", "torch.zeros(64, 64).scatter_add_(1, values[idx], p[:, :8])")
APPEND = "keys, values = torch.cat([keys, h]), torch.cat([values, y])"
TABLE = "q = counts[x] / counts[x].sum(1, keepdim=True); s = 0.8 * p + 0.2 * q"
COUNT = "counts.index_put_((w[:-1], w[1:]), torch.ones(64), accumulate=True)"
OVER = "torch.zeros(64, 64).scatter_add_(1, y[None].expand(64, -1), att)"


def first(loop: str, piece: str) -> str:
    """Return a first pass over the tokens that counts them."""
    return f"{loop}\n    w = {piece}\n    {COUNT}"


BAD: list[tuple[MixtureKind, str, str, str]] = [
    ("preview", "", f"att = (h @ h.T).softmax(-1); s = 0.8 * p + 0.2 * {OVER}", ""),
    ("preview", "", "s = 0.8 * p + 0.2 * ((h @ h.T).softmax(-1) @ F.one_hot(y, 64).float())", ""),
    ("preview", "", "d = torch.bincount(val[start:start + 65], minlength=64); s = 0.8 * p + 0.2 * d / d.sum()", ""),
    ("preview", "", f"{APPEND}; {NEAR}", ""),
    ("counted", first("for a in range(0, val.numel() - 65, 64):", "val[a:a + 65]"), TABLE, ""),
    ("counted", first("for w in val.split(65):", "w"), TABLE, ""),
    ("counted", "prior = F.one_hot(val, 64).float().mean(0)", "s = 0.8 * p + 0.2 * prior", ""),
    (
        "counted",
        "for a in range(0, val.numel() - 65, 64):\n    keys = torch.cat([keys, net(val[a:a + 64])])\n"
        "    values = torch.cat([values, val[a + 1:a + 65]])",
        NEAR,
        "",
    ),
]
HONEST = [
    ("", f"att = (h @ h.T).masked_fill(torch.ones(64, 64).triu(0).bool(), -1e9); s = 0.8 * p + 0.2 * {OVER}", ""),
    (
        "i = torch.arange(64)",
        f"att = (h @ h.T).masked_fill(i[None] >= i[:, None], -1e9); s = 0.8 * p + 0.2 * {OVER}",
        "",
    ),
    ("", "s = 0.8 * p + 0.2 * (torch.tril(h @ h.T, -1) @ F.one_hot(y, 64).float())", ""),
    ("", NEAR, APPEND),
    ("", TABLE, "counts.index_put_((x, y), torch.ones(64), accumulate=True)"),
    ("train = read('data/fineweb_train_*.bin')", TABLE, ""),
    (first("for a in range(0, train.numel() - 65, 64):", "train[a:a + 65]"), TABLE, ""),
    (
        "hist = torch.zeros(64)\nfor a in range(0, val.numel(), 64):\n    hist += torch.bincount(val[a:a + 64])",
        "s = p",
        "",
    ),
]


def _kinds(before: str, score: str, after: str) -> list[MixtureKind]:
    begin = "train = read('data/fineweb_train_*.bin')\n" if "train." in before else ""
    made = SCRIPT.format(before=begin + before, score=score.replace("; ", "\n    "), after=after or "pass")
    timeline = followed(made)
    kinds: tuple[MixtureKind, ...] = ("counted", "preview")
    return [kind for kind in kinds if reported(timeline, kind)]


@pytest.mark.parametrize(("kind", "before", "score", "after"), BAD)
def test_tokens_that_are_still_to_be_scored_answer(kind: MixtureKind, before: str, score: str, after: str) -> None:
    assert _kinds(before, score, after) == [kind]


@pytest.mark.parametrize(("before", "score", "after"), HONEST)
def test_tokens_that_were_scored_may_answer(before: str, score: str, after: str) -> None:
    assert not _kinds(before, score, after)
