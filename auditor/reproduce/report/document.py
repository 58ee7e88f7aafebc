"""The report for programs: JSON that changes only by adding."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from auditor.reproduce.model import Measured, Plan, Reproduction

SCHEMA_VERSION = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain data: seconds, bytes, paths as text."""
    return {
        "subject": plan.subject,
        "kind": plan.kind,
        "processes": plan.processes,
        "data": None if plan.data is None else str(plan.data),
        "output": str(plan.output),
        "budget": {"train_seconds": plan.budget.train, "eval_seconds": plan.budget.evaluate},
        "machine": msgspec.to_builtins(plan.machine, enc_hook=str) | {"hardware": plan.machine.hardware},
        "held_by": plan.held_by,
        "stand_ins": plan.stand_ins,
        "changes": list(plan.changes),
        "seconds": plan.seconds,
        "disk_bytes": plan.disk_bytes,
        "notes": list(plan.notes),
        "runs": [
            {"seed": run.seed, "folder": str(run.folder), "command": list(run.command), "environment": dict(run.given)}
            for run in plan.runs
        ],
    }


def document(found: Reproduction) -> dict[str, Any]:
    """Return the whole reproduction as plain data."""
    judgement = found.judgement
    sample = judgement.sample
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": judgement.verdict,
        "because": judgement.because,
        "plan": plan_document(found.plan),
        "commit": msgspec.to_builtins(found.commit, enc_hook=str),
        "claim": None
        if found.claim is None
        else msgspec.to_builtins(found.claim, enc_hook=str) | {"hardware": found.claim.hardware},
        "runs": [_run(run) for run in found.runs],
        "val_bpb": None
        if sample is None
        else {
            "mean": sample.mean,
            "sd": sample.sd,
            "n": sample.n,
            "interval_95": None if judgement.interval is None else list(judgement.interval),
            "p_equivalent": judgement.p_equivalent,
            "p_record": judgement.p_bar,
        },
        "checks": [msgspec.to_builtins(check, enc_hook=str) for check in judgement.checks],
        "missing": list(judgement.missing),
        "concluded": list(judgement.concluded),
    }


def render(found: Reproduction) -> str:
    """Return the document as JSON text."""
    return json.dumps(document(found), indent=2) + "\n"


def _run(run: Measured) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(run, enc_hook=str)
    return shown | {"artifact_bytes": run.artifact_bytes}
