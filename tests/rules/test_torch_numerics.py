"""torch-numerics on single files: what is followed by name, and what is left alone because it can't be told."""

from types import SimpleNamespace

import pytest

from auditor.program.load import _unit_of
from rules.torch_numerics import check


def told(text):
    unit = _unit_of("train_gpt.py", text.encode(), lambda name: None, {})
    case = SimpleNamespace(program=SimpleNamespace(units={unit.path: unit}))
    return [(finding.line, finding.message) for finding in check(case)]


UPDATE = """
import copy, torch
def update(slow, fast, decay):
    for a, b in zip(slow.parameters(), fast.parameters()):
        a.data.mul_(decay).add_(b.data, alpha=1 - decay)
def main(model):
    {made}
    update({given})
"""


@pytest.mark.parametrize(
    ("made", "given", "lines"),
    [
        ("ema = copy.deepcopy(model).bfloat16()", "ema, model, 0.99", [5]),
        ("ema = copy.deepcopy(model).to('cpu', dtype=torch.float16)", "fast=model, slow=ema, decay=0.99", [5]),
        ("ema = copy.deepcopy(model).bfloat16().float()", "ema, model, 0.99", []),
        ("ema = copy.deepcopy(model).bfloat16(); ema.float()", "ema, model, 0.99", []),
        ("ema = copy.deepcopy(model)", "ema, model.bfloat16(), 0.99", []),
        ("ema = other(model)", "ema, model, 0.99", []),
        ("ema = copy.deepcopy(model).bfloat16(); slow = 3", "copy.deepcopy(ema).float(), model, 0.99", []),
        ("slow = copy.deepcopy(model).half()", "slow, model, 0.99", [5]),
    ],
)
def test_an_average_is_followed_to_where_it_was_made(made, given, lines):
    found = told(UPDATE.format(made=made, given=given))
    assert [line for line, _ in found] == lines
    assert all(("512th" if "bfloat16" in message else "4096th") in message for _, message in found)


def test_an_average_that_hardly_looks_back_is_left_alone():
    text = "shadow = {k: v.bfloat16() for k, v in now.items()}\nfor k, v in now.items():\n    shadow[k].lerp_(v, W)\n"
    assert [line for line, _ in told(text.replace("W", "0.01"))] == [3]
    assert told(text.replace("W", "0.5")) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = np.fromfile(p, dtype=np.uint16)\nh = x * 36313", "NumPy keeps 16 bits"),
        ("x = np.fromfile(p, dtype=np.uint16)\nh = 65599 * x[1:]", "NumPy 2 refuses"),
        ("x = torch.from_numpy(np.memmap(p, dtype=np.uint16))\nh = x[3] * 65537", "torch keeps 16 bits"),
        ("x = np.fromfile(p, dtype=np.uint16)\nh = x[3] * 36313", None),  # a single number: NumPy 1 widens it
        ("x = np.fromfile(p, dtype=np.uint16).astype(np.int64)\nh = x * 36313", None),
        ("x = np.fromfile(p, dtype=np.uint16)\nx = x.astype(np.int64)\nh = x * 36313", None),
        ("x = np.fromfile(p, dtype=np.uint16)\nh = x * PRIME", None),
        ("x = np.fromfile(p, dtype=np.uint16)\ndef f(x):\n    return x * 36313", None),
        ("x = np.fromfile(p, dtype=np.uint16)\nh = x.long() * 36313", None),
    ],
)
def test_a_product_of_sixteen_bits_is_told_by_its_library(text, words):
    found = [message for _, message in told(f"import numpy as np, torch\n{text}\n")]
    assert [words in message for message in found] == ([True] if words else [])


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("F.scaled_dot_product_attention(q, k, v, m, 0.0, True)", 1),
        ("F.scaled_dot_product_attention(q, k, v, attn_mask=q.new_zeros(3), is_causal=True)", 1),
        ("F.scaled_dot_product_attention(q, k, v, attn_mask=given, is_causal=True)", 0),
        ("F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask, is_causal=True)", 0),
        ("F.scaled_dot_product_attention(q, k, v, attn_mask=None, is_causal=True)", 0),
        ("F.scaled_dot_product_attention(q, k, v, attn_mask=m, is_causal=causal)", 0),
    ],
)
def test_only_a_mask_that_can_t_be_none_counts(call, count):
    assert len(told(f"def f(self, q, k, v, given=None):\n    m = torch.ones(3, 3)\n    return {call}\n")) == count
