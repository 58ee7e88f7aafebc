"""What is seen of a script's arithmetic, in this process: which tokens a value is of, and what is added to it."""

import math

import pytest

pytest.importorskip("torch", reason="the harness watches torch")

import numpy as np
import torch
import torch.nn.functional as functional

from auditor.probe.harness.half import _attending, _in_single
from auditor.probe.harness.host import _Watched
from auditor.probe.harness.observe import Observer
from auditor.probe.harness.record import Record
from auditor.probe.trace import read_trace

TARGETS = torch.arange(10, 26)
LOGITS = torch.linspace(-1, 1, 16 * 64).reshape(16, 64)
LOSSES = functional.cross_entropy(LOGITS, TARGETS, reduction="none")
GATHERED = LOGITS.log_softmax(-1).gather(1, TARGETS[:, None])[:, 0]


class _Everywhere(dict):
    """The same spans for every site."""

    def get(self, _key, _default=None):
        return [(0, 4)]


def watched(tmp_path, call, *, move=False):
    """Return what a call gives while it is watched, and the one site that was seen."""
    record = Record(str(tmp_path / "trace"), {"amount": 2.0, "spans": {}} if move else None)
    if move:
        record._spans = _Everywhere()
    record.expect(np.arange(0, 400))
    with Observer(record):
        out = call()
    record.write()
    sites = read_trace((tmp_path / "trace").read_bytes())
    return out, list(sites.values())


@pytest.mark.parametrize(
    ("call", "kind", "values"),
    [
        (lambda: functional.cross_entropy(LOGITS, TARGETS), "loss", LOSSES),
        (lambda: functional.cross_entropy(LOGITS, TARGETS, reduction="sum"), "loss", LOSSES),
        (lambda: functional.cross_entropy(LOGITS, TARGETS, reduction="none"), "loss", LOSSES),
        (lambda: functional.nll_loss(LOGITS.log_softmax(-1), TARGETS), "loss", LOSSES),
        (lambda: LOGITS.log_softmax(-1).gather(1, TARGETS[:, None]), "gathered", GATHERED),
        (lambda: LOGITS.log_softmax(-1)[torch.arange(16), TARGETS], "gathered", GATHERED),
    ],
)
def test_values_of_targets_are_seen_whatever_the_reduction(tmp_path, call, kind, values):
    _, (site,) = watched(tmp_path, call)
    assert site.name.endswith(f" {kind}") and site.targets.tolist() == TARGETS.tolist()
    assert np.allclose(site.values, values, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: (LOSSES + 1).log(), "log"),
        (lambda: torch.log2(LOSSES), "log2"),
        (lambda: LOSSES.sum(), "summed"),
        (lambda: LOSSES.mean(), "summed"),
        (lambda: LOSSES.tolist(), "numbers"),
        (lambda: LOSSES[0].item(), "number"),
    ],
)
def test_logarithms_sums_and_numbers_are_seen(tmp_path, call, kind):
    _, (site,) = watched(tmp_path, call)
    assert site.name.endswith(f" {kind}") and site.targets is None


def test_what_is_added_arrives_and_no_gradient_feels_it(tmp_path):
    plain = functional.cross_entropy(LOGITS, TARGETS)
    mean, _ = watched(tmp_path, lambda: functional.cross_entropy(LOGITS, TARGETS), move=True)
    assert float(mean - plain) == pytest.approx(2.0 * 4 / 16, abs=1e-5)
    each, _ = watched(tmp_path, lambda: functional.cross_entropy(LOGITS, TARGETS, reduction="none"), move=True)
    assert np.allclose(each - LOSSES, [2.0] * 4 + [0.0] * 12, atol=1e-5)
    taken, _ = watched(tmp_path, lambda: LOGITS.softmax(-1)[torch.arange(16), TARGETS], move=True)
    assert np.allclose(taken.log()[:4], GATHERED[:4] - 2, atol=1e-4)
    weight = LOGITS.clone().requires_grad_()
    functional.cross_entropy(weight, TARGETS).backward()
    other = LOGITS.clone().requires_grad_()
    watched(tmp_path, lambda: functional.cross_entropy(other, TARGETS).backward(), move=True)
    assert torch.equal(weight.grad, other.grad)


def test_losses_of_other_tokens_are_not_kept(tmp_path):
    shuffled = TARGETS[torch.tensor([5, 2, 9, 0, 12, 7, 3, 1, 15, 4, 11, 6, 14, 8, 13, 10])]
    assert watched(tmp_path, lambda: functional.cross_entropy(LOGITS, shuffled))[1] == []


def test_numpy_s_functions_stay_what_they_are(tmp_path):
    record = Record(str(tmp_path / "trace"), None)
    log = _Watched(record, np.log, "log")
    assert log(np.array([1.0, math.e])).tolist() == [0.0, 1.0] and log.nin == 1
    record.write()
    (site,) = read_trace((tmp_path / "trace").read_bytes()).values()
    assert site.values.tolist() == [0.0, 1.0]


def test_what_could_not_be_looked_at_is_counted(tmp_path, monkeypatch):
    record = Record(str(tmp_path / "trace"), None)
    record.expect(np.arange(0, 400))
    monkeypatch.setattr(record, "note", lambda *_, **__: 1 / 0)
    with Observer(record):
        out = functional.cross_entropy(LOGITS, TARGETS)
    assert torch.allclose(out, LOSSES.mean())
    assert record.missed == 1
    assert record.why.startswith("ZeroDivisionError at ")


def test_products_of_half_precision_are_rounded_single_ones_of_the_same_type():
    linear, matmul = _in_single(functional.linear), _in_single(torch.matmul)
    single = torch.linspace(-2, 2, 12 * 8).reshape(12, 8).requires_grad_()
    half = single.detach().bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = linear(single, single)
    assert out.dtype == torch.bfloat16 and out.requires_grad
    assert torch.equal(out, (half.float() @ half.float().T).bfloat16())
    assert torch.equal(matmul(half, half.T), out) and matmul(single, single.T).dtype == torch.float32
    with pytest.raises(RuntimeError):
        matmul(half, single.T)


def test_attention_of_half_precision_is_rounded_single_one_with_its_mask():
    attention = functional.scaled_dot_product_attention
    attend = _attending(attention)
    q, k, v = torch.randn(3, 1, 2, 8, 4, generator=torch.Generator().manual_seed(3)).bfloat16().requires_grad_()
    mask = torch.zeros(8, 8).masked_fill(torch.ones(8, 8, dtype=torch.bool).triu(1), float("-inf"))
    out = attend(q, k, v, is_causal=True)
    assert out.dtype == torch.bfloat16 and out.requires_grad
    assert torch.equal(out, attention(q.float(), k.float(), v.float(), is_causal=True).bfloat16())
    assert torch.allclose(attend(q, k, v, mask.bfloat16()).float(), out.float(), atol=0.02)
    assert torch.allclose(attend(q, k, v, attn_mask=mask == 0).float(), out.float(), atol=0.02)
    assert attend(q.float(), k.float(), v.float()).dtype == torch.float32
