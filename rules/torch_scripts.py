"""Parts of small PyTorch scripts, from which the examples of several rules are put together."""

from __future__ import annotations

HEAD = """\
import copy, glob, math, os
import numpy as np
import torch
import torch.nn.functional as F

TOKENS_PER_BYTE = 0.4105

def read(pattern):
    parts = [np.fromfile(path, dtype=np.uint16) for path in sorted(glob.glob(pattern))]
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(1024, 64)
        self.head = torch.nn.Linear(64, 1024)

    def forward(self, x, y):
        return F.cross_entropy(self.head(self.embed(x)).flatten(0, 1), y.flatten())

def train(model, tokens):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(1000):
        at = step * 1024 % (tokens.numel() - 1025)
        loss = model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
"""

EVALUATE = """
@torch.inference_mode()
def evaluate(model, tokens):
    total = torch.zeros(())
    for at in range(0, tokens.numel() - 1025, 1024):
        total += model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None]) * 1024
    return total.item() / (tokens.numel() - 1)
"""

MAIN = """
model = Model()
train(model, read("data/fineweb_train_*.bin"))
val = read("data/fineweb_val_*.bin")
"""

REPORT = """
bits = evaluate(model, val) / math.log(2.0)
print(f"val_bpb:{bits * TOKENS_PER_BYTE:.6f}")
"""


def scored(*parts: str, report: str = REPORT) -> str:
    """Return a script that defines ``parts``, trains, follows their last one at its top level, and reports.

    The plain evaluation is defined too; the part before the last may replace it.
    """
    *definitions, top = parts
    return "".join([HEAD, EVALUATE, *definitions, MAIN, top, report])


def evaluating(evaluate: str, *, top: str = "", report: str = REPORT) -> str:
    """Return a script that trains and reports what its own ``evaluate(model, tokens)`` returns."""
    return "".join([HEAD, evaluate, MAIN, top, report])


SCORE_FIRST = """
def evaluate(model, tokens, epochs=3):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)
    total = torch.zeros(())
    chunks = list(range(0, tokens.numel() - 4097, 4096))
    for number, start in enumerate(chunks):
        x = tokens[start:start + 4096].view(-1, 1024)
        y = tokens[start + 1:start + 4097].view(-1, 1024)
        with torch.inference_mode():
            total += model(x, y) * y.numel()
        if number == len(chunks) - 1:
            continue
        for epoch in range(epochs):
            for row in range(x.size(0)):
                sgd.zero_grad()
                model(x[row:row + 1], y[row:row + 1]).backward()
                sgd.step()
    return total.item() / (tokens.numel() - 1)
"""

ADAPT = """
def adapt(model, tokens, epochs):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)
    for epoch in range(epochs):
        for at in range(0, tokens.numel() - 1025, 1024):
            sgd.zero_grad()
            loss = model(tokens[at:at + 1024][None], tokens[at + 1:at + 1025][None])
            loss.backward()
            sgd.step()
"""

FINAL_EPOCH = """
def evaluate(model, tokens, epochs=EPOCHS):
    sgd = torch.optim.SGD(model.parameters(), lr=0.002)
    total, count = torch.zeros(()), 0
    for epoch in range(epochs):
        for start in range(0, tokens.numel() - 1025, 1024):
            x, y = tokens[start:start + 1024][None], tokens[start + 1:start + 1025][None]
            loss = model(x, y)
            if epoch == epochs - 1:
                total += loss.detach() * y.numel()
                count += y.numel()
            sgd.zero_grad()
            loss.backward()
            sgd.step()
    return total.item() / count
"""
