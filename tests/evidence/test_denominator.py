"""The validation set's bytes from a loss, its bits per byte and the tokens."""

from __future__ import annotations

import pytest
from logs_written import training

from auditor.challenge import default
from auditor.evidence.denominator import bytes_per_token
from auditor.evidence.logs import read_log

DATA = default().data


def share_too_many(text: str) -> float:
    """Return by which share the bytes that the log's score was divided by exceed the validation set's."""
    (run,) = read_log("a.log", text.encode()).runs
    tokens = run.first("val_tokens")
    assert tokens is not None
    assert run.score is not None
    assert run.val_loss is not None
    ratio = bytes_per_token(run.val_loss, run.score.val_bpb)
    assert ratio is not None
    return ratio * tokens.value / (DATA.bytes or 0) - 1


def test_the_baseline_was_divided_by_the_validation_set() -> None:
    text = training(1, 1.2275).replace("val_loss:2.07269931", "val_loss:2.07259").replace("2.0727", "2.0726")
    assert abs(share_too_many(text)) < 0.0003


def test_a_denominator_that_is_nine_per_cent_off() -> None:
    assert share_too_many(training(1, 1.12)) == pytest.approx(0.096, abs=0.002)


def test_ratio() -> None:
    assert bytes_per_token(2.0, 1.2) == pytest.approx(2.40449, abs=1e-4)
    assert bytes_per_token(2.0, 0.0) is None
    assert pytest.approx(DATA.bytes, rel=1e-4) == 62_021_632 * DATA.bytes_per_token["sp1024"]
