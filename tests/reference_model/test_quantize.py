"""Spec §4 and §8: rounding within half a step, GPTQ against rounding, pruning, corrections."""

import msgspec
import pytest
import torch

from reference_model.config import Config, Group, Quantize
from reference_model.errors import RunFailed
from reference_model.quantize import dequantize, group_of, quantize, restore
from reference_model.quantize.gptq import NotPositiveDefinite, collect_hessians, gptq
from reference_model.quantize.lqer import correction
from reference_model.quantize.prune import prune_ones, zero_smallest
from reference_model.quantize.qtensor import product
from reference_model.quantize.scales import deviation_scale, quantile_scale, round_rows, search_scale, stored


def matrix(rows=24, cols=48, seed=0, heavy=False):
    weight = torch.randn(rows, cols, generator=torch.Generator().manual_seed(seed))
    return weight**3 if heavy else weight


def config_of(**changes):
    return Config(quantize=Quantize(keep_numel=0, **changes))


@pytest.mark.parametrize("levels", [127, 63, 31, 15, 16])
def test_rounding_is_within_half_a_step_inside_the_clip(levels):
    weight = matrix()
    scale = stored(quantile_scale(weight, 1.0, levels, 1e-12))
    step = scale.float().unsqueeze(1)
    restored = round_rows(weight, scale, levels).float() * step
    inside = weight.abs() <= levels * step
    assert ((weight - restored).abs()[inside] <= step.expand_as(weight)[inside] / 2 + 1e-6).all()
    assert int(round_rows(weight, scale, levels).abs().max()) == levels


@pytest.mark.parametrize("exact", [False, True])
def test_integers_are_computed_with_the_scale_that_is_stored_unless_the_published_run_did_otherwise(exact):
    weight = matrix(cols=480)
    scheme = {"groups": (Group(levels=127, quantile=1.0),), "exact_codes": ("w",) if exact else ()}
    out = quantize(config_of(**scheme), {"w": weight})["w"]
    scale = weight.abs().amax(dim=1) / 127
    assert torch.equal(out.scale, scale.half())
    used = scale if exact else scale.half().float()
    assert torch.equal(out.integers, torch.clamp(torch.round(weight / used[:, None]), -127, 127).char())
    other = scale.half().float() if exact else scale
    assert not torch.equal(out.integers, torch.clamp(torch.round(weight / other[:, None]), -127, 127).char())


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


def test_sdclip_is_k_standard_deviations_of_a_sample_over_the_levels():
    # (1, 3) has the mean 2: squares sum to 2, over one degree of freedom; over two values it would be 1.
    rows = torch.tensor([[1.0, 3.0], [0.0, 0.0]])
    assert torch.allclose(deviation_scale(rows, 31.0, 31, 0.25), torch.tensor([2.0**0.5, 0.25]))
    assert float(deviation_scale(torch.ones(1, 1), 12.85, 31, 0.5)) == 0.5  # a row of one value has no deviation


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


def test_a_hessian_that_is_not_positive_falls_back_to_rounding_and_says_so():
    with pytest.raises(NotPositiveDefinite, match="48 inputs"):
        gptq(matrix(), -torch.eye(48), quantile_scale(matrix(), 1.0, 15, 1e-12), 15, 0.0)
    said = []
    quantiles = (0.9, 1.0)
    scheme = config_of(groups=(Group(levels=15, gptq=True),), quantiles=quantiles, scale_floor=0.0)
    out = quantize(scheme, {"w": matrix()}, {"w": -torch.eye(48)}, note=said.append)["w"]
    # One quantile for the whole matrix, the better of the two.
    errors = {}
    for quantile in quantiles:
        scale = stored(quantile_scale(matrix(), quantile, 15, 0.0))
        integers = round_rows(matrix(), scale, 15)
        errors[float((matrix() - integers.float() * scale.float()[:, None]).norm())] = integers
    assert torch.equal(out.integers, errors[min(errors)])
    assert len(said) == 1
    assert said[0].startswith("gptq:w: the Hessian of 48 inputs is not positive definite")


def test_hessians_are_mean_moments_of_the_inputs_and_of_the_final_norm():
    torch.manual_seed(0)
    embed = torch.nn.Embedding(16, 8)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8, bias=False), torch.nn.ReLU(), torch.nn.Linear(8, 4, bias=False))
    model.register_parameter("embed", torch.nn.Parameter(torch.zeros(16, 4)))  # what the hidden vector is the input of
    batches = [torch.randint(16, (2, 5)) for _ in range(3)]
    found = collect_hessians(
        model, lambda tokens: model(embed(tokens)), batches, lambda name: name != "2.weight", lambda t: t, "embed"
    )
    rows = [embed(tokens).reshape(-1, 8) for tokens in batches]
    assert set(found) == {"0.weight", "embed"}
    assert torch.allclose(found["0.weight"], sum(r.T @ r for r in rows) / 3, atol=1e-5)
    assert found["embed"].shape == (4, 4)
    assert not found["0.weight"].requires_grad


def test_a_rank_without_a_calibration_batch_joins_with_zeros_and_all_without_fail():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4, bias=False))
    theirs = {"sum": iter([torch.tensor(2.0), 3 * torch.eye(4)])}  # what the other rank brings: count, then moments
    found = collect_hessians(model, model, [], lambda _: True, lambda t: t + next(theirs["sum"]))
    assert torch.equal(found["0.weight"], 1.5 * torch.eye(4))
    with pytest.raises(RunFailed, match="no calibration batch"):
        collect_hessians(model, model, [], lambda _: True, lambda t: t)


def test_what_stays_float_and_what_becomes_integers():
    scheme = Quantize(
        groups=(
            Group(match=("mlp",), levels=15), Group(match=("tok",), levels=0),
            Group(match=("gate",), levels=127, quantile=1.0, always=True), Group(),
        ),
        keep_numel=10,
        keep_float32=("gain",),
    )  # fmt: skip
    state = {
        "mlp.w": matrix(), "tok.w": matrix(), "attn.w": matrix(), "gain": torch.ones(4), "small": torch.ones(2, 2),
        "mix": matrix(), "gate": torch.tensor([[1.0, -0.5], [0.0, 254.0]]),
    }  # fmt: skip
    out = quantize(Config(quantize=scheme), state, controls=frozenset({"gain", "mix", "gate"}))
    assert list(out) == sorted(state)
    assert group_of("blocks.0.mlp.w", scheme).levels == 15
    assert int(out["mlp.w"].integers.abs().max()) <= 15 < int(out["attn.w"].integers.abs().max())
    assert out["tok.w"].values.dtype == out["small"].values.dtype == torch.float16
    assert out["gain"].values.dtype == torch.float32
    assert out["mix"].values.dtype == torch.float16  # a control, however large
    # #1855's gates: the row's maximum over 127.
    assert out["gate"].integers.tolist() == [[127, -64], [0, 127]]
    assert out["gate"].scale.tolist() == [float(torch.tensor(1 / 127).half()), 2.0]
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
    spared = prune_ones(out, 10**9, lambda name: name == "b")
    assert torch.equal(spared["a"].integers, out["a"].integers)
    assert ones(spared, "b") == 0


def test_the_smallest_are_zeroed_first():
    weight = matrix()
    zeroed = zero_smallest(weight, 0.03)
    assert int((zeroed == 0).sum()) == -(-3 * (weight.numel() - 1) // 100)
    assert weight.abs()[zeroed == 0].max() <= weight.abs()[zeroed != 0].min()
    # A quarter of 0..8: the quantile is 2, and what lies below it are 0 and 1.
    assert zero_smallest(torch.arange(9.0), 0.25).tolist() == [0, 0, 2, 3, 4, 5, 6, 7, 8]
    assert zero_smallest(torch.arange(1.0, 10.0), 0.25).tolist() == [0, 0, 3, 4, 5, 6, 7, 8, 9]


def test_all_matrices_above_a_size_lose_their_smallest_those_that_stay_float_too():
    groups = (Group(match=("tok",), levels=0), Group(levels=31, quantile=1.0))
    scheme = config_of(groups=groups, zero_smallest=0.5, zero_least_numel=24 * 48 - 1)
    state = {"tok": matrix(), "w": matrix(seed=1), "small": matrix(rows=23, seed=2), "gain": torch.arange(1.0, 2000.0)}
    out = dequantize(quantize(scheme, state, controls=frozenset({"gain"})))
    assert int((out["tok"] == 0).sum()) == 24 * 24
    assert int((out["w"] == 0).sum()) >= 24 * 24
    assert int((out["small"] == 0).sum()) < 23 * 12
    assert out["gain"].all()


def test_a_correction_makes_the_error_smaller_and_goes_to_the_worst():
    groups = (Group(levels=3, quantile=1.0),)
    state = {"bad": 5 * matrix(), "good": matrix(seed=3) * 0.1}
    plain = quantize(config_of(groups=groups), state)
    corrected = quantize(config_of(groups=groups, lqer_tensors=1, lqer_rank=4), state)
    assert corrected["good"].low_rank is None
    assert (state["bad"] - restore(corrected["bad"])).norm() < (state["bad"] - restore(plain["bad"])).norm()
    small = (Group(match=("bad",), levels=3, quantile=1.0, always=True), *groups)
    passed_over = quantize(config_of(groups=small, lqer_tensors=1, lqer_rank=4), state)
    assert passed_over["bad"].low_rank is None
    assert passed_over["good"].low_rank is not None


def test_a_correction_holds_two_and_four_bit_integers():
    low_rank = correction(matrix(30, 50), 4)
    assert low_rank.a.min() >= -2
    assert low_rank.a.max() <= 1
    assert low_rank.b.min() >= -8
    assert low_rank.b.max() <= 7
    assert low_rank.b_scale.numel() == -(-4 * 50 // 64)
    assert product(low_rank).shape == (30, 50)
