from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.submission.discover import describe, track_of, units
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission

STEPS = b"step:1/20 train_loss:6.9 train_time:100ms\nstep:2/20 train_loss:6.8 train_time:200ms\n"
RECORD = "records/track_10min_16mb/2026-01-02_Name"


def read(files: dict[str, bytes], place: str = RECORD) -> Submission:
    return describe(MemoryTree(files), given="x", name=place.rsplit("/", 1)[-1], place=place)


def test_every_file_has_its_role() -> None:
    found = read(
        {
            "train_gpt.py": b"",
            "helper.py": b"",
            "kernels/fast.cu": b"",
            "run.sh": b"",
            "Makefile": b"",
            "README.md": b"# Title",
            "submission.json": b"{}",
            "train_seed1.log": b"",
            "requirements.txt": b"torch",
            "tokenizer.model": b"\0",
        }
    )
    assert found.script == "train_gpt.py"
    assert found.helpers == ("helper.py", "kernels/fast.cu")
    assert found.shells == ("Makefile", "run.sh")
    assert (found.readme, found.metadata) == ("README.md", "submission.json")
    assert found.logs == ("train_seed1.log",)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("a.log", b"", True),
        ("logs/run7", STEPS, True),
        ("logs/run7", b"plain prose\n" * 9, False),
        ("train_seed42.txt", b"", True),
        ("training_log.txt", b"", True),
        ("ab12-cd.txt", STEPS, True),
        ("notes.txt", b"we trained a model\n" * 5, False),
        ("notes.txt", STEPS.decode().encode("utf-16"), True),
        ("requirements.txt", STEPS, False),
        ("weights", b"\0\1\2" + STEPS, False),
        ("eval.out", b"", True),
        ("train.log.gz", b"", True),
        ("train_seed42.txt.gz", b"", True),
        ("vocab.txt.gz", gzip.compress(STEPS, mtime=0), False),
        ("model.tar.gz", b"", False),
        ("train.log.zip", b"", False),
        ("train.log.1", b"", True),
    ],
)
def test_logs_are_known_by_name_or_content(path: str, content: bytes, expected: bool) -> None:
    assert (path in read({"train_gpt.py": b"", path: content}).logs) is expected


@pytest.mark.parametrize("name", ["subbmission.json", "Submission.json", "submission_ternary.json", "submision.json"])
def test_misspelt_metadata_is_read_and_reported(name: str) -> None:
    found = read({"train_gpt.py": b"", name: b"{}"})
    assert found.metadata == name
    assert any("submission.json is missing" in problem and name in problem for problem in found.problems)


@pytest.mark.parametrize("name", ["results.json", "config.json", "tokenizer.json"])
def test_other_json_is_not_metadata(name: str) -> None:
    assert read({"train_gpt.py": b"", name: b"{}"}).metadata is None


@pytest.mark.parametrize(
    ("place", "title", "declared", "expected"),
    [
        ("records/track_10min_16mb/2026_A", "", "", "record"),
        ("records/track_10min_16mb/2026_A", "# Non-record: A", "", "non-record"),
        ("records/track_10min_16mb/2026_A", "", "non_record_16mb", "non-record"),
        ("records/track_10min_16mb/2026_NonRecord_A", "", "", "non-record"),
        ("records/track_non_record_16mb/2026_A", "# A record", "10min_16mb", "non-record"),
        ("records/non-record/2026_A", "", "", "non-record"),
        ("records/somebody", "", "track_10min_16mb", "record"),
        ("records/somebody", "", "", "unknown"),
        ("", "", "", "unknown"),
    ],
)
def test_track(place: str, title: str, declared: str, expected: str) -> None:
    assert track_of(place, place.rsplit("/", 1)[-1], title, declared) == expected


def test_track_reads_readme_and_metadata() -> None:
    found = read({"train_gpt.py": b"", "README.md": b"\n# A Non Record run\n"})
    assert found.track == "non-record"
    found = read({"train_gpt.py": b"", "submission.json": json.dumps({"track": "non-record"}).encode()})
    assert found.track == "non-record"


def test_broken_metadata_does_not_hide_the_rest() -> None:
    for content in (b"{", b"[" * 100_000, b"\xff\xfe\x00", b"3"):
        found = read({"train_gpt.py": b"", "submission.json": content})
        assert (found.track, found.metadata) == ("record", "submission.json")


def test_a_wrapping_folder_is_split_into_what_it_wraps() -> None:
    assert units(["README.md", "a/submission.json", "a/train_gpt.py", "b/submission.json"]) == ("a", "b")
    assert units(["a/README.md", "a/train_gpt.py", "a/old/train_gpt.py"]) == ("a",)
    assert units(["README.md", "a/train_gpt.py", "a/old/train_gpt.py"]) == ("",)
    assert units(["README.md", "a/train_gpt.py", "b/train_gpt.py"]) == ("a", "b")
    assert units(["train.log", "a/submission.json", "a/train_gpt.py"]) == ("",)
    assert units(["train_gpt.py", "a/submission.json"]) == ("",)
    assert units(["submission.json", "a/train_gpt.py"]) == ("",)
    assert units([]) == ("",)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=20), st.binary(max_size=200), max_size=6))
def test_any_names_and_bytes_are_described(files: dict[str, bytes]) -> None:
    found = read(files)
    roles = [*found.helpers, *found.shells, *found.logs]
    roles += [path for path in (found.script, found.readme, found.metadata) if path]
    assert set(roles) <= set(files)
    assert found.script not in found.helpers
