"""Identities that the network must hold whatever its weights, and that no token sees what comes after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from msgspec.structs import replace
from shrunk import SEQ, VOCAB, shrink
from torch import Tensor

from reference_model import presets
from reference_model.config import Model, Qat, Recurrence
from reference_model.model import GPT, Stage, final_stage, stage_at, stages
from reference_model.model.attention import attend_without_self, remove_own_direction
from reference_model.model.context import Context, Visit
from reference_model.model.gates import GatedSmear
from reference_model.model.gpt import BOS
from reference_model.model.linear import Linear, fake_quantize
from reference_model.model.loss import LeanCrossEntropy, softcap
from reference_model.model.rope import Rope, rotate
from reference_model.model.size import parameters
from reference_model.model.skips import Skips

TINY = Model(vocab_size=VOCAB, layers=4, dim=32, heads=4, kv_heads=2)
SPAN = Recurrence(kind="span", first=1, last=2, repeats=3, start_fraction=0.3)


def moved(model: Model, seed: int = 0) -> GPT:
    """Return a network none of whose parameters is at its first value: zero outputs would hide every fault."""
    torch.manual_seed(seed)
    gpt = GPT(model, SEQ)
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return gpt


def some_tokens(rows: int = 2, seed: int = 0) -> Tensor:
    return torch.randint(2, VOCAB, (rows, SEQ), generator=torch.Generator().manual_seed(seed))


def copied(source: GPT, target: GPT) -> GPT:
    target.load_state_dict(source.state_dict(), strict=False)
    return target


def same(first: Tensor, second: Tensor) -> bool:
    return torch.allclose(first, second, atol=1e-5)


def runs(model: Model) -> list[tuple[int, ...]]:
    return [stage.blocks for stage in stages(model)]


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_is_causal_and_keeps_documents_apart(name: str) -> None:
    model = shrink(presets.load(name).config).model
    gpt, tokens = moved(model), some_tokens()
    tokens[:, 16] = BOS
    changed = tokens.clone()
    changed[:, 20] = (tokens[:, 20] - 1) % (VOCAB - 2) + 2
    segments = (torch.arange(SEQ) >= 16).long().expand(2, -1)
    elsewhere = tokens.clone()
    elsewhere[:, :16] = some_tokens(seed=1)[:, :16]
    with torch.no_grad():
        for stage in (*stages(model), None):
            before, after = gpt(tokens, stage=stage), gpt(changed, stage=stage)
            assert torch.equal(before[:, :20], after[:, :20])
            assert not torch.equal(before[:, 20:], after[:, 20:])
        apart = gpt(tokens, segments=segments)
        assert torch.equal(apart[:, 16:], gpt(elsewhere, segments=segments)[:, 16:])
        assert same(apart[:, :16], gpt(tokens)[:, :16])
    assert sum(parameter.numel() for parameter in gpt.parameters()) == parameters(model)


@pytest.mark.parametrize("name", presets.names())
def test_every_parameter_of_a_preset_has_one_role_and_learns(name: str) -> None:
    model = shrink(presets.load(name).config).model
    gpt, tokens = moved(model), some_tokens()
    for stage in (*stages(model), final_stage(model)):
        gpt.loss(tokens, tokens.roll(-1, 1), stage=stage).backward()
    still = [key for key, parameter in gpt.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert still == []
    assert gpt.roles().keys() == dict(gpt.named_parameters()).keys()
    matrices = {key for key, role in gpt.roles().items() if role == "matrix"}
    assert matrices == {f"{key}.weight" for key, module in gpt.named_modules() if isinstance(module, Linear)}


@pytest.mark.parametrize(
    "parts",
    [
        {"q_rank": 8, "smear": "static", "bigram_buckets": 32, "bigram_dim": 8},
        {"recurrence": Recurrence(kind="unique", virtual_layers=9, per_virtual_controls=True, extra_eval_passes=2)},
        {"parallel": "single", "parallel_from": 0, "skips": "gated", "mlp_gain": True},
    ],
)
def test_size_counts_what_no_preset_has(parts: dict[str, object]) -> None:
    model = replace(TINY, **parts)
    assert sum(parameter.numel() for parameter in GPT(model, SEQ).parameters()) == parameters(model)


def test_a_loop_that_runs_once_is_no_loop() -> None:
    looped = replace(TINY, recurrence=replace(SPAN, repeats=1))
    plain = moved(TINY)
    tokens = some_tokens()
    assert same(copied(plain, GPT(looped, SEQ))(tokens), plain(tokens))


def test_as_many_unique_layers_as_layers_is_the_baseline() -> None:
    unique = replace(TINY, recurrence=Recurrence(kind="unique", virtual_layers=TINY.layers))
    plain = moved(TINY)
    tokens = some_tokens()
    assert same(copied(plain, GPT(unique, SEQ))(tokens), plain(tokens))


def test_shared_blocks_without_signals_are_the_blocks_repeated() -> None:
    shared = replace(TINY, layers=3, skips="none", value_tables=2, recurrence=Recurrence(kind="shared", repeats=2))
    iterated = replace(TINY, layers=3, skips="none", recurrence=Recurrence(kind="iterated", repeats=2))
    plain = moved(iterated)
    gpt, tokens = copied(plain, GPT(shared, SEQ)), some_tokens()
    assert same(gpt(tokens), plain(tokens))
    with torch.no_grad():
        gpt.signals.cross_repeat_scales.add_(0.1)
    assert not same(gpt(tokens), plain(tokens))


def test_signal_tables_larger_than_the_depth_change_nothing() -> None:
    small = replace(TINY, layers=3, skips="none", value_tables=1, recurrence=Recurrence(kind="shared", repeats=2))
    large = replace(small, recurrence=replace(small.recurrence, table_repeats=5))
    gpt, wide, tokens = moved(small), moved(large, seed=1), some_tokens()
    state = wide.state_dict()
    for name, tensor in gpt.state_dict().items():
        state[name][tuple(slice(size) for size in tensor.shape)] = tensor
    wide.load_state_dict(state)
    assert same(wide(tokens), gpt(tokens))


def test_the_published_rope_shift_cancels_and_the_effective_one_does_not() -> None:
    base = replace(TINY, skips="none", recurrence=Recurrence(kind="iterated", repeats=2))
    plain, tokens = moved(base), some_tokens()
    outputs = {
        mode: copied(
            plain, GPT(replace(base, recurrence=replace(base.recurrence, rope_shift=0.1, rope_shift_mode=mode)), SEQ)
        )(tokens)
        for mode in ("published", "q_only")
    }
    assert same(outputs["published"], plain(tokens))
    assert not same(outputs["q_only"], plain(tokens))


def test_schedules_execute_the_published_orders() -> None:
    def order(name: str) -> list[tuple[int, ...]]:
        return runs(presets.load(name).config.model)

    whole = tuple(range(11))
    assert order("f1334") == [whole, (0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 10)]
    assert order("f1413") == [whole, (0, 1, 2, 3, 4, 5, 4, 5, 4, 5, 6, 7, 8, 9, 10)]
    assert order("f1493") == [whole, (0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5, 6, 7, 8, 9, 10)]
    assert order("sp8192") == [whole, (*whole, 3, 4, 5)]
    assert order("share167") == [(0, 1, 2) * 3]
    assert order("depthscale") == [(0, 1, 2, 3, 4) * 2]
    assert order("rec895") == [(0, 1, 2) * repeats for repeats in (2, 3, 4, 5)]


def test_stages_change_where_they_were_published_to() -> None:
    def depth(name: str, step: int, fraction: float) -> int:
        return stage_at(presets.load(name).config.model, step=step, fraction=fraction).depth

    assert [depth("f1493", 0, fraction) for fraction in (0, 0.349, 0.35, 1)] == [11, 11, 17, 17]
    assert [depth("f1334", step, 0.9) for step in (2999, 3000)] == [11, 13]
    assert [depth("rec835", 0, fraction) for fraction in (0.39, 0.4, 0.65, 1.0)] == [6, 9, 12, 12]
    for name in presets.names():
        model = presets.load(name).config.model
        assert stage_at(model, step=10**9, fraction=1.0) == stages(model)[-1]
        assert len({hash(stage) for stage in stages(model)}) == len(stages(model))


def test_skips_after_the_split_reach_only_the_lane_that_was_published() -> None:
    gated = Skips(2, 8, gated=True)
    x, skip = torch.randn(1, 3, 8), torch.randn(1, 3, 8)
    with torch.no_grad():
        gated.skip_gates.fill_(40.0)
    assert torch.equal(gated(x, 0, [skip]), x)
    assert gated(x, 2, [skip]) is x  # no row left
    lost = replace(TINY, layers=6, skips="gated", parallel="two-lane", parallel_from=3)
    gpt = moved(lost)
    gpt.loss(some_tokens(), some_tokens()).backward()
    assert [bool(row.any()) for row in gpt.skips.skip_weights.grad] == [True, False, False]


def test_one_lane_without_attention_is_the_mlp_alone() -> None:
    gpt = moved(replace(TINY, parallel="single", parallel_from=0))
    block, x = gpt.blocks[0], torch.randn(1, 5, TINY.dim)
    with torch.no_grad():
        block.controls.attn_scale.zero_()
        block.controls.resid_mix.copy_(torch.stack((torch.ones(TINY.dim), torch.zeros(TINY.dim))))
    context = Context(x0=x, rope=gpt._rope(5, x.dtype, gpt.last))
    out = block(x, context, Visit(layer=0, turn=0, exclude=False, controls=block.controls))
    assert same(out, x + block.controls.mlp_scale * block.mlp(F.rms_norm(x, (TINY.dim,))))


def test_what_xsa_leaves_is_orthogonal_to_the_own_value() -> None:
    y, v = torch.randn(2, 7, 4, 8), torch.randn(2, 7, 2, 8)
    left = remove_own_direction(y, v)
    assert (left * v.repeat_interleave(2, 2)).sum(-1).abs().max() < 1e-5
    assert remove_own_direction(v, v).abs().max() < 1e-5


def test_the_diagonal_form_leaves_out_exactly_the_own_share() -> None:
    q, k, v = torch.randn(2, 6, 4, 8), torch.randn(2, 6, 2, 8), torch.randn(2, 6, 2, 8)
    left = attend_without_self(q, k, v, None)
    assert left[:, 0].abs().max() < 1e-6
    changed = v.clone()
    changed[:, 4] += 1.0  # no position may see its own value; later ones see it
    after = attend_without_self(q, k, changed, None)
    assert same(after[:, :5], left[:, :5])
    assert not same(after[:, 5], left[:, 5])


def test_the_gated_smear_starts_as_nothing_and_never_looks_back_from_a_new_document() -> None:
    smear, x = GatedSmear(6), torch.randn(1, 9, 32)
    assert torch.equal(smear(x, torch.ones(1, 9, dtype=torch.bool)), x)
    with torch.no_grad():
        smear.scale.fill_(0.7)
    assert torch.equal(smear(x, torch.zeros(1, 9, dtype=torch.bool)), x)
    for kind in ("static", "gated"):
        gpt, tokens = moved(replace(TINY, smear=kind)), some_tokens(1)
        tokens[0, 5] = BOS
        before, other = gpt.embedded(tokens, None)[0], tokens.clone()
        other[0, 4] = (tokens[0, 4] - 1) % (VOCAB - 2) + 2
        assert torch.equal(gpt.embedded(other, None)[0, 5:], before[5:])


def test_hashed_pairs_are_the_published_buckets() -> None:
    gpt = GPT(replace(TINY, bigram_buckets=10_240, bigram_dim=4), SEQ)
    tokens = torch.tensor([[5, 60, 7]])
    segments = torch.tensor([[0, 0, 1]])
    pair = ((36313 * 60) ^ (27191 * 5)) % 10_239
    assert gpt.bigram.buckets(tokens, None)[0, :2].tolist() == [10_239, pair]
    assert gpt.bigram.buckets(tokens, segments)[0].tolist() == [10_239, pair, 10_239]


def test_rope_depends_on_distance_only_and_leaves_the_rest_alone() -> None:
    rope = Rope(4, 10_000.0, 16, rescale=False)
    x = torch.randn(8).expand(1, 16, 1, 8)
    turned = rotate(x, *rope(16, torch.float32))
    assert torch.equal(turned[..., 4:], x[..., 4:])
    scores = turned[0, :, 0] @ turned[0, :, 0].T
    assert same(scores[3, 1], scores[12, 10])
    longer = Rope(4, 10_000.0, 16, rescale=True)
    assert torch.equal(rope(16, torch.float32)[0], longer(16, torch.float32)[0])
    assert not same(rope(32, torch.float32)[0], longer(32, torch.float32)[0])


def test_the_lean_loss_is_the_plain_one() -> None:
    logits = (20 * torch.randn(50, VOCAB)).requires_grad_()
    targets, weights = torch.randint(0, VOCAB, (50,)), torch.rand(50)

    def value_and_gradient(loss: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
        losses = loss()
        (gradient,) = torch.autograd.grad(losses @ weights, logits)
        return losses, gradient

    plain = value_and_gradient(lambda: F.cross_entropy(softcap(logits, 30.0), targets, reduction="none"))
    lean = value_and_gradient(lambda: LeanCrossEntropy.apply(logits, targets, 30.0, True))
    # The form 2 c sigmoid(2 u / c) of #1855 differs by a constant only.
    third = value_and_gradient(lambda: F.cross_entropy(60 * torch.sigmoid(2 * logits / 30), targets, reduction="none"))
    for other in (lean, third):
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(plain, other, strict=True))


def test_where_the_softcap_is_computed_is_the_published_scripts_choice() -> None:
    torch.manual_seed(0)
    logits, targets = (8 * torch.randn(64, 1024)).bfloat16(), torch.randint(1024, (64,))
    before, after = softcap(logits, 30.0, in_float=False), softcap(logits, 30.0)
    assert before.dtype == after.dtype == torch.float32
    assert torch.equal(before, (30.0 * torch.tanh(logits / 30.0)).float())
    assert 0.05 < (before - after).abs().max() <= 0.13  # bfloat16 counts in eighths from 16 on
    assert torch.equal(softcap(logits.float(), 30.0, in_float=False), softcap(logits.float(), 30.0))
    lean = LeanCrossEntropy.apply(logits, targets, 30.0, False)
    assert torch.allclose(lean, F.cross_entropy(before, targets, reduction="none"), atol=1e-5)
    chosen = {name: presets.load(name).config.model.softcap_in_float for name in presets.names()}
    assert [name for name, in_float in chosen.items() if in_float] == ["demo", "f1855"]


def test_an_adapter_adds_to_what_it_names_and_leaves_gradients_whole() -> None:
    model = replace(TINY, recurrence=SPAN)
    gpt, tokens = moved(model), some_tokens()
    seen: list[tuple[str, int, int]] = []

    def nothing(site: str, layer: int, x: Tensor) -> Tensor | None:
        seen.append((site, layer, x.shape[-1]))
        return None

    assert torch.equal(gpt(tokens, adapt=nothing), gpt(tokens))
    layers = range(final_stage(model).depth)
    expected = {(site, layer, 32) for site in ("q", "k", "v", "o", "mlp") for layer in layers} | {("head", -1, 32)}
    assert set(seen) == expected
    assert len(seen) == len(expected)

    delta = torch.randn(TINY.dim, TINY.dim)
    wide = copied(gpt, GPT(model, SEQ))
    with torch.no_grad():
        wide.blocks[3].attn.c_q.weight.add_(delta)
    last = final_stage(model).depth - 1
    adapted = gpt(tokens, adapt=lambda site, layer, x: F.linear(x, delta) if (site, layer) == ("q", last) else None)
    assert same(adapted, wide(tokens))
    adapted.sum().backward()
    assert all(parameter.grad is not None for parameter in gpt.parameters())


def test_quantisation_aware_training_rounds_in_training_only() -> None:
    gpt, tokens = moved(TINY), some_tokens()
    exact = gpt(tokens)
    gpt.train_quantized(Qat(start=0.5, mlp_levels=3, levels=7, least_numel=100))
    assert not same(gpt(tokens), exact)
    gpt.loss(tokens, tokens).backward()
    assert gpt.blocks[0].mlp.fc.weight.grad.any()
    assert torch.equal(gpt.eval()(tokens), exact)
    gpt.train().train_quantized(None)
    assert torch.equal(gpt(tokens), exact)
    weight = torch.randn(5, 40)
    assert len(fake_quantize(weight, 3)[0].unique()) <= 7


def test_compiles_into_one_graph() -> None:
    model = shrink(presets.load("f1855").config).model
    span = replace(model.recurrence, first=1, last=1, repeats=2)
    gpt, tokens = moved(replace(model, layers=4, parallel_from=2, xsa_last=4, recurrence=span)), some_tokens()
    traced = torch.compile(gpt.loss, backend="eager", fullgraph=True)(tokens, tokens, segments=tokens // 32)
    assert same(traced, gpt.loss(tokens, tokens, segments=tokens // 32))


def test_extra_passes_happen_in_evaluation_only() -> None:
    recurrence = Recurrence(kind="unique", virtual_layers=4, per_virtual_controls=True, extra_eval_passes=2)
    model = replace(TINY, layers=2, recurrence=recurrence)
    assert runs(model) == [(0, 1, 0, 1)]
    assert final_stage(model) == Stage((0, 1, 0, 1, 0, 1, 0, 1), (0, 0, 1, 1, 1, 1, 2, 2), 2, 2)
    gpt = moved(model)
    assert not same(gpt(some_tokens()), gpt(some_tokens(), stage=stages(model)[0]))
