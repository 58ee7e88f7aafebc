"""The reference model as what is to be run: its command, its claim, and what that takes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.regex import regex
from auditor.reproduce.conditions import same_machine
from auditor.reproduce.model import Budget, Claim, Machine, Plan, PlannedRun, cap_bytes
from auditor.reproduce.plan import Wanted, choose_processes, choose_seeds, launcher, threads

if TYPE_CHECKING:
    from reference_model.presets import Preset

DEMO, FRONTIER = "demo", "f1493"
_HARDWARE = regex(r"(?P<count>\d+)\s?x\s?(?P<name>.+)")
_PARTS_OF_DISK = 3  # artifact, the same while it is written, log and record
_CALIBRATED_EVALUATION = 0.6  # of training: what scoring a preset took where it was timed


def plan_reference(wanted: Wanted, machine: Machine) -> tuple[Plan, Claim | None]:
    """Return what runs and what it is held against; raises BadInput (reference_model.errors), CannotReproduce."""
    from reference_model.cli import changed
    from reference_model.presets import load
    from reference_model.train.threads import worth

    name, notes = _preset_name(wanted, machine)
    preset = load(name)
    config = changed(preset.config, wanted.changes)  # refuses what isn't there before anything runs
    processes = choose_processes(wanted.processes, machine)
    environment = threads(machine, processes, worth(config, machine.cores // processes))
    output = wanted.output or Path("runs", f"reproduce-{preset.name}")
    data = wanted.data or (None if preset.config.data.tokenizer == DEMO else Path("data"))
    budget, sets = _budget(wanted.budget, preset)
    claim = claim_of(preset)
    known = [row.seed for row in preset.published if row.seed is not None]
    runs = tuple(
        _run(name, seed, output / f"seed_{seed}", (*sets, *wanted.changes), data, processes, environment)
        for seed in choose_seeds(wanted.seeds, known)
    )
    if claim is not None and not same_machine(machine, claim):
        notes = (*notes, f"the published runs had {claim.hardware}: scores of another machine can't stand for theirs")
    seconds = _seconds(preset, budget, bool(wanted.changes))
    plan = Plan(
        subject=f"preset {preset.name}",
        kind="reference",
        runs=runs,
        processes=processes,
        data=data,
        output=output,
        budget=budget,
        capped=budget.given or config.schedule.cap_seconds > 0,
        machine=machine,
        changes=wanted.changes,
        seconds=None if seconds is None else seconds * len(runs),
        disk_bytes=_disk(preset) * len(runs),
        notes=notes,
        tokenizer=preset.config.data.tokenizer,
        wall=wanted.wall,
    )
    return plan, claim


def claim_of(preset: Preset) -> Claim | None:
    """Return the published results that a preset stands for; None where there are none."""
    from reference_model.data.variants import official

    rows = preset.published
    if not rows:
        return None
    hardware = _HARDWARE.fullmatch(rows[0].hardware)
    variant = official(preset.config.data.tokenizer)
    return Claim(
        source=", ".join(dict.fromkeys(row.source for row in rows)),
        scores=tuple(row.final for row in rows),
        artifact_bytes=tuple(row.total_bytes for row in rows if row.total_bytes is not None),
        train_seconds=tuple(row.train_s for row in rows if row.train_s is not None),
        eval_seconds=tuple(row.eval_s for row in rows if row.eval_s is not None),
        val_tokens=variant.val_targets if variant else None,
        gpus=int(hardware["count"]) if hardware else 0,
        gpu=hardware["name"] if hardware else rows[0].hardware,
        invalid=next((row.note or "not the bpb of any distribution" for row in rows if row.final_invalid), ""),
    )


def _preset_name(wanted: Wanted, machine: Machine) -> tuple[str, tuple[str, ...]]:
    """Return the preset that was asked for, else the demo's where a GPU or data is lacking, and a line that says so."""
    if wanted.preset is not None:
        return wanted.preset, ()
    if not machine.gpus:
        return DEMO, (f"no GPU here: preset {DEMO}, which is made for a few CPU cores (--preset names another)",)
    if not _has_data(wanted.data or Path("data")):
        return DEMO, (f"no shards in {wanted.data or 'data'}: preset {DEMO} ('golf-audit data fetch' gets them)",)
    return FRONTIER, ()


def _has_data(folder: Path) -> bool:
    from reference_model.data.folder import locate
    from reference_model.errors import BadInput
    from reference_model.presets import load

    try:
        locate(folder, load(FRONTIER).config.data.tokenizer)
    except BadInput:
        return False
    return True


def _run(
    preset: str,
    seed: int,
    folder: Path,
    sets: tuple[str, ...],
    data: Path | None,
    processes: int,
    environment: Mapping[str, str],
) -> PlannedRun:
    command = [*launcher(sys.executable, processes), "-m", "reference_model", "--preset", preset]
    command += ["--seed", str(seed), "--out", str(folder)]
    command += ["--data", str(data)] if data is not None else []
    for change in sets:
        command += ["--set", change]
    return PlannedRun(seed, folder, tuple(command), environment, resume=folder / "checkpoint.pt")


def _budget(given: Budget, preset: Preset) -> tuple[Budget, tuple[str, ...]]:
    """Return the caps that count, and the settings that hand them to the run: the user's, else the preset's own."""
    config = preset.config
    if not given.given:
        usual = Budget()
        train, evaluate = config.schedule.cap_seconds, config.evaluate.cap_seconds
        return Budget(train or usual.train, evaluate or usual.evaluate), ()
    sets = (f"schedule.cap_seconds={given.train:g}", f"evaluate.cap_seconds={given.evaluate:g}")
    return given, sets


def _seconds(preset: Preset, budget: Budget, changed: bool) -> float | None:
    """Return about how long one run takes: its capped training, and scoring as it was published or in proportion."""
    if changed or not preset.config.schedule.cap_seconds:
        return None
    published = [row.eval_s for row in preset.published if row.eval_s is not None]
    evaluation = max(published) if published else _CALIBRATED_EVALUATION * budget.train
    return budget.train + evaluation


def _disk(preset: Preset) -> int:
    from reference_model.model.size import parameters

    return _PARTS_OF_DISK * min(parameters(preset.config.model), cap_bytes())
