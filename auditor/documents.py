"""JSON that golf-audit wrote itself and reads again, with errors that name the file and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from auditor.toml import Malformed


class Versioned(Protocol):
    """A document that says which version of its form it has."""

    @property
    def schema_version(self) -> int:
        """The version."""
        ...


_Document = TypeVar("_Document", bound=Versioned)


def read_document(path: Path, form: type[_Document], what: str, advice: str, *, limit: int, version: int) -> _Document:
    """Return the file at ``path`` as a ``form``; raises :class:`Malformed`, one line that ends with ``advice``.

    ``what`` names the document ("report"). A file of more than ``limit`` bytes is refused before it is parsed, and
    one of another ``version`` after.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise Malformed(f"{path}: larger than {limit // 1024**2} MiB; {advice}")
        document = msgspec.json.decode(data, type=form)
    except OSError as error:
        raise Malformed(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"{path}: is no {what}: {error}; {advice}") from None
    if document.schema_version != version:
        raise Malformed(f"{path}: is a {what} of version {document.schema_version}, not {version}; {advice}")
    return document
