"""What changed between two states of a file."""

from hypothesis import given
from hypothesis import strategies as st

from auditor.reaudit.lines import Hunk, changes

texts = st.lists(st.sampled_from("abcdefg{}"), max_size=30).map("\n".join)


@given(texts, texts)
def test_the_hunks_turn_one_into_the_other(before, after):
    found = changes(before, after)
    old, new = before.split("\n"), after.split("\n")
    assert list(found.pairs) == sorted(set(found.pairs))
    assert [j for _, j in found.pairs] == sorted({j for _, j in found.pairs})
    assert all(old[i] == new[j] for i, j in found.pairs)
    out, at = [], 0
    for hunk in found.hunks:
        out += old[at : hunk.before - 1]
        assert len(out) == hunk.after - 1
        assert tuple(old[hunk.before - 1 : hunk.before - 1 + len(hunk.removed)]) == hunk.removed
        assert hunk.removed or hunk.added
        out += hunk.added
        at = hunk.before - 1 + len(hunk.removed)
    assert out + old[at:] == new


@given(texts)
def test_nothing_changed(text):
    assert changes(text, text).hunks == ()


def test_a_changed_line_among_moved_ones():
    found = changes("a\nb = 1\nc\nd", "new\na\nb = 0\nc\nd")
    assert found.hunks == (Hunk(1, (), 1, ("new",)), Hunk(2, ("b = 1",), 3, ("b = 0",)))
    assert found.now(3) == 4
    assert found.now(2) is None
    assert found.hunks[1].touches(frozenset({2}), frozenset())
    assert found.hunks[1].touches(frozenset(), frozenset({3}))
    assert not found.hunks[1].touches(frozenset({3}), frozenset({2}))
    assert not found.hunks[0].touches(frozenset({1}), frozenset())


def test_a_file_made_to_need_a_level_per_line_ends():
    # Each pair of lines is unique only once its neighbours are paired.
    before = "\n".join(f"{n % 997}\n{n // 2}" for n in range(20_000))
    after = "\n".join(f"{n // 2}\n{n % 991}" for n in range(20_000))
    found = changes(before, after)
    assert sum(len(hunk.added) for hunk in found.hunks) + len(found.pairs) == 40_000
