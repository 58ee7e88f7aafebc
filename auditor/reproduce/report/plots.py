"""The plots of a report, as SVG: curves per seed, seconds per phase, bytes by part, claim against runs."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from statistics import fmean
from typing import TYPE_CHECKING, Any, cast

from auditor.regex import regex
from auditor.reproduce.model import Measured, Reproduction, cap_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (5.0, 2.6)  # a phone shows it at three quarters of this, and its words can still be read
_LOW = 3.1  # inches, with a legend below
_PROLOGUE = regex(r"\A.*?(?=<svg)", re.DOTALL)
_METADATA = regex(r"<metadata>.*?</metadata>", re.DOTALL)
_GROUP_ID = regex(r'(?<=<g) id="[^"]*"')  # nothing refers to them, and every plot of a page would have the same
_INK = "#010203"  # stands for the colour of the page's text, light or dark
_STYLE: Any = {
    "svg.hashsalt": "golf-audit", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    "text.color": _INK, "axes.edgecolor": _INK, "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK,
}  # fmt: skip


def draw(found: Reproduction) -> Iterator[tuple[str, str]]:
    """Yield (title, SVG) of every plot that there is something to draw for; equal input gives equal bytes.

    They are transparent and take lines and words in the colour of the page's text.
    """
    done = [run for run in found.runs if run.status == "done"]
    wanted: list[tuple[str, bool, Callable[[Axes], None]]] = [
        ("Training loss", any(run.losses for run in done), lambda axes: _losses(axes, done)),
        ("val_bpb during training", any(len(run.scores) > 1 for run in done), lambda axes: _scores(axes, done)),
        ("Claim and runs", any(run.val_bpb is not None for run in done), lambda axes: _claim(axes, found, done)),
        ("Seconds by phase", any(run.phases for run in done), lambda axes: _phases(axes, done)),
        ("Artifact by part", any(run.parts for run in done), lambda axes: _parts(axes, done)),
    ]
    for title, there, paint in wanted:
        if there:
            yield title, _svg(paint)


def _svg(paint: Callable[[Any], None]) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    drawn = _METADATA.sub("", _PROLOGUE.sub("", out.getvalue()))
    return _GROUP_ID.sub("", drawn).replace(_INK, "currentColor")


def _losses(axes: Axes, runs: list[Measured]) -> None:
    for run in runs:
        axes.plot(*zip(*run.losses, strict=True), label=f"seed {run.seed}", linewidth=1)
    axes.set_xlabel("step")
    axes.set_ylabel("nats per token")
    axes.legend(frameon=False)


def _scores(axes: Axes, runs: list[Measured]) -> None:
    for run in runs:
        axes.plot(*zip(*run.scores, strict=True), label=f"seed {run.seed}", marker="o", markersize=3, linewidth=1)
    axes.set_xlabel("step")
    axes.set_ylabel("val_bpb")
    axes.legend(frameon=False)


def _claim(axes: Axes, found: Reproduction, runs: list[Measured]) -> None:
    """Draw the scores of the runs with their interval, and those of the claim where there is one."""
    scores = [run.val_bpb for run in runs if run.val_bpb is not None]
    rows = [("runs", scores)]
    if found.claim is not None and found.claim.scores:
        comparable = not found.judgement.missing
        rows.append(("claim" if comparable else "claim (not comparable)", list(found.claim.scores)))
    for height, (_, values) in enumerate(rows):
        axes.plot(values, [height] * len(values), "o", markersize=5, alpha=0.7)
        axes.plot([fmean(values)], [height], "|", markersize=18, color=_INK)
    if found.judgement.interval is not None:
        axes.plot(found.judgement.interval, [0, 0], color=_INK, linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("val_bpb (bar: mean, line: 95 % interval)")


def _phases(axes: Axes, runs: list[Measured]) -> None:
    _stack(axes, [(f"seed {run.seed}", list(run.phases)) for run in runs if run.phases])
    axes.set_xlabel("seconds")


def _parts(axes: Axes, runs: list[Measured]) -> None:
    _stack(axes, [(f"seed {run.seed}", [(name, size / 1e6) for name, size in run.parts]) for run in runs if run.parts])
    largest = max((run.artifact_bytes or 0) for run in runs)
    if largest > cap_bytes() / 4:
        axes.axvline(cap_bytes() / 1e6, color="#c03030", linewidth=1)
    axes.set_xlabel(f"megabytes; the cap is {cap_bytes() / 1e6:g}")


def _stack(axes: Axes, rows: list[tuple[str, list[tuple[str, float]]]]) -> None:
    """Draw each row as a bar of its parts, with a colour for each name; parts too small to see stay unnamed."""
    import matplotlib

    names = list(dict.fromkeys(name for _, parts in rows for name, _ in parts))
    whole = max(sum(value for _, value in parts) for _, parts in rows) or 1.0
    colours = matplotlib.colormaps["tab20"]
    told: set[str] = set()
    for height, (_, parts) in enumerate(rows):
        left = 0.0
        for name, value in parts:
            label = name if name not in told and value > 0.01 * whole else None
            told.update({name} if label else ())
            axes.barh(height, value, left=left, height=0.6, color=colours(names.index(name) % 20), label=label)
            left += value
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    cast("Figure", axes.figure).set_figheight(_LOW)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.45, -0.22))
