"""What a run is made of: every dimension, schedule and scheme, as frozen data.

A :class:`Config` comes from a preset (TOML, see :mod:`reference_model.presets`). Nothing else in the package reads
environment variables or files to decide what to compute, so that a run is a function of its configuration, seed and
data. Names are the challenge's own; the numbers of each published system are in its preset.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from reference_model.config_check import check as check


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parts of a configuration: immutable, by keyword, and a key that nobody knows is an error."""


class Recurrence(Frozen, frozen=True):
    """Which blocks run in which order, and from when on.

    ``iterated``: the whole stack ``repeats`` times (#1509). ``shared``: ``repeats`` passes over all blocks with loop
    embeddings, value scales and cross-repeat skips, sized for ``table_repeats`` (#148 to #1453). ``unique``: virtual
    layer i uses block ``i mod layers`` of ``virtual_layers`` (#167). ``span``: blocks ``first`` to ``last`` run
    ``repeats`` times in a row (#1334, #1413). ``rerun``: they run once more after the last block (#1499).
    """

    kind: Literal["none", "iterated", "shared", "unique", "span", "rerun"] = "none"
    repeats: int = 1
    table_repeats: int = 0  # shared: repeats that the signal tables are sized for; 0 means `repeats`
    virtual_layers: int = 0  # unique
    per_virtual_controls: bool = False  # unique: scales and resid_mix for every virtual layer
    extra_eval_passes: int = 0  # unique: decoder passes added when evaluating
    first: int = 0  # span, rerun: first block of the span
    last: int = 0  # span, rerun: last block, inclusive
    start_step: int = 0  # active from this step on (when start_fraction is 0)
    start_fraction: float = 0.0  # active from this fraction of the time on
    depth: tuple[tuple[float, int], ...] = ()  # shared: (fraction of the time, repeats) while below the fraction
    rope_shift: float = 0.0  # iterated: phase added per iteration
    rope_shift_mode: Literal["published", "q_only"] = "published"  # published shifts q and k alike: no effect


class Model(Frozen, frozen=True):
    """Shapes and parts of the network; see :mod:`reference_model.model`."""

    vocab_size: int = 1024
    layers: int = 9
    dim: int = 512
    heads: int = 8
    kv_heads: int = 4
    mlp_mult: int = 2
    activation: Literal["relu2", "leaky2"] = "relu2"
    mlp_gain: bool = False
    softcap: float = 30.0
    softcap_in_float: bool = True  # False: in the activations' type, before the loss's float32, as all but #1855 train
    rope_base: float = 10_000.0
    rope_dims: int = 0  # 0: all of the head
    rope_rescale: bool = False  # raise the base for sequences beyond the training length
    qk_gain: float = 1.5
    resid_mix: bool = True
    ln_scale: bool = False
    skips: Literal["none", "additive", "gated"] = "additive"
    skip_rows: int = -1  # -1: as many as the executed sequence needs
    init: Literal["default", "orthogonal"] = "default"
    xsa: Literal["none", "projection", "diagonal"] = "none"
    xsa_last: int = 0  # the last so many effective layers
    value_tables: int = 0  # full V x dim tables added before a block (shared recurrence)
    value_embed_dim: int = 0  # VE128
    value_embed_layers: tuple[int, ...] = ()
    value_residual: bool = False
    bigram_buckets: int = 0
    bigram_dim: int = 128
    bigram_init: Literal["zero", "normal"] = "zero"
    smear: Literal["none", "static", "gated"] = "none"
    smear_init: float = 0.0
    gate_width: int = 12  # inputs that the gated smear and the attention gate read
    bos_safe: bool = True  # no previous-token term where the current token starts a document
    attention_gate: bool = False
    attention_gate_scale: float = 0.5
    q_rank: int = 0
    parallel: Literal["none", "single", "two-lane", "two-lane-lambda"] = "none"
    parallel_from: int = 0
    recurrence: Recurrence = Recurrence()


class Data(Frozen, frozen=True):
    """What is read, in which rows."""

    tokenizer: Literal["sp1024", "sp4096", "sp8192", "caseops", "demo", "own"] = "sp1024"  # own: any packed folder
    seq_len: int = 1024
    batch_tokens: int = 524_288  # tokens of one optimizer step over all ranks
    loader: Literal["sequential", "coprime", "shuffled", "packed"] = "sequential"
    train_shards: int = 80  # shards that the published run read; fewer on disk is a warning in the log
    eval_batch_tokens: int = 524_288


class Optim(Frozen, frozen=True):
    """Muon for matrices, Adam for the rest."""

    orthogonalize: Literal["classic", "polar"] = "classic"
    row_equalize: bool = False
    matrix_lr: float = 0.04
    embed_lr: float = 0.05
    scalar_lr: float = 0.04
    momentum: float = 0.95
    momentum_start: float = 0.85
    momentum_warmup: int = 500  # steps
    matrix_decay: float = 0.0
    embed_decay: float = 0.0
    scalar_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    clip: float = 0.0  # global gradient norm; 0: no clipping


class Schedule(Frozen, frozen=True):
    """Length of the run and the learning-rate multiplier."""

    iterations: int = 20_000
    warmup_steps: int = 20  # compile warm-up, undone before the clock starts
    warmdown: Literal["iterations", "fraction"] = "iterations"
    warmdown_iterations: int = 1200
    warmdown_fraction: float = 0.0
    min_lr: float = 0.0  # least multiplier (fraction form)
    cap_seconds: float = 600.0  # 0: no cap
    reserve_seconds: float = 0.0  # kept free within the cap for quantisation
    val_every: int = 1000  # steps; 0: only at the end
    log_every: int = 200


class Average(Frozen, frozen=True):
    """Which average of the weights is packed."""

    ema: float = 0.0  # decay; 0: off
    swa_start: float = 0.0  # learning-rate multiplier below which states are summed; 0: off
    swa_every: int = 50


class Qat(Frozen, frozen=True):
    """Quantisation-aware training by a straight-through estimator."""

    start: float = 0.0  # learning-rate multiplier below which it is on; 0: off
    mlp_levels: int = 15
    levels: int = 31
    least_numel: int = 8192


class Group(Frozen, frozen=True):
    """How the tensors whose names contain one of ``match`` are quantised; the first group that matches counts.

    ``levels`` is Q: integers from -Q to Q; 0 keeps the tensor in float16. ``clip_sd`` is k of SDClip
    (scale = k * sd(row) / Q).
    """

    match: tuple[str, ...] = ("",)
    levels: int = 127
    clip_sd: float = 0.0
    quantile: float = 0.0  # clip at this quantile of |w|; 0: search by weight error (or SDClip when clip_sd is set)
    gptq: bool = False
    always: bool = False  # integers even for small tensors and controls
    prune: bool = True  # entries +-1 may be zeroed where `prune_to_fit` needs bytes


class Quantize(Frozen, frozen=True):
    """From trained weights to integers and scales."""

    groups: tuple[Group, ...] = (Group(quantile=0.9999984),)
    quantiles: tuple[float, ...] = (0.9999, 0.99995, 0.99999, 0.999995, 0.999999)  # candidates of the search
    keep_numel: int = 65_536  # tensors up to this many values, and controls, stay float16
    keep_float32: tuple[str, ...] = ()  # parts of names of those that stay float32 instead
    scale_floor: float = 1e-12  # published: 1/levels for most
    scale_floor_levels: bool = False  # the floor is 1/levels of the group
    exact_codes: tuple[str, ...] = ()  # parts of names whose integers are computed before the scale is rounded
    calibration_batches: int = 0  # 0: no Hessians needed
    calibration_batch_tokens: int = 0  # 0: as a training step
    calibration_pieces: int = 8  # of the eight pieces of a batch, the first so many; 1 is what rank 0 of eight reads
    calibration_restarts: bool = False  # read the training text from its beginning, not on from the last step
    calibration_loader: Literal["", "sequential", "coprime", "shuffled", "packed"] = ""  # "": that of training
    self_generated: bool = False  # calibrate on text that the model writes, not on training shards
    damping: float = 0.01
    zero_smallest: float = 0.0  # fraction of least magnitudes set to zero before quantising, in every matrix of
    zero_least_numel: int = 65_536  # more than so many values
    prune_to_fit: bool = False  # zero +-1 entries of groups that `prune` until the artifact fits
    lqer_tensors: int = 0
    lqer_rank: int = 4
    row_bits: bool = False  # #167: 8 bits for rows of large gradient, 4 for small
    byte_shuffle: bool = False
    compressor: Literal["zlib", "zstd", "lzma", "brotli", "roles"] = "zlib"


class ScoreFirst(Frozen, frozen=True):
    """Score-first test-time training: each chunk is scored before anything learns from it."""

    kind: Literal["none", "chunks", "lora", "phased"] = "none"
    chunk_tokens: int = 32_768
    lr: float = 0.005
    momentum: float = 0.9
    epochs: int = 3
    batch_rows: int = 32
    clip: float = 1.0
    rank: int = 8  # lora, phased
    alpha: float = 8.0
    lora_lr: float = 3e-4
    lora_beta1: float = 0.9
    lora_beta2: float = 0.999
    lora_eps: float = 1e-8
    decay: float = 0.0
    reset_batches: int = 8  # lora: weights and optimizer start anew after so many batches
    temperature: float = 1.0  # lora: logits are divided by it once adapted
    document_chunk: int = 48  # phased: tokens per chunk of a document
    document_batch: int = 64
    phases: tuple[int, ...] = ()  # phased: documents scored before each pause
    phase_lr: float = 0.001


class Evaluate(Frozen, frozen=True):
    """Which scores are computed from the artifact, in this order; the last one is the final score."""

    stride: int = 0  # sliding window; 0: no sliding evaluation
    window: int = 0  # length of a window; 0: seq_len
    # which targets of a window count; all but `once` are published forms that leave out or repeat some: invalid
    scored: Literal["once", "tails-again", "first-unscored", "tail-dropped"] = "once"
    score_first: ScoreFirst = ScoreFirst()
    ngram_order: int = 0  # context-only n-gram; 0: off
    ngram_weight: float = 0.2
    ngram_published: bool = False  # invalid: weight from the target's loss, cache filled from training data
    hedge: Literal["none", "legal", "published"] = "none"  # published is invalid: not a probability
    hedge_eta: float = 0.1
    cap_seconds: float = 600.0


class Config(Frozen, frozen=True):
    """Everything that decides a run, but for the seed and the data's place."""

    mode: Literal["legal", "published"] = "legal"
    model: Model = Model()
    data: Data = Data()
    optim: Optim = Optim()
    schedule: Schedule = Schedule()
    average: Average = Average()
    qat: Qat = Qat()
    quantize: Quantize = Quantize()
    evaluate: Evaluate = Evaluate()
