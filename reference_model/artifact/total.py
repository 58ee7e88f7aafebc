"""What counts against the cap: the code and the compressed model (challenge README: 16,000,000 bytes, decimal)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


def code_files() -> tuple[Path, ...]:
    """Return the sources that a run needs to train and evaluate: every module of this package, sorted by path."""
    root = Path(__file__).resolve().parent.parent
    return tuple(sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts))


def counted_code() -> int:
    """Return the bytes of the counted code: the package's sources as they lie on disk, nothing packed."""
    return sum(path.stat().st_size for path in code_files())
