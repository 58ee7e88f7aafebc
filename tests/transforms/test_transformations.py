"""The transformations themselves: a program of ours does the same, however it is written."""

import contextlib
import io

import pytest
from transformations import TRANSFORMATIONS

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
}


def printed(source: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, "<program>", "exec", dont_inherit=True), {"__name__": "__main__"})
    return out.getvalue()


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_program_does_the_same(name: str) -> None:
    changed = 0
    for title, program in PROGRAMS.items():
        written = TRANSFORMATIONS[name](program)
        if written is None:
            continue
        changed += written != TRANSFORMATIONS["reprinted"](program)
        assert printed(written) == printed(program), f"{title}\n{written}"
        again = TRANSFORMATIONS["inlined"](written) if name == "outlined" else None
        assert again is None or printed(again) == printed(program), f"{title}\n{again}"
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
