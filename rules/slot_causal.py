"""Fitting a delta at evaluation on context positions only, and scoring the rest of the window with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from textwrap import indent

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.leaks import Leak, findings
from auditor.timeline.windows import overlapping_rows, split
from rules.slot_scripts import CARRIED, CONTEXT, SCORED, windows
from rules.torch_scripts import evaluating

SLUG = "slot-causal"


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    head = (
        "A delta is optimised at evaluation on context positions of the windows whose remaining positions are then "
        f"scored with it (line {leak.score.site.line}); whether that is allowed is contested (#1336)."
    )
    *_, undecided = split(leak.adapt, leak.score, leak.bits)
    if undecided:
        head += " That no scored position is among them could not be shown."
    if overlapping_rows(leak.adapt, leak.score):
        head += (
            " One delta serves the whole batch: where its windows overlap, what one of them scores is in the context "
            "of the next, and so in the objective."
        )
    return head


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold for each fit of a delta on other positions than those that it then scores."""
    for finding in findings(case, "slot-causal", SLUG, say):
        yield replace(finding, status="hold") if finding.status == "violation" else finding


_SHARED = CONTEXT.replace("torch.zeros(len(group), 1, 64,", "torch.zeros(1, 1, 64,")

_FOCAL = """
focus = max(length - 128, 0)
wanted = torch.zeros(len(group), length, dtype=torch.bool)
for row, at in enumerate(group):
    begin = max(sizes[row] - stride, 0) if at else 0
    if begin > focus:
        wanted[row, focus:begin] = True
base = model.head(hidden).detach()
bias = torch.zeros(1, 1, 1024, requires_grad=True)
newton = torch.optim.LBFGS([bias], max_iter=20)

def closure():
    newton.zero_grad()
    loss = F.cross_entropy((base + bias).transpose(1, 2), y, reduction="none")[wanted].mean()
    loss.backward()
    return loss

newton.step(closure)
logits = base + bias.detach()
"""

_COMPARED = """
begins = torch.tensor([max(size - stride, 0) for size in sizes])
known = torch.arange(length).unsqueeze(0) < begins.unsqueeze(1)
delta = torch.zeros(len(group), 1, 64, requires_grad=True)
sgd = torch.optim.SGD([delta], lr=0.1)
for step in range(steps):
    each = F.cross_entropy(model.head(hidden + delta).transpose(1, 2), y, reduction="none")
    loss = torch.where(known, each, 0.0).sum() / known.sum()
    sgd.zero_grad()
    loss.backward()
    sgd.step()
logits = model.head(hidden + delta.detach())
"""

_INVERTED = SCORED.replace("(each * mask)", "(each * (1 - mask))")

_SEQUENTIAL = evaluating("""
def evaluate(model, tokens, length=1024, stride=64, steps=4):
    n = tokens.numel() - 1
    total, count = 0.0, 0
    for at in range(0, n, stride):
        stop = min(at + length, n)
        keep = max(stop - at - stride, 0) if at else 0
        targets = tokens[at + 1:stop + 1]
        made = model.head(model.embed(tokens[at:stop])).detach()
        scale = torch.ones(1024, requires_grad=True)
        adam = torch.optim.Adam([scale], lr=0.01)
        for step in range(steps):
            adam.zero_grad()
            F.cross_entropy(made[:keep] * scale, targets[:keep]).backward()
            adam.step()
        with torch.no_grad():
            total += F.cross_entropy(made[keep:] * scale, targets[keep:], reduction="sum").item()
        count += stop - at - keep
    return total / count
""")

_OFF = windows(
    'if int(os.environ.get("CONTEXT_SLOT", "0")):\n'
    + indent(_SHARED.strip("\n"), "    ")
    + "\nelse:\n    logits = model.head(hidden)\n"
)
_ON = "# Example\n\n```bash\nCONTEXT_SLOT=1 torchrun --nproc_per_node=8 train_gpt.py\n```\n"

_THROWN_AWAY = CONTEXT.replace("logits = model.head(hidden + delta.detach())", "logits = model.head(hidden)")

RULE = Rule(
    slug=SLUG,
    title="Delta fitted on context only",
    group="compliance",
    condition="C1",
    summary="The evaluation optimises a small tensor on positions of a window that earlier windows have scored, and "
    "scores the window's new positions with it.",
    why="On one window at a time the fit sees only tokens that are already graded, which the README allows to learn "
    "from; but it is a state beyond the model, undeclared by most, and easily not causal: with one delta for a "
    "batch of overlapping windows, a later row's context holds an earlier row's scored tokens.",
    advice="Say that the evaluation adapts, give each window its own delta or go through the windows one by one, and "
    "show that the fitted and the scored positions are disjoint.",
    counterpart="Score a window first, then fit the delta on it and carry it to the next one.",
    authority=(
        Authority("#1336", "participants", "2026-04", "community", "is context-only SLOT allowed? unanswered"),
        Authority("#1306", "participants", "2026-04", "community", "context-only SLOT; no row was accepted"),
        Authority("#1350", "participants", "2026-04", "community", "the legal form to some; no row was accepted"),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("a mask on the context, a delta for each window", windows(CONTEXT), "adam.step()", status="hold"),
        Example("one delta for a batch of overlapping windows", windows(_SHARED), "adam.step()", status="hold"),
        Example("the last positions before the scored ones", windows(_FOCAL), "newton.step(closure)", status="hold"),
        Example("a mask that compares positions", windows(_COMPARED), "sgd.step()", status="hold"),
        Example("everything but the scored mask", windows(_INVERTED), "adam.step()", status="hold"),
        Example("one window at a time, by slices", _SEQUENTIAL, "adam.step()", status="hold"),
        Example("off by default, on in the command", _OFF, "adam.step()", files={"README.md": _ON}, status="hold"),
    ),
    valid=(
        Example("scored first, then fitted and carried to the next window", CARRIED),
        Example("off by default", _OFF),
        Example("fitted, but not used for the score", windows(_THROWN_AWAY)),
        Example("fitted on scored positions, which another rule judges", windows(SCORED)),
    ),
    known_problems="Whether windows of a batch overlap is told from a delta without a batch axis and per-row bounds, "
    "not from the arithmetic of strides.",
)
