"""Arrays that go by several names: handed to functions, assigned, unpacked; and objects that functions change."""

import pytest
from followed import PRELUDE, followed

from auditor.timeline.events import Forward, Timeline

EVALUATE = """
val = read("data/fineweb_val_*.bin")
def evaluate(net, tokens):
    x, y = torch.zeros(64, dtype=torch.int64), torch.zeros(64, dtype=torch.int64)
    total = 0.0
    for at in range(0, len(tokens) - 64, 64):
{fill}
        total += net(x, y).item()
    return total
print(f"val_bpb:{{bits(evaluate(Net(), val)):.4f}}")
"""


def scored(timeline: Timeline) -> bool:
    return any(isinstance(event, Forward) and event.reports for event in timeline.events)


def filled(lines: str, functions: str = "") -> Timeline:
    return followed(functions + EVALUATE.format(fill="\n".join(f"        {line}" for line in lines.split("\n"))))


FILL = "def fill(out, tokens, at):\n    out[:] = tokens[at : at + 64]\n"
NESTED = "def fill(out, tokens, at):\n    def put(part):\n        {line}\n    put(tokens[at : at + 64])\n"


@pytest.mark.parametrize(
    ("lines", "functions"),
    [
        ("fill(x, tokens, at)", FILL),
        ("fill(tokens=tokens, at=at, out=x)", FILL),
        ("more(x, tokens, at)", FILL + "def more(a, b, c):\n    fill(a, b, c)\n"),
        ("held = [x]\nfill(held[0], tokens, at)\nx = held[0]", FILL),
        ("row = x\nrow[:] = tokens[at : at + 64]", ""),
        ("row = x\nrow.copy_(tokens[at : at + 64])", ""),
        ("fill(x, tokens, at)", NESTED.format(line="out[:] = part")),
        ("fill(x, tokens, at)", NESTED.format(line="out.copy_(part)")),
        ("fill(x, tokens, at)", "def fill(out, tokens, at):\n    mine = out\n    mine[:] = tokens[at : at + 64]\n"),
    ],
)
def test_what_is_written_under_one_name_is_there_under_all(lines: str, functions: str) -> None:
    assert scored(filled(lines, functions))


@pytest.mark.parametrize(
    ("lines", "functions"),
    [
        (
            "fill(x, tokens, at)",
            "def fill(out, tokens, at):\n    out = out.clone()\n    out[:] = tokens[at : at + 64]\n",
        ),
        ("fill(x.clone(), tokens, at)", FILL),
        ("fill(x, tokens, at)", NESTED.format(line="out = part")),
        (
            "fill(x, tokens, at)",
            "def fill(out, tokens, at):\n    out = out.clone()\n"
            + NESTED.split("\n", 1)[1].format(line="out[:] = part"),
        ),
        ("row = x.clone()\nrow[:] = tokens[at : at + 64]", ""),
        ("row = x\nrow = tokens[at : at + 64]", ""),
        ("one, other = torch.unbind(torch.zeros(2, 64))\none[:] = tokens[at : at + 64]\nx = other", ""),
    ],
)
def test_an_array_of_its_own_stays_its_own(lines: str, functions: str) -> None:
    assert not scored(filled(lines, functions))


COUNTED = """
class Memory:
    def __init__(this):
        this.seen = 0
    def judge(this, nll, other):
        if this.seen < 100:
            return nll
        return torch.minimum(nll, other)
def count(memory, n):
    memory.seen += n
val = read("data/fineweb_val_*.bin")
def evaluate(net, rough, tokens):
    memory, total = Memory(), 0.0
    for at in range(0, len(tokens) - 64, 64):
        x, y = tokens[at : at + 63], tokens[at + 1 : at + 64]
        total += memory.judge(net(x, y), rough(x, y)).sum()
        count(memory, 63)
    return total
print(f"val_bpb:{bits(evaluate(Net(), Net(), val)):.4f}")
"""


def test_what_a_function_counts_up_in_an_object_is_not_known_in_a_loop() -> None:
    timeline = followed(COUNTED)
    assert len([e for e in timeline.events if isinstance(e, Forward) and e.reports]) == 2


def test_a_method_may_call_its_first_parameter_what_it_likes() -> None:
    code = """
class Base(torch.nn.Module):
    def __init__(me, width):
        super().__init__()
        me.head = torch.nn.Linear(width, 64)
class Tall(Base):
    def __init__(me, width):
        super().__init__(width)
    def forward(me, x, y): return F.cross_entropy(me.head(x), y)
val = read("data/fineweb_val_*.bin")
net = Tall(64)
opt = torch.optim.SGD(net.head.parameters(), lr=0.1)
net(val[:-1], val[1:]).backward()
opt.step()
print(f"val_bpb:{bits(net(val[:-1], val[1:]).item()):.4f}")
"""
    for name in ("me", "self"):
        events = followed(code.replace("me,", f"{name},").replace("me.", f"{name}."), prelude=PRELUDE).events
        assert any(isinstance(e, Forward) and e.conflicts and e.reports for e in events)
