"""The validation set's bytes from a loss, its bits per byte and the tokens."""

from __future__ import annotations

import pytest
from logs_written import training

from auditor.evidence.denominator import (
    TOLERANCE,
    VALIDATION_BYTES,
    bytes_per_token,
    deviation,
    implied_bytes,
    tokenizer_of,
)
from auditor.evidence.logs import read_log


def run(text: str):  # type: ignore[no-untyped-def]
    (only,) = read_log("a.log", text.encode()).runs
    return only


def test_the_baseline_was_divided_by_the_validation_set() -> None:
    text = training(1, 1.2275).replace("val_loss:2.07269931", "val_loss:2.07259").replace("2.0727", "2.0726")
    implied = implied_bytes(run(text))
    assert implied is not None
    assert abs(deviation(implied)) < TOLERANCE


def test_a_denominator_that_is_nine_per_cent_off() -> None:
    implied = implied_bytes(run(training(1, 1.12)))
    assert implied is not None
    assert deviation(implied) == pytest.approx(0.096, abs=0.002)


def test_without_tokens_nothing_is_implied() -> None:
    assert implied_bytes(run("final val_loss:2.0 val_bpb:1.2\n")) is None
    assert implied_bytes(run("val_tokens: 62021632\nfinal val_bpb:1.2\n")) is None


@pytest.mark.parametrize(
    ("ratio", "name"),
    [
        (2.4360, "sp1024"),
        (3.7268, "sp8192"),
        (3.1572, "sp8192 caseops"),
        (0.9997, "bytes"),
        (4.3864, None),
        (3.1008, None),
    ],
)
def test_tokenizers_by_their_ratio(ratio: float, name: str | None) -> None:
    assert tokenizer_of(ratio) == name


def test_ratio() -> None:
    assert bytes_per_token(2.0, 1.2) == pytest.approx(2.40449, abs=1e-4)
    assert bytes_per_token(2.0, 0.0) is None
    assert pytest.approx(VALIDATION_BYTES, rel=1e-4) == 62_021_632 * 2.43592
