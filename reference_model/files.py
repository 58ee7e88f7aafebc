"""Write a file whole or not at all: a run that dies while it writes leaves nothing that looks finished."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from reference_model.errors import RunFailed


def write_whole(path: Path, data: bytes | str) -> None:
    """Put ``data`` at ``path`` under a temporary name and rename it; raises :class:`RunFailed` where that fails."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # the message below is about the first failure
            partial.unlink(missing_ok=True)
        raise RunFailed(f"{path}: can't be written ({error.strerror or error}); free some space") from error
