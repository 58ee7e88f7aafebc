"""What counts against the cap: the code and the compressed model (challenge README: 16,000,000 bytes, decimal).

Code may be packed, and then counts with its wrapper (#1394); merged records since #1530 log the plain size beside it.
So does a run here. The packed form decides, since it is what a submission ships.
"""

from __future__ import annotations

from dataclasses import dataclass

from reference_model.artifact.bundle import script, sources

CAP_BYTES = 16_000_000


@dataclass(frozen=True)
class Total:
    """Bytes of the counted code and of the compressed model."""

    code: int
    model: int

    @property
    def bytes(self) -> int:
        """Code and model together."""
        return self.code + self.model

    @property
    def fits(self) -> bool:
        """Whether the submission stays within the cap."""
        return self.bytes <= CAP_BYTES


def counted_code() -> int:
    """Return the bytes of the counted code: the one script that the whole trainer packs into."""
    return len(script())


def plain_code() -> int:
    """Return the bytes of the same code as it lies on disk, readable: what a strict reading of the cap counts."""
    return sum(path.stat().st_size for path in sources())
