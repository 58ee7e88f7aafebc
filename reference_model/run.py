"""One run, from its checks to its final line: data, model, warm-up, training, packing, reloading, scoring."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from reference_model import log as lines
from reference_model import produce
from reference_model.artifact.total import CAP_BYTES, counted_code, plain_code
from reference_model.config import Config, check
from reference_model.data.folder import locate
from reference_model.data.loader import Loader, open_loader
from reference_model.data.shards import split_shards
from reference_model.data.stream import open_stream
from reference_model.data.tokenizer import load_tokenizer
from reference_model.data.valset import Val, open_val
from reference_model.evaluate import evaluate_all
from reference_model.evaluate.roundtrip import roundtrip
from reference_model.evaluate.score import Score
from reference_model.log import Log
from reference_model.model import GPT
from reference_model.preflight import byte_notes, check_disk, check_memory
from reference_model.presets import Preset
from reference_model.progress import Progress
from reference_model.record import write_record
from reference_model.train.clock import Clock, Phases, device_now
from reference_model.train.loop import Trainer
from reference_model.train.precision import compute_dtype, place
from reference_model.train.ranks import PIECES, Ranks
from reference_model.yardstick import affordable, yardsticks

CHECKPOINT = "checkpoint.pt"
_PASS_TOKENS = 16_384  # a pass of fewer leaves a processor waiting for the next call
_PREFILL_TOKENS = 2_000_000  # of training text that #1499 put into its n-gram cache
_YARDSTICK_TOKENS = 10_000_000  # of training text that the unigram is fitted on


@dataclass(frozen=True)
class Request:
    """What is to be run: a preset and a seed on the data in a folder, results into another."""

    preset: Preset
    seed: int
    data: Path
    out: Path
    dtype: torch.dtype | None = None  # None: bfloat16 on a GPU, float32 on a CPU
    compiled: bool | None = None  # None: on a GPU
    checkpoint_every: int = 0
    resume: Path | None = None
    tensorboard: Path | None = None
    at_once: int | None = None  # pieces that go through the network together; None: as many as make a good pass


@dataclass
class Result:
    """What a run came to."""

    scores: tuple[Score, ...] = ()
    pre_quantization: Score | None = None
    steps: int = 0
    train_seconds: float = 0.0
    parameters: int = 0
    code_bytes: int = 0
    model_bytes: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    invalid: list[str] = field(default_factory=list)


class Run:
    """The phases of one run, in order, each under its own timer."""

    def __init__(self, request: Request, ranks: Ranks, log: Log) -> None:
        self.request = request
        self.config: Config = request.preset.config
        self.ranks = ranks
        self.log = log
        self.dtype = request.dtype or compute_dtype("auto", ranks.device)
        self.compiled = ranks.device.type == "cuda" if request.compiled is None else request.compiled
        self.clock = Clock(settled=device_now(ranks.device))
        self.phases = Phases(device_now(ranks.device))
        self.packing = produce.packing(self.config, self.config.quantize.compressor)  # until it is packed
        quirks = request.preset.invalid_because if self.config.mode == "published" else ()
        self.result = Result(phases=self.phases.seconds, invalid=list(quirks))

    def run(self) -> Result:
        """Do all phases and return what came of them.

        Raises :class:`BadInput` before any long work, :class:`RunFailed` later; see :class:`Trainer` for what
        ends training.
        """
        with self.phases.phase("preflight"):
            self._preflight()
        with self.phases.phase("data"):
            loader, val = self._open_data()
        with self.phases.phase("model"):
            model = self._build()
        trainer = self._train(model, loader, val)
        self._produce(trainer, loader, val)
        self._score(model, val)
        self._conclude(val)
        return self.result

    def _preflight(self) -> None:
        request, device = self.request, self.ranks.device
        check(self.config)
        check_disk(self.config, request.out, checkpoints=request.checkpoint_every > 0)
        check_memory(self.config, device, self.dtype, processes=self.ranks.world)
        if self.ranks.is_main:
            name = f"train_seed{request.seed}.log"
            self.log.open(request.out / name, append=request.resume is not None)
        for line in lines.environment(torch.__version__):
            self.log(line, screen=False)
        self.log(f"preset:{request.preset.name} mode:{self.config.mode} device:{device} dtype:{self.dtype}")

    def _open_data(self) -> tuple[Loader, Val]:
        loader = open_loader(self.config, self.request.data, self.request.seed)
        if self.config.quantize.calibration_batches and not self.config.quantize.self_generated:
            loader.calibration(0)  # shards that it can't read are said now, not after training
        val = open_val(self.config, self.request.data)
        found = locate(self.request.data, self.config.data.tokenizer)
        shards = len(split_shards(found.shards, "train"))
        for line in lines.data_lines(
            self.config, tokenizer=found.tokenizer, train=found.shards, train_shards=shards, val_tokens=val.targets
        ):
            self.log(line)
        if next(found.shards.glob("fineweb_val_bytes_*.bin"), None) is None:
            for note in byte_notes(found.tokenizer):
                self.log(f"byte_table: {note}", screen=False)
        return loader, val

    def _build(self) -> GPT:
        torch.manual_seed(self.request.seed)
        if self.dtype is torch.bfloat16:
            torch.set_float32_matmul_precision("high")
        model = GPT(self.config.model, self.config.data.seq_len)
        place(model, self.ranks.device, self.dtype, published=self.config.mode == "published")
        self.result.parameters = sum(parameter.numel() for parameter in model.parameters())
        for line in lines.settings(
            self.config, seed=self.request.seed, world=self.ranks.world, parameters=self.result.parameters
        ):
            self.log(line)
        return model

    def _train(self, model: GPT, loader: Loader, val: Val) -> Trainer:
        config, request = self.config, self.request
        with Progress(config, self.log, tensorboard=request.tensorboard) as progress:

            def validate(step: int, seconds: float) -> None:
                with self.phases.phase("validation"):
                    score = roundtrip(model, val, config, self.ranks, trainer.stage)
                progress.validation(step, score.val_loss, score.val_bpb, seconds)

            trainer = Trainer(
                config, model, loader, self.ranks, progress, seed=request.seed, clock=self.clock, validate=validate,
                dtype=self.dtype, compiled=self.compiled, checkpoint=request.out / CHECKPOINT,
                checkpoint_every=request.checkpoint_every, at_once=request.at_once or pieces_at_once(config),
            )  # fmt: skip
            if request.resume is not None:
                trainer.resume(request.resume)
                self.log(f"resumed from {request.resume} at step {trainer.step}")
            with self.phases.phase("warmup"):
                trainer.warm_up()
            with self.phases.phase("train"):
                trainer.train()
        # Validation happened within the loop; what is left is training alone, its checkpoints included.
        self.phases.seconds["train"] -= self.phases.seconds.get("validation", 0.0)
        self.result.steps, self.result.train_seconds = trainer.step, self.clock.seconds
        self.log(_memory(self.ranks.device))
        return trainer

    def _produce(self, trainer: Trainer, loader: Loader, val: Val) -> None:
        model, config, path = trainer.model, self.config, self.request.out / produce.ARTIFACT
        with self.phases.phase("average"):
            model.load_state_dict(trainer.average())
            model.eval()
        moments = self._calibrate(model, loader, trainer.step)
        with self.phases.phase("prequantization"):
            score = roundtrip(model, val, config, self.ranks)
            self.result.pre_quantization = score
            self.log(lines.pre_quantization(score.val_loss, score.val_bpb, score.seconds))
        gradients = None
        if config.quantize.row_bits:
            gradients = produce.row_gradients(config, model, loader.batch(trainer.step, 0), self.ranks)
        with self.phases.phase("pack"):
            if self.ranks.is_main:
                controls = frozenset(name for name, role in model.roles().items() if role == "scalar")
                self._pack(model.state_dict(), path, controls, moments, gradients)
            self.ranks.barrier()
        with self.phases.phase("reload"):
            produce.reload(model, path)

    def _calibrate(self, model: GPT, loader: Loader, step: int) -> Mapping[str, Tensor] | None:
        """Collect Hessians on the training clock: reading training data later is not allowed (ruling on #1028)."""
        config = self.config
        if not config.quantize.calibration_batches:
            return None
        before = self.clock.seconds
        with self.phases.phase("calibrate"):
            self.clock.start()
            found = produce.hessians(config, model, loader, step, self.ranks)
            self.clock.pause()
        total = self.ranks.max(self.clock.seconds)
        self.log(lines.hessians(len(found), total - before, total))
        cap = config.schedule.cap_seconds
        if 0 < cap < total and not config.quantize.self_generated:
            self._invalidate(f"calibration read training data until {total:.1f} s, past the cap of {cap:g} s")
        return found

    def _pack(
        self,
        state: Mapping[str, Tensor],
        path: Path,
        controls: frozenset[str],
        moments: Mapping[str, Tensor] | None,
        gradients: Mapping[str, Tensor] | None,
    ) -> None:
        result = self.result
        result.model_bytes, coder = produce.pack(
            self.config, state, path, controls=controls, moments=moments, gradients=gradients, note=self.log
        )
        self.packing = produce.packing(self.config, coder)
        result.code_bytes = counted_code()
        for line in lines.sizes(self.packing, result.model_bytes, result.code_bytes, plain_code()):
            self.log(line)
        total = result.model_bytes + result.code_bytes
        if total > CAP_BYTES:
            self._invalidate(f"{total:,} bytes of code and model are above the cap of {CAP_BYTES:,}")

    def _score(self, model: GPT, val: Val) -> None:
        def report(score: Score) -> None:
            for line in lines.final(
                lines.label(score.name, self.packing), score.val_loss, score.val_bpb, score.seconds
            ):
                self.log(line)
            if score.invalid:
                self._invalidate(f"{score.name}: {score.invalid}")

        prefill = None
        if self.config.evaluate.ngram_published:
            train = open_stream(locate(self.request.data, self.config.data.tokenizer).shards, "train")
            prefill = train.take(0, min(train.tokens, _PREFILL_TOKENS))
        with self.phases.phase("scores"):
            self.result.scores = evaluate_all(model, val, self.config, self.ranks, report, prefill=prefill)
        spent = sum(score.seconds for score in self.result.scores)
        self.log(f"total_eval_time:{spent:.1f}s")
        if 0 < self.config.evaluate.cap_seconds < spent:
            self._invalidate(f"evaluation took {spent:.1f} s, past the cap of {self.config.evaluate.cap_seconds:g} s")

    def _conclude(self, val: Val) -> None:
        if self.ranks.is_main and affordable(val) and self.config.data.tokenizer != "caseops":
            with self.phases.phase("yardsticks"):
                self._compare(val)
        for line in lines.phases(self.phases.seconds):
            self.log(line)
        for reason in self.result.invalid:
            self.log(f"invalid: {reason}")
        if self.ranks.is_main:
            write_record(self.request.out / "run.json", self.request, self.ranks, self.result)

    def _compare(self, val: Val) -> None:
        found = locate(self.request.data, self.config.data.tokenizer)
        train = open_stream(found.shards, "train")
        fitted = train.take(0, min(train.tokens, _YARDSTICK_TOKENS))
        for name, value in yardsticks(val, fitted, load_tokenizer(found.tokenizer)).items():
            self.log(f"baseline:{name} val_bpb:{value:.4f} (the same validation text)")

    def _invalidate(self, reason: str) -> None:
        self.result.invalid.append(reason)


def pieces_at_once(config: Config) -> int:
    """Return how many of a step's pieces go through the network together: small ones cost more calls than work."""
    return max(1, min(PIECES, _PASS_TOKENS // (config.data.batch_tokens // PIECES)))


def _memory(device: torch.device) -> str:
    if device.type == "cuda":
        return lines.peak_memory(torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device))
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return lines.peak_memory(peak, peak)
