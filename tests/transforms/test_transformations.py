"""The transformations themselves: a program of ours does the same, however it is written."""

import contextlib
import io
import sys
from types import ModuleType

import pytest
from transformations import TRANSFORMATIONS, Written, written

PROGRAMS = {
    "loops that carry and jump": """
import math

def weigh(values, power=2, *, floor=0):
    total, seen = 0, []
    for value in values:
        if value < floor:
            continue
        total += value ** power
        seen.append(value)
        if total > 500:
            break
    count = len(seen)
    mean = total / max(count, 1)
    return mean, seen

def spread(values):
    mean, seen = weigh(values, power=1)
    out = 0.0
    with open("/dev/null") as sink:
        for each in seen:
            gap = each - mean
            out += gap * gap
            sink.writable()
    return math.sqrt(out)

print(weigh(range(-3, 40), floor=-1), round(spread([1, 2, 4]), 6))
""",
    "classes, closures and globals": """
STEPS = 0

class Counter:
    step = 1

    def __init__(self, start=0):
        self.value = start

    def add(self, step=None):
        amount = self.step if step is None else step
        self.value += amount
        return self.value

    def twice(self):
        return [self.add(step=k) for k in (1, 2)]

class Loud(Counter):
    def add(self, step=None):
        value = super().add(step)
        print("now", value)
        return value

def bump(by):
    global STEPS
    STEPS += by

def make(n):
    def inner(x, n=n):
        return x + n
    return inner

def main():
    step = 5
    counter = Loud(start=step)
    counter.twice()
    bump(by=counter.value)
    adders = [make(k) for k in range(3)]
    print(STEPS, [f(10) for f in adders], {k: v for k, v in zip("ab", range(2))})

main()
""",
    "errors, patterns and unpacking": """
def read(text, *rest, **options):
    try:
        number = int(text)
    except ValueError as error:
        number = len(str(error)) * 0
    first, *others = [number, *rest]
    match options:
        case {"scale": scale}:
            first *= scale
        case _:
            first -= 1
    if (double := first * 2) > 10:
        others.append(double)
    return first, others

def shown(pairs):
    lines = []
    for at, (text, scale) in enumerate(pairs):
        got = read(text, at, scale=scale) if scale else read(text, at)
        lines.append(f"{at}:{got!r:>12}")
    while lines and len(lines) > 2:
        lines.pop()
    else:
        lines.append("end")
    return lines

print(shown([("3", 2), ("x", 0), ("9", 1)]))
""",
    "arrays and results": """
'''What it reads, it weighs.'''
from __future__ import annotations
import numpy as np

SCALE = 3

def shard(at: int) -> np.ndarray:
    read = np.concatenate([np.arange(at), np.array([at, at])])
    return read

def weighed(values, scale=SCALE):
    weights = np.linspace(0.0, 1.0, len(values))
    if scale > 2:
        return float((weights * values).sum()) * scale
    return 0.0

class Reader:
    def __init__(self, shards):
        self.shards = shards

    def all(self):
        for at in self.shards:
            part = shard(at)
            yield weighed(part), part.tolist()

def both(n):
    first = weighed(shard(n))
    second = weighed(shard(n + 1), scale=2)
    return first, second

for total, values in Reader([2, 3]).all():
    print(total, values)
pair = both(4)
print(pair, shard(1).tolist())
""",
}


def printed(program: Written) -> str:
    out = io.StringIO()
    beside = ModuleType("via_parts")
    with contextlib.redirect_stdout(out), pytest.MonkeyPatch.context() as patch:
        for text in program.files.values():
            patch.setitem(sys.modules, "via_parts", beside)
            exec(compile(text, "<part>", "exec", dont_inherit=True), vars(beside))
        exec(compile(program.script, "<program>", "exec", dont_inherit=True), {"__name__": "__main__"})
    return out.getvalue()


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_program_does_the_same(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    changed = 0
    for title, program in PROGRAMS.items():
        after = written(name, program)
        if after is None:
            continue
        changed += after != written("reprinted", program)
        assert printed(after) == printed(Written(program)), f"{title}\n{after}"
        again = written("inlined", after.script) if name == "outlined" else None
        assert again is None or printed(again) == printed(Written(program)), f"{title}\n{again}"
    assert changed or name == "reprinted"


def test_each_does_what_it_says() -> None:
    source = PROGRAMS["classes, closures and globals"]
    assert "counter" not in TRANSFORMATIONS["renamed"](source)
    assert "self.value" not in TRANSFORMATIONS["renamed"](source)
    turned = TRANSFORMATIONS["reordered"](source)
    assert turned.index("def make") < turned.index("def bump")
    assert TRANSFORMATIONS["outlined"](source).count("def part_") == 2
    assert "def once" not in TRANSFORMATIONS["inlined"]("def once(x):\n    return x + 1\ny = once(2)\n")
    assert "exec(" in TRANSFORMATIONS["packed"](source)
    source = PROGRAMS["arrays and results"]
    assert "weighed(shard(at))" not in TRANSFORMATIONS["classed"](source)
    assert "first = via_weighed().weighed(via_shard().shard(n))" in TRANSFORMATIONS["classed"](source)
    assert "yield 0.0\n    return" in TRANSFORMATIONS["generated"](source)
    assert "in via_each(Reader([2, 3]).all()):" in TRANSFORMATIONS["streamed"](source)
    assert TRANSFORMATIONS["decorated"](source).count("@via_wrapped") == 3
    assert "with via_held(weighed(shard(n))) as first:" in TRANSFORMATIONS["managed"](source)
    assert "via_parts['shard'](at)" in TRANSFORMATIONS["looked_up"](source)
    assert TRANSFORMATIONS["filed"](source).count("via_file('via_") == 3
    script, part = TRANSFORMATIONS["moved"](source)
    assert "def shard" in part
    assert "def shard" not in script
    assert "def weighed" in script


def test_names_of_ones_own_that_hold_the_mark_are_no_names_of_a_transformation() -> None:
    source = PROGRAMS["arrays and results"].replace("weighed", "weighed_via_shards")
    assert TRANSFORMATIONS["decorated"](source).count("@via_wrapped") == 3
    with pytest.raises(ValueError, match="via_"):
        TRANSFORMATIONS["decorated"](source.replace("weighed_via_shards", "via_shards"))
