"""The challenge's published data sets: where they are, and the totals every score is divided by.

The validation split is the first 50,000 documents of one fixed shuffled stream, the same for all tokenizers. Its
totals of targets and bytes were recovered from the logs of merged runs (bytes to within :data:`BYTES_TOLERANCE`); a
score over other totals can't be compared with the leaderboard's, so :mod:`reference_model.data.valset` asserts them.
"""

from __future__ import annotations

from dataclasses import dataclass

from reference_model.errors import BadInput

BYTES_TOLERANCE = 2
SHARD_TOKENS = 100_000_000  # of every official training shard but the last
_NAMES = "sp1024, sp4096, sp8192, caseops"


@dataclass(frozen=True)
class Variant:
    """One tokenizer's export of the challenge's text.

    ``repository`` is its dataset repository on the Hugging Face hub and ``root`` the folder in it that holds the
    manifest; ``dataset`` and ``tokenizer_file`` are names below ``datasets/`` and ``tokenizers/``. ``val_targets``
    and ``val_bytes`` are the totals of the validation split trimmed to rows of ``val_row`` tokens.
    """

    name: str
    repository: str
    dataset: str
    tokenizer_file: str
    vocab_size: int
    val_row: int
    val_targets: int
    val_bytes: int
    sidecar: bool = False
    root: str = "datasets"


_KEVCLARK = "kevclark/parameter-golf"
_CASEOPS = "lossless_caps_caseops_v1_reserved"

VARIANTS: tuple[Variant, ...] = (
    Variant(
        name="sp1024",
        repository="willdepueoai/parameter-golf",
        dataset="fineweb10B_sp1024",
        tokenizer_file="fineweb_1024_bpe.model",
        vocab_size=1024,
        val_row=1024,
        val_targets=62_021_632,
        val_bytes=151_080_363,
    ),
    Variant(
        name="sp4096",
        repository=_KEVCLARK,
        dataset="fineweb10B_sp4096",
        tokenizer_file="fineweb_4096_bpe.model",
        vocab_size=4096,
        val_row=2048,
        val_targets=45_508_608,
        val_bytes=151_074_053,
    ),
    Variant(
        name="sp8192",
        repository=_KEVCLARK,
        dataset="fineweb10B_sp8192",
        tokenizer_file="fineweb_8192_bpe.model",
        vocab_size=8192,
        val_row=2048,
        val_targets=40_540_160,
        val_bytes=151_078_222,
    ),
    Variant(
        name="caseops",
        repository="romeerp/parameter-golf-caseops-v1",
        dataset=f"fineweb10B_sp8192_{_CASEOPS}",
        tokenizer_file=f"fineweb_8192_bpe_{_CASEOPS}.model",
        vocab_size=8192,
        val_row=2048,
        val_targets=47_851_520,
        val_bytes=151_074_498,
        sidecar=True,
    ),
)


def official(name: str) -> Variant | None:
    """Return the published variant called ``name``; None when the name stands for somebody's own text."""
    return next((variant for variant in VARIANTS if variant.name == name), None)


def find(name: str) -> Variant:
    """Return the published variant called ``name``; raises :class:`BadInput` for any other name."""
    variant = official(name)
    if variant is None:
        raise BadInput(f"no published data set is called {name!r}; it is one of {_NAMES}")
    return variant
