# ruff: noqa: E501
"""The catalogue of log formats: one row per line shape.

A row's named groups are the fields that it gives (see :class:`auditor.evidence.model.Run`), its ``unit`` the
unit of the printed times or sizes; readings are kept in seconds and bytes. To add a format, add a row with
its example and what is read from it: the tests run every row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from msgspec import Struct

from auditor.regex import regex

Scalar = int | float | str

TIMES = frozenset(
    {"train_time", "stop_time", "train_done", "train_cap", "reserve", "eval_time", "total_eval_time"}
    | {
        "hessian_time",
        "calibration_time",
        "selfgen_time",
        "gptq_time",
        "serialize_time",
        "production_time",
        "precompute_time",
        "prequant_time",
        "whole_time",
    }
)
SIZES = frozenset({"model_bytes", "code_bytes", "code_bytes_packed", "code_bytes_plain", "total_bytes", "other_bytes"})
WORDS = frozenset({"gpu", "train_data", "val_data", "tokenizer", "label", "source", "run_id"})
_CLOCK = regex(r"(?:(\d{1,3})h\s?)?(\d{1,4})m\s?(\d{1,2}(?:\.\d{1,6})?)s")
_SCALE = {"": 1.0, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "B": 1.0, "MB": 1e6, "MiB": 1048576.0}


class Format(Struct, frozen=True):
    """One shape of a log line.

    ``cue`` is lower-case text that every such line contains, so that most rows are passed over unread;
    ``pattern`` is sought in the lower-cased line.
    ``reads`` is what the example gives. ``starts_run``: after a final score, such a line opens the next run.
    """

    name: str
    cue: str
    pattern: re.Pattern[str]
    unit: str
    example: str
    reads: Mapping[str, Scalar]
    starts_run: bool = False
    names_digits: bool = False  # the pattern asks for certain digits, as in a product's name

    def read(self, text: str, low: str) -> dict[str, Scalar]:
        """Return the fields that a message gives, in seconds and bytes; empty when it is of another shape.

        ``low`` is ``text`` with A–Z as a–z (see :func:`lowered`), in which the pattern is sought.
        """
        match = self.pattern.search(low)
        if match is None:
            return {}
        found: dict[str, Scalar] = {}
        for name in match.re.groupindex:
            start, end = match.span(name)
            if start < 0:
                continue
            value = _value(name, text[start:end], self.unit)
            if value is not None:
                found[name] = value
        return found


def reads(text: str) -> Iterator[tuple[Format, dict[str, Scalar]]]:
    """Yield the rows that a message fits, in the order of the catalogue, with what they read from it."""
    low = lowered(text)
    for row in _fitting(low.translate(_SAME_DIGIT)):
        found = row.read(text, low) if row.cue in low else {}
        if found:
            yield row, found


@lru_cache(maxsize=16_384)
def _fitting(shape: str) -> tuple[Format, ...]:
    """Return the rows that lines of one shape may fit: a log repeats few shapes with other digits."""
    return tuple(row for row in FORMATS if row.names_digits or (row.cue in shape and row.pattern.search(shape)))


def lowered(text: str) -> str:
    """Return the text with A–Z as a–z and every other character as it is, so that positions stay."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


_SAME_DIGIT = {ord(d): "0" for d in "123456789"}
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _value(name: str, raw: str, unit: str) -> Scalar | None:
    if name in WORDS:
        return raw.strip()
    digits = raw.replace(",", "").replace("_", "")
    if name in TIMES and unit == "clock":
        parts = _CLOCK.fullmatch(raw.lower())
        if parts is None:
            return None
        hours, minutes, seconds = (float(part or 0) for part in parts.groups())
        return round(hours * 3600 + minutes * 60 + seconds, 6)
    if name in TIMES:
        return round(float(digits) * _SCALE[unit], 6)
    if name in SIZES:
        return round(float(digits) * _SCALE[unit])
    return float(digits) if "." in digits else int(digits)


_N = r"\d{1,3}(?:[,_]\d{3}){1,5}|\d{1,15}"  # a whole number, maybe grouped
_D = r"\d{1,12}(?:\.\d{1,9})?"
_MEASURED = r"(?<!est\. )(?<!est )(?<!estimated )(?<!expected )(?<!projected )(?<!예상 )(?<!mean )(?<!average )(?<!avg )"  # of one


def _row(
    name: str,
    cue: str,
    pattern: str,
    example: str,
    reads: Mapping[str, Scalar],
    *,
    unit: str = "",
    starts_run: bool = False,
    names_digits: bool = False,
) -> Format:
    expanded = pattern.replace("<N>", f"(?:{_N})").replace("<D>", f"(?:{_D})")
    return Format(name, cue, regex(expanded), unit, example, reads, starts_run, names_digits)


# A table: one row, one shape.
# fmt: off
FORMATS: tuple[Format, ...] = (
    # Seeds
    _row("seed line", "seed", r"^(?:(?!\W{0,8}(?:[=#*~]{2}|-{3}))\W{0,12}|(?:args|train|training|run|cfg|config|hparams|hp)\.)seed(?:\s{0,3}[:=\s]|\s{4,40}[:=])\s{0,40}(?P<seed>\d{1,12})\b(?!\s*(?:/|of)|\.\d)(?!.{0,20}\b(?:done|complete|finished))",
         "seed:1337", {"seed": 1337}, starts_run=True),
    _row("seed banner", "seed", r"^[=\-#*~>\s]{2,80}(?:#?[a-z][a-z\-]{0,20} ){0,2}(?:#?\d{1,3}(?:\s?(?:/|of)\s?\d{1,3})?[\s:,(\-]{1,5})?(?:with )?seed\s{0,3}[:=#]?\s{0,3}(?P<heading_seed>\d{1,12})\b(?!.{0,20}\b(?:done|complete|finished))",
         "===== SEED 1337 =====", {"heading_seed": 1337}, starts_run=True),
    _row("launched seed", "seed", r"^\W{0,12}(?:now )?(?:running|run|starting|launching|training)\b(?!.{0,80}\b(?:done|complete|finished)).{0,60}?\bseed\s{0,3}[:=#]?\s{0,3}(?P<heading_seed>\d{1,12})\b(?!\s?/)",
         "Running: control (seed=42)", {"heading_seed": 42}, starts_run=True),
    _row("seed among others", "seed", r"(?<![\w/\-.])[\"']?seed[\"']?\s{0,2}[:=]\s{0,3}[\"']?(?P<seed_among>\d{1,12})\b(?!\.\d)",
         "lr:embed=0.035 batch:786432 wall:600s seed:42", {"seed_among": 42}),
    _row("launched run", "run=", r"^\[stage 1/\d{1,2}\]\s{1,3}run=(?P<run_id>[\w\-]{1,60})", "[STAGE 1/4] run=9b13b924 | 8 GPUs", {"run_id": "9b13b924"}, starts_run=True, names_digits=True),
    _row("seed in words", "seed", r"^\W{0,12}(?:results?|final results?|run|training)\b[^\d]{0,60}\bseed[ =:]{1,3}(?P<heading_seed>\d{1,12})\b",
         "FINAL RESULTS: variant D seed 1337", {"heading_seed": 1337}),
    _row("seed in run id", "seed", r"(?:run_id|logfile|log_file|logs/)[^\s]{0,3}\s{0,3}[^\s]{0,120}?seed[_\-=]?(?P<name_seed>\d{1,10})",
         "logs/submission_seed7.txt", {"name_seed": 7}),
    # Machine
    _row("world size", "world", r"(?<![\w.])world[_ ]?size\"?\s{0,3}[:=]\s{0,10}(?P<world_size>\d{1,4})\b",
         "world_size:8 grad_accum_steps:1", {"world_size": 8}),
    _row("world, short", "world:", r"(?<![\w.])world:(?P<world_size>\d{1,4})\b", "params:27038810 world:8 accum:1", {"world_size": 8}),
    _row("torchrun", "nproc", r"nproc[_-]per[_-]node[= ]{1,2}(?P<world_size>\d{1,4})\b",
         "torchrun --standalone --nproc_per_node=8 train_gpt.py", {"world_size": 8}),
    _row("GPU count", "gpu", r"(?:^|[\s|(])(?:gpus|num_gpus|n_gpus|ngpu|ngpus|gpu_count)\"?\s{0,2}[:=]\s{0,3}(?P<world_size>\d{1,4})\b",
         "seed=300 GPUs=8 wallclock=600s", {"world_size": 8}),
    _row("GPUs in words", "gpu", r"\b(?P<world_size>\d{1,3})\s?(?:x\s?)?(?:gpus|gpu\(s\))(?!\w)",
         "PHASE 1: TRAINING (600s wallclock, 8 GPUs)", {"world_size": 8}),
    _row("GPUs by model", "100", r"(?<![a-z0-9.])(?P<world_size>\d{1,3})\s?[x×]\s?(?:nvidia\s)?(?P<gpu>[ah]100[\w \-]{0,20}?)(?=\b)",
         "Running on 8xH100 SXM", {"world_size": 8, "gpu": "H100"}, names_digits=True),
    _row("nvidia-smi row", "nvidia", r"\b(?P<gpu>nvidia (?:geforce |rtx |tesla )?[a-z0-9][\w\-]{0,24}(?: [\w\-.]{1,24}){0,4}?)\s{1,30}(?:on|off)\b",
         "|   0  NVIDIA H100 80GB HBM3          On  |   00000000:8D:00.0 Off |", {"gpu": "NVIDIA H100 80GB HBM3"}),
    _row("GPU name", "gpu", r"(?:^\W{0,6}|\s)(?:gpu|gpu_name|gpu_summary|device|device_name|cuda device|gpu 0|gpus?)\s{0,3}[:=]\s{0,20}(?P<gpu>(?:\d{1,2}\s?[x×]\s?)?(?:nvidia|h\d{3}|a\d{2,3}|b\d{3}|l\d{1,2}|rtx|geforce|tesla|amd|apple)(?:[ \-]?[\w.\-]{1,16}(?![\w.:=])){0,5})",
         "GPU: NVIDIA H100 80GB HBM3", {"gpu": "NVIDIA H100 80GB HBM3"}),
    _row("Apple, its numbers", "compute_dtype", r"\bcompute_dtype:(?P<gpu>mlx)\.core\b", "compute_dtype:mlx.core.bfloat16", {"gpu": "mlx"}),
    _row("Apple", "mlx_version", r"\b(?P<gpu>mlx)_version:", "mlx_version:0.29.3", {"gpu": "mlx"}),
    _row("peak memory", "memory", r"peak memory(?: allocated)?\s{0,3}[:=]\s{0,4}(?P<peak_mib><N>)\s?mib",
         "peak memory allocated: 28955 MiB reserved: 30950 MiB", {"peak_mib": 28955}),
    # Training
    _row("step line, milliseconds", "train_time", r"^\W{0,4}(?:step\s?[:=]?\s?|s:|iter\s?)?(?P<step><N>)\s?(?:/\s?(?P<planned_steps><N>))?\b.{0,300}?\btrain_time\s?[:=]\s?(?P<train_time><D>)\s?ms",
         "step:4518/20000 train_loss:2.1 train_time:600133ms step_avg:132.8ms",
         {"step": 4518, "planned_steps": 20000, "train_time": 600.133}, unit="ms"),
    _row("step line, seconds", "train_time", r"^\W{0,4}(?:step\s?[:=]?\s?)?(?P<step><N>)\s?(?:/\s?(?P<planned_steps><N>))?\b.{0,300}?\btrain_time\s?[:=]\s?(?P<train_time><D>)\s?s\b",
         "step:100/5000 train_loss:2.1 train_time:12.5s", {"step": 100, "planned_steps": 5000, "train_time": 12.5}, unit="s"),
    _row("step line, minutes", "train_time", r"^\W{0,4}(?:step\s?[:=]?\s?)?(?P<step><N>)\s?/\s?(?P<planned_steps><N>)\b.{0,300}?\btrain_time\s?[:=]\s?(?P<train_time><D>)\s?m\b",
         "3000/20000 train_loss: 3.1068 train_time: 5.1m tok/s: 7668374",
         {"step": 3000, "planned_steps": 20000, "train_time": 306.0}, unit="min"),
    _row("step line, short", "tt:", r"^s:(?P<step>\d{1,9})/(?P<planned_steps>\d{1,9})\b.{0,200}?\btt:(?P<train_time><D>)ms",
         "s:500/20000 tl:2.51 tt:43000ms sa:86.0ms", {"step": 500, "planned_steps": 20000, "train_time": 43.0}, unit="ms"),
    _row("validation at a step, short", "tel:", r"^s:(?P<step>\d{1,9}) tel:(?P<val_loss><D>)$", "s:19560 tel:3.2722", {"step": 19560, "val_loss": 3.2722}),
    _row("step line, elapsed", "step", r"^\W{0,4}step\s?[:=]?\s?(?P<step><N>)\s?/\s?(?P<planned_steps><N>)\b(?!.{0,300}train_time).{0,300}?\b(?:elapsed|time|wall|t)\s?[:=]\s?(?P<train_time><D>)\s?s\b",
         "step:8000/9999 val_bpb:1.4425 [EMA] tokens:524M elapsed:535s",
         {"step": 8000, "planned_steps": 9999, "train_time": 535.0}, unit="s"),
    _row("step only", "step", r"^\W{0,4}step\s?[:=]?\s?(?P<step><N>)\s?/\s?(?P<planned_steps><N>)\b(?!.{0,300}(?:train_time|elapsed)\s?[:=]\s?\d[\d.,]{0,20}\s?(?:ms|s|m)\b)",
         "step:100/5000 train_loss:2.1", {"step": 100, "planned_steps": 5000}),
    _row("validation at a step", "val_", r"^\W{0,4}(?P<step><N>)\s?/\s?(?P<planned_steps><N>) val_(?:loss|bpb)\s?[:=]", "360/360 val_loss: 3.3780 val_bpb: 1.3328", {"step": 360, "planned_steps": 360}),
    _row("step without plan", "step", r"^(?:\W{0,4}|.{0,8}\bepoch \d{1,5}, )step\s?[:=]?\s?(?P<step><N>)\b(?!\s?/)(?=[^\d]{0,12}.{0,40}(?:loss|\blr|%\)|-\d))", "step 00463 (99.3%) | loss: 3.338817 | lrm: 0.01", {"step": 463}),
    _row("step bar", "/s", r"\b(?P<step><N>)/(?P<planned_steps><N>) \[\d{1,3}:\d\d(?::\d\d)?<.{0,30}?\d(?:step|it)/s", "Training:  87%|## | 3499/4000 [42:57<04:52,  1.71step/s] loss=3.1", {"step": 3499, "planned_steps": 4000}),
    _row("steps counted", "steps", r"\b(?:num_steps|total number of steps|total_steps|n_steps|steps_completed)[\"']?\s{0,3}(?:[:=]|is)\s{0,10}(?P<steps_done><N>)\b", "num_steps:        467", {"steps_done": 467}),
    _row("steps in JSON", "steps", r"\"(?:steps|train_steps|step_stop)\"\s?:\s?(?P<steps_done><N>)\b", "\"steps\": 8212,", {"steps_done": 8212}),
    _row("steps done in words", "steps", r"\b(?:training done|trained|completed|finished|stopped after|training complete)\b[^\d]{0,12}(?P<trained_steps><N>)(?:/\d{1,9})? steps\b", "training done: 16140 steps, 1057.8M tokens", {"trained_steps": 16140}),
    _row("steps of plan", "steps", r"\((?P<steps_done><N>)(?:/(?P<planned_steps><N>))? steps\b", "Training complete in 590s (1858 steps)", {"steps_done": 1858}),
    _row("stop step", "step", r"\b(?:stop_step|update_step|last_step|final_step)\s{0,3}[:=]\s{0,3}(?P<stop_step>\d{2,9})\b", "stop_step: 4017/20000", {"stop_step": 4017}),
    _row("stop at step", "reached", r"reached at step (?P<stop_step>\d{1,9}) \(train time: (?P<stop_time><D>)s\)", "stopping_early: cap reached at step 4622 (Train time: 594.7s)", {"stop_step": 4622, "stop_time": 594.7}, unit="s"),
    _row("limit at step", "at step", r"\b(?:limit|cap|budget|deadline|time)\b.{0,20}\b(?:reached|hit|exceeded|over),? (?:at|after) step (?P<stop_step><N>)\b(?! \(train time)",
         "Wallclock limit reached at step 12350, 600.1s elapsed", {"stop_step": 12350}),
    _row("checkpoint step", "checkpoint", r"final checkpoint @ step (?P<steps_done><N>)\b", "Final Checkpoint @ Step 7156:", {"steps_done": 7156}),
    _row("step table", "step", r"^\W{0,4}step\s{1,6}(?P<step><N>)\s?(?:/\s?(?P<planned_steps><N>))?\s{0,4}[|:,].{0,200}?(?<![\w.])(?P<train_time><D>)\s?s\b",
         "step   1858 | loss 2.31 | lr 0.01 | 590.2s", {"step": 1858, "train_time": 590.2}, unit="s"),
    _row("step table, clock", "step", r"^\W{0,4}step\s{1,6}(?P<step><N>)\s?(?:/\s?(?P<planned_steps><N>))?\b.{0,200}?\b(?:elapsed|t=)\s{0,3}(?P<train_time>(?:\d{1,3}h\s?)?\d{1,4}m\s?\d{1,2}(?:\.\d{1,6})?s)\b", "step  5120/5120 | loss 1.98 | tok/s 4,645,267 | elapsed 9m39.58s", {"step": 5120, "planned_steps": 5120, "train_time": 579.58}, unit="clock"),
    _row("training time, clock", "train", r"\b(?:training|train)\b[^\d\n]{0,30}[:=]\s{0,6}(?P<train_done>(?:\d{1,3}h\s?)?\d{1,4}m\s?\d{1,2}(?:\.\d{1,6})?s)\b", "[END] Total wall-clock training: 9m 39.58s", {"train_done": 579.58}, unit="clock"),
    _row("stop line", "early", r"(?:stopping_early|early_stop|stop_early)\b.{0,60}?\btrain_time(?: \([^)]{0,40}\))?\s?[:=]\s?(?P<stop_time><D>)\s?ms\s{1,3}step\s?[:=]\s?(?P<stop_step>\d{1,9})(?:/(?P<planned_steps>\d{1,9}))?",
         "stopping_early: wallclock_cap train_time:590116ms step: 5556/20000",
         {"stop_time": 590.116, "stop_step": 5556, "planned_steps": 20000}, unit="ms"),
    _row("stop line without time", "early", r"stopping_early\b.{0,60}?\bstep\s?[:=]\s?(?P<stop_step>\d{1,9})(?:/(?P<planned_steps>\d{1,9}))?(?!.{0,80}train_time)(?<!ms)",
         "stopping_early: wallclock_cap step:13688/20000", {"stop_step": 13688, "planned_steps": 20000}),
    _row("stop by limit", "limit reached", r"wallclock limit reached \((?P<stop_time><D>)\s?s\)",
         "Wallclock limit reached (590s), will stop after this step", {"stop_time": 590.0}, unit="s"),
    _row("step bracket", "[step", r"^\[step\s?(?P<step>\d{1,9})\]\s+t=(?P<train_time><D>)s", "[STEP 01536] t=575s/595s loss=2.2313", {"step": 1536, "train_time": 575.0}, unit="s"),
    _row("stop in words", "stopping", r"stopping early at step (?P<stop_step><N>)\b",
         "Stopping early at step 1858 (wallclock limit)", {"stop_step": 1858}),
    _row("training phase", "phase:train", r"phase:train wall_ms:(?P<train_done><D>) steps:(?P<trained_steps>\d{1,9})",
         "phase:train wall_ms:613779 steps:6997 step_avg:85.76ms", {"train_done": 613.779, "trained_steps": 6997}, unit="ms"),
    _row("training done", "training", r"training (?:done|complete|completed|finished)\s{0,2}[:,.(]?\s{0,3}(?:in )?(?P<trained_steps><N>) steps?\s?[,:(]?\s{0,3}(?:in |\()?(?P<train_done><D>)\s?s\b",
         "Training done: 10000 steps, 5116.6s", {"trained_steps": 10000, "train_done": 5116.6}, unit="s"),
    _row("training time", "train", r"\b(?:training|train)[_ ](?:time|wallclock|done|complete|completed|finished|seconds|elapsed|duration)[^\d:=]{0,24}[:=]?\s{0,10}(?:in )?(?P<train_done><D>)\s?(?:s\b|sec)",
         "Training time: 599.8s", {"train_done": 599.8}, unit="s"),
    _row("training time, milliseconds", "train", r"\b(?:training_time|train_time|train_time_ms|total_train_time|training_time_ms)\"?\s{0,3}[:=]\s{0,8}(?P<train_done><D>)\s?ms\b",
         "gptq:collected hessians for 68 layers total_train_time:597792ms", {"train_done": 597.792}, unit="ms"),
    _row("training time, key with unit", "train", r"\b(?:training|train)_time_ms[\"']?\s{0,3}[:=]\s{0,4}(?P<train_done><D>)\b", "\"train_time_ms\": 599980,", {"train_done": 599.98}, unit="ms"),
    _row("training time, key with seconds", "train", r"\b(?:training|train)_time_(?:s|sec|seconds)[\"']?\s{0,3}[:=]\s{0,4}(?P<train_done><D>)\b(?!\s?ms)", "\"train_time_s\": 599.98,", {"train_done": 599.98}, unit="s"),
    _row("training time, minutes", "train", r"\b(?:training|train)[_ ](?:time|wallclock|done|complete|completed|finished)[^\d:=]{0,24}[:=]?\s{0,10}(?:in )?(?P<train_done><D>)\s?(?:m\b|min)",
         "Training complete in 9.9 min", {"train_done": 594.0}, unit="min"),
    _row("steps", "steps", r"^\W{0,6}(?:total |training |train |optimizer |final )?steps?(?:_done|_completed)?\s{0,3}[:=]\s{0,12}(?P<steps_done><N>)\b(?!\s?/)",
         "Steps: 7000, Warmdown: 2100", {"steps_done": 7000}),
    _row("steps among others", "steps=", r"\bsteps=(?P<steps_done><N>)\b(?!.{0,10}/)", "RUN_SUMMARY: steps=8098 sliding_bpb=1.15", {"steps_done": 8098}),
    _row("cap", "wallclock", r"max_wallclock(?:_seconds)?\"?\s{0,3}[:=]\s{0,3}(?P<train_cap><D>)\s?s?\b",
         "train_seq_len:1024 max_wallclock_seconds:600.000", {"train_cap": 600.0}, unit="s"),
    _row("cap, short", "wall", r"^(?=.{0,300}\b(?:seed|batch)\s?[:=])(?!.{0,300}\b(?:step|epoch|elapsed|done|\w{0,9}loss|\w{0,9}bpb)\b).{0,300}?(?<![\w.])wall(?:clock)?\s?[:=]\s?(?P<train_cap>\d{2,6}(?:\.0{1,6})?)\s?s\b",
         "lr:embed=0.035 batch:786432 wall:600s seed:42", {"train_cap": 600.0}, unit="s"),
    _row("iterations", "iterations", r"(?<!\w)iterations\"?\s?[:=]\s{0,3}(?P<planned_steps>\d{1,9})\b",
         "train_seq_len:1024 iterations:20000 warmup_steps:20", {"planned_steps": 20000}),
    # After training
    _row("reserve, seconds", "reserving", r"reserving (?P<reserve><D>)\s?s\b", "gptq:reserving 10s, effective=590000ms", {"reserve": 10.0}, unit="s"),
    _row("reserve, milliseconds", "reserving", r"reserving (?P<reserve><D>)\s?ms\b",
         "gptq:reserving 14000ms from training budget, effective=586000ms", {"reserve": 14.0}, unit="ms"),
    _row("calibration", "in ", r"gptq\S{0,20}?[: ]\s?(?:loop-aware )?(?:calibrated|collected)\s(?P<layers>\d{1,5}) (?:layers|hessians) in (?P<hessian_time><D>)\s?s\b",
         "GPTQ:collected 66 Hessians in 4.3s", {"layers": 66, "hessian_time": 4.3}, unit="s"),
    _row("calibration, time=", "hessians", r"hessians collected layers=(?P<layers>\d{1,5}) time=(?P<hessian_time><D>)s",
         "gptq:hessians collected layers=68 time=37.5s", {"layers": 68, "hessian_time": 37.5}, unit="s"),
    _row("calibration, post_time", "post_time", r"\bpost_time:(?P<hessian_time><D>)ms",
         "gptq:collected hessians for 68 layers post_time:42766ms total_train_time:597792ms", {"hessian_time": 42.766}, unit="ms"),
    _row("calibration, budget check", "budget_check", r"budget_check train:\d{1,9}ms \+ gptq:(?P<hessian_time><D>)ms",
         "gptq:budget_check train:586128ms + gptq:9786ms = 595915ms", {"hessian_time": 9.786}, unit="ms"),
    # On what it was calibrated, such a line doesn't tell: tokens that the model generated first may be in the time.
    _row("calibration, done", "gptq:done", r"gptq:done layers=(?P<layers>\d{1,5}) time=(?P<calibration_time><D>)\s?ms\b",
         "gptq:done layers=68 time=5036ms", {"layers": 68, "calibration_time": 5.036}, unit="ms"),
    _row("calibration, Hessians for", "hessians for", r"gptq\S{0,3}\s?hessians for (?P<layers>\d{1,5}) layers in (?P<calibration_time><D>)\s?s\b",
         "gptq: Hessians for 86 layers in 1.9s", {"layers": 86, "calibration_time": 1.9}, unit="s"),
    _row("calibration data", "calibrat", r"gptq\S{0,3}\s?(?:calibrating|collecting|using|generating|building)\b(?P<source>.{0,100})",
         "gptq:calibrating with 64 batches (training data)...", {"source": "with 64 batches (training data)..."}),
    _row("self-generation", "generated", r"generated (?P<sequences>\d{1,7}) sequences in (?P<selfgen_time><D>)\s?s\b",
         "gptq:generated 64 sequences in 196.7s", {"sequences": 64, "selfgen_time": 196.7}, unit="s"),
    _row("quantised", "gptq", r"gptq:\s?(?:quantized|done) in (?P<gptq_time><D>)\s?s\b", "GPTQ:quantized in 10.1s", {"gptq_time": 10.1}, unit="s"),
    _row("serialised", "serialize", r"serialize(?:_wallclock)?\s?[:=]\s?(?P<serialize_time><D>)\s?s\b",
         "serialize_wallclock: 79.455s", {"serialize_time": 79.455}, unit="s"),
    _row("artifact production", "artifact_production", r"artifact_production_wallclock\s?[:=]\s?(?P<production_time><D>)\s?s\b",
         "artifact_production_wallclock: 825.352s (must be < 600.0)", {"production_time": 825.352}, unit="s"),
    # Sizes
    _row("model", "serialized", r"\bserialized[ _]model(?:[ _](?P<label>(?:[\w+.()\-/ ]|:(?=\w)){1,40}?))?\s?[:=]\s{0,40}(?P<model_bytes><N>) ?(?:bytes\b|b\b|\()",
         "Serialized model int8+zlib: 16507603 bytes (payload:18118784)", {"label": "int8+zlib", "model_bytes": 16507603}, unit="B"),
    _row("model file", "bytes:", r"\bserialized model (?P<label>[\w+.\-]{1,30})\s?:\s?[\w./\-]{1,80}\.\w{1,6} bytes:(?P<model_bytes><N>)",
         "Serialized model int6+lzma:final_model.ptz bytes:15262900", {"label": "int6+lzma", "model_bytes": 15262900}, unit="B"),
    _row("model's blob", "blob", r"^\W{0,4}(?P<label>(?:[\w+]+ ){0,3}?(?:model|weights?|quantized|artifact|checkpoint)(?: [\w+]+){0,2}?) blob\s?[:=]\s?(?P<model_bytes><N>) ?bytes\b",
         "Model blob : 15979561 bytes", {"label": "Model", "model_bytes": 15979561}, unit="B"),
    _row("a further blob", "blob", r"^(?!.{0,40}\b(?:model|weights?|quantized|artifact|checkpoint)\b)[\w ]{1,40} blob\s?[:=]\s?(?P<other_bytes><N>) ?bytes\b",
         "Paid prefix blob: 4240472 bytes", {"other_bytes": 4240472}, unit="B"),
    _row("model beside its code", "code", r"^\W{0,4}(?P<label>[\w+.\-]{1,40})\s?:\s{0,4}(?P<model_bytes><N>) ?bytes\s?\|\s?code\b",
         "int6_brotli: 14,622,509 bytes | code: 92,132 | total: 14,714,641", {"label": "int6_brotli", "model_bytes": 14622509}, unit="B", names_digits=True),
    _row("model elsewhere", "model", r"(?<![\w])(?:model|model_bytes|compressed model|compressed_model|quantized model|model size|quant_file_bytes|model_size)\s?[:=]\s{0,40}(?P<model_bytes>\d{1,3}(?:,\d{3}){1,4}|\d{5,12})(?: ?bytes| ?b\b|\b)(?!\.\d)",
         "model:15900000 code:64000 total:15964000", {"model_bytes": 15900000}, unit="B"),
    _row("code, packed", "code", r"\bcode size \(compressed[^)]{0,20}\)\s?:\s?(?P<code_bytes_packed><N>)", "Code size (compressed): 26505 bytes", {"code_bytes_packed": 26505}, unit="B"),
    _row("code, plain beside packed", "code", r"\bcode size \((?:uncompressed|raw|plain)[^)]{0,20}\)\s?:\s?(?P<code_bytes_plain><N>)", "Code size (uncompressed): 125659 bytes", {"code_bytes_plain": 125659}, unit="B"),
    _row("code", "code", r"\bcode(?:[ _]size|[ _]bytes)?(?:[ _]total)?[\"']?\s{0,3}[:=]\s{0,40}(?P<code_bytes>\d{1,3}(?:,\d{3}){1,3}|\d{2,9})(?: ?bytes| ?b\b|\b)(?!\.\d)", "Code size: 52440 bytes", {"code_bytes": 52440}, unit="B"),
    _row("total", "total", r"\btotal[ _]?(?:submission|artifact|size|bytes|mixed|compressed|packaged|final)(?P<label>[^:=\n]{0,60}?)[\"']?\s{0,3}[:=]\s{0,40}(?P<total_bytes>\d{1,3}(?:,\d{3}){1,4}|\d{4,12}) ?(?:bytes\b|b\b|\()",
         "Total submission size int8+zlib: 15863489 bytes", {"label": "size int8+zlib", "total_bytes": 15863489}, unit="B"),
    _row("total, bare", "total", r"^(?!.{0,200}?(?:gate|hint|target|tokens|docs))(?:.{0,200}?(?<![\w.]))?(?:total|total_bytes|bytes_total|total_size|total_submission_size|total_artifact_bytes)[\"']?\s?[:=]\s{0,40}(?P<total_bytes>\d{1,3}(?:,\d{3}){2,4}|\d{6,12})(?!\.?\d)",
         "model:15900000 code:64000 total:15964000", {"total_bytes": 15964000}, unit="B"),
    _row("artifact", "artifact", _MEASURED + r"\b(?:total )?(?P<label>artifact)(?:[ _](?:size|bytes|total)){0,2}[\"']?\s{0,3}(?:\([^)]{0,20}\))?[:=]\s{0,40}(?P<total_bytes>\d{1,3}(?:,\d{3}){1,4}|\d{6,12})(?: ?bytes| ?b\b|\b)(?!\.\d)",
         "Artifact: 15,143,381 bytes (14.44 MB)", {"label": "Artifact", "total_bytes": 15143381}, unit="B"),
    _row("artifact and its parts", "artifact", r"\bartifact (?P<label>[\w+.\-]{1,40})\s?:\s{0,3}(?P<model_bytes><N>) bytes \+ (?P<code_bytes><N>)(?: bytes)? code = (?P<total_bytes><N>)",
         "artifact int6+zstd-22: 15697770 bytes + 83709 code = 15781479 total", {"label": "int6+zstd-22", "model_bytes": 15697770, "code_bytes": 83709, "total_bytes": 15781479}, unit="B"),
    _row("artifact, MB", "artifact", _MEASURED + r"\bartifact(?:[ _]size)?\s{0,3}[:=]\s{0,40}(?P<total_bytes>\d{1,3}\.\d{1,8}) ?mb\b", "artifact: 15.9MB", {"total_bytes": 15900000}, unit="MB"),
    _row("total of the budget", "budget", r"^\W{0,4}(?:(?:size|artifact|byte|bytes|total)[_ ])?budget\s?[:=]\s{0,3}(?P<total_bytes><N>) ?/ ?16[,_]?000[,_]?000\b",
         "budget:14412345/16000000 (14.41/16.00MB) FITS", {"total_bytes": 14412345}, unit="B", names_digits=True),
    _row("packed size, MB", "size", r"\bsize[ _](?P<label>lzma|zstd|zlib|brotli|compressed|packed)\s{0,3}:\s{0,6}(?P<total_bytes>\d{1,3}\.\d{1,8}) ?mb\b", "  Size lzma:     15.83 MB", {"label": "lzma", "total_bytes": 15830000}, unit="MB"),
    _row("submission size", "size", r"(?<!\w)(?:submission )?size\s?[:=]\s{0,4}(?P<total_bytes>\d{1,3}(?:,\d{3}){2,3}|\d{7,9}) ?b?\b", "size=15,708,798B", {"total_bytes": 15708798}, unit="B"),
    # Evaluation
    _row("total evaluation", "total_eval", r"total_eval_time\s?[:=]\s{0,3}(?P<total_eval_time><D>)\s?s\b", "total_eval_time:497.5s", {"total_eval_time": 497.5}, unit="s"),
    _row("phase of evaluation", "wall_ms", r"phase:(?P<label>\w{0,30}eval\w{0,30}) wall_ms:(?P<eval_time><D>)", "phase:ttt_eval wall_ms:358276", {"label": "ttt_eval", "eval_time": 358.276}, unit="ms"),
    _row("evaluation done", "elapsed", r"^(?P<label>(?:ttt|dttt|slot|ngram|eval|legal_ttt|ttt_\w{1,20}|sliding)\w{0,20})\s?:\s?(?:done|completed)?\b(?!.{0,120}bpb).{0,60}?\b(?:elapsed|time)\s?[:=]\s?(?P<eval_time><D>)\s?s\b",
         "ttt:done chunks=474 elapsed=107.0s", {"label": "ttt", "eval_time": 107.0}, unit="s"),
    _row("evaluation in words", "eval", r"\b(?:total )?eval(?:uation)?(?:[ _](?:time|took|wallclock|done|complete|seconds))\b[^\d]{0,16}(?P<eval_time><D>)\s?s(?:ec(?:onds?)?)?\b",
         "Evaluation took 84.5 s", {"eval_time": 84.5}, unit="s"),
    _row("evaluation, milliseconds", "eval", r"(?:^|[\s_])eval(?:_time)?\s?[:=]\s{0,3}(?P<eval_time><D>)\s?ms\b", "roundtrip eval_time:1782ms", {"eval_time": 1.782}, unit="ms"),
    _row("evaluation, key with unit", "eval", r"(?:\b|_)eval(?:uation)?_(?:time|elapsed|wall|duration)_(?:s|sec|seconds)[\"']?\s{0,3}[:=]\s{0,3}(?P<eval_time><D>)\b", "eval_time_s: 277.205", {"eval_time": 277.205}, unit="s"),
    _row("check took", "took", r"\b(?P<label>validation|roundtrip(?: check)?|sliding(?: window)?|ttt|slot)\b.{0,30}?\btook (?P<eval_time><D>)\s?s\b", "Validation took 42.89s", {"label": "Validation", "eval_time": 42.89}, unit="s"),
    _row("stage time", "time", r"^\W{0,4}(?P<label>ttt|slot|sliding|eval|n-?gram)[ _](?:eval )?time\s?:\s{0,10}(?P<eval_time><D>)\s?s\b", "TTT Time:     166s (200 docs)", {"label": "TTT", "eval_time": 166.0}, unit="s"),
    _row("adaptation before quantisation", "ttt", r"^pre_?quant_?ttt\S{0,20}?:done\b.{0,40}?\b(?:elapsed|total_time|time)=(?P<prequant_time><D>)s", "prequant_ttt:done total_time=523.0s", {"prequant_time": 523.0}, unit="s"),
    _row("adaptation before quantisation, in words", "ttt", r"^pre_?quant_?ttt\S{0,20}?:\s?(?:done|complete|completed|finished) in (?P<prequant_time><D>)\s?s\b", "prequant_ttt:done in 495.8s (8 gpus)", {"prequant_time": 495.8}, unit="s"),
    _row("n-gram precompute", "precompute", r"precompute\w{0,8}\b.{0,160}?\belapsed=(?P<precompute_time><D>)s", "ngram_tilt:precompute_done elapsed=168.13s total_targets=47851520", {"precompute_time": 168.13}, unit="s"),
    _row("evaluation, windows scored", "scored tokens", r"^(?P<label>\w{0,20}eval\w{0,20})\s?:\s?\d.{0,120}?\bscored tokens, (?P<eval_time><D>)\s?s$", "sliding_eval: 79152 windows/rank, stride=64, 5065728 scored tokens, 237.2s", {"label": "sliding_eval", "eval_time": 237.2}, unit="s"),
    _row("whole time", "time", r"^(?:total |elapsed )?time\s?:\s{1,8}(?P<whole_time><D>)\s?s\b(?:\s?\([^)]{0,20}\))?$", "Time: 322s (5.4 min)", {"whole_time": 322.0}, unit="s"),
    _row("whole time, key with unit", "elapsed_", r"^(?:elapsed|wall|total)_(?:s|sec|seconds)\s?[:=]\s?(?P<whole_time><D>)$", "elapsed_seconds=571.97", {"whole_time": 571.97}, unit="s"),
    # Data
    _row("train shards", "shards", r"\b(?:train[_ ]shards|train:\S{1,60} shards)\"?\s{0,3}[:=]\s{0,3}(?P<train_shards>\d{1,7})\b", "train_loader:dataset:fineweb10B_sp1024 train_shards:80", {"train_shards": 80}),
    _row("train shards in words", "train shards", r"\b(?P<train_shards>\d{1,7}) train shards\b", "FineWeb: 80 train shards, 1 val shards", {"train_shards": 80}),
    _row("train data", "train_loader", r"train_loader:dataset:(?P<train_data>\S{1,200})", "train_loader:dataset:fineweb10B_sp1024 train_shards:80", {"train_data": "fineweb10B_sp1024"}),
    _row("dataset folder", "datasets_dir", r"\bdatasets_dir\s?[:=]\s?(?P<train_data>\S{1,300})", "datasets_dir: ./data/datasets/fineweb10B_sp8192", {"train_data": "./data/datasets/fineweb10B_sp8192"}),
    _row("validation files", "val_", r"(?:val_loader:shards pattern=|\bval_files\s?[:=]\s?)(?P<val_data>\S{1,300})", "val_loader:shards pattern=./data/fineweb_val_*.bin tokens:62021632", {"val_data": "./data/fineweb_val_*.bin"}),
    _row("validation tokens, loader", "val_loader", r"val_loader:(?:\S.{0,300}?\b)?tokens:(?P<val_tokens><N>)", "val_loader:shards pattern=./data/fineweb_val_*.bin tokens:62021632", {"val_tokens": 62021632}),
    _row("validation tokens in words", "val", r"\bval(?:idation)?[ :](?:\S{0,200} )?tokens\s?:\s{0,4}(?P<val_tokens><N>)\b", "Validation tokens: 40,540,160", {"val_tokens": 40540160}),
    _row("tokens and bytes scored", "tokens=", r"\btokens=(?P<val_tokens>\d{5,12}) bytes=(?P<scored_bytes>\d{5,12})\b", "evs:rank:0 DONE val_bpb=1.12 tokens=62023616 bytes=151084796 elapsed=76s", {"val_tokens": 62023616, "scored_bytes": 151084796}),
    _row("tokens scored", "eval_tokens", r"\beval_tokens:(?P<val_tokens><N>)(?: eval_bytes:(?P<scored_bytes><N>))?", "final_roundtrip val_loss:3.27 val_bpb:1.16 eval_tokens:37146624 eval_bytes:151078879", {"val_tokens": 37146624, "scored_bytes": 151078879}),
    _row("validation tokens", "val_tokens", r"(?<!\w)val_tokens\"?\s{0,3}[:=]\s{0,4}(?P<val_tokens><N>)\b", "val_tokens: 40540160", {"val_tokens": 40540160}),
    _row("tokenizer", "tokenizer_path", r"\btokenizer_path\s?[:=]\s?(?P<tokenizer>\S{1,300})", "tokenizer_path=./data/tokenizers/fineweb_1024_bpe.model", {"tokenizer": "./data/tokenizers/fineweb_1024_bpe.model"}),
    _row("vocabulary", "vocab", r"(?<!\w)vocab(?:_size)?\s?[:=]\s?(?P<vocab_size>\d{2,7})\b", "vocab_size: 8192", {"vocab_size": 8192}),
    _row("loss alone", "val_", r"(?<![\w.])(?:val_loss|val_nats|validation_loss)[\"']?(?:\s?\([a-z]{1,12}\))?\s{0,3}[:=]\s{0,10}(?P<val_loss>\d{1,3}\.\d{1,18})", "val_loss: 2.51234567", {"val_loss": 2.51234567}),
    # n-gram tilt and mixtures
    _row("gates", "gate=", r"\bwithin_gate\s?=\s?(?P<within_gate><N>).{0,40}?\bword_gate\s?=\s?(?P<word_gate><N>).{0,40}?\bagree2plus\s?=\s?(?P<agree2plus><N>)",
         "ngram_tilt:hints total=47851520 token_gate=628130 within_gate=0 word_gate=0 agree2plus=0", {"within_gate": 0, "word_gate": 0, "agree2plus": 0}, names_digits=True),
    _row("scored bytes", "n_bytes", r"\bn_bytes=(?P<scored_bytes><N>)", "ppm_mixer val_bpb:0.95 N_bytes=151078222", {"scored_bytes": 151078222}),
    _row("scored bytes, mixture", "bytes=", r"\b(?:ppm_mix|cond_ppm)\b.{0,80}?\bbytes=(?P<scored_bytes><N>)", "cond_ppm tokens=9662464 bytes=32756252", {"scored_bytes": 32756252}),
)
# fmt: on
