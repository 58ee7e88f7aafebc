"""submission.json in its dialects."""

from __future__ import annotations

import json

import pytest

from auditor.evidence.claims import ClaimSet
from auditor.evidence.metadata import read_metadata
from auditor.evidence.model import Evidence


def read(document: object) -> ClaimSet:
    data = document if isinstance(document, bytes) else json.dumps(document, indent=1).encode()
    return read_metadata("submission.json", data)


def claims(document: object) -> tuple[float | None, int | None, tuple[int, ...]]:
    c = Evidence(metadata=read(document)).claims()
    return c.val_bpb, c.artifact_bytes, c.seeds


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"val_bpb": 1.2, "bytes_total": 15_000_000, "seeds": [1, 2]}, (1.2, 15_000_000, (1, 2))),
        ({"val_bpb": "1.1690", "bytes_total": "15,900,000 bytes"}, (1.169, 15_900_000, ())),
        ({"val_bpb": "1.0811 ± 0.0003"}, (1.0811, None, ())),
        ({"val_bpb": "TBD", "mean_val_bpb": 1.3}, (1.3, None, ())),
        ({"val_bpb": None, "artifact_size_mb": 15.9}, (None, 15_900_000, ())),
        ({"val_bpb": {"mean": 1.1, "std": 0.001}}, (1.1, None, ())),
        ({"val_bpb": {"42": 1.1, "7": 1.3}}, (pytest.approx(1.2), None, (42, 7))),
        ({"results": {"mean_val_bpb": 1.165, "val_bpb": [1.16, 1.17]}}, (1.165, None, ())),
        (
            {
                "seed_results": {
                    "1337": {"val_bpb": 1.1, "artifact_bytes": 9_000_001},
                    "42": {"val_bpb": 1.3, "artifact_bytes": 9_000_002},
                }
            },
            (pytest.approx(1.2), 9_000_002, (1337, 42)),
        ),
        ({"val_bpb": 1.2, "runs": [{"seed": 5, "val_bpb": 1.1}, {"seed": 6, "val_bpb": 1.3}]}, (1.2, None, (5, 6))),
        ({"val_bpb": 1.2, "seed_42_val_bpb": 1.25, "val_bpb_seed7": 1.15}, (1.2, None, (42, 7))),
        ({"val_bpb": 1.2, "seed": 9}, (1.2, None, (9,))),
        ({"val_bpb": 1.2, "pre_quant_val_bpb": 1.1, "baseline_bpb": 1.3, "val_bpb_std": 0.01}, (1.2, None, ())),
        ({"artifact_bytes": {"1": 400, "2": 600}}, (None, 600, (1, 2))),
        ({"val_bpb": True, "three_seeds": True}, (None, None, ())),
    ],
)
def test_dialects(document: object, expected: object) -> None:
    assert claims(document) == expected


def test_claims_of_single_seeds_keep_their_seed_and_line() -> None:
    found = read({"val_bpb": 1.2, "seed_results": {"42": {"val_bpb": 1.25}, "7": {"val_bpb": 1.15}}})
    assert [(c.seed, c.value, c.line) for c in found.all("val_bpb", per_seed=True)] == [(42, 1.25, 5), (7, 1.15, 8)]
    first = found.first("val_bpb")
    assert first is not None
    assert (first.line, first.decimals, first.key) == (2, 1, "val_bpb")


@pytest.mark.parametrize(
    ("document", "name", "seconds"),
    [
        ({"train_time_ms": 590_000}, "train_seconds", 590.0),
        ({"wallclock_seconds": 600.5}, "train_seconds", 600.5),
        ({"training_time_minutes": 9.5}, "train_seconds", 570.0),
        ({"eval_time_seconds": "497.5s"}, "eval_seconds", 497.5),
    ],
)
def test_units_come_from_the_key_or_the_text(document: object, name: str, seconds: float) -> None:
    found = read(document).first(name)
    assert found is not None
    assert found.value == pytest.approx(seconds)


def test_declared_compliance_is_kept_apart() -> None:
    found = read({"compliance": {"three_seeds": True, "eval_under_600s": False}, "val_bpb": 1.0})
    assert [(c.name, c.value, c.line) for c in found.declared] == [
        ("three_seeds", True, 3),
        ("eval_under_600s", False, 4),
    ]
    assert [c.name for c in found.numbers] == ["val_bpb"]


@pytest.mark.parametrize(
    ("data", "bpb", "line", "says"),
    [
        (b'{"val_bpb": 1.2,\n "seeds": [1,],\n}', 1.2, 2, "not valid JSON"),
        (b'{"val_bpb": 1.2}\n{"val_bpb": 1.3}', 1.2, 2, "Extra data"),
        (b'{"val_bpb": 1.2, "name": "x\n', None, 1, "not valid JSON"),
        (b"", None, 1, "empty"),
        (b"[1, 2]", None, 1, "list"),
        (b"\xef\xbb\xbf" + b'{"val_bpb": 1.2}', 1.2, 1, "byte order mark"),
        (b"[" * 100_000, None, 1, "JSON|deep"),
        (b'{"val_bpb": ' + b"9" * 5_000 + b"}", None, 1, "JSON"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(data: bytes, bpb: float | None, line: int, says: str) -> None:
    found = read(data)
    assert Evidence(metadata=found).claims().val_bpb == bpb
    (problem,) = found.problems
    assert problem.line == line
    import re

    assert re.search(says, problem.value)
    assert "\n" not in problem.value


def test_numbers_that_json_does_not_have() -> None:
    assert claims(b'{"val_bpb": NaN, "mean_val_bpb": Infinity, "bpb": 1e999}') == (None, None, ())


def test_scores_of_what_was_built_on_or_hoped_for_are_no_claims() -> None:
    document = {
        "base_pr_score_bpb": 1.0759,
        "val_bpb": None,
        "val_bpb_projected_center": 0.82,
        "bytes_total_estimated": 14_300_000,
        "result": {"val_bpb": 1.07063},
    }
    found = read(document)
    assert [c.value for c in found.all("val_bpb")] == [1.07063]
    assert found.all("artifact_bytes") == ()
