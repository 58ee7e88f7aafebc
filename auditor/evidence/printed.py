"""What one line of a log or one field of a file gives, with the place that says it."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from msgspec import Struct

T_co = TypeVar("T_co", covariant=True)

Role = Literal["final", "step", "progress", "pre-quant", "reference", "retold"]


class Value(Struct, Generic[T_co], frozen=True):
    """A value and where it stands; ``line`` counts from 1 and is None when the file's name says it."""

    value: T_co
    path: str
    line: int | None
    label: str = ""  # what the line calls it ("int8+zlib", "legal_ttt")


class Metric(Struct, frozen=True):
    """One line that prints a score.

    ``val_bpb`` is in bits per byte, ``val_loss`` in nats per token, ``seconds`` is the duration that the
    same line prints. ``decimals`` counts the printed decimals of ``val_bpb``.
    """

    label: str
    role: Role
    val_bpb: float
    val_loss: float | None
    seconds: float | None
    decimals: int
    path: str
    line: int
    text: str


Reading = Value[int] | Value[float] | Value[str]
