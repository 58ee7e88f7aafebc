"""Smoke tests as ``golf-audit smoke --format json`` wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from auditor.smoke.model import Status, Step
from auditor.toml import Malformed

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
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise Malformed(f"{path}: larger than {_LARGEST // 1024**2} MiB; {advice}")
        document = msgspec.json.decode(data, type=_Document)
    except OSError as error:
        raise Malformed(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"{path}: is no smoke test: {error}; {advice}") from None
    if document.schema_version != 1:
        raise Malformed(f"{path}: is a smoke test of version {document.schema_version}, not 1; {advice}")
    return {each.name: tuple(Step(s.step, s.status, s.reason) for s in each.steps) for each in document.reports}
