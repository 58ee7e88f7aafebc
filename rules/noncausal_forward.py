"""A model whose forward lets a position read later ones."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Status, Step
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.claims import claimed_reports
from auditor.timeline.events import Forward, Report, Timeline
from auditor.timeline.named import report_of
from auditor.timeline.paths import calls_of
from auditor.timeline.trackers.forwards.forwards import Lookahead

SLUG = "noncausal-forward"


_GIVEN = "In the model's forward, {} is given back to every position: a position's prediction "
_DENOISES = (
    "knows the tokens after it. The tokens that something drawn at random picks are replaced before they are given to "
    "it, and losses count there, as in a masked denoiser's bound; its weights were not judged."
)


def _said(event: Lookahead, bound: bool) -> str:
    if bound:
        return _GIVEN.format(event.what) + _DENOISES
    if not event.certain:
        return (
            f"In the model's forward, {event.what} may be given back to every position: whether a position's "
            "prediction knows the tokens after it, the one that it predicts among them, could not be told."
        )
    return f"{_GIVEN.format(event.what)}knows the tokens after it, the one that it predicts among them."


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place in a scored forward where later positions are given back to earlier ones.

    A violation where the axis is known, nothing leaves it open whether it happens, and the score is a claimed or the
    last one; else a hold.
    """
    timeline = case.timeline
    if timeline is None:
        return
    claimed = claimed_reports(timeline, case.submitted)
    forwards = [e for e in timeline.events if isinstance(e, Forward) and e.reports]
    told: dict[tuple[str, int], tuple[Lookahead, list[Forward], int]] = {}
    for event in timeline.events:
        if not isinstance(event, Lookahead):
            continue
        scores = [f for f in forwards if f.site == event.applied and f.calls == event.calls]
        bits = event.bits & _any([r for f in scores for r in f.reports])
        place = (event.site.source.path, event.site.start)
        old = told.get(place)
        # A place is come to on several ways: that of the score which counts is told, and what runs before what doesn't.
        if scores and (old is None or _weight(timeline, claimed, scores, bits) > _weight(timeline, claimed, *old[1:])):
            told[place] = event, scores, bits
    for event, scores, bits in told.values():
        reports = [r for f in scores for r in f.reports]
        judged = activity(timeline, bits, [event])
        status: Status = judged.status
        bound = all(report in event.bounds for report in reports)
        if bound:
            status = "note"
        elif status == "violation" and not (event.certain and (not claimed or any(r in claimed for r in reports))):
            status = "hold"
        last = report_of(reports, bits & timeline.in_play or bits, claimed, case.submitted)
        scored = next(score for score in scores if last in score.reports)
        site = event.site
        yield judged.found(
            site,
            rule=SLUG,
            status=status,
            message=_said(event, bound),
            trace=(
                *calls_of(event),
                Step(
                    scored.site.source.path,
                    scored.site.line,
                    "the model is applied to validation tokens",
                    scored.site.source.layer,
                ),
                Step(site.source.path, site.line, f"{event.what} comes in", site.source.layer),
                Step(last.site.source.path, last.site.line, "the score is reported", last.site.source.layer),
            ),
        )


def _weight(timeline: Timeline, claimed: list[Report], scores: list[Forward], bits: int) -> tuple[bool, bool, int]:
    """Return whether a setting in play makes the scores, whether one is claimed, and when the last is reported."""
    reports = [r for f in scores for r in f.reports]
    return bool(bits & timeline.in_play), any(r in claimed for r in reports), max(r.order for r in reports)


def _any(reports: list[Report]) -> int:
    out = 0
    for report in reports:
        out |= report.bits
    return out


_SCRIPT = """
import glob, math
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

def read(pattern):
    parts = [np.fromfile(p, dtype=np.uint16) for p in sorted(glob.glob(pattern))]
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))

class Mixer(nn.Module):
    def __init__(self, width=64, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)

    def forward(self, x):
        B, T, D = x.shape
        {body}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(1024, 64)
        self.blocks = nn.ModuleList([Mixer() for _ in range(4)])
        self.head = nn.Linear(64, 1024)

    def forward(self, ids, targets):
        x = self.emb(ids)
        for block in self.blocks:
            x = x + block(F.rms_norm(x, (64,)))
        logits = self.head(x)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")

@torch.inference_mode()
def evaluate(net, tokens):
    net.eval()
    total = 0.0
    for at in range(0, tokens.numel() - 1025, 1024):
        part = tokens[at:at + 1025]
        total += net(part[:-1].view(4, 256), part[1:].view(4, 256)).item()
    return total

tokens = read("data/fineweb_val_*.bin")
print(f"val_bpb:{{evaluate(Net(), tokens) / math.log(2.0) / len(tokens):.6f}}")
"""

_HEADS = """q, k, v = self.qkv(x).chunk(3, dim=-1)
        q = q.view(B, T, self.heads, D // self.heads).transpose(1, 2)
        k = k.view(B, T, self.heads, D // self.heads).transpose(1, 2)
        v = v.view(B, T, self.heads, D // self.heads).transpose(1, 2)
        """


def _script(body: str) -> str:
    return _SCRIPT.format(body=body)


RULE = Rule(
    slug=SLUG,
    title="The forward pass looks ahead",
    group="compliance",
    condition="C1",
    summary="A statistic over the sequence (a mean, a norm, a softmax, a ranking) or attention without a mask is given "
    "back to every position of a model that is scored.",
    why="The score of a token must depend on the tokens before it only. A position that knows a mean of the whole "
    "window knows something of the token that it is asked for.",
    advice="Give attention a causal mask; make a statistic causal (a running mean), or compute it over the width of "
    "the model only.",
    counterpart="Norms over the width, causal attention, running sums, and pooling that only a training loss uses.",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "a token is scored from what comes before it"),
        Authority("#1017", "community", "2026-04", "community", "strict causal dependence: p(t) from the prefix alone"),
    ),
    check=check,
    known_problems="Tensors are followed by the names of their axes; where a reshape hides which axis is the "
    "sequence, nothing is said. Kernels of one's own are not looked into, nor convolutions whose sizes are not known.",
    invalid=(
        Example(
            "the mean of the window gates every position",
            _script(
                "pooled = x.mean(dim=1, keepdim=True)\n        return self.out(x * torch.sigmoid(self.gate(pooled)))"
            ),
            line="pooled = x.mean(dim=1, keepdim=True)",
        ),
        Example(
            "attention without a mask",
            _script(
                _HEADS + "y = F.scaled_dot_product_attention(q, k, v)\n"
                "        return self.out(y.transpose(1, 2).reshape(B, T, D))"
            ),
            line="y = F.scaled_dot_product_attention(q, k, v)",
        ),
        Example(
            "attention by hand, without a mask",
            _script(
                _HEADS + "weights = (q @ k.transpose(-2, -1) * 0.25).softmax(dim=-1)\n"
                "        return self.out((weights @ v).transpose(1, 2).reshape(B, T, D))"
            ),
            line="weights @ v",
        ),
        Example(
            "a softmax over the positions",
            _script("return x * self.gate(x).softmax(dim=1)"),
            line="self.gate(x).softmax(dim=1)",
        ),
    ),
    valid=(
        Example(
            "causal attention",
            _script(
                _HEADS + "y = F.scaled_dot_product_attention(q, k, v, is_causal=True)\n"
                "        return self.out(y.transpose(1, 2).reshape(B, T, D))"
            ),
        ),
        Example(
            "attention by hand, masked",
            _script(
                _HEADS + "weights = q @ k.transpose(-2, -1) * 0.25\n"
                "        ahead = torch.ones(T, T, dtype=torch.bool).triu(1)\n"
                '        weights = weights.masked_fill(ahead, float("-inf")).softmax(dim=-1)\n'
                "        return self.out((weights @ v).transpose(1, 2).reshape(B, T, D))"
            ),
        ),
        Example("norms over the width", _script("return self.out(x / (x.norm(dim=-1, keepdim=True) + 1e-6))")),
        Example("a running mean", _script("return self.out(x.cumsum(dim=1) / torch.arange(1, T + 1)[None, :, None])")),
        Example(
            "pooling in training only",
            _script(
                "if self.training:\n            x = x + self.gate(x.mean(dim=1, keepdim=True))\n"
                "        return self.out(x)"
            ),
        ),
    ),
)
