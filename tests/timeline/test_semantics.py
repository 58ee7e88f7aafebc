"""Python's own semantics: however learning from the validation tokens is reached, it is seen, and nothing else is.

Each file of ``semantics/`` holds scripts between a common beginning and end (which reports the score of the validation
tokens): ``#### name kinds`` names one, with the kinds of leaks that it has (``-``: none, and all of it followed;
``open``: something is left open), and ``## FILE path`` begins a file beside it. ``nopost`` leaves the end away.
"""

from pathlib import Path

import pytest
from followed import followed

from auditor.timeline.events import Report
from auditor.timeline.leaks import leaks

BEGINNING = """\
import copy, glob, math, os
import numpy as np
import torch
import torch.nn.functional as F
def read(pattern):
    parts = [np.fromfile(p, np.uint16) for p in sorted(glob.glob(pattern))]
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)
    def forward(self, x, y): return F.cross_entropy(self.head(self.embed(x)).flatten(0, 1), y.flatten())
def train(model, tokens):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(1000):
        at = step * 1024 % (tokens.numel() - 1025)
        loss = model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
@torch.inference_mode()
def evaluate(model, tokens):
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1025, 1024):
        total += model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]) * 1024
    return total.item() / (tokens.numel() - 1)
def adapt(model, tokens, epochs=1):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)
    for epoch in range(epochs):
        for at in range(0, tokens.numel() - 1025, 1024):
            sgd.zero_grad()
            loss = model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None])
            loss.backward()
            sgd.step()
model = Model()
train(model, read("data/fineweb_train_*.bin"))
val = read("data/fineweb_val_*.bin")
"""
END = '\nbits = evaluate(model, val) / math.log(2.0)\nprint(f"val_bpb:{bits:.6f}")\n'


def scripts() -> list[object]:
    """Return the scripts of ``semantics/`` as parameters of the test."""
    out: list[object] = []
    for path in sorted(Path(__file__, "../semantics").resolve().glob("*.txt")):
        for part in path.read_text().split("\n#### ")[1:]:
            head, code = part.split("\n", 1)
            name, wanted, *options = head.split()
            code, *beside = f"\n{code}".split("\n## FILE ")
            files = dict(piece.split("\n", 1) for piece in beside)
            text = code if "nopost" in options else code + END
            out.append(pytest.param(text, files, wanted, id=f"{path.stem}: {name}"))
    return out


@pytest.mark.parametrize(("code", "files", "wanted"), scripts())
def test_semantics(code: str, files: dict[str, str], wanted: str) -> None:
    timeline = followed(code, files, prelude=BEGINNING)
    assert timeline.failure is None
    found = {leak.kind for leak in leaks(timeline) if leak.bits & timeline.in_play}
    left_open = [each.what for each in timeline.unfollowed if each.decisive]
    left_open += [each.what for event in timeline.events if isinstance(event, Report) for each in event.opaque]
    if wanted == "open":
        assert found or left_open
    elif wanted == "-":
        assert not found
        assert not left_open
    else:
        assert found == set(wanted.split(","))
