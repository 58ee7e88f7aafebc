"""Fitting a delta at evaluation on a loss that contains positions which are then scored with it (SLOT)."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.leaks import Leak, findings
from auditor.timeline.trackers.mixtures import reported
from rules.slot_scripts import CARRIED, CONTEXT, SCORED, windows

SLUG = "slot-scored-region"


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    return (
        "A delta is optimised at evaluation on a loss to which positions belong that are then scored with it (line "
        f"{leak.score.site.line}). No maintainer has ruled on SLOT; this is the README's rule on "
        "test-time training to the letter."
    )


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each fit of a delta whose objective contains positions that it then scores."""
    yield from findings(case, "slot-scored", SLUG, say)
    yield from reported.findings(
        case,
        "preview",
        SLUG,
        "The targets that are scored next are counted first, and the counts enter their prediction: what is fitted on "
        "positions then scores them.",
        "the targets are counted",
    )


_WHOLE = """
delta = torch.zeros(1, 1, 64, requires_grad=True)
adam = torch.optim.AdamW([delta], lr=0.005)
for step in range(steps):
    adam.zero_grad()
    made = model.head(hidden + delta)
    F.cross_entropy(made.flatten(0, 1), y.flatten(), reduction="mean").backward()
    adam.step()
logits = model.head(hidden + delta.detach())
"""

_FOCAL = """
tail = length - 128
free = torch.zeros(1, length, 1024).requires_grad_(True)
adam = torch.optim.Adam([free], lr=0.05)
base = model.head(hidden).detach()
for step in range(steps):
    adam.zero_grad()
    F.cross_entropy((base + free)[:, tail:-1].flatten(0, 1), y[:, tail:-1].flatten()).backward()
    adam.step()
logits = base + free.detach()
"""

_NEWTON = """
begins = torch.tensor([max(size - stride, 0) for size in sizes])
place = torch.arange(length)
wanted = place[None, :] >= begins[:, None]
bias = torch.nn.Parameter(torch.zeros(len(group), 1, 1024))
base = model.head(hidden).detach()
newton = torch.optim.LBFGS([bias], max_iter=20)

def closure():
    newton.zero_grad()
    each = F.cross_entropy((base + bias).transpose(1, 2), y, reduction="none")
    loss = each[wanted].mean()
    loss.backward()
    return loss

newton.step(closure)
logits = base + bias.detach()
"""

_BY_HAND = """
def fitted(model, hidden, y, steps, rate=0.1):
    delta = torch.zeros(hidden.size(0), 1, 64, requires_grad=True)
    for step in range(steps):
        loss = F.cross_entropy(model.head(hidden + delta).flatten(0, 1), y.flatten())
        (slope,) = torch.autograd.grad(loss, [delta])
        delta = (delta - rate * slope).detach().requires_grad_(True)
    return delta.detach()
"""

_IGNORED = """
labels = y.clone()
for row, at in enumerate(group):
    begin = max(sizes[row] - stride, 0) if at else 0
    labels[row, :begin] = -100
prompt = torch.zeros(len(group), 4, 64, requires_grad=True)
sgd = torch.optim.SGD([prompt], lr=1.0)
for step in range(steps):
    sgd.zero_grad()
    made = model.head(torch.cat([prompt, hidden], dim=1))[:, 4:]
    F.cross_entropy(made.flatten(0, 1), labels.flatten(), ignore_index=-100).backward()
    sgd.step()
logits = model.head(torch.cat([prompt.detach(), hidden], dim=1))[:, 4:]
"""

_SWITCHED = CONTEXT.replace("(each * mask).sum() / mask.sum().clamp_min(1)", "objective").replace(
    "    (objective)",
    """\
    if flags.standard:
        objective = each.mean()
    else:
        objective = (each * mask).sum() / mask.sum().clamp_min(1)
    objective""",
)
_FLAGS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--standard", type=int, default=1)
flags = parser.parse_args()
"""

_OFF = windows(
    'if int(os.environ.get("SLOT", "0")):\n'
    + indent(_WHOLE.strip("\n"), "    ")
    + "\nelse:\n    logits = model.head(hidden)\n"
)
_ON = "# Example\n\n```bash\nSLOT=1 torchrun --nproc_per_node=8 train_gpt.py\n```\n"

_THROWN_AWAY = _WHOLE.replace("logits = model.head(hidden + delta.detach())", "logits = model.head(hidden)")

_LEARNED = """
bias = torch.zeros(1, 1, 1024, requires_grad=True)
adam = torch.optim.Adam([bias], lr=0.01)
for step in range(20):
    piece = learned[step * 1024:step * 1024 + 1025]
    adam.zero_grad()
    F.cross_entropy((model.head(model.embed(piece[:-1][None])) + bias).flatten(0, 1), piece[1:]).backward()
    adam.step()
"""

_LATENT = """
slots = torch.zeros(len(group), 8, 64)
for step in range(steps):
    slots = slots + torch.softmax(slots @ hidden.transpose(1, 2), dim=-1) @ hidden
logits = model.head(hidden + slots.mean(dim=1, keepdim=True))
"""

RULE = Rule(
    slug=SLUG,
    title="Delta fitted on the positions it scores",
    group="compliance",
    condition="C3",
    summary="The evaluation makes a small tensor (added to hidden states or logits, or a prompt), optimises it on a "
    "loss that contains the window's new positions, and scores these positions with it: a mask or slice on the scored "
    "tokens, a focal tail, or simply the mean over the whole window.",
    why="The delta has seen the tokens whose loss it is then used to report. A free vector per window is enough to "
    "pull probability onto them, although the model itself is frozen and causal; flipping a token that should not "
    "matter yet moves earlier predictions.",
    advice="Fit on tokens whose score is already in the sum, and use the result for later tokens only.",
    counterpart="Score a window first, then fit the delta on it and carry it to the next one.",
    authority=(
        Authority(
            "README",
            "OpenAI",
            "2026",
            "official",
            "test-time training only on tokens that are already graded; it says nothing of SLOT by name",
        ),
        Authority(
            "#1240",
            "author of #1209",
            "2026-04",
            "community",
            "flip test: all of 240 pairs show that scored tokens move the predictions of others",
        ),
        Authority("#1336", "participants", "2026-04", "community", "asked for a ruling on SLOT; unanswered"),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("a mask on the scored slice, a delta and a bias for each window", windows(SCORED), "adam.step()"),
        Example("the mean over the whole window", windows(_WHOLE), "adam.step()"),
        Example("a focal tail and free logits for each position", windows(_FOCAL), "adam.step()"),
        Example("L-BFGS with a mask that compares positions", windows(_NEWTON), "newton.step(closure)"),
        Example(
            "gradients subtracted by hand in a helper",
            windows("logits = model.head(hidden + fitted(model, hidden, y, steps))\n", helper=_BY_HAND),
            "delta - rate * slope",
        ),
        Example("a prompt, with the context's labels ignored", windows(_IGNORED), "sgd.step()"),
        Example(
            "a command-line switch whose default is the standard form", windows(_SWITCHED, before=_FLAGS), "adam.step()"
        ),
        Example("off by default, on in the documented command", _OFF, "adam.step()", files={"README.md": _ON}),
    ),
    valid=(
        Example("scored first, then fitted and carried to the next window", CARRIED),
        Example("off by default", _OFF),
        Example("fitted, but not used for the score", windows(_THROWN_AWAY)),
        Example(
            "fitted on training tokens",
            windows(
                "logits = model.head(hidden) + bias.detach()\n",
                before=_LEARNED,
                top='learned = read("data/fineweb_train_*.bin")\n',
            ),
        ),
        Example("fitted on context only, which another rule judges", windows(CONTEXT)),
        Example("slots that are computed, not optimised", windows(_LATENT)),
    ),
    known_problems="Positions are told apart by the bounds of slices and masks; where these cannot be compared, the "
    "finding is a hold of slot-causal.",
)
