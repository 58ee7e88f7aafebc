"""What commands that need the extra packages of ``golf-audit[reproduce]`` share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    return missing([str(error.name)], "reproduce")


def missing(packages: Sequence[str], extra: str) -> click.ClickException:
    """Return the error of packages that aren't there, with the command that brings the extra."""
    from auditor.cli._install import install_hint

    are = "are" if len(packages) > 1 else "is"
    return click.ClickException(f"{' and '.join(packages)} {are} not installed; {install_hint(extra)}")


@contextmanager
def needs(extra: str, *packages: str) -> Iterator[None]:
    """Turn a missing package of an extra into the one line that says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in packages:
            raise
        raise missing([str(error.name)], extra) from error
