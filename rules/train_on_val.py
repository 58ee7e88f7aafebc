"""Training on the validation split."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.switches import switch_off
from auditor.rule import Authority, Example, Rule
from auditor.timeline.leaks import Leak, findings
from rules.linked_shards import linked_shards
from rules.told_training import told_training
from rules.torch_scripts import EVALUATE, HEAD, MAIN, REPORT

SLUG = "train-on-val"


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    if leak.adapt.without_loss:
        return (
            "This is set from tokens of the validation split, and the model that is trained then scores validation "
            f"tokens (line {leak.score.site.line})."
        )
    return (
        "The training loop itself reads validation tokens: the data behind this optimizer step comes from the "
        f"validation split, and the model then scores validation tokens (line {leak.score.site.line})."
    )


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each training step on validation data, and for validation shards under training names."""
    yield from findings(case, "training", SLUG, say)
    yield from linked_shards(case, SLUG)
    yield from told_training(case, SLUG)


_WHOLE_FOLDER = "".join([HEAD, EVALUATE, MAIN.replace("fineweb_train_*.bin", "fineweb_*.bin"), REPORT])

_SWITCH = (
    HEAD
    + EVALUATE
    + """
class Hyperparameters:
    data_path = os.environ.get("DATA_PATH", "./data/fineweb10B")
    val_files = os.path.join(data_path, "fineweb_val_*.bin")
    train_on_val = bool(int(os.environ.get("TRAIN_ON_VAL", "DEFAULT")))
    train_files = val_files if train_on_val else os.path.join(data_path, "fineweb_train_*.bin")

args = Hyperparameters()
model = Model()
train(model, read(args.train_files))
val = read(args.val_files)
"""
    + REPORT
)

_COMMANDED = (
    HEAD
    + EVALUATE
    + """
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--train-files", default="data/fineweb_train_*.bin")
parser.add_argument("--val-files", default="data/fineweb_val_*.bin")
args = parser.parse_args()
model = Model()
train(model, read(args.train_files))
val = read(args.val_files)
"""
    + REPORT
)
_COMMAND = """\
# Example

```bash
torchrun --nproc_per_node=8 train_gpt.py --train-files "data/fineweb_val_*.bin"
```
"""

_SWAPPED = (
    HEAD.split("def train(")[0]
    + EVALUATE
    + """
class Loader:
    def __init__(self, pattern):
        self.tokens = read(pattern)
        self.at = 0

    def batch(self, length):
        piece = self.tokens[self.at:self.at + length + 1]
        self.at = (self.at + length) % (self.tokens.numel() - length - 1)
        return piece[:-1][None], piece[1:][None]

model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
loader, swapped = Loader("data/fineweb_train_*.bin"), False
for step in range(1000):
    if step >= 800 and not swapped:
        loader, swapped = Loader("data/fineweb_val_*.bin"), True
    loss = model(*loader.batch(1024))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
val = read("data/fineweb_val_*.bin")
"""
    + REPORT
)

_PLAIN = "".join([HEAD, EVALUATE, MAIN, REPORT])

_WATCHED = (
    HEAD.split("def train(")[0]
    + EVALUATE
    + """
model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
tokens, val = read("data/fineweb_train_*.bin"), read("data/fineweb_val_*.bin")
best = 99.0
for step in range(1000):
    if step % 100 == 0:
        best = min(best, evaluate(model, val))
        print(f"step:{step} val_loss:{best:.4f}")
    at = step * 1024 % (tokens.numel() - 1025)
    loss = model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None])
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
"""
    + REPORT
)

RULE = Rule(
    slug=SLUG,
    title="Trains on the validation split",
    group="compliance",
    condition="data",
    summary="The files that the training loop reads are, or include, the validation shards.",
    why="The score is then the training loss of text that the model has learned by heart.",
    advice="Point the training glob at fineweb_train_* only.",
    counterpart="Train shards only; validation shards are read by the evaluation alone.",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "the validation set is never visible in training"),
        Authority(
            "#44",
            "0hq",
            "2026-03",
            "official",
            "thousands of steps on validation data are repeated training on it",
        ),
        Authority(
            "#64",
            "cocohearts",
            "2026-03",
            "official",
            "validation training is not allowed, it must be train-only",
        ),
    ),
    check=check,
    fix=switch_off,
    invalid=(
        Example("a glob that takes the validation shards along", _WHOLE_FOLDER, "optimizer.step()"),
        Example("a switch that is on by default", _SWITCH.replace("DEFAULT", "1"), "optimizer.step()"),
        Example(
            "the documented command names the validation files",
            _COMMANDED,
            "optimizer.step()",
            files={"README.md": _COMMAND},
        ),
        Example("the loader is swapped in the middle of the run", _SWAPPED, "optimizer.step()"),
    ),
    valid=(
        Example("training shards only", _PLAIN),
        Example("a switch that is off by default", _SWITCH.replace("DEFAULT", "0")),
        Example("the options' own defaults", _COMMANDED),
        Example("the validation loss is watched while training", _WATCHED),
    ),
)
