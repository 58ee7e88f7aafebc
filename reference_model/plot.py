"""The loss of runs as a picture: training and validation loss by step, from their logs.

``python -m reference_model.plot LOG... PICTURE`` writes PICTURE (.svg or .png).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_STEP = re.compile(r"^step:(?P<step>\d+)/\d+ (?P<what>train|val)_loss:(?P<loss>\d+\.\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Curve:
    """Steps and losses (nats a token) of one kind in one log."""

    steps: tuple[int, ...]
    losses: tuple[float, ...]


def curve(log: str, what: str) -> Curve:
    """Return the curve of ``what`` ("train" or "val") that the lines of ``log`` hold."""
    found = [(int(m["step"]), float(m["loss"])) for m in _STEP.finditer(log) if m["what"] == what]
    return Curve(tuple(step for step, _ in found), tuple(loss for _, loss in found))


def plot(logs: Sequence[Path], picture: Path) -> None:
    """Draw the losses in ``logs`` into the file ``picture``, the same bytes for the same logs and matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "golf-audit"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for index, path in enumerate(logs):
        text, color = path.read_text(encoding="utf-8"), f"C{index}"
        train, val = curve(text, "train"), curve(text, "val")
        axes.plot(train.steps, train.losses, color=color, linewidth=0.8, alpha=0.6, label=f"{path.stem}, training")
        axes.plot(val.steps, val.losses, "o-", color=color, markersize=4, label=f"{path.stem}, validation")
    axes.set_xlabel("step")
    axes.set_ylabel("loss, nats a token")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)
    pyplot.close(figure)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python -m reference_model.plot LOG... PICTURE")
    plot([Path(name) for name in sys.argv[1:-1]], Path(sys.argv[-1]))
