"""Results drawn with matplotlib: verdicts by week, rules, scores over time, seeds of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from auditor.frames.groups import frontier, grouped
from auditor.frames.runs import seed_statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"FLAG": "#b0171f", "UNREADABLE": "#0b6e75", "HOLD": "#c98a1b", "INCOMPLETE": "#8d6cc9", "CLEAN": "#2a8a4a"}
_OTHER = "#8a8f98"
_MOST_RULES = 20


def verdicts_by_week(results: pd.DataFrame, axes: Axes) -> None:
    """Draw a bar for each week, its submissions stacked by verdict."""
    weeks = grouped(results, "week")
    floor = pd.Series(0, index=weeks.index)
    for verdict in [name for name in weeks.columns if name.isupper()]:
        axes.bar(
            weeks["week"], weeks[verdict], width=6, bottom=floor, label=verdict, color=_COLOURS.get(verdict, _OTHER)
        )
        floor = floor + weeks[verdict]
    axes.set_ylabel("submissions")
    axes.legend(frameon=False)


def rules(results: pd.DataFrame, axes: Axes) -> None:
    """Draw how many submissions meet each rule, the most frequent on top."""
    counts = grouped(results, "rule").head(_MOST_RULES)[::-1]
    axes.barh(counts["rule"], counts["submissions"], color=_COLOURS["FLAG"])
    axes.set_xlabel("submissions")


def scores(results: pd.DataFrame, axes: Axes, *, lowest: float = 0.0, highest: float = 1.4) -> None:
    """Draw val_bpb over the days, by verdict, and the best of what isn't flagged as a line."""
    known = results[results["val_bpb"].between(lowest, highest) & results["day"].notna()]
    for verdict, group in known.groupby("verdict"):
        axes.scatter(group["day"], group["val_bpb"], s=8, alpha=0.6, label=verdict, color=_COLOURS.get(verdict, _OTHER))
    best = frontier(known)
    axes.step(best["day"], best["val_bpb"], where="post", color="black", linewidth=1, label="best, not flagged")
    axes.set_ylabel("val_bpb")
    axes.legend(frameon=False)


def seeds(runs: pd.DataFrame, axes: Axes) -> None:
    """Draw the scores of a campaign's seeds, a row for each submission, with the 95 % interval of their mean."""
    table = seed_statistics(runs)
    table = table[(table["submission"] != "(all)") & (table["n"] > 0)].sort_values("mean", ascending=False)
    rows: dict[Any, int] = {name: row for row, name in enumerate(table["submission"])}
    done = runs[runs["submission"].isin(rows) & runs["val_bpb"].notna()]
    axes.plot(done["val_bpb"], done["submission"].map(rows), "o", markersize=5, alpha=0.7)
    for row, each in enumerate(table.itertuples()):
        if each.n > 1:
            axes.plot([each.low, each.high], [row, row], color="black", linewidth=1)
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set_xlabel("val_bpb")
