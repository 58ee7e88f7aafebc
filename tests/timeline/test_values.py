"""Origins and abstract values: joining, merging by setting, what a join forgets."""

from hypothesis import given
from hypothesis import strategies as st

from auditor.timeline.values.atoms import TRAIN, VAL, Atoms, bits_of, train_settings, under, val_settings
from auditor.timeline.values.payloads import (
    MAX_OPTIONS,
    NONE,
    SOME,
    UNKNOWN,
    Either,
    External,
    Heap,
    Known,
    PerSetting,
    Tup,
    Value,
    at_setting,
    join,
    join_all,
    merge,
    per_setting,
    same,
)

COUNT = 3
CONSTANTS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["a", "b"]))
SIMPLE = st.builds(Known, CONSTANTS) | st.sampled_from([None, SOME, External("torch")])
PAYLOADS = SIMPLE | st.builds(PerSetting, st.tuples(SIMPLE, SIMPLE, SIMPLE))
VALUES = st.builds(Value, PAYLOADS, st.integers(0, 255))


def known(payload):
    """Return the constants that a payload may be, with their types; None when it may be anything."""
    if isinstance(payload, Known):
        return {(type(payload.v), payload.v)}
    if isinstance(payload, Either):
        parts = [known(option) for option in payload.options]
        return None if None in parts else set().union(*parts)
    return None


def test_bits_are_handed_out_once_per_meaning():
    atoms = Atoms()
    first, again, other = atoms.bit("loop", 1), atoms.bit("loop", 1), atoms.bit("param", 1)
    assert first == again
    assert first != other
    assert not first & (VAL | TRAIN)
    assert atoms.fresh("loop", 1) != first
    assert atoms.meanings(atoms.family("loop") | other, "loop") == [1, 1]
    assert atoms.family("nothing") == 0


@given(st.integers(0, 1 << 80))
def test_bits_of_a_mask(mask):
    parts = list(bits_of(mask))
    assert sum(parts) == mask
    assert all(part.bit_count() == 1 for part in parts)
    assert parts == sorted(parts)


def test_splits_are_kept_for_the_settings_asked_for():
    other = Atoms().bit("loop", 0)
    origins = under(VAL | TRAIN | other, 0b101)
    assert (val_settings(origins), train_settings(origins)) == (0b101, 0b101)
    assert origins & other
    assert under(other, 0) == other


def test_booleans_and_numbers_are_different_constants():
    assert not same(Known(1), Known(True))
    assert not same(Known(1), Known(1.0))
    assert same(Known("a"), Known("a"))
    assert same(External("torch"), External("torch"))
    assert not same(Heap("list"), Heap("list"))


@given(VALUES, VALUES)
def test_a_join_may_be_either_side(a, b):
    joined = join(a, b)
    assert joined.m == a.m | b.m
    for index in range(COUNT):
        options = known(at_setting(joined.p, index))
        if options is None:
            continue
        for side in (a, b):
            assert known(at_setting(side.p, index)) <= options


@given(VALUES)
def test_a_value_joined_with_itself_stays(a):
    assert join(a, a) is a
    assert join_all([a]) is a


@given(VALUES, VALUES, st.integers(0, 7))
def test_a_merge_keeps_each_setting_apart(a, b, bits):
    merged = merge(a, b, bits, 7 & ~bits, COUNT)
    for index in range(COUNT):
        side = a if bits & 1 << index else b
        assert same(at_setting(merged.p, index), at_setting(side.p, index))


def test_a_merge_keeps_the_splits_of_each_setting():
    merged = merge(Value(SOME, VAL), Value(SOME, TRAIN), 0b010, 0b101, COUNT)
    assert val_settings(merged.m) == 0b010
    assert train_settings(merged.m) == 0b101


def test_tuples_are_merged_item_by_item():
    a, b = Value(Tup((Value(Known(1)), NONE))), Value(Tup((Value(Known(2)), NONE)))
    merged = merge(a, b, 0b001, 0b110, COUNT)
    assert isinstance(merged.p, Tup)
    assert [at_setting(merged.p.items[0].p, i).v for i in range(COUNT)] == [1, 2, 2]
    assert same(merged.p.items[1].p, Known(None))


def test_too_many_options_are_nothing_known():
    joined = join_all([Value(Known(n)) for n in range(MAX_OPTIONS)])
    assert isinstance(joined.p, Either)
    assert join(joined, Value(Known("more"))).p is None
    assert join_all([]) is UNKNOWN


def test_settings_that_agree_are_one_payload():
    assert isinstance(per_setting([Known(1), Known(1), Known(1)]), Known)
    assert isinstance(per_setting([Known(1), Known(2), Known(1)]), PerSetting)
