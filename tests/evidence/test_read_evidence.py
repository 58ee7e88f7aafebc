"""A whole submission to its evidence, its sizes, and the command that shows them."""

from __future__ import annotations

import base64
import csv
import io
import json
import lzma
from pathlib import Path

import pytest
from click.testing import CliRunner
from logs_written import training

from auditor.cli.evidence import command
from auditor.evidence import read_evidence
from auditor.evidence.counted import measured_runs
from auditor.evidence.sizes import packed_size, reachable
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission

SCRIPT = "import helper\nfrom pkg import thing\nprint(open('kernel.cu').read())\n"


def submission(files: dict[str, bytes], **parts: object) -> Submission:
    given: dict[str, object] = {
        "given": "x", "name": "x", "track": "record", "sha": None, "tree": MemoryTree(files), "script": None,
        "helpers": (), "shells": (), "logs": (), "readme": None, "metadata": None, "outside": None,
    }  # fmt: skip
    return Submission(**{**given, **parts})  # type: ignore[arg-type]


def whole() -> Submission:
    files = {
        "train_gpt.py": SCRIPT.encode(),
        "helper.py": b"import deeper\n",
        "deeper.py": b"pass\n",
        "pkg/__init__.py": b"",
        "unused.py": b"import nothing\n",
        "kernel.cu": b"// c\n",
        "final_model.ptz": b"\0" * 100,
        "train_seed42.log": training(42, 1.22).encode(),
        "train_seed7.log": training(7, 1.24).encode(),
        "submission.json": json.dumps(
            {"val_bpb": 1.23, "seed_results": {"42": {"val_bpb": 1.22, "artifact_bytes": 15_863_489}}}
        ).encode(),
        "README.md": b"# A run\n",
    }
    return submission(
        files,
        script="train_gpt.py",
        helpers=("deeper.py", "helper.py", "kernel.cu", "pkg/__init__.py", "unused.py"),
        logs=("train_seed42.log", "train_seed7.log"),
        metadata="submission.json",
        readme="README.md",
    )


@pytest.mark.parametrize(
    ("metadata", "readme", "claimed"),
    [
        ({"val_loss": 1.23}, b"| Seed | val_bpb |\n|---|---|\n| Mean | 1.2300 |\n", None),  # too few digits to know it
        ({"val_loss": 1.2345}, b"| Seed | TTT val_bpb |\n|---|---|\n| Mean | 1.2345 |\n", 1.2345),
        ({"val_loss": 1.2345}, b"# Something new: 1.2345\n", 1.2345),
        ({"val_loss": 1.2345}, b"# Something new\n", None),
        ({"val_loss": 1.2200}, b"# Something new\n", None),
        ({"val_loss": 1.2243657}, b"# What a log prints\n", 1.2243657),
        ({"val_loss": 2.07269931}, b"# A loss, whatever val_bpb: 2.07269931 says\n", None),
        ({"val_loss": 1.2345, "val_bpb": None}, b"# 1.2345\n", 1.2345),
        ({"val_loss": 1.2345, "val_bpb": 1.1}, b"# 1.2345\n", 1.1),
    ],
)
def test_a_score_under_the_name_of_the_loss(metadata: object, readme: bytes, claimed: float | None) -> None:
    files = {"submission.json": json.dumps(metadata).encode(), "README.md": readme}
    files["train.log"] = training(42, 1.2243657).encode()
    evidence = read_evidence(submission(files, metadata="submission.json", readme="README.md", logs=("train.log",)))
    first = evidence.metadata.first("val_bpb")
    assert (first.value if first else None) == claimed


def test_a_submission_in_full() -> None:
    evidence = read_evidence(whole())
    assert [(r.log, r.seed, r.val_bpb) for r in measured_runs(evidence)] == [
        ("train_seed42.log", 42, 1.22),
        ("train_seed7.log", 7, 1.24),
    ]
    assert evidence.claims().val_bpb == 1.23
    assert evidence.claims().artifact_bytes == 15_863_489
    assert evidence.sizes.script is not None
    assert evidence.sizes.script.size == len(SCRIPT)
    assert [f.path for f in evidence.sizes.reachable] == ["deeper.py", "helper.py", "kernel.cu", "pkg/__init__.py"]
    assert [(f.path, f.size) for f in evidence.sizes.artifacts] == [("final_model.ptz", 100)]
    assert evidence.sizes.total(1000, helpers=True) == 1000 + len(SCRIPT) + evidence.sizes.helper_bytes
    assert evidence.sizes.total(1000, code_bytes=10) == 1010
    assert evidence.problems == ()


def test_nothing_there_is_no_evidence() -> None:
    evidence = read_evidence(submission({}))
    assert measured_runs(evidence) == ()
    assert evidence.claims().val_bpb is None
    assert evidence.sizes.total(5) is None


def test_what_cannot_be_read_is_one_line_each() -> None:
    found = read_evidence(
        submission({"b.log": b"\x1f\x8bbroken"}, logs=("a.log", "b.log"), metadata="submission.json", readme="R.md")
    )
    assert len(found.problems) == 2
    assert found.problems[0].startswith("a.log: ")
    assert found.problems[1].startswith("b.log: not valid gzip")
    assert len(found.metadata.problems) == 1
    assert len(found.readme.problems) == 1
    assert all("\n" not in p for p in found.problems)


def test_a_log_that_prints_no_total_takes_the_code_from_the_disk() -> None:
    log = b"seed:1\nserialized_model_int8_zlib:11237048 bytes (payload:1)\nfinal val_bpb:2.0000\n"
    found = read_evidence(submission({"t.py": b"x" * 500, "a.log": log}, script="t.py", logs=("a.log",)))
    assert measured_runs(found)[0].artifact_bytes == 11_237_548
    assert found.runs[0].artifact_bytes is None


def test_helpers_behind_a_packed_script_are_seen() -> None:
    packed = base64.b85encode(lzma.compress(SCRIPT.encode()))
    wrapper = b"import lzma,base64\nexec(lzma.decompress(base64.b85decode(" + repr(packed).encode() + b")))\n"
    found = read_evidence(submission({"t.py": wrapper, "helper.py": b"pass\n"}, script="t.py", helpers=("helper.py",)))
    assert [f.path for f in found.sizes.reachable] == ["helper.py"]
    assert found.sizes.code_bytes == len(wrapper)


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("import helper", True),
        ("    from a import helper as h", True),
        ("import helpers", False),
        ("# import helper", False),
        ("path = 'helper.py'", True),
        ("helper = 1", False),
    ],
)
def test_reachable_by_name(source: str, seen: bool) -> None:
    assert reachable(source, {"helper.py": ""}) == (frozenset({"helper.py"}) if seen else frozenset())


def test_packing_is_smaller_than_repetitive_source() -> None:
    code = b"value = compute(value)\n" * 5_000
    assert packed_size(code) < len(code) / 20
    assert packed_size(b"") > 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    held = whole()
    place = tmp_path / "records" / "track_10min_16mb" / "2026-04-01_Toy"
    for path in held.tree.paths():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(held.tree.read(path, 10**9))
    return place


def test_the_command_in_json(folder: Path) -> None:
    done = CliRunner().invoke(command, [str(folder), "--format", "json"])
    (found,) = json.loads(done.output)["submissions"]
    assert found["name"] == "2026-04-01_Toy"
    assert [(r["log"], r["seed"], r["val_bpb"], r["claimed_bpb"]) for r in found["runs"]] == [
        ("train_seed42.log", 42, 1.22, 1.22),
        ("train_seed7.log", 7, 1.24, None),
    ]
    assert found["runs"][0]["lines"]["val_bpb"] == training(42).count("\n")


def test_the_command_as_csv(folder: Path) -> None:
    done = CliRunner().invoke(command, [str(folder), "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(done.output)))
    assert [row["seed"] for row in rows] == ["42", "7"]
    assert rows[0]["artifact_bytes"] == "15863489"


def test_the_command_as_a_table(folder: Path) -> None:
    done = CliRunner(env={"COLUMNS": "120"}).invoke(command, [str(folder)])
    assert done.exit_code == 0
    assert "1.23 bpb" in done.output
    assert "15,863,489" in done.output
    assert "train_seed7.log" in done.output


@pytest.mark.parametrize("arguments", [[], ["/no/such/place"], ["x", "--repo", "y"], ["--repo", "y"]])
def test_the_command_refuses_in_a_line(arguments: list[str]) -> None:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code != 0
    assert "Traceback" not in done.output


def test_in_csv_nothing_hides_and_nothing_is_a_formula(folder: Path) -> None:
    odd = folder.with_name("=cmd|' x'!A0\u202eevil\x1b[31m\r\n\u200b")
    folder.rename(odd)
    done = CliRunner().invoke(command, [str(odd), "--format", "csv"])
    name = next(csv.DictReader(io.StringIO(done.output)))["submission"]
    assert name == "'=cmd|' x'!A0<U+202E>evil<U+001B>[31m<U+000D><U+000A><U+200B>"
    assert not set("\u202e\x1b\r\u200b") & set(done.output)


def test_a_run_has_its_last_score_and_the_one_that_is_claimed_of_it() -> None:
    lines = "seed:{0}\nmixed val_bpb:{1:.4f}\nmixed_exact val_bpb:{1:.8f}\nsliding val_bpb:{2:.8f}\n"
    files = {f"train_seed{n}.log": lines.format(n, 0.9 + n / 1000 + 4e-5, 1.1).encode() for n in (1, 2, 3)}
    files["train_seed9_reference.log"] = lines.format(9, 0.95, 1.15).encode()
    files["submission.json"] = json.dumps({"val_bpb": 0.90204, "seeds": [1, 2, 3]}).encode()
    evidence = read_evidence(submission(files, metadata="submission.json", logs=tuple(n for n in files if ".log" in n)))
    runs = measured_runs(evidence)
    assert [(r.seed, r.val_bpb, r.claimed_bpb) for r in runs] == [
        (1, 1.1, 0.90104),
        (2, 1.1, 0.90204),
        (3, 1.1, 0.90304),
        (9, 1.15, None),
    ]
