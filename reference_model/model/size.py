"""Parameter counts by arithmetic, so that a preset's size is known without torch and before any memory is taken."""

from __future__ import annotations

from reference_model.config import Model
from reference_model.model.recurrence import final_stage, skip_rows, table_repeats


def parameters(model: Model) -> int:
    """Return how many parameters a :class:`GPT` of this configuration has."""
    return (
        model.vocab_size * model.dim
        + _embeddings(model)
        + sum(_block(model, index) for index in range(model.layers))
        + _recurrence(model)
        + skip_rows(model) * model.dim * (2 if model.skips == "gated" else 1)
        + _lanes(model)
    )


def kv_dim(model: Model) -> int:
    """Return the width of keys and of values over all key-value heads."""
    return model.kv_heads * (model.dim // model.heads)


def _block(model: Model, index: int) -> int:
    dim = model.dim
    hidden = model.mlp_mult * dim
    query = 2 * dim * model.q_rank if model.q_rank else dim * dim
    attention = query + 2 * dim * kv_dim(model) + dim * dim + model.heads  # q, k and v, output, gain per head
    attention += model.heads * model.gate_width if model.attention_gate else 0
    attention += 2 if model.value_residual and index > 0 else 0
    mlp = 2 * dim * hidden + (hidden if model.mlp_gain else 0)
    controls = 0 if model.recurrence.per_virtual_controls else _controls(model)
    return attention + mlp + controls


def _controls(model: Model) -> int:
    return 2 * model.dim + (2 * model.dim if model.resid_mix else 0)  # attn_scale, mlp_scale, resid_mix


def _embeddings(model: Model) -> int:
    count = 0
    if model.bigram_buckets:
        count += model.bigram_buckets * model.bigram_dim + model.bigram_dim * model.dim + 1
    if model.value_embed_dim:
        count += model.vocab_size * model.value_embed_dim + model.value_embed_dim * kv_dim(model) + 1
        count += len(model.value_embed_layers)
    if model.smear == "static":
        count += model.dim
    if model.smear == "gated":
        count += model.gate_width + 1
    return count


def _recurrence(model: Model) -> int:
    if model.recurrence.kind == "shared":
        repeats = table_repeats(model)
        signals = model.layers * repeats * (1 + model.value_tables) + model.layers * (repeats - 1)
        return model.value_tables * model.vocab_size * model.dim + signals * model.dim
    if model.recurrence.per_virtual_controls:
        return model.recurrence.virtual_layers * _controls(model)
    return 0


def _lanes(model: Model) -> int:
    if model.parallel == "two-lane":
        return 1
    if model.parallel == "two-lane-lambda":
        return model.layers * (2 * 2 + 2)
    return 0


def effective_layers(model: Model) -> int:
    """Return how many blocks one evaluation pass executes."""
    return final_stage(model).depth
