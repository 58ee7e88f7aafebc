"""The challenge's limits as the rules apply them. A rule that asks for one names it in its ``needs``."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.case import Case
from auditor.challenge.model import Hardware, Time


def cap(case: Case) -> int:
    """Return how many bytes code and model may have together (``needs`` artifact)."""
    artifact = case.challenge.artifact
    assert artifact is not None
    return artifact.bytes


def largest_meant(case: Case) -> int:
    """Return the bytes above which a printed total was never meant as the artifact (``needs`` artifact)."""
    artifact = case.challenge.artifact
    assert artifact is not None
    return artifact.largest_meant


def time(case: Case) -> Time:
    """Return how long training and evaluation may take (``needs`` time)."""
    found = case.challenge.time
    assert found is not None
    return found


def hardware(case: Case) -> Hardware:
    """Return the machine on which records are timed (``needs`` hardware)."""
    found = case.challenge.hardware
    assert found is not None
    return found


def validation_bytes(case: Case) -> int:
    """Return the size of the validation text in bytes (``needs`` data.bytes)."""
    found = case.challenge.data.bytes
    assert found is not None
    return found


def bytes_per_token(case: Case) -> Mapping[str, float]:
    """Return the bytes of validation text per token, by tokenizer."""
    return case.challenge.data.bytes_per_token
