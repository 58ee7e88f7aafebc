"""Spec §4 and §8: rounding within half a step, GPTQ against rounding, pruning, corrections."""

import msgspec
import pytest
import torch

from reference_model.config import Config, Group, Quantize
from reference_model.errors import RunFailed
from reference_model.quantize import dequantize, group_of, quantize, restore
from reference_model.quantize.gptq import collect_hessians, gptq
from reference_model.quantize.lqer import correction
from reference_model.quantize.prune import prune_ones, zero_smallest
from reference_model.quantize.qtensor import product
from reference_model.quantize.scales import deviation_scale, quantile_scale, round_rows, search_scale


def matrix(rows=24, cols=48, seed=0, heavy=False):
    weight = torch.randn(rows, cols, generator=torch.Generator().manual_seed(seed))
    return weight**3 if heavy else weight


def config_of(**changes):
    return Config(quantize=Quantize(keep_numel=0, **changes))


@pytest.mark.parametrize("levels", [127, 63, 31, 15, 16])
def test_rounding_is_within_half_a_step_inside_the_clip(levels):
    weight = matrix()
    scale = quantile_scale(weight, 1.0, levels, 1e-12)
    step = scale.float().unsqueeze(1)
    restored = round_rows(weight, scale, levels).float() * step
    inside = weight.abs() <= levels * step
    assert ((weight - restored).abs()[inside] <= step.expand_as(weight)[inside] / 2 + 1e-6).all()
    assert int(round_rows(weight, scale, levels).abs().max()) == levels


def test_integers_are_computed_with_the_scale_that_is_stored():
    weight = matrix()
    scale = quantile_scale(weight, 1.0, 31, 1e-12)
    assert scale.dtype == torch.float16
    assert torch.equal(
        round_rows(weight, scale, 31), torch.clamp(torch.round(weight / scale.float()[:, None]), -31, 31).char()
    )


def test_a_row_quantile_is_torchs():
    weight = matrix()
    wanted = torch.quantile(weight.abs(), 0.9, dim=1) / 31
    assert torch.allclose(quantile_scale(weight, 0.9, 31, 0.0).float(), wanted, rtol=1e-3)


def test_the_published_floor_makes_small_rows_coarse_and_the_legal_one_does_not():
    weight = matrix() * 0.01
    config = config_of(groups=(Group(levels=127, quantile=1.0),))
    coarse = msgspec.structs.replace(config, quantize=msgspec.structs.replace(config.quantize, scale_floor_levels=True))
    error = {
        name: float((weight - restore(quantize(c, {"w": weight})["w"])).norm())
        for name, c in (("legal", config), ("published", coarse))
    }
    assert error["published"] > 3 * error["legal"]


def test_the_search_is_no_worse_than_any_of_its_candidates():
    weight = matrix(heavy=True)
    quantiles = (0.9, 0.95, 0.99, 1.0)

    def errors(scale):
        return (weight - round_rows(weight, scale, 15).float() * scale.float()[:, None]).square().sum(1)

    best = errors(search_scale(weight, quantiles, 15, 1e-12))
    for quantile in quantiles:
        assert (best <= errors(quantile_scale(weight, quantile, 15, 1e-12)) + 1e-6).all()


def test_sdclip_is_k_standard_deviations_over_the_levels():
    weight = matrix()
    wanted = 12.85 * weight.std(dim=1, correction=0) / 31
    assert torch.allclose(deviation_scale(weight, 12.85, 31, 0.0).float(), wanted, rtol=1e-3)


def test_gptq_with_the_identity_is_rounding():
    weight = matrix()
    scale = quantile_scale(weight, 1.0, 15, 1e-12)
    assert torch.equal(gptq(weight, torch.eye(48), scale, 15, 0.01), round_rows(weight, scale, 15))


@pytest.mark.parametrize("cols", [48, 300])  # less than one block, and more than two
def test_gptq_has_less_output_error_than_rounding(cols):
    weight = matrix(cols=cols)
    inputs = matrix(4 * cols, cols, seed=1) @ matrix(cols, cols, seed=2)
    hessian = inputs.T @ inputs
    scale = quantile_scale(weight, 1.0, 7, 1e-12)

    def output_error(integers):
        return float((inputs @ (weight - integers.float() * scale.float()[:, None]).T).norm())

    assert output_error(gptq(weight, hessian, scale, 7, 0.01)) < 0.9 * output_error(round_rows(weight, scale, 7))


def test_gptq_gives_inputs_that_never_fire_no_weight():
    hessian = torch.eye(48)
    hessian[5, 5] = 0
    integers = gptq(matrix(), hessian, quantile_scale(matrix(), 1.0, 15, 1e-12), 15, 0.01)
    assert not integers[:, 5].any()
    assert integers[:, 4].any()


def test_a_hessian_that_is_not_positive_ends_in_one_line():
    with pytest.raises(RunFailed, match="damping"):
        gptq(matrix(), -torch.eye(48), quantile_scale(matrix(), 1.0, 15, 1e-12), 15, 0.0)


def test_hessians_are_mean_moments_of_the_inputs_and_of_the_final_norm():
    torch.manual_seed(0)
    embed = torch.nn.Embedding(16, 8)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8, bias=False), torch.nn.ReLU(), torch.nn.Linear(8, 4, bias=False))
    batches = [torch.randint(16, (2, 5)) for _ in range(3)]
    found = collect_hessians(
        model, lambda tokens: model(embed(tokens)), batches, lambda name: name != "2.weight", lambda t: t, "embed"
    )
    rows = [embed(tokens).reshape(-1, 8) for tokens in batches]
    assert set(found) == {"0.weight", "embed"}
    assert torch.allclose(found["0.weight"], sum(r.T @ r for r in rows) / 3, atol=1e-5)
    assert found["embed"].shape == (4, 4)
    assert not found["0.weight"].requires_grad


def test_what_stays_float_and_what_becomes_integers():
    scheme = Quantize(
        groups=(Group(match=("mlp",), levels=15), Group(match=("tok",), levels=0), Group()), keep_numel=10
    )
    state = {"mlp.w": matrix(), "tok.w": matrix(), "attn.w": matrix(), "gain": torch.ones(4), "small": torch.ones(2, 2)}
    out = quantize(Config(quantize=scheme), state, controls=frozenset({"gain"}))
    assert list(out) == sorted(state)
    assert group_of("blocks.0.mlp.w", scheme).levels == 15
    assert int(out["mlp.w"].integers.abs().max()) <= 15 < int(out["attn.w"].integers.abs().max())
    assert out["tok.w"].values.dtype == out["small"].values.dtype == torch.float16
    assert out["gain"].values.dtype == torch.float32
    assert dequantize(out)["attn.w"].shape == state["attn.w"].shape


def test_rows_with_large_gradients_get_more_bits():
    norms = torch.arange(24.0)
    out = quantize(config_of(groups=(Group(levels=31),), row_bits=True), {"w": matrix()}, row_gradients={"w": norms})
    most = out["w"].integers.abs().amax(dim=1)
    assert most[0] == 7
    assert most[12] == 31
    assert most[-1] == 127


def test_pruning_zeroes_exactly_that_many_ones_and_the_cheapest_first():
    out = quantize(config_of(groups=(Group(levels=3, quantile=1.0),)), {"a": matrix(), "b": 3 * matrix(seed=5)})
    pruned = prune_ones(out, 100)

    def ones(tensors, name):
        return int((tensors[name].integers.abs() == 1).sum())

    assert sum(ones(out, n) - ones(pruned, n) for n in out) == 100
    assert ones(out, "b") == ones(pruned, "b")  # three times the scale
    everything = prune_ones(out, 10**9)
    assert ones(everything, "a") == ones(everything, "b") == 0
    assert torch.equal(everything["a"].integers.abs() > 1, out["a"].integers.abs() > 1)


def test_the_smallest_are_zeroed_first():
    weight = matrix()
    zeroed = zero_smallest(weight, 0.03)
    assert int((zeroed == 0).sum()) == int(0.03 * weight.numel())
    assert weight.abs()[zeroed == 0].max() <= weight.abs()[zeroed != 0].min()


def test_a_correction_makes_the_error_smaller_and_goes_to_the_worst():
    groups = (Group(levels=3, quantile=1.0),)
    state = {"bad": 5 * matrix(), "good": matrix(seed=3) * 0.1}
    plain = quantize(config_of(groups=groups), state)
    corrected = quantize(config_of(groups=groups, lqer_tensors=1, lqer_rank=4), state)
    assert corrected["good"].low_rank is None
    assert (state["bad"] - restore(corrected["bad"])).norm() < (state["bad"] - restore(plain["bad"])).norm()


def test_a_correction_holds_two_and_four_bit_integers():
    low_rank = correction(matrix(30, 50), 4)
    assert low_rank.a.min() >= -2
    assert low_rank.a.max() <= 1
    assert low_rank.b.min() >= -8
    assert low_rank.b.max() <= 7
    assert low_rank.b_scale.numel() == -(-4 * 50 // 64)
    assert product(low_rank).shape == (30, 50)
