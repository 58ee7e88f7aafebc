"""What commands that need the extra packages of ``golf-audit[reproduce]`` share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

_PACKAGES = ("torch", "numpy", "sentencepiece", "matplotlib", "platformdirs", "huggingface_hub")


@contextmanager
def one_line(*refused: type[Exception]) -> Iterator[None]:
    """Turn bad input, ``refused`` and a missing package of the extra into the one line and exit code 2."""
    try:
        from reference_model.errors import BadInput
    except ImportError as error:
        raise _missing(error) from error
    told: tuple[type[Exception], ...] = (BadInput, *refused)
    try:
        yield
    except told as error:
        raise click.ClickException(str(error)) from error
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES:
            raise
        raise _missing(error) from error


def _missing(error: ImportError) -> click.ClickException:
    return click.ClickException(f"{error.name} is not installed; pip install 'golf-audit[reproduce]'")
