"""``golf-audit unpack``: the source that a packed script runs."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from auditor.program.unpack import Layer

_EXIT_CLOSED = 1  # the script is packed in a way that can't be opened


@click.command()
@click.argument("script", type=click.Path(path_type=Path))
@click.option(
    "--layers",
    is_flag=True,
    help="List the layers instead: index, decoding, bytes, lines, SHA-256, and packed data that never run.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to FILE instead of standard output.",
)
def command(script: Path, layers: bool, output: Path | None) -> None:
    """Write the innermost source of a packed script, byte for byte.

    The decoding is followed, never run. A plain script comes out as it is. Exit code 1 when a layer
    can't be opened, with the reason; 2 when SCRIPT can't be read.
    """
    from auditor.cli import complain
    from auditor.program.unpack import unpack
    from auditor.program.unpack.model import printable

    data = _read(script)
    result = unpack(data, script.name, lambda path: _sibling(script.parent, path))
    if layers:
        text = "".join(_row(layer) for layer in result.layers)
        _write(text.encode("utf-8"), output)
    elif result.failure is None:
        _write(result.layers[-1].data, output)
    if result.failure is not None:
        complain(f"cannot unpack {printable(str(script))}: {result.failure}")
        raise click.exceptions.Exit(_EXIT_CLOSED)


def _read(script: Path) -> bytes:
    from auditor.program.unpack import MAX_BYTES

    try:
        if not script.is_file():
            raise click.ClickException(f"cannot read {str(script)!r}: {_missing(script)}")
        if script.stat().st_size > MAX_BYTES:
            raise click.ClickException(f"cannot read {str(script)!r}: larger than {MAX_BYTES // 2**20} MiB")
        return script.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise click.ClickException(f"cannot read {str(script)!r}: {reason}") from None


def _missing(script: Path) -> str:
    if script.is_dir():
        return "it is a folder; name the script in it"
    return "not a regular file" if script.exists() else "no such file"


def _sibling(folder: Path, path: str) -> bytes | None:
    """Return a file beside the script; None when there is none, or when a link leads out of the folder."""
    from auditor.program.unpack import MAX_BYTES

    found = folder / path
    try:
        root = folder.resolve()
        if not found.is_file() or not found.resolve().is_relative_to(root) or found.stat().st_size > MAX_BYTES:
            return None
        return found.read_bytes()
    except (OSError, ValueError):
        return None  # to the wrapper, a file that can't be read isn't there; it says so itself


def _row(layer: Layer) -> str:
    from auditor.program.unpack import decode_text
    from auditor.program.unpack.model import printable

    lines = decode_text(layer.data)[0].count("\n") + (not layer.data.endswith(b"\n") and bool(layer.data))
    how = " > ".join(layer.how) or "the file itself"
    digest = hashlib.sha256(layer.data).hexdigest()[:12]
    inside = " (in place)" if layer.line_map is not None else ""
    left = "".join(f"   {part}\n" for part in layer.left)
    return (
        f"{layer.index}  {how}{inside}  {len(layer.data)} bytes  {lines} lines  "
        f"sha256 {digest}  {printable(layer.path)}\n{left}"
    )


def _write(data: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise click.ClickException(f"cannot write {str(output)!r}: {error.strerror}") from None
