"""Configurations with the structure of a preset and a width that a test can afford."""

from __future__ import annotations

from msgspec.structs import replace

from reference_model.config import Config

VOCAB = 64
SEQ = 32


def shrink(config: Config, vocab_size: int = VOCAB, seq_len: int = SEQ) -> Config:
    """Return ``config`` with all its parts and schedules, but 32 wide, on rows of 32 tokens of a small vocabulary."""
    model = config.model
    narrow = replace(
        model,
        vocab_size=vocab_size,
        dim=32,
        heads=4,
        kv_heads=4 if model.kv_heads == model.heads else 2,
        rope_dims=4 if model.rope_dims else 0,
        gate_width=min(model.gate_width, 6),
        value_embed_dim=8 if model.value_embed_dim else 0,
        bigram_buckets=32 if model.bigram_buckets else 0,
        bigram_dim=8,
        q_rank=8 if model.q_rank else 0,
    )
    data = replace(config.data, seq_len=seq_len, batch_tokens=8 * seq_len, eval_batch_tokens=8 * seq_len)
    window = 2 * seq_len if config.evaluate.window > config.data.seq_len else 0
    evaluate = replace(config.evaluate, window=window, stride=min(config.evaluate.stride, seq_len // 4))
    return replace(config, model=narrow, data=data, evaluate=evaluate)
