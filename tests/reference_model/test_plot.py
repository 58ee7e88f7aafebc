"""Pictures of the loss: what is drawn is what the log says."""

from __future__ import annotations

from pathlib import Path

from reference_model import log
from reference_model.plot import Curve, curve, plot


def test_the_curves_are_the_lines_of_the_log(tmp_path: Path) -> None:
    steps = [log.train_step(20, 800, 5.25, 1.0), log.train_step(40, 800, 4.5, 2.0)]
    lines = [*steps, log.validation(40, 800, 4.75, 2.5, 2.0)]
    text = "\n".join(["seed:1", *lines, "final_int8_brotli_roundtrip val_loss:4.8 val_bpb:2.6"])
    assert curve(text, "train") == Curve((20, 40), (5.25, 4.5))
    assert curve(text, "val") == Curve((40,), (4.75,))
    (tmp_path / "a.log").write_text(text, encoding="utf-8")
    pictures = []
    for name in ("one.svg", "two.svg"):
        plot([tmp_path / "a.log"], tmp_path / name)
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"<?xml")
