"""The baseline as a file: JSON, sorted, fit for version control."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec

from auditor import __version__
from auditor.baseline.model import Baseline, Known, remember
from auditor.documents import read_document
from auditor.finding import Verdict
from auditor.report import Report

SCHEMA_VERSION = 1
_LARGEST = 64 * 1024 * 1024  # bytes


class _Entry(msgspec.Struct, frozen=True):
    fingerprint: str
    verdict: Verdict
    rule: str
    path: str | None
    line: int | None
    message: str


class _Document(msgspec.Struct, frozen=True):
    schema_version: int
    submissions: dict[str, list[_Entry]]


def write(reports: Iterable[Report]) -> str:
    """Return the file that remembers the reports; two on one folder name are put together."""
    submissions: dict[str, dict[str, dict[str, str | int | None]]] = {}
    for report in reports:
        entries = submissions.setdefault(report.name, {})
        for known in remember(report):
            entries[known.fingerprint] = {
                "rule": known.rule,
                "verdict": known.verdict.value,
                "path": known.path,
                "line": known.line,
                "message": known.message,
                "fingerprint": known.fingerprint,
            }
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "golf-audit", "version": __version__},
        "submissions": {name: list(submissions[name].values()) for name in sorted(submissions)},
    }
    return json.dumps(document, indent=2) + "\n"


def read(path: Path) -> Baseline:
    """Return the baseline in a file that :func:`write` made; raises :class:`~auditor.toml.Malformed`."""
    advice = "make it anew with 'golf-audit baseline'"
    document = read_document(path, _Document, "baseline", advice, limit=_LARGEST, version=SCHEMA_VERSION)
    return {
        name: tuple(Known(e.fingerprint, e.verdict, e.rule, e.path, e.line, e.message) for e in entries)
        for name, entries in document.submissions.items()
    }
