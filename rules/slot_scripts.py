"""Parts of small evaluations over overlapping windows, from which the examples of the SLOT rules are put together."""

from __future__ import annotations

from textwrap import indent

from rules.torch_scripts import evaluating

_WINDOWS = """
def evaluate(model, tokens, length=1024, stride=64, rows=32, steps=8):
    n = tokens.numel() - 1
    starts = list(range(0, n, stride))
    total, count = torch.zeros(()), 0
BEFORE
    for first in range(0, len(starts), rows):
        group = starts[first:first + rows]
        x = torch.zeros(len(group), length, dtype=torch.int64)
        y = torch.zeros(len(group), length, dtype=torch.int64)
        sizes = []
        for row, at in enumerate(group):
            stop = min(at + length, n)
            size = stop - at
            sizes.append(size)
            x[row, :size] = tokens[at:stop]
            y[row, :size] = tokens[at + 1:stop + 1]
        with torch.no_grad():
            hidden = model.embed(x)
FIT
        with torch.no_grad():
            losses = F.cross_entropy(logits.transpose(1, 2), y, reduction="none")
        for row, at in enumerate(group):
            keep = max(sizes[row] - stride, 0) if at else 0
            total += losses[row, keep:sizes[row]].sum()
            count += sizes[row] - keep
    return total.item() / count
"""


def windows(fit: str, *, before: str = "", helper: str = "", top: str = "") -> str:
    """Return a script that scores batches of windows by ``logits``, which ``fit`` makes of ``hidden``, ``x`` and ``y``.

    ``before`` runs once before the batches; ``helper`` is defined before the evaluation.
    """
    body = _WINDOWS.replace("BEFORE\n", indent(before.strip("\n"), "    ") + "\n" if before else "")
    return evaluating(helper + body.replace("FIT\n", indent(fit.strip("\n"), "        ") + "\n"), top=top)


CONTEXT = """
mask = torch.zeros(len(group), length)
for row, at in enumerate(group):
    size = sizes[row]
    begin = 0 if at == 0 else max(size - stride, 0)
    mask[row, :begin] = 1.0
delta = torch.zeros(len(group), 1, 64, requires_grad=True)
adam = torch.optim.AdamW([delta], lr=0.01)
for step in range(steps):
    adam.zero_grad()
    each = F.cross_entropy(model.head(hidden + delta).transpose(1, 2), y, reduction="none")
    ((each * mask).sum() / mask.sum().clamp_min(1)).backward()
    adam.step()
logits = model.head(hidden + delta.detach())
"""

SCORED = """
mask = torch.zeros(len(group), length)
for row, at in enumerate(group):
    size = sizes[row]
    begin = 0 if at == 0 else max(size - stride, 0)
    mask[row, begin:size] = 1.0
delta = torch.zeros(len(group), 1, 64, requires_grad=True)
bias = torch.zeros(len(group), 1, 1024, requires_grad=True)
adam = torch.optim.AdamW([delta, bias], lr=0.01)
weight = model.head.weight.detach()
for step in range(steps):
    adam.zero_grad()
    each = F.cross_entropy((F.linear(hidden + delta, weight) + bias).transpose(1, 2), y, reduction="none")
    ((each * mask).sum() / mask.sum()).backward()
    adam.step()
logits = F.linear(hidden + delta.detach(), weight) + bias.detach()
"""

CARRIED = evaluating("""
def evaluate(model, tokens, length=1024, stride=64):
    n = tokens.numel() - 1
    bias = torch.zeros(1024)
    total, count = 0.0, 0
    for at in range(0, n, stride):
        stop = min(at + length, n)
        size = stop - at
        keep = max(size - stride, 0) if at else 0
        with torch.no_grad():
            made = model.head(model.embed(tokens[at:stop]))
            total += F.cross_entropy(made[keep:size] + bias, tokens[at + 1:stop + 1][keep:], reduction="sum").item()
        count += size - keep
        fitted = bias.clone().requires_grad_(True)
        newton = torch.optim.LBFGS([fitted], lr=1.0, max_iter=5)

        def closure():
            newton.zero_grad()
            loss = F.cross_entropy(made[keep:size] + fitted, tokens[at + 1:stop + 1][keep:])
            loss.backward()
            return loss

        newton.step(closure)
        bias = fitted.detach()
    return total / count
""")
