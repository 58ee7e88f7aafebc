"""Runs and claims side by side, as plain rows for any renderer."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from auditor.evidence.model import Evidence
from auditor.evidence.printed import Reading, Value
from auditor.evidence.run import Run


class RunRow(Struct, frozen=True):
    """One run beside what is claimed for its seed; ``lines`` says which line of the log gives a column."""

    log: str
    seed: int | None
    metric: str | None
    val_bpb: float | None
    claimed_bpb: float | None
    val_loss: float | None
    artifact_bytes: int | None
    claimed_bytes: int | None
    train_seconds: float | None
    eval_seconds: float | None
    steps: int | None
    world_size: int | None
    train_shards: int | None
    val_tokens: int | None
    lines: dict[str, int]


COLUMNS = tuple(name for name in RunRow.__struct_fields__ if name != "lines")


def rows(evidence: Evidence) -> Iterator[RunRow]:
    """Yield a row per run, in the order of the logs."""
    bpb = {c.seed: c.value for c in evidence.metadata.all("val_bpb", per_seed=True)}
    size = {c.seed: c.value for c in evidence.metadata.all("artifact_bytes", per_seed=True)}
    for run in evidence.runs:
        yield _row(run, evidence.sizes.code_bytes, bpb, size)


def _row(run: Run, code: int | None, bpb: dict[int | None, float], size: dict[int | None, float]) -> RunRow:
    measured, score = run.measured(code), run.score
    places: dict[str, Reading | None] = {
        "seed": run.seed,
        "artifact_bytes": run.artifact_bytes,
        "train_seconds": run.train_seconds,
        "eval_seconds": run.eval_seconds,
        "steps": run.steps,
        "world_size": run.world_size,
        "train_shards": _int(run.first("train_shards")),
        "val_tokens": _int(run.first("val_tokens")),
    }
    lines = {name: v.line for name, v in places.items() if v is not None and v.line is not None}
    if score is not None:
        lines["val_bpb"] = score.line
    claimed = size.get(measured.seed) if measured.seed is not None else None
    return RunRow(
        log=run.path,
        seed=measured.seed,
        metric=score.label if score else None,
        val_bpb=measured.val_bpb,
        claimed_bpb=bpb.get(measured.seed) if measured.seed is not None else None,
        val_loss=measured.val_loss,
        artifact_bytes=measured.artifact_bytes,
        claimed_bytes=None if claimed is None else round(claimed),
        train_seconds=measured.train_seconds,
        eval_seconds=measured.eval_seconds,
        steps=measured.steps,
        world_size=measured.world_size,
        train_shards=_value(places["train_shards"]),
        val_tokens=_value(places["val_tokens"]),
        lines=lines,
    )


def _int(value: Value[float] | None) -> Value[int] | None:
    return None if value is None else Value(int(value.value), value.path, value.line)


def _value(value: Reading | None) -> int | None:
    return None if value is None else int(value.value)
