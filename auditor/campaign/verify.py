"""Carrying a campaign out: runs through an executor, each written down as it ends, and a report on what there is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from auditor.campaign.model import CampaignPlan, Report, Seed
from auditor.campaign.standing import not_run, report, standing
from auditor.executors.model import Executor
from auditor.reproduce.afar import Ended, carry_out_afar
from auditor.reproduce.measure import measure
from auditor.reproduce.model import PlannedRun
from auditor.reproduce.record import read_record
from auditor.reproduce.reproduce import look_back

RUNS = "runs.jsonl"
_CURVES = ("losses", "scores", "phases", "parts")


def verify(plan: CampaignPlan, executor: Executor, tell: Callable[[Ended], None]) -> None:
    """Run what isn't done, with a line in ``runs.jsonl`` for each seed that ends."""
    plan.campaign.output.mkdir(parents=True, exist_ok=True)
    numbers = {id(each.afar): each.pr for each in plan.planned}
    with (plan.campaign.output / RUNS).open("ab", buffering=0) as file:

        def ended(end: Ended) -> None:
            if not end.before:
                line = json.dumps(_line(end, numbers[id(end.afar)]), separators=(",", ":"))
                file.write(line.encode("ascii") + b"\n")
                os.fsync(file.fileno())
            tell(end)

        carry_out_afar([each.afar for each in plan.planned], executor, ended, resume=True)


def look_at(plan: CampaignPlan) -> Report:
    """Return what the recorded runs of a campaign show by now."""
    found = []
    for each in plan.planned:
        seeds = [_seed(run) for run in each.afar.job.plan.runs]
        found.append(standing(each, look_back(each.afar.job), seeds))
    return report(plan, [*found, *map(not_run, plan.refused)])


def read_runs(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a campaign's ``runs.jsonl``: of each submission's seed the last one.

    What isn't a line of it is left out: an interrupted write leaves half a line.
    """
    found: dict[tuple[str, int], dict[str, Any]] = {}
    with path.open("rb") as file:
        for line in file:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict) and isinstance(row.get("submission"), str) and isinstance(row.get("seed"), int):
                found[row["submission"], row["seed"]] = row
    return list(found.values())


def _line(end: Ended, pr: int | None) -> dict[str, Any]:
    run = measure(end.run)
    shown = {name: value for name, value in msgspec.to_builtins(run, enc_hook=str).items() if name not in _CURVES}
    return {
        "submission": end.afar.job.plan.subject,
        "pr": pr,
        **shown,
        "artifact_bytes": run.artifact_bytes,
        "reason": end.reason,
        "node": end.node,
        "attempts": end.attempts,
        "folder": str(end.run.folder),
    }


def _seed(run: PlannedRun) -> Seed:
    record = read_record(run) or {}
    return Seed(run.seed, str(record.get("node") or ""), int(record.get("attempts") or 1))
