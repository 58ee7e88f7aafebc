"""Opens packed scripts: follows the decoding that a wrapper does, without executing any of it."""

from auditor.program.unpack.assets import Asset, embedded
from auditor.program.unpack.model import (
    MAX_BYTES,
    MAX_LAYERS,
    MAX_RATIO,
    Layer,
    PackFailure,
    Segment,
    Unpacked,
)
from auditor.program.unpack.peel import unpack
from auditor.program.unpack.text import decode_text

__all__ = [
    "MAX_BYTES",
    "MAX_LAYERS",
    "MAX_RATIO",
    "Asset",
    "Layer",
    "PackFailure",
    "Segment",
    "Unpacked",
    "decode_text",
    "embedded",
    "unpack",
]
