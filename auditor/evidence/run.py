"""One run as its log shows it: which of many readings are its seed, score, loss, steps, times and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct, field

from auditor.evidence.metrics import compares
from auditor.evidence.printed import Metric, Reading, Value
from auditor.regex import regex
from auditor.report import MeasuredRun

_NUMBER_IN_NAME = regex(r"(?<!\d)\d{3,7}(?!\d)")
_SAME_BLOCK = 3  # lines of a summary that belong together
SEEDS = ("seed", "heading_seed", "seed_among")  # readings that give a seed, the most telling first
_LARGEST_BARE = 100_000_000  # bytes: a larger "total" without a word for what it totals is of the data
SMALLEST_ARTIFACT = 300_000  # bytes; below it a printed "total" is a part, a toy run or a rounding


class Run(Struct, frozen=True, dict=True):
    """One run as its log shows it.

    ``readings`` holds every value that a row of the catalogue read, by field, in the order of the log:
    durations in seconds, sizes in bytes. The properties choose among them and say None where nothing is said; what
    dozens of rules ask of each run is kept.
    """

    path: str
    first_line: int
    last_line: int
    metrics: tuple[Metric, ...] = ()
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    settings: Mapping[str, Value[str]] = field(default_factory=dict)  # printed hyper-parameters, lower case
    name_seed: Value[int] | None = None  # the seed in the file's name
    among_others: bool = False  # the log holds several runs: its name is of one of them, at most

    def all(self, name: str) -> tuple[Reading, ...]:
        """Return every reading of a field, in the order of the log."""
        return self.readings.get(name, ())

    def numbers(self, name: str) -> tuple[Value[float], ...]:
        """Return every numeric reading of a field, in the order of the log."""
        return tuple(map(_number, (r for r in self.all(name) if not isinstance(r.value, str))))

    def first(self, name: str) -> Value[float] | None:
        """Return a field's first number."""
        return next(map(_number, (r for r in self.all(name) if not isinstance(r.value, str))), None)

    def last(self, name: str) -> Value[float] | None:
        """Return a field's last number."""
        return next(map(_number, (r for r in reversed(self.all(name)) if not isinstance(r.value, str))), None)

    def text(self, name: str) -> Value[str] | None:
        """Return a field's first reading as text."""
        for r in self.all(name):
            return Value(str(r.value), r.path, r.line, r.label)
        return None

    @cached_property
    def logged_seed(self) -> Value[int] | None:
        """Return the seed that the log prints: on a line of its own, else in a heading, else among other things.

        A run that takes no step scores what another run trained: there a heading goes first, which its launcher wrote.
        """
        kinds = SEEDS if self.trained else sorted(SEEDS, key=lambda kind: kind != "heading_seed")
        return next((_whole(seed) for kind in kinds if (seed := self.first(kind)) is not None), None)

    @property
    def printed_seeds(self) -> tuple[int, ...]:
        """Return every seed that the log names in whatever way, each once, in the order of the log."""
        found = sorted((seed for kind in SEEDS for seed in self.numbers(kind)), key=lambda seed: seed.line or 0)
        return tuple(dict.fromkeys(int(seed.value) for seed in found))

    @cached_property
    def seed(self) -> Value[int] | None:
        """Return the seed that the log prints, else the one in its file name, else in its run id.

        A run that takes no step scores what another run trained: the seed that it prints is a default that nothing
        used, so a seed in its file name goes before it.
        """
        if not self.trained and not self.among_others and self.name_seed is not None:
            return self.name_seed
        return self.logged_seed or self.name_seed or _whole(self.first("name_seed"))

    @cached_property
    def trained(self) -> bool:
        """Tell whether the log shows a step, or the time of training."""
        return self.steps is not None or self.train_seconds is not None

    @property
    def world_size(self) -> Value[int] | None:
        """Return the number of processes that trained."""
        return _whole(self.first("world_size"))

    @property
    def gpu(self) -> Value[str] | None:
        """Return the accelerator's printed name."""
        return self.text("gpu")

    @property
    def vocabulary(self) -> int | None:
        """Return the size of the vocabulary: the printed one, else the number in the printed tokenizer's name."""
        size, tokenizer = self.first("vocab_size"), self.text("tokenizer")
        named = _NUMBER_IN_NAME.search(tokenizer.value.rpartition("/")[2]) if tokenizer is not None else None
        return int(size.value) if size is not None else int(named[0]) if named is not None else None

    @cached_property
    def score(self) -> Metric | None:
        """Return the reported score: the last final line, else the last step's, else the last pre-quant.

        A run that broke off is known by the validation of its last step, which every trainer prints: what it calls a
        diagnostic is of other weights in one lineage than in the next. A last line that sets a score against another
        is a remark on it: where the log prints the same score with more digits, that print is the measurement.
        """
        for role in ("final", "step", "pre-quant"):
            for metric in reversed(self.metrics):
                if metric.role == role:
                    return self._measurement(metric) if compares(metric) else metric
        return None

    def _measurement(self, remark: Metric) -> Metric:
        """Return the print of a remark's score that has more digits, the remark itself where there is none."""
        half = 0.5 * 10.0**-remark.decimals + 1e-12
        same = [m for m in self.scores if m.decimals > remark.decimals and abs(m.val_bpb - remark.val_bpb) <= half]
        return max(same, key=lambda m: m.decimals, default=remark)

    @cached_property
    def scores(self) -> tuple[Metric, ...]:
        """Return every final line, in the order of the log."""
        return tuple(m for m in self.metrics if m.role == "final")

    @property
    def val_loss(self) -> float | None:
        """Return the loss that belongs to the score, in nats per token."""
        return self.loss_of(self.score)

    def loss_of(self, score: Metric | None) -> float | None:
        """Return the loss that belongs to one of the run's scores, in nats per token."""
        if score is None or score.val_loss is not None:
            return score.val_loss if score else None
        twins = [
            m.val_loss
            for m in self.metrics
            if m.val_loss is not None
            and m.role == score.role
            and abs(m.val_bpb - score.val_bpb) < 10.0 ** -min(m.decimals, score.decimals)
        ]
        scored = {m.line for m in self.metrics}  # a loss beside another score is not this one's
        near = [
            v.value
            for v in self.numbers("val_loss")
            if v.line not in scored and abs((v.line or 0) - score.line) <= _SAME_BLOCK
        ]
        return next(reversed(twins or near), None)

    @cached_property
    def steps(self) -> Value[int] | None:
        """Return how many optimizer steps the run took."""
        counted = (
            *self.numbers("step"),
            *self.numbers("trained_steps"),
        )  # a last line often counts beyond the last print
        return _whole(self.last("stop_step") or _greatest(counted) or self.last("steps_done"))

    @property
    def planned_steps(self) -> Value[int] | None:
        """Return how many steps the run was configured for."""
        return _whole(self.first("planned_steps"))

    @cached_property
    def train_seconds(self) -> Value[float] | None:
        """Return the training time: the stopping line's, else a summary's, else the last step line's."""
        return self.last("stop_time") or _greatest(self.numbers("train_done")) or _greatest(self.numbers("train_time"))

    @property
    def eval_seconds(self) -> Value[float] | None:
        """Return how long the evaluation behind the score took: its printed total, else its line's.

        A run that takes no step only evaluates: then the time of the whole run is the evaluation's.
        """
        return self.seconds_of(self.score)

    def seconds_of(self, score: Metric | None) -> Value[float] | None:
        """Return how long the evaluation behind one of the run's scores took (see ``eval_seconds``)."""
        total = self.last("total_eval_time")
        if total is not None:
            return total
        timed = [m for m in self.metrics if m.seconds is not None and m.role != "step"]
        if score is None:
            for m in reversed(timed):
                if m.role == "final":
                    return Value(m.seconds or 0.0, m.path, m.line, m.label)
        else:
            for m in reversed(timed):
                if m.role == score.role and abs(m.val_bpb - score.val_bpb) < 10.0 ** -min(m.decimals, score.decimals):
                    return Value(m.seconds or 0.0, m.path, m.line, m.label)
        of_others = {m.line for m in timed}  # a time beside another score is that one's
        alone = [v for v in self.numbers("eval_time") if v.line not in of_others]
        return next(reversed(alone), None) or (self.last("whole_time") if self.steps is None else None)

    @property
    def evaluations(self) -> tuple[Value[float], ...]:
        """Return the duration of every evaluation of the final artifact that the log times, in seconds.

        Two lines about the same evaluation (same score, same duration) count once, by the longer of the two.
        """
        kept: list[Metric] = []
        for m in self.scores:
            if m.seconds is None:
                continue
            same = next((at for at, k in enumerate(kept) if _same_evaluation(m, k)), None)
            if same is None:
                kept.append(m)
            elif m.seconds > (kept[same].seconds or 0.0):
                kept[same] = m
        scored = {m.line for m in self.metrics}
        timed = [Value(m.seconds or 0.0, m.path, m.line, m.label) for m in kept]
        for v in self.numbers("eval_time"):
            if v.line not in scored and not any(_close(v.value, k.value) for k in timed):
                timed.append(v)
        return tuple(sorted(timed, key=lambda v: v.line or 0))

    @property
    def validation_seconds(self) -> float:
        """Return the sum of all timed work on validation data after training, whatever the score needs of it.

        Counts evaluations before and after quantisation, adaptation before quantisation, and precomputed hints.
        """
        trained = self.last("stop_time")
        since = (trained.line or 0) if trained is not None else 0  # a launch that broke off may stand before
        before = sum(m.seconds or 0.0 for m in self.metrics if m.role == "pre-quant" and m.line > since)
        parts = (*self.evaluations, *self.numbers("prequant_time"), *self.numbers("precompute_time"))
        return before + sum(part.value for part in parts)

    @property
    def code_bytes(self) -> Value[int] | None:
        """Return the size of the code as the run counts it: packed where it prints a packed size."""
        return _whole(self.last("code_bytes_packed") or self.last("code_bytes"))

    @property
    def artifact_bytes(self) -> Value[int] | None:
        """Return model plus code, as the log totals it.

        A run prints several totals (the unquantised model first, perhaps candidates that it then picks from): the
        last one called the submission's that is the sum of a printed model and a printed code size counts, else the
        least such sum, else the least of plausible size, else the sum itself. A smaller such sum after that is of a
        packing that came later.
        """
        totals = [t for t in self.numbers("total_bytes") if t.value >= SMALLEST_ARTIFACT]
        totals = [t for t in totals if t.label or t.value < _LARGEST_BARE]
        totals = [t for t in totals if t.value % 1000] or totals  # before figures that were rounded to megabytes
        models = {m.value for m in self.numbers("model_bytes")}
        codes = {c.value for name in _CODE_FIELDS for c in self.numbers(name)}
        models |= {t.value for t in totals}  # some print an "artifact" beside the code and a total of both
        sums = {m + c for m in models for c in codes} if len(models) * len(codes) <= 10_000 else set()
        exact = [t for t in totals if t.value in sums]
        submitted = [t for t in exact if t.label.strip().startswith(("size", "submission"))]
        if submitted and all(t.value >= submitted[-1].value for t in submitted):
            last = submitted[-1]
            later = [t for t in exact if (t.line or 0) > (last.line or 0)]
            return _whole(min((last, *later), key=lambda t: t.value))
        labelled = [t for t in totals if t.label]
        for choice in (exact, labelled, totals):
            if choice:
                return _whole(min(choice, key=lambda t: t.value))
        code = self.code_bytes
        parts = [m for m in self.numbers("model_bytes") if m.label] or list(self.numbers("model_bytes"))
        if not parts or code is None:
            return None
        least = min(parts, key=lambda m: m.value)
        return Value(int(least.value) + code.value, least.path, least.line, "model+code")

    @property
    def packed_model_bytes(self) -> Value[int] | None:
        """Return the size of the packed model: the least that the log labels with its packing."""
        packed = [m for m in self.numbers("model_bytes") if m.label and m.value >= SMALLEST_ARTIFACT]
        return _whole(min(packed, key=lambda m: m.value, default=None))

    def measured(self, code_on_disk: int | None = None, claimed: Metric | None = None) -> MeasuredRun:
        """Return the run as a report shows it.

        Its score is the last final one, whatever is claimed. ``code_on_disk`` is the script's size, added to the packed
        model where the log prints no total, ``claimed`` the score that is claimed of it: logs print others after it.
        """
        artifact, model = self.artifact_bytes, self.packed_model_bytes
        size = _plain(artifact)
        if artifact is None and model is not None and code_on_disk is not None:
            size = model.value + code_on_disk
        score = self.score
        loss, seconds = self.loss_of(score), self.seconds_of(claimed or score)
        passes = self.validation_seconds if self.last("total_eval_time") is None else 0.0
        more = seconds is not None and passes > seconds.value + 1.0
        return MeasuredRun(
            log=self.path,
            seed=_plain(self.seed),
            val_bpb=score.val_bpb if score else None,
            val_loss=loss,
            artifact_bytes=size,
            train_seconds=self.train_seconds.value if self.train_seconds else None,
            eval_seconds=seconds.value if seconds else None,
            steps=_plain(self.steps),
            world_size=_plain(self.world_size),
            claimed_bpb=claimed.val_bpb if claimed else None,
            validation_seconds=passes if more else None,
            vocabulary=self.vocabulary,
            with_disk=artifact is None and size is not None,
        )


def _number(reading: Reading) -> Value[float]:
    return Value(float(reading.value), reading.path, reading.line, reading.label)


_CODE_FIELDS = ("code_bytes", "code_bytes_packed")


def _same_evaluation(a: Metric, b: Metric) -> bool:
    near = abs(a.val_bpb - b.val_bpb) < 10.0 ** -min(a.decimals, b.decimals)
    return near and _close(a.seconds or 0.0, b.seconds or 0.0)


def _close(a: float, b: float) -> bool:
    """Tell whether two durations are of one thing, timed at slightly different points."""
    return abs(a - b) <= max(1.0, 0.01 * max(a, b))


def _whole(value: Value[float] | None) -> Value[int] | None:
    return None if value is None else Value(int(value.value), value.path, value.line, value.label)


def _plain(value: Value[int] | None) -> int | None:
    return None if value is None else value.value


def _greatest(values: tuple[Value[float], ...]) -> Value[float] | None:
    return max(values, key=lambda v: v.value, default=None)
