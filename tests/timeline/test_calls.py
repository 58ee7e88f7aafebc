"""Calls that trackers hear of: a tracker that asks about a name hears of it."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from followed import followed

from auditor.timeline import trackers
from auditor.timeline.engine import arguments
from auditor.timeline.engine.arguments import Args
from auditor.timeline.engine.asking import KINDS, Heard
from auditor.timeline.engine.calls import Heeds, ask, heeds, names_that, tell_by_name
from auditor.timeline.engine.containers import deep
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import External, Known, Method, Value

HEEDING = [kind for kind in trackers.found() if getattr(getattr(kind, "called", None), "heeds", None) is not None]


def _asked_about(kind: type[Tracker]) -> Iterator[str]:
    """Yield the names that a tracker's ``called``, and a function ``called`` beside it, ask about."""
    module = sys.modules[kind.__module__]
    texts = [textwrap.dedent(inspect.getsource(kind.called))]
    beside = getattr(module, "called", None)
    if beside is not None:
        texts.append(inspect.getsource(beside))
    for node in (each for text in texts for each in ast.walk(ast.parse(text))):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "name":
            for one in node.comparators:
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield one.value
                elif isinstance(one, ast.Tuple | ast.Set):
                    yield from (each.value for each in one.elts if isinstance(each, ast.Constant))
                elif isinstance(one, ast.Name):
                    yield from getattr(module, one.id)


@pytest.mark.parametrize("kind", HEEDING, ids=lambda kind: kind.__name__)
def test_a_tracker_hears_of_every_name_that_it_asks_about(kind: type[Tracker]) -> None:
    those: Heeds = kind.called.heeds  # type: ignore[attr-defined]
    if those.names is not None and not those.made_of:
        assert set(_asked_about(kind)) <= those.names


def test_listeners_are_asked_in_their_order_and_only_about_what_they_heed() -> None:
    heard: list[str] = []

    @heeds(frozenset({"add"}))
    def adds(func: Value, args: Args, node: object, out: Value) -> Value:
        heard.append("add")
        return Value(out.p, out.m | 1)

    @heeds(of=(Method,))
    def methods(func: Value, args: Args, node: object, out: Value) -> Value:
        heard.append("method")
        return Value(out.p, out.m | 2)

    def everything(func: Value, args: Args, node: object, out: Value) -> Value:
        heard.append("any")
        return Value(out.p, out.m | 4)

    tell = ask([adds, methods, everything])
    out = Value(Known(0))
    assert tell(Value(External("torch.add")), Args(), None, out).m == 5
    assert tell(Value(External("torch.mul")), Args(), None, out).m == 4
    assert heard == ["add", "any", "any"]


EXAMPLES = Path(__file__).parents[2] / "examples" / "records" / "track_10min_16mb"


def _asks_all(heard: Heard) -> Callable[..., Value]:
    """Pass on through all who may ask for a call; who need not hear of it has to leave it as it is."""
    listeners = [(hear, getattr(hear, "heeds", Heeds(but=()))) for hear in heard]
    atoms = heard[0].__self__.machine.atoms  # type: ignore[attr-defined]

    def tell(func: Value, args: Args, node: object, out: Value) -> Value:
        receiver = [func.p.receiver] if isinstance(func.p, Method) else []
        held = 0
        for value in (*receiver, *args.positional, *args.keywords.values()):
            held |= deep(value)
        name = arguments.callee_name(func)
        for hear, those in listeners:
            if not those.takes(type(func.p), name):
                continue
            made = hear(func, args, node, out)
            mask = VAL
            for _, each in listeners:
                for family in each.made_of:
                    mask |= atoms.family(family)
            if not those.names_it(name) and not (held | out.m) & mask:
                assert made is out, (hear, name)
            out = made
        return out

    return tell


@pytest.mark.parametrize("example", ["HashedNgram", "ScoreFirstTTT"])
def test_calls_that_do_not_concern_a_tracker_are_left_alone_by_it(
    example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (EXAMPLES / f"2026-03-19_SP1024_{example}" / "train_gpt.py").read_text("utf-8")
    plain = followed(script, prelude="")
    monkeypatch.setitem(KINDS, "called", _asks_all)
    asked = followed(script, prelude="")
    assert [type(event) for event in asked.events] == [type(event) for event in plain.events]


def test_a_tracker_of_predictions_hears_of_predictions_only() -> None:
    those = Heeds(made_of=("forward",), names=frozenset({"sum"}))
    assert those.takes(External, "mean")
    assert not those.names_it("mean")
    assert those.names_it("sum")


def test_a_library_function_is_told_to_those_whom_its_name_concerns() -> None:
    heard: list[str] = []

    @names_that(lambda name: name.startswith("os."))
    def of_os(name: str, args: Args, node: object) -> None:
        heard.append(f"os: {name}")

    def of_any(name: str, args: Args, node: object) -> None:
        heard.append(f"any: {name}")

    tell = tell_by_name([of_os, of_any])
    for name in ("os._exit", "print", "os._exit"):
        tell(name, Args(), None)
    assert heard == ["os: os._exit", "any: os._exit", "any: print", "os: os._exit", "any: os._exit"]
