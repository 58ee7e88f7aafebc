"""Reading a finished run back: its log through ``evidence``, its files from disk. Nothing is taken from a claim."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from auditor.evidence.logs import read_log
from auditor.evidence.run import Run
from auditor.evidence.text import Unreadable
from auditor.program.unpack.decoders import inflate
from auditor.program.unpack.model import Refused
from auditor.regex import regex
from auditor.reproduce.launch import log_path
from auditor.reproduce.model import Measured, PlannedRun, Status
from auditor.reproduce.record import read_record

_STEP = regex(
    r"\bstep\s?[:=]?\s?(\d{1,9})(?:/\d{1,9})?\b[^\n]{0,80}?\b(train_loss|val_bpb|val_loss)\s?[:=]\s?(\d{1,3}\.\d{1,12})"
)
_SCORE = regex(r"\bval_bpb\s?[:=]\s?(\d{1,3}\.\d{1,12})")
_PHASE = regex(r"^phase:(\w{1,40}) wall_ms:(\d{1,12})\s*$", re.MULTILINE)
_PARAMETERS = regex(r"\b(?:model_params|total_params|n_params|parameters)\s?[:=]\s?(\d{1,3}(?:,\d{3}){1,4}|\d{2,12})\b")
_INVALID = regex(r"^invalid: (.{1,300})$", re.MULTILINE)
_MAGIC = b"GOLFREF1"
_LARGEST_LOG = 64 << 20
_LARGEST_INDEX, _MOST_STREAMS = 1 << 20, 100
_MIB = 1 << 20


def measure(run: PlannedRun) -> Measured:
    """Return what a run that was recorded shows; one that never began is ``interrupted``."""
    record = read_record(run)
    if record is None:
        return Measured(run.seed, "interrupted", "it hasn't run")
    text = _log(run)
    read = _evidence(run)
    artifact = record.get("artifact") or {}
    status: Status = record["status"]
    score = read.score if read is not None else None
    return Measured(
        seed=run.seed,
        status=status,
        reason=str(record.get("reason") or ""),
        val_bpb=score.val_bpb if score is not None and score.role == "final" else None,
        val_loss=read.val_loss if read is not None else None,
        train_seconds=read.train_seconds.value if read is not None and read.train_seconds else None,
        eval_seconds=read.eval_seconds.value if read is not None and read.eval_seconds else None,
        wall_seconds=record.get("wall_seconds"),
        steps=read.steps.value if read is not None and read.steps else None,
        parameters=printed_parameters(text),
        model_bytes=artifact.get("bytes"),
        code_bytes=record.get("code_bytes"),
        printed_bytes=printed_total(read),
        peak_memory=_peak(record, read),
        val_tokens=_whole(read, "val_tokens"),
        world_size=read.world_size.value if read is not None and read.world_size else None,
        invalid=tuple(_INVALID.findall(text)),
        stand_ins=tuple(record.get("stand_ins") or ()),
        losses=tuple(_curve(text, "train_loss")),
        scores=tuple(_validations(text)),
        phases=tuple((name, int(spent) / 1000) for name, spent in _PHASE.findall(text) if name != "all"),
        parts=tuple(_parts(run, record)),
    )


def printed_parameters(text: str) -> int | None:
    """Return the parameters that a log prints, None where it prints none."""
    found = _PARAMETERS.search(text)
    return int(found[1].replace(",", "")) if found else None


def printed_total(run: Run | None) -> int | None:
    """Return model and code as the log totals them: its last printed total, small or large."""
    if run is None:
        return None
    totals = run.numbers("total_bytes")
    return int(totals[-1].value) if totals else None


def printed_sizes(run: PlannedRun) -> frozenset[int]:
    """Return the sizes that a run's log prints for its model, in bytes."""
    read = _evidence(run)
    return frozenset() if read is None else frozenset(int(value.value) for value in read.numbers("model_bytes"))


def _log(run: PlannedRun) -> str:
    path = log_path(run)
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_LARGEST_LOG).decode("utf-8", errors="replace")


def _evidence(run: PlannedRun) -> Run | None:
    path = log_path(run)
    if not path.is_file():
        return None
    try:
        runs = read_log(path.name, path.read_bytes()).runs
    except Unreadable:
        return None
    return runs[-1] if runs else None


def _curve(text: str, name: str) -> Iterator[tuple[int, float]]:
    for step, label, value in _STEP.findall(text):
        if label == name:
            yield int(step), float(value)


def _validations(text: str) -> Iterator[tuple[int, float]]:
    """Yield (step, bpb) of the validations during training."""
    for line in text.splitlines():
        step, score = _STEP.search(line), _SCORE.search(line)
        if step and score:
            yield int(step[1]), float(score[1])


def _peak(record: dict[str, Any], read: Run | None) -> int | None:
    """Return the largest peak that the log prints, else what the sandbox saw (a GPU that is stood in for holds 0)."""
    printed = read.numbers("peak_mib") if read is not None else ()
    largest = max((int(value.value) for value in printed), default=0)
    seen: int | None = record.get("peak_memory_bytes")
    return largest * _MIB if largest else seen


def _whole(read: Run | None, name: str) -> int | None:
    found = read.numbers(name) if read is not None else ()
    return int(found[0].value) if found else None


def _parts(run: PlannedRun, record: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield what the artifact's bytes go to: the streams of our own container, else the model as one; and the code."""
    artifact = record.get("artifact")
    if artifact is not None:
        streams = container_parts(run.folder / artifact["path"])
        yield from streams or [("model", artifact["bytes"])]
    if record.get("code_bytes") is not None:
        yield "code", record["code_bytes"]


class _Index(msgspec.Struct):
    """What is read of a container's index: each stream's name and, last, its bytes."""

    streams: list[tuple[str, Any, Any, Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]]]


def container_parts(path: Path) -> Sequence[tuple[str, int]]:
    """Return the bytes of each stream of a reference model's artifact, and of its index; empty for other files."""
    if not path.is_file():
        return ()
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:8] != _MAGIC:
            return ()
        (length,) = struct.unpack("<I", head[8:])
        if length > _LARGEST_INDEX:
            return ()
        packed = file.read(length)
    try:
        index = msgspec.json.decode(inflate(packed).data, type=_Index)
    except (Refused, msgspec.MsgspecError, RecursionError):
        return ()  # a stranger's file may begin as ours do
    streams = [("model" if name == "all" else name, size) for name, _, _, size in index.streams[:_MOST_STREAMS]]
    return [*streams, ("index", 12 + length)]
