"""How a run is made small: through the script's own switches, as far as its text names them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from auditor.smoke.plan import Plan

_SHORT: Mapping[str, str] = {
    **dict.fromkeys(("ITERATIONS", "NUM_ITERATIONS", "MAX_STEPS", "TRAIN_STEPS", "NUM_STEPS", "MAX_ITERS"), "2"),
    **dict.fromkeys(("WARMUP_STEPS", "COMPILE_WARMUP_STEPS", "LR_WARMUP_STEPS"), "1"),
    **dict.fromkeys(("VAL_LOSS_EVERY", "CHECKPOINT_EVERY", "SAVE_EVERY"), "0"),
    **dict.fromkeys(("TRAIN_LOG_EVERY", "GRAD_ACCUM_STEPS"), "1"),
    **dict.fromkeys(("GPTQ_CALIB_BATCHES", "GPTQ_CALIBRATION_BATCHES", "CALIBRATION_BATCHES", "CALIB_BATCHES",
                     "GPTQ_NUM_SEQS", "CALIB_SEQS", "GPTQ_CALIB_SAMPLES", "GPTQ_NSAMPLES", "GPTQ_N_SAMPLES",
                     "GPTQ_CALIB_SEQS", "GPTQ_SAMPLES"), "16"),
    **dict.fromkeys(("AR_CALIB_SEQS", "AR_SEQS", "AR_NUM_SEQS", "GPTQ_AR_SEQS"), "2"),
    **dict.fromkeys(("NGRAM_PRETRAIN_TOKENS",), "20000"),
    **dict.fromkeys(("EMA_DECAY", "EMA_BETA"), "0.5"),  # of two steps, a slow average keeps nothing
    **dict.fromkeys(("TTT_EPOCHS", "PREQUANT_TTT_EPOCHS", "TTT_STEPS", "SLOT_STEPS", "MUON_BACKEND_STEPS",
                     "MUON_NS_STEPS", "TTT_MAX_STEPS"), "2"),
    **dict.fromkeys(("RECUR_START_STEP", "RECURRENCE_START_STEP", "LOOP_START_STEP", "QAT_START_STEP"), "1"),
}  # fmt: skip
"""Training and calibration in a few steps: the second is the first that reaches every weight behind a zero one."""
_STRIDES = ("EVAL_STRIDE", "SLIDING_STRIDE", "STRIDE", "SLIDING_WINDOW_STRIDE", "SLIDING_EVAL_STRIDE", "SLOT_STRIDE")
_BATCHES: Mapping[str, str] = {
    **dict.fromkeys(("TRAIN_SEQ_LEN", "EVAL_SEQ_LEN", "SEQ_LEN", "VAL_SEQ_LEN", "TTT_SEQ_LEN", "BLOCK_SIZE",
                     "TTT_EVAL_SEQ_LEN"), "128"),
    **dict.fromkeys(("TRAIN_BATCH_TOKENS", "BATCH_TOKENS", "TOTAL_BATCH_SIZE"), "1024"),
    **dict.fromkeys(("VAL_BATCH_SIZE", "VAL_BATCH_TOKENS"), "16384"),
    **dict.fromkeys(_STRIDES, "96"),  # no whole number of windows holds each token: passes stay countable
    **dict.fromkeys(("TTT_CHUNK_TOKENS", "TTT_CHUNK", "NGRAM_CHUNK_TOKENS", "TTT_CHUNK_SIZE", "NGRAM_CHUNK_SIZE",
                     "NGRAM_EVAL_CHUNK_TOKENS", "GLOBAL_TTT_CHUNK_TOKENS"), "1024"),
    **dict.fromkeys(("EVAL_BATCH_SEQS", "SW_EVAL_BATCH", "TTT_BATCH_SEQS", "EVAL_BATCH", "SLIDING_BATCH_SEQS",
                     "SLIDING_BATCH_SIZE", "SLOT_BATCH_SEQS"), "32"),
    **dict.fromkeys(("NGRAM_BUCKETS", "NGRAM_EVAL_BUCKETS", "CACHE_BUCKETS", "NGRAM_TABLE_SIZE", "EVAL_NGRAM_BUCKETS",
                     "NGRAM_NUM_BUCKETS", "PHRASE_BUCKETS"), "4096"),
    **dict.fromkeys(("MIXER_MIN_TOKENS", "NGRAM_MIN_TOKENS", "CACHE_MIN_TOKENS", "HEDGE_MIN_TOKENS"), "256"),
}  # fmt: skip
"""Short sequences and batches, tables as full as real ones are after the whole validation set, and used as early."""
_HEADS: Mapping[str, str] = {
    **dict.fromkeys(("NUM_HEADS", "N_HEADS", "N_HEAD"), "4"),
    **dict.fromkeys(("NUM_KV_HEADS", "N_KV_HEADS", "N_KV_HEAD"), "2"),
}
_WIDTHS = ("MODEL_DIM", "DIM", "D_MODEL", "N_EMBD", "HIDDEN_DIM", "HIDDEN_SIZE", "EMBEDDING_DIM")
_WIDE: Mapping[str, str] = {**dict.fromkeys(_WIDTHS, "128"), **_HEADS}
"""A model of a thirtieth of the work. Its layers stay: connections name them."""
_NARROW: Mapping[str, str] = {
    **dict.fromkeys(_WIDTHS, "64"), **_HEADS, "VOCAB_SIZE": "1024", "BIGRAM_VOCAB_SIZE": "1024",
    **dict.fromkeys(("NUM_LAYERS", "N_LAYERS", "N_LAYER"), "6"), "TTT_FREEZE_BLOCKS": "2",
}  # fmt: skip
"""A model of a hundredth of the work, over the smallest of the challenge's vocabularies.

Six layers have those that are gone through again in most scripts (the fourth to the sixth); of them test-time training
that leaves the lowest alone still has four.
"""
_MORE: Mapping[str, str] = {
    **{name: value for name, value in _BATCHES.items() if not name.endswith(("BUCKETS", "TABLE_SIZE"))},
    **dict.fromkeys(("TRAIN_BATCH_TOKENS", "BATCH_TOKENS", "TOTAL_BATCH_SIZE"), "8192"),
}
"""Batches that a script may divide into more than eight parts, and tables as large as it has them."""
_UNTRAINED = ("EVAL_ONLY", "TTT_EVAL_ONLY", "TTT_ONLY", "SKIP_TRAINING")
"""Switches that leave training to an earlier run, of which nothing is there."""
_LEVELS = ((_SHORT, _BATCHES, _NARROW), (_SHORT, _MORE, _WIDE), (_SHORT, _MORE), (_SHORT,))
LEVELS = len(_LEVELS)
_SEQUENCE = re.compile(r"(?i:seq|seq_?len|block_size|context\w*)\s*(?::\s*int\s*)?=\s*(?:1024|2048|4096)\b")
"""A length of sequences that no switch changes: strides may be as much longer."""
_COMPILING = re.compile(r"warmup_steps\s*>\s*0")
"""Warming up that a script skips where it is told no steps: nothing of it is left."""


@dataclass(frozen=True)
class Cut:
    """A plan at toy size, and in words what was set for it."""

    plan: Plan
    told: tuple[str, ...]


def cut(planned: Plan, source: str, level: int) -> Cut:
    """Return a plan made small. ``level`` 0 narrows most, :data:`LEVELS` - 1 least: only training is cut.

    What the run, or the default in the text, has smaller already stays: nothing that is off is switched on.
    """
    named = set(re.findall(r"""["']([A-Z][A-Z0-9_]{2,40})["']""", source))

    def now(name: str) -> str:
        return planned.environment.get(name) or _default(source, name)

    steps = _number(now("ITERATIONS"))
    wanted = {
        name: value
        for table in _LEVELS[level]
        for name, value in table.items()
        if name in named
        and _larger(name, now(name), float(value))
        # What begins after the last step stays off.
        and not (name.endswith("_START_STEP") and _number(now(name)) >= steps)
    }
    for name in _UNTRAINED:
        if name in named and now(name) == "1":
            wanted[name] = "0"
    if "WARMUP_STEPS" in wanted and _COMPILING.search(source):
        wanted["WARMUP_STEPS"] = "0"
    if not any(name.endswith(("SEQ_LEN", "BLOCK_SIZE")) for name in wanted) and _SEQUENCE.search(source):
        wanted.update((name, "384") for name in _STRIDES if name in wanted)
    environment = dict(planned.environment)
    for name, value in wanted.items():
        environment[name] = value
    told = tuple(f"{name}={value}" for name, value in wanted.items())
    return Cut(replace(planned, environment=environment), told)


def _default(source: str, name: str) -> str:
    """Return the number that the text gives beside a switch, empty where there is none."""
    found = re.search(rf"""["']{name}["']\s*,\s*["']?(\d[\d_]*(?:\.\d+)?)""", source)
    return found[1] if found else ""


def _number(text: str) -> float:
    """Return what a switch stands at; infinite where that is no number."""
    return float(text) if re.fullmatch(r"\d[\d_]*(?:\.\d+)?", text) else float("inf")


def _larger(name: str, now: str, wanted: float) -> bool:
    """Tell whether a switch that stands at ``now`` has to be set."""
    stands = _number(now)
    return stands > 0 and (name in _STRIDES or stands > wanted)
