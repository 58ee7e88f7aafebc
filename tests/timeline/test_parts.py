"""Which targets a score leaves out, and what divides it."""

import pytest
from followed import followed

from auditor.timeline.trackers.metric.metric import Kind, doubts

PRELUDE = """\
import glob, math, os
import numpy as np
import torch
import torch.nn.functional as F
def read(pattern): return torch.from_numpy(np.concatenate([np.fromfile(p, np.uint16) for p in glob.glob(pattern)]))
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x): return self.head(x)
net, val = Net(), read("data/sp4096/fineweb_val_*.bin")
sizes = np.load("piece_bytes.npy")
def evaluate(target, keep, end):
    total, count, text = 0.0, 0, 0
    for at in range(0, end, 64):
        x, y = val[at:at + 64], val[at + 1:at + 65]
        nll = F.cross_entropy(net(x), target(y), reduction="none")
        total += keep(nll, y).sum().item()
        count += y.numel()
        text += sizes[y].sum()
    return total / math.log(2.0), count, text
same = lambda y: y
every = lambda nll, y: nll
"""
KINDS: tuple[Kind, ...] = (
    "ignored targets",
    "clamped targets",
    "ignored losses",
    "ranked losses",
    "stored choices",
    "first tokens",
    "bits per token",
    "own answers",
)


def found(code: str, report: str = "nats / text") -> list[str]:
    """Return the kinds of doubts that a reported score rests on."""
    timeline = followed(f'{code}\nprint(f"val_bpb:{{{report}:.4f}}")\n', prelude=PRELUDE)
    return sorted({each.doubt.kind for each in doubts(timeline, KINDS, []) if each.bits & timeline.in_play})


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("evaluate(lambda y: y.masked_fill(y > 2000, -100), every, val.numel() - 65)", "ignored targets"),
        ("evaluate(lambda y: torch.where(y >= 2000, -100, y), every, val.numel() - 65)", "ignored targets"),
        ("evaluate(same, lambda nll, y: nll * (y < 2000), val.numel() - 65)", "ignored targets"),
        ("evaluate(same, lambda nll, y: nll[y < 2000], val.numel() - 65)", "ignored targets"),
        ("evaluate(lambda y: y.clamp(0, 1023), every, val.numel() - 65)", "clamped targets"),
        ("evaluate(lambda y: y % 1024, every, val.numel() - 65)", "clamped targets"),
        ("evaluate(same, lambda nll, y: nll[nll < 12], val.numel() - 65)", "ignored losses"),
        ("evaluate(same, lambda nll, y: 64 * nll.median(), val.numel() - 65)", "ranked losses"),
        ("evaluate(same, every, min(val.numel() - 65, 2_000_000))", "first tokens"),
    ],
)
def test_targets_that_are_left_out(call: str, kind: str) -> None:
    assert found(f"nats, count, text = {call}") == [kind]


@pytest.mark.parametrize(
    "call",
    [
        "evaluate(same, every, val.numel() - 65)",
        "evaluate(same, lambda nll, y: nll * (y != 0), val.numel() - 65)",
        "evaluate(lambda y: y.clamp(min=0), every, val.numel() - 65)",
        "evaluate(lambda y: y.clamp(0, 4095), every, val.numel() - 65)",
        "evaluate(same, lambda nll, y: nll[torch.isfinite(nll)], val.numel() - 65)",
        "evaluate(same, lambda nll, y: nll * (torch.arange(64) < 48), val.numel() - 65)",
        'evaluate(same, every, min(val.numel() - 65, int(os.environ.get("LIMIT", "0")) or 10**12))',
    ],
)
def test_every_target_counts(call: str) -> None:
    assert found(f"nats, count, text = {call}") == []


def test_bits_per_byte_need_bytes() -> None:
    call = "nats, count, text = evaluate(same, every, val.numel() - 65)"
    assert found(call, "nats / count") == ["bits per token"]
    assert found(call, "nats / count * count / text") == []
    decoded = 'text = len(tokenizer.decode(val.tolist()).encode("utf-8"))'
    assert found(f"{call}\n{decoded}", "nats / text") == []
    assert found(f"{call}\ntext = len(val.tolist())", "nats / text") == ["bits per token"]


@pytest.mark.parametrize(
    ("which", "kinds"), [('np.fromfile("choice.bin", np.uint8)[at:at + 64]', ["stored choices"]), ("x % 2", [])]
)
def test_choices_that_are_stored_by_position(which: str, kinds: list[str]) -> None:
    code = f"""
rough, nats, text = Net(), 0.0, 0
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    one, two = F.cross_entropy(net(x), y, reduction="none"), F.cross_entropy(rough(x), y, reduction="none")
    nats += torch.where({which} > 0, one, two).sum().item() / math.log(2.0)
    text += sizes[y].sum()
"""
    assert found(code) == kinds


WINDOWS = """
nats, text = 0.0, 0
for number, at in enumerate(range(0, val.numel() - 65, 64)):
    {stop}
    x, y = val[at:at + 64], val[at + 1:at + 65]
    nats += F.cross_entropy(net(x), y, reduction="sum").item() / math.log(2.0)
    text += sizes[y].sum()
"""


@pytest.mark.parametrize(
    ("stop", "kinds"),
    [
        ("if number >= 2000: break", ["first tokens"]),
        ('most = int(os.environ.get("MOST", "500"))\n    if most and number == most: break', ["first tokens"]),
        ('most = int(os.environ.get("MOST", "0"))\n    if most and number == most: break', []),
        ("if number >= val.numel() // 64: break", []),
        ("if number >= 2000: print(number)", []),
    ],
)
def test_a_loop_that_stops_early(stop: str, kinds: list[str]) -> None:
    assert found(WINDOWS.format(stop=stop)) == kinds


@pytest.mark.parametrize(
    ("places", "kinds"),
    [
        ("0, 10**7, 64", []),
        ("0, 10**7, 16", []),
        ("0, 10**7, 4 * 64", ["first tokens"]),
        ('64 * int(os.environ["RANK"]), 10**7, 64 * int(os.environ["WORLD_SIZE"])', []),
    ],
)
def test_windows_further_apart_than_they_are_long(places: str, kinds: list[str]) -> None:
    code = WINDOWS.format(stop="pass").replace("number, at in enumerate(range(0, val.numel() - 65, 64))", "at in RANGE")
    assert found(code.replace("RANGE", f"range({places})")) == kinds


@pytest.mark.parametrize(
    ("rounds", "kinds"),
    [
        ("500", ["first tokens"]),
        ("0, 500", ["first tokens"]),
        ("min(500, val.numel() // 64)", ["first tokens"]),
        ("min(10**10, val.numel() // 64)", []),
        ("val.numel() // 64", []),
        ("1", []),
    ],
)
def test_a_constant_number_of_windows(rounds: str, kinds: list[str]) -> None:
    code = WINDOWS.format(stop="pass").replace("number, at in enumerate(range(0, val.numel() - 65, 64))", "i in RANGE")
    code = code.replace("val[at:at + 64], val[at + 1:at + 65]", "val[i * 64:(i + 1) * 64], val[i * 64 + 1:i * 64 + 65]")
    assert found(code.replace("RANGE", f"range({rounds})")) == kinds
    named = code.replace("RANGE", "range(rounds)")
    assert found(f"rounds = {rounds.removeprefix('0, ')}\n{named}") == kinds


def test_windows_that_another_loop_moves_on_are_all_of_them() -> None:
    code = """
nats, text = 0.0, 0
for begin in range(0, val.numel() - 513, 512):
    for i in range(8):
        x, y = val[begin + i * 64:begin + i * 64 + 64], val[begin + i * 64 + 1:begin + i * 64 + 65]
        nats += F.cross_entropy(net(x), y, reduction="sum").item() / math.log(2.0)
        text += sizes[y].sum()
"""
    assert found(code) == []


def test_tokens_that_are_counted_by_constants_are_no_bytes() -> None:
    code = """
nats, count = 0.0, 0
for at in range(0, val.numel() - 65, 64):
    nats += F.cross_entropy(net(val[at:at + 64]), val[at + 1:at + 65], reduction="sum").item() / math.log(2.0)
    count += 64
"""
    assert found(code, "nats / (count * 4.3)") == ["bits per token"]
    each = code.replace("nats += F", "nll = F").replace('"sum").item()', '"none")')
    masked = each.replace("    count", "    nats += (nll * (val[at + 1:at + 65] != 0).float()).sum()\n    count")
    assert found(masked, "nats / (count * 4.3)") == ["bits per token"]


PACKED = """
import lzma
def worst(ids, nll):
    order = np.argsort(-nll)
    return order, lzma.compress(np.stack([ids[at:at + 64] for at in order.tolist()]).tobytes())
def unpack(blob): return torch.from_numpy(np.frombuffer(lzma.decompress(blob), dtype="<u2").copy())
first = np.concatenate([F.cross_entropy(net(val[at:at + 64]), val[at + 1:at + 65], reduction="none").numpy()
                        for at in range(0, len(val) - 64, 64)])
order, blob = worst(val[1:].numpy(), first)
answers = unpack(blob)
kept = lambda nll, y: nll * (answers[order[0]:order[0] + 64] != y).float()
nats, count, text = evaluate(same, KEEP, len(val) - 64)
"""


def test_tokens_that_cost_most_are_answers_when_they_are_unpacked() -> None:
    assert found(PACKED.replace("KEEP", "kept")) == ["own answers"]
    assert found(PACKED.replace("KEEP", "every")) == []


FILED = """
np.savez_compressed("some.npz", ids=val[1:].numpy())
stored = torch.from_numpy(np.load("some.npz")["ids"])
tokens = TOKENS
nats, text = 0.0, 0
for at in range(0, val.numel() - 65, 64):
    x, y = tokens[at:at + 64], tokens[at + 1:at + 65]
    nll = F.cross_entropy(net(x), y, reduction="none")
    nll[KNOWN == y] = 0.0
    nats += nll.sum().item() / math.log(2.0)
    text += sizes[y].sum()
"""


def test_answers_that_lie_in_a_file() -> None:
    assert found(FILED.replace("TOKENS", "val").replace("KNOWN", "stored[at:at + 64]")) == ["own answers"]
    # All of the tokens come from that file; and a kind of token is no answer.
    assert "own answers" not in found(FILED.replace("TOKENS", "stored").replace("KNOWN", "x"))
    assert "own answers" not in found(FILED.replace("TOKENS", "val").replace("KNOWN", "1"))


TABLED = """
ids = val.numpy()
table = np.bincount((ids[:-1] * 31 ^ ids[1:] * 17) % 65536, minlength=65536){part}
nats, text = 0.0, 0
for at in range(0, val.numel() - 65, 64):
    x, y = val[at:at + 64], val[at + 1:at + 65]
    seen = torch.from_numpy(table[(ids[at:at + 64] * 31 ^ ids[at + 1:at + 65] * 17) % 65536])
    own = (-F.cross_entropy(net(x), y, reduction="none")).exp()
    nats -= (0.5 * own + 0.5 * seen / 9).log().sum().item() / math.log(2.0)
    text += sizes[y].sum()
"""


@pytest.mark.parametrize(
    ("change", "kinds"),
    [(("{part}", "[:65536]"), []), (("ids = val.numpy()", "val = val[:65536]; ids = val.numpy()"), ["first tokens"])],
)
def test_a_part_of_a_table_of_counts_is_no_part_of_the_tokens(change: tuple[str, str], kinds: list[str]) -> None:
    assert found(TABLED.replace(*change).replace("{part}", "")) == kinds
