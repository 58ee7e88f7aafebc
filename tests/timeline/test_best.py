"""Which of several evaluations is reported, and what divides a score."""

import pytest
from followed import followed

from auditor.timeline.events import Report
from auditor.timeline.trackers.metric.metric import Kind, doubts

HEAD = """
import sentencepiece as spm
class Plain(torch.nn.Module):
    def forward(self, x): return self.body(x)
net = Plain()
val = read("data/fineweb_val_*.bin").long()
sp = spm.SentencePieceProcessor(model_file="bpe.model")
sizes = torch.tensor([len(sp.decode([i]).encode()) for i in range(64)])
def one(tokens, t):
    total, size = 0.0, 0
    for a in range(0, tokens.numel() - 65, 64):
        x, y = tokens[a:a + 64], tokens[a + 1:a + 65]
        total += F.cross_entropy(net(x) / t, y, reduction="sum").item()
        size += sizes[y].sum().item()
    return total / math.log(2.0) / size
"""
WINDOWS = """
total, size, sizes_of_all = 0.0, 0, sizes[val[1:]]
for a in range(0, val.numel() - 1, 16):
    x, y = val[a:a + 64], val[a + 1:a + 65]
    nll = F.cross_entropy(net(x), y, reduction="none")
    s = 0 if a == 0 else len(y) - 16
    {score}
print(f"val_bpb:{{total / math.log(2.0) / size}}")
"""
TAIL = "total += nll[s:].sum().item()"
KEEP = "keep = torch.arange(64) >= s; total += (nll * keep).sum().item()"

BEST = [
    "runs = [one(val, t) for t in (0.9, 1.0)]; print(f'val_bpb:{min(runs)}')",
    "runs = {t: one(val, t) for t in (0.9, 1.0)}; print(f'val_bpb:{runs[min(runs, key=lambda t: runs[t])]}')",
    "print(f'val_bpb:{sorted([one(val, t) for t in (0.9, 1.0)])[0]}')",
    "runs = [one(val, t) for t in (0.9, 1.0)]; runs.sort(); print(f'val_bpb:{runs[0]}')",
    "runs = iter(sorted(one(val, t) for t in (0.9, 1.0))); print(f'val_bpb:{next(runs)}')",
    "best = 9.0\nfor t in (0.9, 1.0):\n    bpb = one(val, t)\n    if bpb < best:\n        best = bpb\n"
    "print(f'val_bpb:{best}')",
    "best, *_ = sorted([one(val, t) for t in (0.9, 1.0)]); print(f'val_bpb:{best}')",
    "(best, t), *_ = sorted((one(val, t), t) for t in (0.9, 1.0)); print(f'val_bpb:{best}')",
    "runs = [one(val, 0.9), one(val, 1.0)]; runs.sort(); best, worst = runs; print(f'val_bpb:{best}')",
    "match sorted(one(val, t) for t in (0.9, 1.0)):\n    case [best, *_]:\n        print(f'val_bpb:{best}')",
]
ONE = [
    "print(one(val, 0.9)); print(f'val_bpb:{one(val, 1.0)}')",
    "train = read('data/fineweb_train_*.bin'); ts = (0.9, 1.0); runs = [one(train, t) for t in ts]; "
    "print(f'val_bpb:{one(val, ts[runs.index(min(runs))])}')",
    "best = 9.0\nfor step in range(1000):\n    learn(net, val[:0], val[:0])\n"
    "    F.cross_entropy(net(read('data/fineweb_train_*.bin')), val[:0]).backward()\n    opt.step()\n"
    "    bpb = one(val, 1.0)\n    best = min(best, bpb)\nprint(f'val_bpb:{one(val, 1.0)}')",
]
DIVIDED: list[tuple[Kind | None, str]] = [
    ("window bytes", f"{TAIL}; size += sizes[y].sum().item()"),
    ("window bytes", f"{KEEP}; size += sizes[y].sum().item()"),
    ("more bytes", f"{TAIL}; size += (sizes[y[s:]] + 1).sum().item()"),
    ("more bytes", f"{TAIL}; size += (sizes[y[s:]] + torch.ones_like(y[s:])).sum().item()"),
    ("raised bytes", f"{TAIL}; size += sizes[y[s:]].clamp_min(2).sum().item()"),
    ("more bytes", f"{TAIL}; n = sizes[y[s:]]; n += 1; size += n.sum().item()"),
    (None, f"{TAIL}; size += sizes[y[s:]].clamp(min=1).sum().item()"),
    ("file bytes", f"{TAIL}; size = os.path.getsize(glob.glob('data/fineweb_val_*.bin')[0])"),
    ("left out", f"{TAIL}; size += sizes[y[s:]].sum().item()"),
    (None, f"{TAIL}; size += sizes[y[s:]].sum().item()"),
    (None, f"{TAIL}; size += sizes[y][s:].sum().item()"),
    (None, f"{TAIL}; n = len(y) - s; size += sizes[y[s:s + n]].sum().item()"),
    (None, f"y[:s] = -100; {TAIL}; size += sizes[y[y != -100]].sum().item()"),
    (None, f"y[:s] = -100; {TAIL}; total /= int((y != -100).sum()); size += sizes[y[y != -100]].sum().item()"),
    (None, f"{TAIL}; size += sizes_of_all[a + s:a + 64].sum().item()"),
    (None, f"{KEEP}; size += (sizes[y] * keep).sum().item()"),
    (None, f"{TAIL}; n = sizes[y[s]]; if sizes[y[s]] > sizes[y[s - 1]]: n += 1; size += n"),
    ("more bytes", f"{TAIL}; n = sizes[y[s]]; if len(y) > 8: n += 1; size += n"),
]
KINDS: tuple[Kind, ...] = ("window bytes", "more bytes", "raised bytes", "file bytes", "left out", "best evaluation")


def _found(code: str) -> list[Kind]:
    timeline = followed(HEAD + code)
    assert any(isinstance(event, Report) for event in timeline.events)
    return [found.doubt.kind for found in doubts(timeline, KINDS, []) if found.final]


@pytest.mark.parametrize("code", BEST)
def test_the_best_of_several_evaluations_is_told(code: str) -> None:
    assert _found(code.replace("; ", "\n")) == ["best evaluation"]


@pytest.mark.parametrize("code", ONE)
def test_one_evaluation_is_one(code: str) -> None:
    assert not _found(code.replace("; ", "\n"))


@pytest.mark.parametrize(("kind", "score"), DIVIDED)
def test_what_divides_a_score_is_told(kind: Kind | None, score: str) -> None:
    code = WINDOWS.format(score=score.replace("; ", "\n    "))
    if kind == "left out":
        code = code.replace("range(0, val.numel() - 1, 16)", "(val == 1).nonzero().flatten().tolist()").replace(
            "    x, y =", "    if a - val[0].item() < 256:\n        continue\n    x, y =", 1
        )
    assert _found(code) == ([kind] if kind is not None else [])
