"""The log of a run, in the challenge's own line formats.

Other people's scripts (and ``golf-audit evidence``) read these lines, so their shapes are those that the challenge's
own script and its records print. The functions below return one line each; :class:`Log` puts lines on the screen and
into the run's file. Only rank 0 writes.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from reference_model.config import Config
from reference_model.errors import RunFailed

RULER = "=" * 100


class Log:
    """Prints lines, and keeps them in a file once :meth:`open` says where; safe to call before that.

    ``enabled`` is False on all ranks but the main one: they are silent.
    """

    def __init__(self, *, enabled: bool = True, stream: TextIO | None = None) -> None:
        self.enabled = enabled
        self.show: Callable[[str], object] = lambda line: print(line, file=stream or sys.stdout, flush=True)
        self._early: list[str] = []
        self._path: Path | None = None

    def open(self, path: Path, *, append: bool = False) -> None:
        """Write to ``path`` from now on, beginning with the lines printed so far; ``append`` keeps what is there."""
        if not self.enabled:
            return
        self._path = path
        self._write("".join(f"{line}\n" for line in self._early), "a" if append else "w")
        self._early.clear()

    def __call__(self, line: str, *, screen: bool = True) -> None:
        """Log one line; ``screen=False`` keeps it to the file."""
        if not self.enabled:
            return
        if screen:
            self.show(line)
        if self._path is None:
            self._early.append(line)
        else:
            self._write(f"{line}\n", "a")

    def _write(self, text: str, mode: str) -> None:
        assert self._path is not None
        try:
            with self._path.open(mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise RunFailed(f"{self._path}: the log can't be written ({error.strerror or error})") from error


def environment(torch_version: str) -> list[str]:
    """Return what a log opens with: versions, and the GPUs as nvidia-smi shows them where it is installed."""
    lines = [RULER, f"Running Python {sys.version}", f"Running PyTorch {torch_version}", platform.platform()]
    program = shutil.which("nvidia-smi")
    if program is not None:
        shown = subprocess.run([program], capture_output=True, text=True, check=False)
        lines += shown.stdout.splitlines()
    return [*lines, RULER]


def settings(config: Config, *, seed: int, world: int, parameters: int) -> list[str]:
    """Return the lines on model, optimizer and budget that stand before the first step."""
    model, optim, schedule, data = config.model, config.optim, config.schedule, config.data
    lines = [
        f"model_params:{parameters}",
        f"world_size:{world} grad_accum_steps:{8 // world}",
        f"attention_mode:gqa num_heads:{model.heads} num_kv_heads:{model.kv_heads}",
        f"tie_embeddings:True embed_lr:{optim.embed_lr} head_lr:0.0 matrix_lr:{optim.matrix_lr} "
        f"scalar_lr:{optim.scalar_lr}",
        f"train_batch_tokens:{data.batch_tokens} train_seq_len:{data.seq_len} iterations:{schedule.iterations} "
        f"warmup_steps:{schedule.warmup_steps} max_wallclock_seconds:{schedule.cap_seconds:.3f}",
    ]
    if schedule.reserve_seconds:
        effective = schedule.cap_seconds - schedule.reserve_seconds
        lines.append(f"gptq:reserving {schedule.reserve_seconds:g}s, effective={1000 * effective:.0f}ms")
    return [*lines, f"seed:{seed}"]


def data_lines(config: Config, *, tokenizer: Path, train: Path, train_shards: int, val_tokens: int) -> list[str]:
    """Return the lines on tokenizer and shards; fewer training shards than the preset's own run read is said."""
    kind = "sentencepiece" if tokenizer.suffix == ".model" else "bytes"
    lines = [
        f"val_bpb:enabled tokenizer_kind={kind} tokenizer_path={tokenizer}",
        f"train_loader:dataset:{train.name or train} train_shards:{train_shards}",
        f"val_loader:shards pattern={train / 'fineweb_val_*.bin'} tokens:{val_tokens}",
    ]
    if train_shards < config.data.train_shards and config.data.tokenizer != "demo":
        lines.append(f"warning: the published run read {config.data.train_shards} shards, here are {train_shards}")
    return lines


def warmup_step(done: int, total: int) -> str:
    """Return the line after a warm-up step."""
    return f"warmup_step:{done}/{total}"


def train_step(step: int, iterations: int, loss: float, seconds: float) -> str:
    """Return the line after a training step: mean loss (nats), training time, mean time per step."""
    return f"step:{step}/{iterations} train_loss:{loss:.4f} {_timing(step, seconds)}"


def validation(step: int, iterations: int, val_loss: float, val_bpb: float, seconds: float) -> str:
    """Return the line of a validation during training."""
    return f"step:{step}/{iterations} val_loss:{val_loss:.4f} val_bpb:{val_bpb:.4f} {_timing(step, seconds)}"


def stopped(step: int, iterations: int, seconds: float) -> str:
    """Return the line of a run that its wallclock cap ended."""
    return f"stopping_early: wallclock_cap train_time:{1000 * seconds:.0f}ms step:{step}/{iterations}"


def peak_memory(allocated: int, reserved: int) -> str:
    """Return the line on memory, given in bytes."""
    return f"peak memory allocated: {allocated >> 20} MiB reserved: {reserved >> 20} MiB"


def pre_quantization(val_loss: float, val_bpb: float, seconds: float) -> str:
    """Return the line of the averaged weights before they are quantised."""
    return f"pre-quantization post-ema val_loss:{val_loss:.8f} val_bpb:{val_bpb:.8f} eval_time:{1000 * seconds:.0f}ms"


def label(name: str, packing: str) -> str:
    """Return what the challenge's logs call the score ``name`` of an artifact packed as in ``int8+zlib``."""
    form = packing.replace("+", "_")
    known = {"sliding": "sliding_window", "score_first": "ttt"}
    return f"final_{form}_{known.get(name, name)}"


def final(label: str, val_loss: float, val_bpb: float, seconds: float) -> list[str]:
    """Return the two lines of a score of the artifact: rounded with its time, and exact."""
    return [
        f"{label} val_loss:{val_loss:.4f} val_bpb:{val_bpb:.4f} eval_time:{1000 * seconds:.0f}ms",
        f"{label}_exact val_loss:{val_loss:.8f} val_bpb:{val_bpb:.8f}",
    ]


def sizes(packing: str, model: int, code: int, plain: int) -> list[str]:
    """Return the lines on what counts against the cap, in bytes; ``packing`` is as in ``int8+zlib``.

    ``code`` is the packed script, ``plain`` the same code readable: the total has the packed one (#1530).
    """
    return [
        f"Code size (uncompressed): {plain} bytes",
        f"Code size: {code} bytes",
        f"Serialized model {packing}: {model} bytes",
        f"Total submission size {packing}: {model + code} bytes",
    ]


def hessians(count: int, seconds: float, train_seconds: float) -> str:
    """Return the line on calibration, which ends the training budget."""
    return f"gptq:collected {count} Hessians in {seconds:.1f}s total_train_time:{1000 * train_seconds:.0f}ms"


def phases(seconds: Mapping[str, float]) -> list[str]:
    """Return the table of where the time went, in order, and its sum."""
    lines = [f"phase:{name} wall_ms:{1000 * spent:.0f}" for name, spent in seconds.items()]
    return [*lines, f"phase:all wall_ms:{1000 * sum(seconds.values()):.0f}"]


def _timing(step: int, seconds: float) -> str:
    return f"train_time:{1000 * seconds:.0f}ms step_avg:{1000 * seconds / max(step, 1):.2f}ms"
