"""Every preset's step at full width in bfloat16: milliseconds, tokens a second and peak memory, beside its original.

    python benchmarks/gpu_presets.py [--preset NAME ...] [--script NAME=FILE ...] [--steps 20]

A step is one micro-batch (an eighth of the preset's batch), forward and backward, at the deepest stage, compiled. Each
side runs in a process of its own, one after the other: ours as it trains, a published script (FILE, from a clone of the
challenge) in the sandbox with the GPU passed through and its own attention kernels, which must be installed. Exit code
1 when a loss is not finite or a side fails. ``--device cpu --dim 128 --seq 64`` runs the same code small, on a CPU.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from statistics import median
from typing import Any

import torch
from msgspec.structs import replace

from auditor.sandbox import Limits, Request, run
from reference_model import presets
from reference_model.config import Config, check
from reference_model.data.documents import segment_ids
from reference_model.data.loader import Batch
from reference_model.model import GPT, stages
from reference_model.parity import system
from reference_model.parity.readable import readable
from reference_model.train.objective import Objective
from reference_model.train.precision import place
from reference_model.train.ranks import PIECES

ROOT = Path(__file__).resolve().parents[1]
WARM = 3
_MIB = 1 << 20


def main() -> None:
    """Measure what was asked for and print a row for each side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", action="append", default=[])
    parser.add_argument("--script", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dim", type=int, default=0)
    parser.add_argument("--seq", type=int, default=0)
    parser.add_argument("--side", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        name, file = asked.side
        config = shaped(presets.load(name, "published").config, asked.dim, asked.seq)
        loss_of = ours(config, asked.device) if file == "-" else theirs(config, name, Path(file), asked.device)
        print(json.dumps(measured(loss_of, config, asked.device, asked.steps)))
        return
    if asked.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA GPU here; --device cpu --dim 128 --seq 64 runs the same code small")
    scripts = dict(pair.split("=", 1) for pair in asked.script)
    rest = ["--steps", str(asked.steps), "--device", asked.device, "--dim", str(asked.dim), "--seq", str(asked.seq)]
    failed = False
    print(f"{'preset':<14}{'side':<8}{'ms a step':>10}{'tokens/s':>12}{'peak MiB':>10}{'loss':>9}")
    for name in asked.preset or [each for each in presets.names() if each != "demo"]:
        for side in ("-", *([scripts[name]] if name in scripts else [])):
            found = in_a_process(name, side, rest)
            label = "ours" if side == "-" else "theirs"
            if "error" in found or not math.isfinite(found["loss"]):
                failed = True
                print(f"{name:<14}{label:<8}{found.get('error', 'the loss is not finite')}")
                continue
            print(
                f"{name:<14}{label:<8}{found['ms']:>10.1f}{found['tokens_s']:>12,.0f}{found['mib']:>10,.0f}"
                f"{found['loss']:>9.3f}"
            )
    sys.exit(int(failed))


def in_a_process(name: str, side: str, rest: list[str]) -> dict[str, Any]:
    """Return what one side measured; {"error": one line} when it failed."""
    here = Path(__file__).resolve()
    command = [sys.executable, str(here), "--side", name, side, *rest]
    if side == "-":
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        output, ok = done.stdout if done.returncode == 0 else done.stderr, done.returncode == 0
    else:
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch, "train_gpt.py")
            copy.write_text(readable(Path(side)), encoding="utf-8")
            command[4] = str(copy)
            request = Request(
                tuple(command), Path(scratch), readable=(here.parent,), gpu="cuda" in rest,
                environment={"PYTHONPATH": str(ROOT), **environment(name)}, limits=Limits(wall_seconds=1800.0),
            )  # fmt: skip
            outcome = run(request)
            output, ok = outcome.output, outcome.ok
    last = (output.strip().splitlines() or ["no output"])[-1]
    if not ok:
        return {"error": last[:200]}
    try:
        found = json.loads(last)
        return {key: float(found[key]) for key in ("ms", "tokens_s", "mib", "loss")}
    except (ValueError, KeyError, TypeError):
        return {"error": f"no result: {last[:200]}"}


def environment(name: str) -> dict[str, str]:
    """Return the variables of the published command; kernels that only a GPU has are wanted here."""
    return {**system.load(name, presets.bases(name)).environment, "FUSED_CE_ENABLED": "1"}


def shaped(config: Config, dim: int, seq: int) -> Config:
    """Return ``config`` at full width, or at ``dim`` and ``seq`` where they are given."""
    if dim:
        config = replace(config, model=replace(config.model, dim=dim, vocab_size=256))
    if seq:
        config = replace(config, data=replace(config.data, seq_len=seq, batch_tokens=PIECES * 2 * seq))
    check(config)
    return config


def ours(config: Config, device: str) -> Any:
    """Return the loss of a batch by the reference model, as a run on this device would compute it."""
    place_ = torch.device(device)
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    model = GPT(config.model, config.data.seq_len)
    place(model, place_, torch.bfloat16, published=True)
    model.train()
    objective = Objective(model, config, place_, compiled=device == "cuda")
    compute = objective.loss_of(stages(config.model)[-1], rounded=False)

    def loss_of(tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        segments = None
        if config.data.loader == "packed":
            tokens, targets = tokens.reshape(1, -1), targets.reshape(1, -1)
            segments = torch.from_numpy(segment_ids(tokens[0].numpy(), config.data.seq_len))[None]
        model.zero_grad(set_to_none=True)
        return compute(Batch(tokens, targets, segments))

    return loss_of


def theirs(config: Config, name: str, script: Path, device: str) -> Any:
    """Return the loss of a batch by the script's own model, as its main function sets it up."""
    found = system.load(name, presets.bases(name))
    module = types.ModuleType("submission")
    sys.modules["submission"] = module
    names = module.__dict__
    if device == "cpu":
        stand_ins(script.parent)
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec", dont_inherit=True), names)
    names["device"] = torch.device(device)
    names["h"] = h = eval(found.settings, names)
    if config.model.vocab_size == 256:  # small: a trial of the code without a GPU
        for key, value in (("model_dim", config.model.dim), ("embedding_dim", config.model.dim), ("vocab_size", 256)):
            if hasattr(h, key):
                setattr(h, key, value)
    for key in ("train_seq_len", "eval_seq_len", "rope_train_seq_len"):
        if hasattr(h, key):
            setattr(h, key, config.data.seq_len)
    torch.manual_seed(0)
    names["model"] = model = eval(found.model, names).to(device).bfloat16()
    for part in model.modules():
        if type(part).__name__ == "CastedLinear":
            part.float()
    for restore in ("restore_fp32_params", "restore_low_dim_params_to_fp32"):
        if restore in names:
            names[restore](model)
    for statement in found.prepare:
        if "use_fused" not in statement:
            exec(statement, names)
    model.train()
    names["model"] = torch.compile(model, dynamic=False) if device == "cuda" else model

    def loss_of(tokens: torch.Tensor, targets: torch.Tensor) -> Any:
        model.zero_grad(set_to_none=True)
        names["tokens"], names["targets"] = tokens.to(device), targets.to(device)
        with torch.autocast(device_type=device, dtype=torch.bfloat16):
            return eval(found.loss, names)

    return loss_of


def stand_ins(folder: Path) -> None:
    """Put stand-ins in the place of CUDA and of kernels that only a GPU has; for this whole process."""
    from reference_model.parity.harness import _stand_ins

    _stand_ins(folder)


def measured(loss_of: Any, config: Config, device: str, steps: int) -> dict[str, float]:
    """Return the median milliseconds of ``steps`` steps, tokens a second, peak MiB and the last loss."""
    generator = torch.Generator().manual_seed(1)
    rows, seq = config.data.batch_tokens // PIECES // config.data.seq_len, config.data.seq_len
    times, loss = [], torch.zeros(())
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for step in range(WARM + steps):
        span = torch.randint(2, config.model.vocab_size, (rows, seq + 1), generator=generator)
        span[torch.rand(span.shape, generator=generator) < 1 / 800] = 1
        settle(device)
        begun = time.perf_counter()
        loss = loss_of(span[:, :-1].contiguous(), span[:, 1:].contiguous())
        loss.backward()  # type: ignore[no-untyped-call]
        settle(device)
        if step >= WARM:
            times.append(time.perf_counter() - begun)
    peak = torch.cuda.max_memory_allocated() / _MIB if device == "cuda" else 0.0
    seconds = median(times)
    return {"ms": 1000 * seconds, "tokens_s": rows * seq / seconds, "mib": peak, "loss": float(loss.detach())}


def settle(device: str) -> None:
    """Wait for the GPU."""
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
