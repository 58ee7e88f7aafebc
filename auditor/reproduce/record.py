"""``run.json``: what was run, where, on what, and how it ended. One per seed; --resume reads it back."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from auditor.durable import write_text
from auditor.reproduce.data import file_hash
from auditor.reproduce.launch import Exit, log_path
from auditor.reproduce.model import CannotReproduce, Commit, Machine, Plan, PlannedRun, Status

RECORD = "run.json"
SCHEMA_VERSION = 1


def fingerprint(plan: Plan, run: PlannedRun) -> str:
    """Return what tells runs apart that are not of one reproduction: command without places, environment, caps."""
    folder = str(run.folder.resolve())
    places = {str(run.folder), run.command[0]}
    words = [word for word in run.command if word not in places and not word.startswith(folder)]
    files = [file_hash(Path(word)) for word in words if Path(word).is_file()]  # a preset of the user's own
    content = [plan.subject, words, files, sorted(run.given.items()), plan.budget.train, plan.budget.evaluate]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def read_record(run: PlannedRun) -> dict[str, Any] | None:
    """Return a seed's record, None where there is none that is ours and whole."""
    path = run.folder / RECORD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # not begun, or broken off before it was written
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        return None
    return content


def recorded_machine(run: PlannedRun) -> Machine | None:
    """Return the machine that a seed ran on, as its record has it; None where there is none."""
    record = read_record(run)
    try:
        return None if record is None else msgspec.convert(record.get("machine"), Machine)
    except msgspec.ValidationError:
        return None


def finished(plan: Plan, run: PlannedRun) -> bool:
    """Return whether a seed's run is done; raises :class:`CannotReproduce` where another command made it."""
    content = read_record(run)
    if content is None:
        return False
    if content.get("fingerprint") != fingerprint(plan, run):
        raise CannotReproduce(f"{run.folder}: made by another command or budget; give another --output")
    return content.get("status") == "done"


def write_record(
    plan: Plan,
    run: PlannedRun,
    end: Exit,
    *,
    status: Status,
    started: datetime,
    commit: Commit,
    data: Mapping[str, object],
    artifact: Path | None,
    code_bytes: int | None,
    stand_ins: tuple[str, ...],
) -> None:
    """Write a seed's record. What the reference model wrote under the same name becomes its ``result``."""
    own = run.folder / RECORD
    log = log_path(run)
    content = {
        "schema_version": SCHEMA_VERSION,
        "subject": plan.subject,
        "seed": run.seed,
        "status": status,
        "reason": end.reason,
        "exit_code": end.code,
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round(end.seconds, 3),
        "peak_memory_bytes": end.peak_memory,
        "fingerprint": fingerprint(plan, run),
        "commit": msgspec.to_builtins(commit, enc_hook=str),
        "machine": msgspec.to_builtins(plan.machine, enc_hook=str),
        "held_by": plan.held_by,
        "stand_ins": list(stand_ins),
        "command": list(run.command),
        "environment": {"given": dict(run.given), "defaulted": _defaulted(run)},
        "data": dict(data),
        "artifact": _file(artifact),
        "code_bytes": code_bytes,
        "log": _file(log if log.is_file() else None),
        "result": _result(own) if plan.kind == "reference" and status == "done" else None,
    }
    write_text(own, json.dumps(content, indent=2) + "\n")


def _result(path: Path) -> object:
    """Return what the reference model says of its own run."""
    return json.loads(path.read_text(encoding="utf-8"))


def _file(path: Path | None) -> dict[str, object] | None:
    if path is None:
        return None
    return {"path": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}


def _defaulted(run: PlannedRun) -> dict[str, str]:
    """Return the variables that no one gave on purpose and that libraries read all the same."""
    prefixes = ("CUDA_", "NCCL_", "OMP_", "MKL_", "TORCH", "PYTORCH_", "TRITON_")
    return {
        name: value for name, value in sorted(os.environ.items()) if name.startswith(prefixes) and name not in run.given
    }
