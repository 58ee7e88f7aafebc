"""A campaign's runs as a data frame, and what their seeds say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from auditor.evidence.statistics import Sample, confidence_interval

_FIRST = ("submission", "pr", "seed", "status", "val_bpb", "artifact_bytes", "train_seconds", "eval_seconds")
_WHOLE = (
    "pr",
    "seed",
    "artifact_bytes",
    "model_bytes",
    "code_bytes",
    "printed_bytes",
    "steps",
    "parameters",
    "attempts",
)


def runs_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a campaign's runs (:func:`auditor.campaign.verify.read_runs`), a row for each seed."""
    frame = pd.DataFrame.from_records([dict(row) for row in rows])
    for name in _FIRST:
        if name not in frame:
            frame[name] = None
    for name in _WHOLE:
        if name in frame:
            frame[name] = frame[name].astype("Int64")
    for name in ("val_bpb", "val_loss", "train_seconds", "eval_seconds", "wall_seconds"):
        if name in frame:
            frame[name] = pd.to_numeric(frame[name])
    for name in ("invalid", "stand_ins"):
        if name in frame:
            frame[name] = frame[name].map(lambda values: "; ".join(values) if isinstance(values, list) else "")
    return frame[[*_FIRST, *(name for name in frame.columns if name not in _FIRST)]]


def seed_statistics(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each submission: runs planned, done, ``mean``, ``sd`` (n - 1) and 95 % interval of val_bpb.

    A run that failed counts as planned and has no score. The last row, "(all)", pools the spread within submissions:
    its sd is the root of their mean variance, weighted by degrees of freedom.
    """
    done = runs[(runs["status"] == "done") & runs["val_bpb"].notna()]
    groups = done.groupby("submission")["val_bpb"]
    out = pd.DataFrame({"runs": runs.groupby("submission").size()})
    out["n"] = groups.size().reindex(out.index, fill_value=0)
    out["mean"] = groups.mean().reindex(out.index)
    out["sd"] = groups.std(ddof=1).reindex(out.index)
    ends = [_interval(row.n, row.mean, row.sd) for row in out.itertuples()]
    out["low"], out["high"] = [low for low, _ in ends], [high for _, high in ends]
    known = out[out["sd"].notna()]
    freedom = (known["n"] - 1).sum()
    pooled = float(((known["n"] - 1) * known["sd"] ** 2).sum() / freedom) ** 0.5 if freedom else float("nan")
    nothing = float("nan")
    out.loc["(all)"] = [out["runs"].sum(), out["n"].sum(), nothing, pooled, nothing, nothing]
    out[["runs", "n"]] = out[["runs", "n"]].astype(int)
    return out.reset_index()


def _interval(n: Any, mean: Any, sd: Any) -> tuple[float, float]:
    if n < 2:
        return float("nan"), float("nan")
    return confidence_interval(Sample(float(mean), float(sd), int(n)))
