"""Smoke tests as ``golf-audit smoke --format json`` wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from auditor.documents import read_document
from auditor.smoke.model import Status, Step

_LARGEST = 16 * 1024 * 1024  # bytes


class _Step(msgspec.Struct, frozen=True):
    step: str
    status: Status
    reason: str = ""


class _Report(msgspec.Struct, frozen=True):
    name: str
    steps: list[_Step]


class _Document(msgspec.Struct, frozen=True):
    schema_version: int
    reports: list[_Report]


def read(path: Path) -> Mapping[str, tuple[Step, ...]]:
    """Return the steps of each smoke test in a file by the submission's name; raises Malformed."""
    advice = "give the output of 'golf-audit smoke --format json'"
    document = read_document(path, _Document, "smoke test", advice, limit=_LARGEST, version=1)
    return {each.name: tuple(Step(s.step, s.status, s.reason) for s in each.steps) for each in document.reports}
