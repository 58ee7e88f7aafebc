"""Edits of any file: where they were meant, in the encoding that it has."""

import pytest

from auditor.fix.apply import apply, decoded, edited
from auditor.fix.change import Edit, NewFile, Unfixable
from auditor.fix.diff import hunks, unified


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_the_encoding_stays(encoding: str) -> None:
    text = '{"name": "Größe", "val_bpb": 1.2}\r\n'
    data = text.encode(encoding)
    at = text.index("1.2")
    made = edited("submission.json", data, [Edit("submission.json", at, at + 3, "1.2", "1.2015")])
    assert made == text.replace("1.2}", "1.2015}").encode(encoding)
    assert decoded(data)[0] == text


def test_a_file_that_reads_otherwise_is_not_changed() -> None:
    with pytest.raises(Unfixable, match=r"a\.md: it no longer reads as it did"):
        apply({"a.md": b"one"}.get, [Edit("a.md", 0, 3, "two", "three")])


def test_two_changes_of_one_place_are_refused_and_one_made_twice_is_one() -> None:
    edit = Edit("a.md", 0, 3, "one", "two")
    assert apply({"a.md": b"one"}.get, [edit, edit]) == {"a.md": b"two"}
    with pytest.raises(Unfixable, match="same place"):
        apply({"a.md": b"one"}.get, [edit, Edit("a.md", 1, 2, "n", "x")])


def test_a_new_file_takes_no_other_ones_place() -> None:
    assert apply({}.get, [NewFile("README.md", "# A\n")]) == {"README.md": b"# A\n"}
    with pytest.raises(Unfixable, match="there is such a file"):
        apply({"README.md": b""}.get, [NewFile("README.md", "# A\n")])


def test_the_diff_names_lines_as_a_patch_does() -> None:
    old, new = b"a\fb\nc\nd", b"a\fb\nX\nd"
    assert unified({"r.md": old}.get, {"r.md": new, "n.txt": b"1\n"}, "records") == (
        "--- /dev/null\n+++ b/records/n.txt\n@@ -0,0 +1 @@\n+1\n"
        "--- a/records/r.md\n+++ b/records/r.md\n@@ -1,3 +1,3 @@\n a\fb\n-c\n+X\n d\n\\ No newline at end of file\n"
    )
    (hunk,) = hunks({"r.md": old}.get, {"r.md": new})
    assert (hunk.line, hunk.removed, hunk.added) == (2, ("c",), ("X",))
