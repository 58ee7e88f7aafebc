"""Small scripts, followed."""

from collections.abc import Sequence

from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.settings import settings_in_play
from auditor.submission.discover import describe
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Setting
from auditor.timeline import follow
from auditor.timeline.events import Timeline

# What the scripts begin with: a reader of shards, a model that returns its loss, and training on one batch.
PRELUDE = """\
import copy, glob, math, os
import numpy as np
import torch
import torch.nn.functional as F
def read(pattern): return torch.from_numpy(np.concatenate([np.fromfile(p, np.uint16) for p in glob.glob(pattern)]))
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x, y): return F.cross_entropy(self.head(x), y)
def learn(net, x, y, lr=0.1):
    opt = torch.optim.SGD(net.parameters(), lr=lr)
    net(x, y).backward()
    opt.step()
def bits(nats): return nats / math.log(2.0)
"""


def loaded(code: str, files: dict[str, str] | None = None, prelude: str = PRELUDE) -> tuple[Program, Sequence[Setting]]:
    """Return a train script that begins with ``prelude``, with ``files`` beside it, and its settings in play."""
    texts = {"train_gpt.py": prelude + code, **(files or {})}
    tree = MemoryTree({path: text.encode("utf-8") for path, text in texts.items()})
    name = "2026-04-01_Name"
    found = describe(tree, given=name, name=name, place=f"records/track_10min_16mb/{name}", script="train_gpt.py")
    program = load_program(found)
    assert isinstance(program, Program)
    assert program.main.module is not None
    return program, settings_in_play(found)


def followed(code: str, files: dict[str, str] | None = None, prelude: str = PRELUDE) -> Timeline:
    """Return the timeline of a train script that begins with ``prelude``, with ``files`` beside it."""
    return follow(*loaded(code, files, prelude))
