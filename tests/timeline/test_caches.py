"""Which tokens a key is made from, and whether the token being scored is among them."""

import re

import pytest
from followed import PRELUDE, followed
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.timeline.events import Lookup, Update
from auditor.timeline.trackers.keys.reported import context_lookups, target_lookups

LOOP = """
class Plain(torch.nn.Module):
    def forward(self, x): return x
net = Plain()
val = read("data/fineweb_val_*.bin")
ids = val.numpy()
rows, cells = np.zeros(4096), np.zeros(4096)
total = 0.0
for start in range(4, len(ids) - 65, 64):
    x, y = val[start - 1:start + 63], val[start:start + 64]
    nll = F.cross_entropy(net(x), y, reduction="none").numpy()
    at = np.arange(start, start + 64)
    {key}
    p = cells[full] / (rows[row] + 1)
    total += -np.log(0.5 * np.exp(-nll) + 0.5 * p).sum()
    np.add.at(rows, row, 1)
    np.add.at(cells, full, 1)
print(f"val_bpb:{{bits(total) / len(ids)}}")
"""

WITH_TARGET = {
    "xor": "row = (ids[at - 1] * 31 ^ ids[at - 2] * 17) % 4096; full = (row * 101 ^ ids[at] * 7) % 4096",
    "polynomial": "row = (ids[at - 1] * 31 + ids[at - 2]) % 4096; full = (row * 101 + ids[at]) % 4096",
    "mask": "row = (ids[at - 1] * 31 + ids[at - 2]) & 4095; full = (row * 101 + ids[at]) & 4095",
    "labels": "row = ids[at - 1] % 4096; full = (row * 7 ^ y.numpy()) % 4096",
    "functions": "row = np.remainder(ids[at - 1] * 31, 4096); full = np.bitwise_xor(row, ids[at] * 7)",
    "numbers": "n = 3; o = 4 - (n - 1); row = ids[o:o + 64] * 31; full = (row ^ ids[4:68] * 7) % 4096; row %= 4096",
    "reshaped": "p = net(x[None])[0].gather(1, y[:, None]); row = x.numpy() % 4096; full = (x * 7 + y) % 4096",
    "windows": "w = np.lib.stride_tricks.sliding_window_view(ids, 4); row = w[at - 3][:, :-1].sum(1) % 4096; "
    "full = (w[at - 3] * [3, 5, 7, 9]).sum(1) % 4096",
    "narrowed": "t = ids[at]; row = ids[at - 1] % 64; m = at > 9; full = (row[m] ^ t[m]) % 4096",
}
CONTEXT_ONLY = {
    "shifted": "b = torch.zeros_like(x); b[1:] = x[:-1]; row = x.numpy() % 4096; full = (b * 7 ^ x * 31) % 4096",
    "xor": "row = (ids[at - 1] * 31 ^ ids[at - 2] * 17) % 4096; full = (row * 101 ^ ids[at - 3] * 7) % 4096",
    "inputs": "row = x.numpy() % 4096; full = (row * 7 ^ ids[at - 2]) % 4096",
    "numbers": "n = 3; o = 4 - (n - 1); u = o + 1; row = ids[o:o + 64] % 4096; full = (row ^ ids[u:u + 64] * 7) % 4096",
    "windows": "w = np.lib.stride_tricks.sliding_window_view(ids, 3); row = (w[at - 3] * [3, 5, 7]).sum(1) % 4096; "
    "full = row",
    "one token": "row = ids[at - 1] % 4096; full = row * 3 % 4096",
    "reshaped": "p = net(x[None]); b = torch.cat([x[:1], x[:-1]]); row = x.numpy() % 4096; full = (x * 7 + b) % 4096",
}


@pytest.mark.parametrize("key", WITH_TARGET.values(), ids=WITH_TARGET)
def test_the_scored_token_in_a_key_is_seen(key: str) -> None:
    timeline = followed(LOOP.format(key=key))
    found = target_lookups(timeline)
    assert len(found) == 1
    line = found[0].key.source.text.splitlines()[found[0].key.line - 1]
    assert key in line
    assert found[0].report.label.startswith("val_bpb")


@pytest.mark.parametrize("key", CONTEXT_ONLY.values(), ids=CONTEXT_ONLY)
def test_a_key_of_the_context_is_none(key: str) -> None:
    timeline = followed(LOOP.format(key=key))
    assert not target_lookups(timeline)
    assert context_lookups(timeline)


BETWEEN = """
class Plain(torch.nn.Module):
    def forward(self, x): return x
net = Plain()
val = read("data/fineweb_val_*.bin")
one, two = torch.zeros(4096), torch.zeros(4096)
table = torch.ones(4096, 64)
total = 0.0
for start in range(4, len(val) - 65, 64):
    end = start + 64
    x, y = val[start:end], val[start + 1:end + 1]
    nll = F.cross_entropy(net(x), y, reduction="none")
    p = (-nll).exp()
    {score}
    total += nll.sum()
print(f"val_bpb:{{bits(total) / len(val)}}")
"""
NEIGHBOURS = "k = (x[:-1] * 31 ^ x[1:]) & 4095; "
WINDOWS = "w = val[start - 2:end + 1].unfold(0, 4, 1); h = torch.zeros(64).long(); "
SOME = "; q = one[h] / two[h // 64]; nll = -(0.8 * p + 0.2 * q).log(); one[h] += 1; two[h // 64] += 1"
ROWS = "q = table[k].gather(1, y[1:, None])[:, 0]; nll[1:] = -(0.8 * p[1:] + 0.2 * q).log(); table[k, y[1:]] += 1"


@pytest.mark.parametrize(
    ("score", "unsure"),
    [
        (NEIGHBOURS + ROWS, None),
        (NEIGHBOURS + "k = torch.cat([k[:1], k]); nll = -(0.8 * p + 0.2 * one[k] / two[x]).log(); one[k] += 1", True),
        (NEIGHBOURS + "q = one[k] / two[x[:-1]]; nll[:-1] = -(0.8 * p[:-1] + 0.2 * q).log(); one[k] += 1", False),
        (WINDOWS + "\n    for c in w.unbind(1): h = (h * 31 + c) % 4096" + SOME, True),
        (WINDOWS + "\n    for j in range(4): h = (h * 31 + w[:, j]) % 4096" + SOME, True),
        (WINDOWS.replace("end + 1", "end") + "\n    for c in w.unbind(1): h = (h * 31 + c) % 4096" + SOME, None),
    ],
)
def test_for_which_place_a_key_of_neighbours_is_used_decides(score: str, unsure: bool | None) -> None:
    found = target_lookups(followed(BETWEEN.format(score=score.replace("; ", "\n    "))))
    assert {each.lookup.unsure for each in found} == (set() if unsure is None else {unsure})


def test_exact_keys_are_no_lookups() -> None:
    timeline = followed(LOOP.format(key="row = ids[at - 1]; full = row * 64 + ids[at]"))
    assert not [e for e in timeline.events if isinstance(e, Lookup)]


def test_updates_tell_their_reads() -> None:
    timeline = followed(LOOP.format(key=WITH_TARGET["xor"]))
    updates = [e for e in timeline.events if isinstance(e, Update)]
    assert [e.exact for e in updates] == [False, False]
    assert updates[0].key != updates[1].key


def test_a_lookup_that_no_report_rests_on_is_not_told() -> None:
    code = LOOP.format(key=WITH_TARGET["xor"]).replace("+ 0.5 * p)", "+ 0.5)")
    assert not target_lookups(followed(code))


NAMES = st.from_regex(r"[a-z]{3,8}_", fullmatch=True)


@given(st.lists(NAMES, min_size=5, max_size=5, unique=True), st.sampled_from(sorted(WITH_TARGET)))
@settings(max_examples=12, deadline=None)
def test_names_do_not_matter(names: list[str], kind: str) -> None:
    code = LOOP.format(key=WITH_TARGET[kind])
    for old, new in zip(("rows", "cells", "full", "ids", "total"), names, strict=True):
        code = re.sub(rf"\b{old}\b", new, code)
    assert len(target_lookups(followed(code, prelude=PRELUDE))) == 1


FILLED = """
class Plain(torch.nn.Module):
    def forward(self, x): return x
net = Plain()
val = read("data/fineweb_val_*.bin")
rows, cells = torch.zeros(64), torch.zeros(64 * 64)
total = 0.0
for start in range(4, val.numel() - 65, 64):
    x, y = val[start:start + 64], val[start + 1:start + 65]
    nll = torch.full((64,), float("inf"))
    nll[:] = F.cross_entropy(net(x), y, reduction="none")
    {kept}
    there = val[start:start + 65]
    first, before, now = val[start - 1:start + 64][:64 - 0][kept], there[:-1][kept], there[1:][kept]
    again = before[torch.argsort(before * 64 + torch.arange(64))]
    row = (first * 31 ^ before) & 63
    cell = row * 64 + now
    p = (cells[cell] + 0.1) / (rows[row] + 6.4)
    total -= (0.5 * (-nll[kept]).exp() + 0.5 * p).log().sum().item()
    rows.index_add_(0, row, torch.ones(64))
    cells.index_add_(0, cell, torch.ones(64))
print(f"val_bpb:{{bits(total) / val.numel()}}")
"""


@pytest.mark.parametrize("kept", ["kept = torch.isfinite(nll)", "kept = ~torch.isinf(nll)"])
def test_where_losses_were_filled_in_judges_no_token(kept: str) -> None:
    timeline = followed(FILLED.format(kept=kept))
    assert not target_lookups(timeline)
    assert context_lookups(timeline)
