"""Calls that trackers hear of: a tracker that asks about a name hears of it."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator

import pytest

from auditor.timeline import trackers
from auditor.timeline.engine.arguments import Args
from auditor.timeline.engine.calls import Heeds, ask, heeds
from auditor.timeline.engine.signals import Tracker
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
