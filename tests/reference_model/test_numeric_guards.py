"""Numbers that torch gives otherwise than one would guess, and what the reference model does instead."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)

from reference_model.data.valset import Val
from reference_model.evaluate.lora import cross_entropy
from reference_model.evaluate.score import tensor_of
from reference_model.model.context import Context
from reference_model.model.kernels import attend
from reference_model.model.loss import softcapped_cross_entropy
from reference_model.optim.average import Ema, Swa

BF16 = torch.bfloat16


def test_losses_are_float32_under_autocast_on_a_cpu() -> None:
    torch.manual_seed(0)
    hidden, head, targets = torch.randn(256, 32), torch.randn(1024, 32), torch.randint(1024, (256,))
    with torch.autocast("cpu", dtype=BF16):
        logits = F.linear(hidden, head)
        by_hand = -logits.log_softmax(-1).gather(1, targets[:, None]).mean()
        ours = cross_entropy(logits[None], targets[None]).mean()
        capped = softcapped_cross_entropy(logits, targets, 30.0)
    assert by_hand.dtype is BF16  # what a script gets that takes log_softmax of a bfloat16 layer
    assert (ours.dtype, capped.dtype) == (torch.float32, torch.float32)
    assert ours.item() == pytest.approx(F.cross_entropy(logits.double(), targets).item(), rel=1e-6)
    assert by_hand.item() != pytest.approx(ours.item(), rel=1e-5)


def test_an_average_of_bfloat16_weights_gets_where_they_are() -> None:
    """In bfloat16 itself it stops half-way: what a step adds is less than the last digit."""
    start, end = torch.zeros(1, dtype=BF16), torch.ones(1, dtype=BF16)
    naive, ema, swa = start.clone(), Ema(0.9965, {"w": start}), Swa()
    for _ in range(5000):
        naive.lerp_(end, 1 - 0.9965)
        ema.update({"w": end})
    swa.add({"w": start})
    assert naive.item() == 0.5
    assert ema.average({"w": end})["w"].item() == 1.0
    assert swa.average({"w": end})["w"].item() == 0.5


def test_tokens_are_hashed_in_64_bits() -> None:
    """Torch's uint16 times 65,537 is the tokens themselves: 65,536 is 0 there, and nothing is said."""
    tokens = np.array([1, 2, 1000], dtype=np.uint16)
    assert torch.equal(torch.from_numpy(tokens) * 65537, torch.from_numpy(tokens))
    wide = tensor_of(Val(tokens, np.ones(3, dtype=np.uint16), np.zeros(1, dtype=np.int64)), torch.device("cpu"))
    assert wide.dtype is torch.int64
    assert (wide * 65537).tolist() == [65537, 131074, 65537000]


def test_a_mask_is_never_given_together_with_is_causal(monkeypatch: pytest.MonkeyPatch) -> None:
    """One backend takes both and another refuses them, so that it would depend on the machine."""
    asked: list[tuple[bool, bool]] = []
    real = F.scaled_dot_product_attention

    def watched(*args: torch.Tensor, attn_mask: torch.Tensor | None, is_causal: bool, **options: bool) -> torch.Tensor:
        asked.append((attn_mask is not None, is_causal))
        return real(*args, attn_mask=attn_mask, is_causal=is_causal, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", watched)
    q = torch.randn(1, 8, 2, 16)
    visible = torch.ones(8, 8, dtype=torch.bool).tril()[None, None]
    for mask in (None, visible):
        attend(q, q, q, Context(x0=q, rope=(), mask=mask))
    assert asked == [(False, True), (True, False)]
