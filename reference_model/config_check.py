"""What a configuration must satisfy before anything is built from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_model.errors import BadInput

if TYPE_CHECKING:
    from reference_model.config import Config, Model


def check(config: Config) -> None:
    """Raise :class:`BadInput` where shapes don't divide or a value makes no sense; returns nothing."""
    _check_shapes(config.model)
    _check_parts(config.model)
    _check_recurrence(config.model)
    _check_schedule(config)
    _check_quantize(config)
    _check_evaluate(config)


def _check_shapes(model: Model) -> None:
    for name in ("vocab_size", "layers", "dim", "heads", "kv_heads", "mlp_mult"):
        _demand(getattr(model, name) >= 1, f"model.{name} {getattr(model, name)} must be at least 1")
    _demand(model.vocab_size <= 65_536, f"model.vocab_size {model.vocab_size} does not fit uint16 tokens")
    _demand(model.dim % model.heads == 0, f"model.dim {model.dim} is not a multiple of model.heads {model.heads}")
    _demand(
        model.heads % model.kv_heads == 0,
        f"model.heads {model.heads} is not a multiple of model.kv_heads {model.kv_heads}",
    )
    head = model.dim // model.heads
    _demand(head % 2 == 0, f"the head dimension {head} (model.dim / model.heads) must be even for RoPE")
    _demand(
        model.rope_dims % 2 == 0 and 0 <= model.rope_dims <= head,
        f"model.rope_dims {model.rope_dims} must be even and at most the head dimension {head}",
    )
    _demand(
        not model.rope_rescale or (model.rope_dims or head) > 2,
        "model.rope_rescale needs more than 2 rotary dimensions: its exponent divides by the dimensions less 2",
    )
    _demand(model.softcap > 0, f"model.softcap {model.softcap} must be above 0")


def _check_parts(model: Model) -> None:
    unknown = [block for block in model.value_embed_layers if not 0 <= block < model.layers]
    _demand(not unknown, f"model.value_embed_layers: no block {unknown} among {model.layers}")
    _demand(
        bool(model.value_embed_layers) == (model.value_embed_dim > 0),
        "model.value_embed_dim and model.value_embed_layers come together: set both or neither",
    )
    _demand(
        not model.bigram_buckets or (model.bigram_buckets > 1 and model.bigram_dim > 0),
        f"model.bigram_buckets {model.bigram_buckets} must be 0 or above 1, with model.bigram_dim above 0",
    )
    gated = model.smear == "gated" or model.attention_gate
    _demand(
        not gated or 1 <= model.gate_width <= model.dim,
        f"model.gate_width {model.gate_width} must be 1 to model.dim {model.dim}",
    )
    _demand(
        model.parallel == "none" or 0 <= model.parallel_from < model.layers,
        f"model.parallel_from {model.parallel_from} is not a block among {model.layers}",
    )
    _demand(
        model.value_tables == 0 or model.recurrence.kind == "shared",
        "model.value_tables are part of the shared recurrence: set model.recurrence.kind to 'shared'",
    )


def _check_recurrence(model: Model) -> None:
    recurrence = model.recurrence
    kind = recurrence.kind
    _demand(recurrence.repeats >= 1, f"model.recurrence.repeats {recurrence.repeats} must be at least 1")
    if kind in {"span", "rerun"}:
        _demand(
            0 <= recurrence.first <= recurrence.last < model.layers,
            f"model.recurrence: blocks {recurrence.first} to {recurrence.last} are not within 0 to {model.layers - 1}",
        )
    if kind == "shared":
        _check_depth(model)
    else:
        _demand(not recurrence.depth, "model.recurrence.depth is for the shared recurrence only")
    _demand(
        kind != "unique" or recurrence.virtual_layers >= model.layers,
        f"model.recurrence.virtual_layers {recurrence.virtual_layers} is less than model.layers {model.layers}",
    )
    _demand(
        kind == "unique" or not (recurrence.per_virtual_controls or recurrence.extra_eval_passes),
        "model.recurrence: per_virtual_controls and extra_eval_passes are for kind 'unique' only",
    )
    _demand(
        kind in {"iterated", "unique", "shared"} or recurrence.rope_shift == 0,
        f"model.recurrence.rope_shift has no meaning for kind {kind!r}",
    )


def _check_depth(model: Model) -> None:
    recurrence = model.recurrence
    sized = recurrence.table_repeats or recurrence.repeats
    _demand(sized >= recurrence.repeats, f"model.recurrence.table_repeats {sized} is less than repeats")
    _demand(model.skips == "none", "model.skips must be 'none' with the shared recurrence")
    _demand(model.parallel == "none", "model.parallel must be 'none' with the shared recurrence")
    until = [fraction for fraction, _ in recurrence.depth]
    _demand(until == sorted(set(until)), f"model.recurrence.depth: the fractions {until} must rise")
    wrong = [count for _, count in recurrence.depth if not 1 <= count <= sized]
    _demand(not wrong, f"model.recurrence.depth: {wrong} repeats where the tables are sized for 1 to {sized}")


def _check_schedule(config: Config) -> None:
    data, schedule = config.data, config.schedule
    _demand(data.seq_len >= 1, f"data.seq_len {data.seq_len} must be at least 1")
    _demand(
        data.batch_tokens > 0 and data.batch_tokens % (8 * data.seq_len) == 0,
        f"data.batch_tokens {data.batch_tokens} must be a multiple of 8 rows of data.seq_len {data.seq_len}: "
        "a step is always cut into the same 8 pieces",
    )
    _demand(
        schedule.cap_seconds == 0 or schedule.reserve_seconds < schedule.cap_seconds,
        f"schedule.reserve_seconds {schedule.reserve_seconds} leaves nothing of cap_seconds {schedule.cap_seconds}",
    )
    _demand(
        0 <= schedule.warmdown_fraction <= 1,
        f"schedule.warmdown_fraction {schedule.warmdown_fraction} must be 0 to 1",
    )


def _check_quantize(config: Config) -> None:
    scheme, seq = config.quantize, config.data.seq_len
    pieces, tokens = scheme.calibration_pieces, scheme.calibration_batch_tokens
    _demand(1 <= pieces <= 8, f"quantize.calibration_pieces {pieces} must be 1 to 8, of the eight of a batch")
    _demand(
        tokens % (8 * seq) == 0,
        f"quantize.calibration_batch_tokens {tokens} must be a multiple of 8 rows of data.seq_len {seq}",
    )
    _demand(0 <= scheme.zero_smallest < 1, f"quantize.zero_smallest {scheme.zero_smallest} must be 0 to 1")


def _check_evaluate(config: Config) -> None:
    scheme, seq = config.evaluate, config.data.seq_len
    window = scheme.window or seq
    _demand(
        0 <= scheme.stride <= window,
        f"evaluate.stride {scheme.stride} must be at most the window {window}, or tokens would go unscored",
    )
    _demand(
        scheme.ngram_order == 0 or scheme.ngram_order >= 2,
        f"evaluate.ngram_order {scheme.ngram_order} is no context: use 0 (off) or 2 and more",
    )
    first = scheme.score_first
    for name in ("chunk_tokens", "batch_rows", "rank", "reset_batches", "document_chunk", "document_batch"):
        _demand(getattr(first, name) >= 1, f"evaluate.score_first.{name} {getattr(first, name)} must be at least 1")
    _demand(first.temperature > 0, f"evaluate.score_first.temperature {first.temperature} must be above 0")
    _demand(
        first.kind not in {"chunks", "phased"} or first.chunk_tokens >= seq,
        f"evaluate.score_first.chunk_tokens {first.chunk_tokens} holds no row of data.seq_len {seq} to learn from",
    )
    _demand(
        first.kind not in {"lora", "phased"} or first.document_chunk <= window,
        f"evaluate.score_first.document_chunk {first.document_chunk} must be at most the window {window}, or tokens "
        "would go unscored",
    )
    phases = list(first.phases)
    _demand(phases == sorted(set(phases)), f"evaluate.score_first.phases {phases} must rise")


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise BadInput(message)
