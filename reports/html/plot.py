"""Curves as points of an SVG: axes, ticks and lines in its own units, with no numbers of the submission as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.report import Curve

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 10, 30
_HUES = 6  # as many classes c0 to c5 in the style sheet
_TITLES = {"train_loss": "Training loss, nats per token", "val_loss": "Validation loss, nats per token"}
_TITLES["val_bpb"] = "Validation score, bits per byte"


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in units of the SVG, and what it says."""

    at: float
    label: str


@dataclass(frozen=True)
class Drawn:
    """One curve: its name in the legend, its class, its points as SVG takes them, and its last value."""

    name: str
    hue: int
    points: str
    last: float


@dataclass(frozen=True)
class Plot:
    """One figure: all curves of one name."""

    title: str
    curves: tuple[Drawn, ...]
    horizontal: tuple[Tick, ...]
    vertical: tuple[Tick, ...]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def plots(curves: Sequence[Curve]) -> tuple[Plot, ...]:
    """Return a plot for each of loss and score that the logs print step by step."""
    named = [(name, [curve for curve in curves if curve.name == name]) for name in _TITLES]
    return tuple(_plot(_TITLES[name], found) for name, found in named if found)


def _plot(title: str, curves: Sequence[Curve]) -> Plot:
    values = sorted(value for curve in curves for _, value in curve.points)
    steps = [step for curve in curves for step, _ in curve.points]
    low, high = values[0], values[math.ceil(0.98 * (len(values) - 1))]  # the first steps would flatten the rest
    if high <= low:
        low, high = low - 0.5, high + 0.5
    first, last = min(steps), max(max(steps), min(steps) + 1)

    def across(step: float) -> float:
        return round(_LEFT + (step - first) / (last - first) * (WIDTH - _LEFT - _RIGHT), 1)

    def down(value: float) -> float:
        share = (min(value, high) - low) / (high - low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)

    several = {(curve.log, curve.run) for curve in curves if curve.run > 1}
    drawn = tuple(
        Drawn(
            name=f"{curve.log}, run {curve.run}" if (curve.log, 2) in several else curve.log,
            hue=number % _HUES,
            points=" ".join(f"{across(step)},{down(value)}" for step, value in curve.points),
            last=curve.points[-1][1],
        )
        for number, curve in enumerate(curves)
    )
    return Plot(
        title,
        drawn,
        tuple(Tick(across(at), f"{at:,.0f}") for at in ticks(first, last)),
        tuple(Tick(down(at), f"{at:g}") for at in ticks(low, high)),
    )


def ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Return round values between two bounds, some ``about`` of them."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    stride = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    start = math.ceil(low / stride - 1e-9)
    return tuple(round(number * stride, 9) for number in range(start, math.floor(high / stride + 1e-9) + 1))
