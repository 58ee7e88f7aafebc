"""The bytes of a submission's code, as it lies there and as it could be counted packed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from msgspec import Struct

from auditor.case import Case
from auditor.evidence.printed import Value
from auditor.evidence.run import Run
from auditor.evidence.sizes import packed_size
from auditor.submission.model import Unread

# Authors minify before they pack: in accepted rows that leaves 77 to 93 % of what packing alone leaves.
_LEAST_MINIFIED = 0.6
_LARGEST = 8_000_000  # bytes of source that are packed for comparison


class Code(Struct, frozen=True, dict=True):
    """The size of some code in bytes, as it lies there; ``content`` is None where it is packed already."""

    plain: int
    content: bytes | None

    @cached_property
    def least(self) -> int:
        """Return the least that minifying and packing may leave: to pack takes a while, and few ask."""
        return self.plain if self.content is None else min(self.plain, _packed(self.content))


def script(case: Case) -> Code | None:
    """Return the size of the train script; None when there is none."""
    path = case.submission.script
    plain = case.evidence.sizes.code_bytes
    if path is None or plain is None:
        return None
    unit = case.program.main if case.program is not None else None
    if unit is not None and unit.packing:
        return Code(plain, None)
    return Code(plain, _read(case, path))


def packed(case: Case, paths: Iterable[str]) -> int:
    """Return the least that minifying and packing the files may leave, in bytes."""
    return _packed(b"".join(_read(case, path) for path in paths))


def _packed(code: bytes) -> int:
    return int(packed_size(code) * _LEAST_MINIFIED) if code else 0


def model_bytes(run: Run) -> Value[int] | None:
    """Return the packed model's size as the run's log tells it: printed, or its total less its code."""
    total, code, model = run.artifact_bytes, run.code_bytes, run.packed_model_bytes
    alone = next((m for m in run.numbers("model_bytes") if total is not None and m.value == total.value), None)
    if alone is not None and alone.line is not None:
        return Value(int(alone.value), alone.path, alone.line, "model")  # what is called the total leaves the code out
    if model is not None and (total is None or model.value <= total.value):
        return model
    if total is None or code is None or total.label == "model+code":
        return model
    return Value(total.value - code.value, total.path, total.line, "total less code")


def _read(case: Case, path: str) -> bytes:
    try:
        return case.submission.tree.read(path, _LARGEST)
    except Unread:
        return b""  # its size on disk still counts
