"""Orthogonalisation, schedules, groups and averages of the reference model (spec section 8, Optimizer)."""

from __future__ import annotations

import pytest
import torch

from reference_model.config import Config, Model, Optim, Schedule
from reference_model.model import GPT
from reference_model.optim.average import Ema, Swa
from reference_model.optim.clip import clip_gradients
from reference_model.optim.groups import Optimizers, by_role
from reference_model.optim.newton_schulz import equalize_rows, orthogonalize
from reference_model.optim.schedule import momentum, multiplier
from reference_model.train.ranks import Ranks

TINY = Model(vocab_size=64, layers=4, dim=32, heads=4, kv_heads=2)


def with_singular_values(values: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Return a matrix (rows, columns) with these singular values."""
    u, _ = torch.linalg.qr(torch.randn(rows, len(values)))
    v, _ = torch.linalg.qr(torch.randn(columns, len(values)))
    return u @ values.diag() @ v.T


@pytest.mark.parametrize(("scheme", "low", "high"), [("classic", 0.68, 1.21), ("polar", 0.85, 1.15)])
@pytest.mark.parametrize("shape", [(48, 96), (96, 48)])
def test_singular_values_end_near_one(scheme, low, high, shape):
    torch.manual_seed(0)
    for sigma in torch.logspace(-2.5, -0.05, 40).tolist():  # from .003 of the norm up
        rest = ((1 - sigma**2) / 47) ** 0.5
        values = torch.full((48,), rest)
        values[0] = sigma
        matrix = with_singular_values(values, *shape)
        found = torch.linalg.svdvals(orthogonalize(matrix, scheme, torch.float32))
        assert low <= found.min()
        assert found.max() <= high


def test_orthogonalize_takes_stacks_and_any_scale():
    torch.manual_seed(0)
    stack = torch.randn(3, 16, 8)
    together = orthogonalize(stack, "classic", torch.float32)
    for alone, one in zip(stack, together, strict=True):
        torch.testing.assert_close(orthogonalize(1000 * alone, "classic", torch.float32), one, rtol=1e-4, atol=1e-5)
    assert orthogonalize(torch.zeros(4, 4)).abs().max() == 0


def test_a_bfloat16_step_on_a_gradient_of_low_rank_is_noise_in_part_and_a_float32_one_is_not():
    torch.manual_seed(0)
    gradient = torch.randn(128, 4) @ torch.randn(4, 256)
    own, _ = torch.linalg.qr(gradient[:, :4])

    def outside(dtype):
        step = orthogonalize(gradient, "classic", dtype).float()
        return float((step - own @ (own.T @ step)).norm() / step.norm())

    assert outside(torch.bfloat16) > 0.3
    assert outside(torch.float32) < 1e-3


def test_averages_are_summed_in_float32_whatever_the_type_of_the_state():
    torch.manual_seed(0)
    base = 0.02 * torch.randn(20_000)
    states = [(base + 0.001 * torch.randn(20_000)).bfloat16() for _ in range(44)]
    exact = torch.stack([state.double() for state in states]).mean(0)
    swa, plain = Swa(), torch.zeros(20_000, dtype=torch.bfloat16)
    for state in states[:-1]:
        swa.add({"w": state})
    for state in states:
        plain += state

    def off(found):
        return float((found.double() - exact).norm() / exact.norm())

    average = swa.average({"w": states[-1]})["w"]
    assert average.dtype == torch.bfloat16
    assert off(average) < 0.002  # its own rounding, once
    assert off(plain / 44) > 0.005


def test_equalized_rows_have_norm_one():
    torch.manual_seed(0)
    matrix = torch.randn(16, 32) * torch.logspace(-3, 3, 16)[:, None]
    matrix[5] = 0
    norms = equalize_rows(matrix).norm(dim=1)
    assert norms[5] == 0
    assert torch.allclose(norms[torch.arange(16) != 5], torch.ones(15), atol=1e-6)


CAPPED = Schedule(cap_seconds=600, reserve_seconds=10, warmdown="fraction", warmdown_fraction=0.5, min_lr=0.1)
BASELINE = Schedule(iterations=20_000, cap_seconds=600, warmdown_iterations=1200)
UNCAPPED = Schedule(iterations=100, cap_seconds=0, warmdown_iterations=20)


@pytest.mark.parametrize(
    ("schedule", "step", "elapsed", "expected"),
    [
        (CAPPED, 0, 0.0, 1.0),
        (CAPPED, 999, 294.9, 1.0),
        (CAPPED, 1000, 442.5, 0.5),  # f = .75 of 590 s
        (CAPPED, 1900, 589.0, 0.1),  # the floor
        (BASELINE, 0, 0.0, 1.0),
        (BASELINE, 10_000, 435.0, 1.0),  # 43.5 ms a step: the last 52.2 s are warmdown
        (BASELINE, 12_600, 548.1, 51.9 / 52.2),
        (BASELINE, 13_200, 574.2, 25.8 / 52.2),
        (BASELINE, 13_793, 600.1, 0.0),
        (UNCAPPED, 80, 1e9, 1.0),
        (UNCAPPED, 90, 0.0, 0.5),
        (UNCAPPED, 100, 0.0, 0.0),
    ],
)
def test_multiplier_of_the_learning_rate(schedule, step, elapsed, expected):
    assert multiplier(schedule, step, elapsed) == pytest.approx(expected, abs=1e-9)


def test_momentum_warms_up_linearly():
    optim = Optim(momentum_start=0.85, momentum=0.95, momentum_warmup=500)
    assert [momentum(optim, step) for step in (0, 250, 500, 9000)] == pytest.approx([0.85, 0.90, 0.95, 0.95])


def test_every_parameter_is_in_exactly_one_group():
    model = GPT(TINY, 32)
    groups = by_role(model)
    names = [name for group in groups.values() for name in group]
    assert sorted(names) == sorted(dict(model.named_parameters()))
    assert all(parameter.ndim == 2 for parameter in groups["matrix"].values())

    model.forgotten = torch.nn.Parameter(torch.zeros(2))
    model.roles = lambda: {name: "scalar" for name in dict(model.named_parameters()) if name != "forgotten"}
    with pytest.raises(ValueError, match="forgotten"):
        by_role(model)


def test_every_parameter_moves_and_decay_shrinks():
    torch.manual_seed(0)
    model = GPT(TINY, 32)
    optim = Optim(matrix_decay=0.5, embed_decay=0.5, scalar_decay=0.5)
    optimizers = Optimizers(model, optim, Ranks.single(), dtype=torch.float32)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizers.step(0, 1.0)
    assert all(not torch.equal(before[name], parameter) for name, parameter in model.named_parameters())

    # Without a gradient only decay is left for the matrices: p <- (1 - lr wd) p.
    model = GPT(TINY, 32)
    optimizers = Optimizers(model, optim, Ranks.single(), dtype=torch.float32)
    weight = model.blocks[0].attn.c_q.weight
    expected = weight.detach() * (1 - optim.matrix_lr * 0.5 * 0.25)
    optimizers.step(0, 0.25)
    torch.testing.assert_close(weight.detach(), expected)


def test_clipping_is_by_the_common_norm():
    parameters = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
    for parameter, value in zip(parameters, (3.0, 4.0), strict=True):
        parameter.grad = torch.tensor([value, 0.0])
    clip_gradients(parameters, 0.0)
    assert parameters[1].grad[0] == 4.0
    clip_gradients(parameters, 1.0)
    assert [float(p.grad[0]) for p in parameters] == pytest.approx([0.6, 0.8], rel=1e-5)


def test_averages_by_hand():
    states = [{"w": torch.tensor([value], dtype=torch.bfloat16)} for value in (1.0, 2.0, 4.0)]
    ema = Ema(0.5, states[0])
    ema.update(states[1])
    ema.update(states[2])
    assert ema.average(states[2])["w"].tolist() == [2.75]  # ((1 + 2) / 2 + 4) / 2
    assert ema.average(states[2])["w"].dtype is torch.bfloat16

    swa = Swa()
    assert swa.average(states[2])["w"].tolist() == [4.0]
    swa.add(states[0])
    swa.add(states[0])
    assert swa.average(states[2])["w"].tolist() == [2.0]  # the final state counts too


def test_optimizers_are_restored_in_full():
    torch.manual_seed(0)
    config = Config(model=TINY)
    model = GPT(TINY, 32)
    optimizers = Optimizers(model, config.optim, Ranks.single(), dtype=torch.float32)

    def step() -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(5)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizers.step(3, 0.7)
        return [parameter.detach().clone() for parameter in model.parameters()]

    step()
    weights, state = {k: v.clone() for k, v in model.state_dict().items()}, optimizers.state()
    first = step()
    step()
    model.load_state_dict(weights)
    optimizers.restore(state)
    assert all(torch.equal(a, b) for a, b in zip(first, step(), strict=True))
