"""Triton's kernels on a CPU give what torch gives for the same arithmetic."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="kernels are run over torch's tensors")

import torch

from auditor.probe.harness import kernels, language
from auditor.smoke.harness.packages import NoStandIn


class _Language:
    """``triton.language``, as kernels have it."""

    def __getattr__(self, name):
        return language.named(name)


tl = _Language()


@kernels.jit
def losses_kernel(logits, losses, targets, stride, rows, columns, cap, block):
    row = tl.program_id(0).to(tl.int64)
    if row >= rows:
        return
    most, total = -float("inf"), 0.0
    for at in range(0, columns, block):
        column = at + tl.arange(0, block)
        mask = column < columns
        value = tl.load(logits + row * stride + column, mask=mask, other=-float("inf")).to(tl.float32)
        value = tl.where(mask, cap * tl.math.tanh(value / cap), -float("inf"))
        more = tl.maximum(most, tl.max(value, axis=0))
        total = total * tl.exp(most - more) + tl.sum(tl.exp(value - more), axis=0)
        most = more
    target = tl.load(logits + row * stride + tl.load(targets + row)).to(tl.float32)
    tl.store(losses + row, most + tl.log(total) - cap * tl.math.tanh(target / cap))


@kernels.jit
def product_kernel(a, b, out, rows, columns, inner, tall, wide, deep):
    for tile in tl.range(tl.program_id(axis=0), -(-rows // tall) * -(-columns // wide), tl.num_programs(0)):
        down, across = tile // -(-columns // wide) * tall, tile % -(-columns // wide) * wide
        total = tl.zeros((tall, wide), dtype=tl.float32)
        for at in range(0, inner, deep):
            total = tl.dot(a.load([down, at]), b.load([across, at]).T, total)
        left, right = tl.split(tl.permute(tl.reshape(total, (tall, 2, wide // 2)), (0, 2, 1)))
        out.store([down, across], left.to(tl.bfloat16))
        out.store([down, across + wide // 2], right.to(tl.bfloat16))


@pytest.mark.parametrize("rows", [1, 70])
def test_losses_by_rows(rows):
    logits, targets = torch.randn(rows, 90).bfloat16() * 9, torch.randint(0, 90, (rows,))
    losses = torch.zeros(rows)
    losses_kernel[lambda given: (given["rows"],)](
        logits, losses, targets, logits.stride(0), rows, 90, 15.0, block=64, num_warps=4
    )
    wanted = torch.nn.functional.cross_entropy(15 * torch.tanh(logits.float() / 15), targets, reduction="none")
    assert torch.allclose(losses, wanted, atol=1e-5)


def test_rows_beyond_the_last_are_left_alone():
    logits, targets, losses = torch.randn(4, 8), torch.zeros(4, dtype=torch.int64), torch.zeros(4)
    losses_kernel[(4,)](logits, losses, targets, 8, 3, 8, 15.0, block=8)
    assert losses[:3].gt(0).all() and losses[3] == 0


def test_products_of_tiles_that_reach_over_the_edges():
    a, b, out = torch.randn(37, 20).bfloat16(), torch.randn(50, 20).bfloat16(), torch.zeros(37, 50).bfloat16()
    blocks = [
        kernels.language.Descriptor.from_tensor(x, size) for x, size in ((a, [16, 8]), (b, [32, 8]), (out, [16, 16]))
    ]
    product_kernel[(3,)](*blocks, 37, 50, 20, tall=16, wide=32, deep=8, num_stages=4)
    assert torch.allclose(out.float(), a.float() @ b.float().T, rtol=0.01, atol=0.01)


def test_what_is_missing_is_named():
    with pytest.raises(NoStandIn, match="inline_asm_elementwise"):
        language.named("inline_asm_elementwise")
    with pytest.raises(TypeError, match="colour"):
        losses_kernel[(1,)](1, 2, 3, 4, 5, 6, 7, 8, colour=1)
