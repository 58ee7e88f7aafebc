"""Positions inside windows, bounds of slices, and deltas that an evaluation fits."""

import itertools

import pytest
from followed import followed
from hypothesis import given
from hypothesis import strategies as st

from auditor.program.source import Source
from auditor.timeline.events import Adapt, Forward, Timeline
from auditor.timeline.leaks import leaks
from auditor.timeline.values.bounds import END, Form, Part, meets, number, reaches, size, under
from auditor.timeline.values.frames import Site

SITE = Site(Source("train_gpt.py", ""), 0, 0)
NAMES = st.sampled_from(["length", "stride", "size"])
FORMS = st.lists(st.tuples(NAMES, st.integers(-3, 3)), max_size=4).map(
    lambda terms: sum_of([size(name).scaled(times) for name, times in terms])
)


def sum_of(forms: list[Form]) -> Form:
    out = Form()
    for form in forms:
        out = out.plus(form)
    return out


def part(lower: Form | None, upper: Form | None, *, tokens: bool = False, bits: int = 1) -> Part:
    return Part(lower, upper, bits, SITE, tokens=tokens)


@given(FORMS, FORMS)
def test_forms_add_up(a: Form, b: Form) -> None:
    assert a.plus(b) == b.plus(a)
    assert a.plus(b).plus(b, -1) == a
    assert a.plus(a, -1).sign == 0
    sign = a.sign
    assert a.scaled(-1).sign == (None if sign is None else -sign)


@given(st.integers(-9, 9), st.integers(-9, 9))
def test_constants_are_numbers(a: int, b: int) -> None:
    assert number(a).plus(number(b)).constant == a + b
    assert number(a).sign == (a > 0) - (a < 0)
    assert number(a).plus(size(END)).constant is None


WINDOW = range(12)


@given(*[st.none() | st.integers(1, 11) for _ in range(4)])
def test_known_bounds_are_decided_as_sets_of_positions_are(
    a: int | None, b: int | None, c: int | None, d: int | None
) -> None:
    fitted, scored = set(WINDOW[a:b]), set(WINDOW[c:d])
    if not fitted or not scored:
        return
    bounds = [None if bound is None else number(bound) for bound in (a, b, c, d)]
    answer = reaches(part(bounds[0], bounds[1]), part(bounds[2], bounds[3]))
    if fitted & scored:
        assert answer is True
    elif (a or 0) <= (c or 0):  # what is fitted behind the scored positions is not told apart
        assert answer is False


LENGTH, STRIDE = size("length"), size("stride")
TAIL = part(LENGTH.plus(STRIDE, -1), LENGTH)
HEAD = part(None, LENGTH.plus(STRIDE, -1))


@pytest.mark.parametrize(
    ("fitted", "scored", "answer"),
    [
        ([], [TAIL], True),
        ([TAIL], [TAIL], True),
        ([HEAD], [TAIL], False),
        ([HEAD], [], True),
        ([part(None, LENGTH)], [TAIL], True),
        ([part(None, LENGTH), HEAD], [TAIL], False),
        ([part(None, size("other"))], [TAIL], None),
        ([part(size("focus"), LENGTH.plus(STRIDE, -1))], [TAIL], False),
        ([part(size("focus"), None)], [TAIL], True),
        ([part(size("end").plus(STRIDE, -1), size("end"))], [TAIL], True),
        ([part(None, size("at"), tokens=True)], [TAIL], True),
        ([part(None, LENGTH.plus(STRIDE, -1), tokens=True)], [TAIL], False),
        ([TAIL.complement()], [TAIL], False),
        ([HEAD.complement()], [TAIL], True),
    ],
)
def test_objective_against_score(fitted: list[Part], scored: list[Part], answer: bool | None) -> None:
    assert meets(fitted, scored) is answer


def test_parts_hold_under_their_settings() -> None:
    parts = [part(None, STRIDE, bits=0b10), part(STRIDE, None, bits=0b110)]
    assert under(parts, 0b10) == parts
    assert under(parts, 0b100) == parts[1:]
    assert not under(parts, 0b1000)


DATA = """
class Split(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(64, 64)
        self.head = torch.nn.Linear(64, 64)
    def forward(self, x, y): return F.cross_entropy(self.head(self.embed(x)), y)
train, val = read("data/fineweb_train_0.bin"), read("data/fineweb_val_0.bin")
net = Split()
learn(net, train[:-1], train[1:])
"""

LOOP = """
total = torch.zeros(())
{before}
for at in range(0, val.numel() - 1, stride):
    stop = min(at + length, val.numel() - 1)
    keep = max(stop - at - stride, 0) if at else 0
    y = val[at + 1:stop + 1]
    hidden = net.embed(val[at:stop])
    {body}
print(f"final val_bpb {{bits(total.item())}}")
"""

FIT = """delta = {made}
    opt = torch.optim.SGD([delta], lr=0.1)
    for step in range(8):
        opt.zero_grad()
        {loss}.backward()
        opt.step()
"""

ALL = "F.cross_entropy(net.head(hidden + delta), y)"
CONTEXT = "F.cross_entropy(net.head(hidden + delta)[:keep], y[:keep])"
SCORE = "    total += F.cross_entropy(net.head(hidden + delta)[keep:], y[keep:], reduction='sum')"
MAKERS = {
    "option": "torch.zeros(1, 64, requires_grad=True)",
    "method": "torch.zeros(1, 64).requires_grad_()",
    "parameter": "torch.nn.Parameter(torch.zeros(1, 64))",
}


def script(body: str, before: str = "delta = None") -> str:
    return DATA + "length, stride = 1024, 64\n" + LOOP.format(before=before, body=body)


def kinds(timeline: Timeline) -> set[str]:
    return {leak.kind for leak in leaks(timeline)}


def fits(timeline: Timeline) -> list[Adapt]:
    return [event for event in timeline.events if isinstance(event, Adapt) and event.delta]


@pytest.mark.parametrize(("made", "loss"), list(itertools.product(MAKERS, [ALL, CONTEXT])))
def test_a_delta_is_told_from_the_model(made: str, loss: str) -> None:
    timeline = followed(script(FIT.format(made=MAKERS[made], loss=loss) + SCORE))
    assert kinds(timeline) == {"slot-scored" if loss == ALL else "slot-causal"}
    assert {fit.delta for fit in fits(timeline)} == {"shared"}


def test_a_tensor_that_is_told_to_require_gradients_is_a_delta() -> None:
    body = FIT.format(made="torch.zeros(8, 64)\n    delta.requires_grad = True", loss=ALL) + SCORE
    timeline = followed(script(body))
    assert kinds(timeline) == {"slot-scored"}
    assert {fit.delta for fit in fits(timeline)} == {"own"}


def test_the_prediction_outside_a_module_is_an_event_of_its_own() -> None:
    score = "    total += F.cross_entropy((F.linear(hidden, net.head.weight.detach()) + delta)[keep:], y[keep:])"
    timeline = followed(script(FIT.format(made=MAKERS["option"], loss=ALL) + score))
    scored = [e for e in timeline.events if isinstance(e, Forward) and e.reports and e.conflicts]
    assert {event.model for event in scored} == {"the delta"}
    assert kinds(timeline) == {"slot-scored"}


def test_score_then_fit_and_carry_is_no_leak() -> None:
    carried = FIT.format(made="delta.detach().clone().requires_grad_(True)", loss=ALL)
    timeline = followed(script(SCORE.strip() + "\n    " + carried, before="delta = torch.zeros(1, 64)"))
    assert fits(timeline)
    assert not kinds(timeline)


def test_an_adapter_in_the_model_is_the_model() -> None:
    placed = FIT.format(made=MAKERS["parameter"] + "\n    net.shift = delta", loss=ALL)
    timeline = followed(script(placed + SCORE))
    assert not fits(timeline)
    assert kinds(timeline) == {"within"}


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        ("mask = torch.zeros(length)\n    mask[keep:stop - at] = 1", "slot-scored"),
        ("mask = torch.zeros(length)\n    mask[:keep] = 1", "slot-causal"),
        ("mask = torch.ones(length)\n    mask[keep:] = 0", "slot-causal"),
        ("mask = torch.ones(length)\n    mask[:keep] = 0", "slot-scored"),
        ("mask = torch.zeros(length)\n    mask[:keep].fill_(1.0)", "slot-causal"),
        ("mask = (torch.arange(length) >= keep).float()", "slot-scored"),
        ("mask = (torch.arange(length) < keep).float()", "slot-causal"),
        ("mask = (keep > torch.arange(length)).float()", "slot-causal"),
        ("mask = 1.0 - (torch.arange(length) >= keep).float()", "slot-causal"),
        ("mask = (~(torch.arange(length) < keep)).float()", "slot-scored"),
        ("mask = torch.ones(length)", "slot-scored"),
        (
            "low, high = (keep, -1) if keep > 0 else (0, -1)\n    mask = torch.zeros(length)\n    mask[low:high] = 1",
            "slot-scored",
        ),
        (
            "low, high = (0, keep) if keep > 0 else (0, 0)\n    mask = torch.zeros(length)\n    mask[low:high] = 1",
            "slot-causal",
        ),
    ],
)
def test_masks_keep_positions(mask: str, kind: str) -> None:
    loss = "(F.cross_entropy(net.head(hidden + delta), y, reduction='none') * mask).sum()"
    body = mask + "\n    " + FIT.format(made=MAKERS["option"], loss=loss) + SCORE
    assert kinds(followed(script(body))) == {kind}


@given(st.permutations(["reach", "hop", "vector"]))
def test_names_do_not_matter(names: list[str]) -> None:
    code = script(FIT.format(made=MAKERS["option"], loss=CONTEXT) + SCORE)
    for old, new in zip(["keep", "stop", "delta"], names, strict=True):
        code = code.replace(old, new)
    assert kinds(followed(code)) == {"slot-causal"}
