"""Names that a branch sets back: whatever is done in between, they are what a copy would be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditor.timeline.values.names import Before, Names, kept
from auditor.timeline.values.payloads import Known, Value

NAMES = st.sampled_from("abcd")
STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "pop", "del", "default", "update", "clear", "branch"]), NAMES), max_size=8
)


def _run(names: dict[str, Value], steps: list[tuple[str, str]], depth: int = 0) -> None:
    for what, name in steps:
        if what == "set":
            names[name] = Value(Known(name))
        elif what == "pop":
            names.pop(name, None)
        elif what == "del" and name in names:
            del names[name]
        elif what == "default":
            names.setdefault(name, Value(Known(name)))
        elif what == "update":
            names.update({name: Value(Known(name)), "e": Value()})
        elif what == "clear":
            names.clear()
        elif what == "branch" and depth < 2:
            branch = kept(names)
            branch.watch()
            _run(names, steps[1:], depth + 1)
            if name in "ab":
                branch.leave()
            else:
                branch.take_back()


@given(first=STEPS, inside=STEPS, plain=st.booleans())
def test_what_is_taken_back_is_as_it_was(
    first: list[tuple[str, str]], inside: list[tuple[str, str]], plain: bool
) -> None:
    names: dict[str, Value] = {} if plain else Names()
    _run(names, first)
    before = dict(names)
    branch = kept(names)
    branch.watch()
    _run(names, inside)
    after = dict(names)
    held, left = branch.take_back()
    assert names == before
    assert all(left[name] is after.get(name) for name in left)
    assert all(held[name] is before.get(name) for name in held)
    assert {name for name in {**before, **after} if before.get(name) is not after.get(name)} <= set(held)


@given(first=STEPS, inside=STEPS)
def test_before_a_branch_is_seen_after_it(first: list[tuple[str, str]], inside: list[tuple[str, str]]) -> None:
    names = Names()
    _run(names, first)
    before = dict(names)
    names.watch()
    _run(names, inside)
    seen = Before(names, names.leave())
    assert dict(seen) == before
    assert len(seen) == len(before)
    assert all(seen.get(name) is before.get(name) for name in "abcde")
