"""Plans, claims and runs as the judge gets them, without running anything."""

from __future__ import annotations

from pathlib import Path

from auditor.reproduce.model import Budget, Claim, Machine, Measured, Plan, PlannedRun

HERE = Machine(gpus=(), cpu="two slow cores", cores=2, memory_bytes=8 << 30, system="Linux")
EIGHT = Machine(gpus=("NVIDIA H100 80GB HBM3",) * 8, cpu="many cores", cores=96, memory_bytes=1 << 40, system="Linux")
SCORES = (1.0810, 1.0813, 1.0816)
TOKENS = 40_540_160


def a_claim(scores=SCORES, **more):
    return Claim(source="submission.json", scores=tuple(scores), val_tokens=TOKENS, **more)


def a_plan(machine=EIGHT, runs=3, **more):
    fields = {"processes": max(1, len(machine.gpus)), "budget": Budget(), **more}
    planned = tuple(PlannedRun(seed, Path("out", f"seed_{seed}"), ("python",)) for seed in range(runs))
    return Plan("a submission", "submission", planned, data=None, output=Path("out"), machine=machine, **fields)


def a_run(seed, score, **more):
    fields = {
        "train_seconds": 590.0,
        "eval_seconds": 400.0,
        "model_bytes": 15_900_000,
        "code_bytes": 60_000,
        "val_tokens": TOKENS,
        **more,
    }
    return Measured(seed, fields.pop("status", "done"), val_bpb=score, **fields)


def runs_of(scores, **more):
    return tuple(a_run(seed, score, **more) for seed, score in enumerate(scores))
