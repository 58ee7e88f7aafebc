"""What an expression of a wrapper can stand for, besides plain Python data."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from auditor.challenge.places import in_archive
from auditor.program.unpack.incremental import Incremental
from auditor.program.unpack.model import MAX_BYTES, LaterCall, Refused

ROOT = "/submission"  # where the submission's folder lies, as far as the wrapper can tell
SCRATCH = "/scratch"  # what tempfile gives it


class Cannot(Exception):  # noqa: N818 (as Refused)
    """An expression that cannot be evaluated; ``decoding`` when it is about packed data."""

    def __init__(self, reason: str, node: ast.AST | None = None, decoding: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.node = node
        self.decoding = decoding


class Unknown(Struct, frozen=True):
    """A name bound to something that could not be evaluated."""

    why: Cannot


class Ref(Struct, frozen=True):
    """A module, function or object of the standard library (or a codec package), by dotted name."""

    name: str


class PathValue(Struct, frozen=True):
    """A ``pathlib`` path."""

    text: str


class Code(Struct, frozen=True):
    """What ``compile`` returns: source that has not run yet."""

    source: str | bytes
    filename: str


class Function(Struct, frozen=True, eq=False):
    """A function or lambda of the wrapper, with the scopes in which it was made."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scopes: tuple[dict[str, Any], ...]
    defaults: dict[str, Any]


class ModuleValue(Struct, frozen=True, eq=False):
    """A module that the wrapper makes, with the attributes that it sets; ``path`` when loaded from a file.

    ``later`` is a list where the module's own code has run: what the wrapper calls of it is noted there.
    """

    name: str
    attributes: dict[str, Any] = field(default_factory=dict)
    path: str | None = None
    later: list[LaterCall] | None = None


class Namespace(Struct, frozen=True):
    """A dictionary of globals: of the running script (``module`` None) or of a made module."""

    module: ModuleValue | None = None


class Bound(Struct, frozen=True):
    """A method of a value, or a call with arguments already given."""

    owner: Any
    name: str
    args: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()


class Decoder(Struct, frozen=True, eq=False):
    """A decompressor object that is fed in parts."""

    stream: Incremental


class Decompressor(Struct, frozen=True):
    """A ``ZstdDecompressor``: the library's object with the script's dictionary and window."""

    real: Any


class Endless(Struct, frozen=True, eq=False):
    """An iterator without an end; ``first`` returns its first items."""

    first: Callable[[int], Sequence[Any]]


class Archive(Struct, frozen=True, eq=False):
    """A ``zip`` or ``tar`` archive: its members' bytes by name, and what the archive itself has been through."""

    kind: str
    members: Mapping[str, bytes]
    before: tuple[Step, ...] = ()

    @property
    def how(self) -> tuple[Step, ...]:
        """Return what a member has been through."""
        return (*self.before, Step(self.kind))


class Step(Struct, frozen=True):
    """One decoding that a value has been through, and who knows what it left undecoded (see :func:`untold`)."""

    name: str
    left: str | Incremental = ""


def untold(how: tuple[Step, ...]) -> tuple[str, ...]:
    """Return what the decodings left out, one sentence part each, in order and once."""
    told = (step.left if isinstance(step.left, str) else step.left.left() for step in how)
    return tuple(dict.fromkeys(part for part in told if part))


class Handle(Struct, eq=False):
    """An open file or an in-memory stream. ``path`` is None for the latter.

    ``stops`` are the offsets that one read doesn't cross, as at the end of a Zstandard frame; ``broken`` is why
    nothing can be read beyond the data.
    """

    data: bytearray
    path: str | None = None
    text: bool = False
    encoding: str = "utf-8"
    position: int = 0
    how: tuple[Step, ...] = ()
    stops: tuple[int, ...] = ()
    broken: str = ""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes from the position on (all when negative); raises :class:`Refused`."""
        beyond = size < 0 or self.position >= len(self.data)
        if self.broken and (beyond or (not self.stops and self.position + size > len(self.data))):
            raise Refused(self.broken)
        end = len(self.data) if size < 0 else min(len(self.data), self.position + size)
        if size >= 0:
            end = min([end, *(stop for stop in self.stops if stop > self.position)])
        part = bytes(self.data[self.position : end])
        self.position = max(self.position, end)
        return part

    def write(self, part: bytes) -> None:
        """Put ``part`` at the position; raises :class:`Refused` when the file grows too large."""
        end = self.position + len(part)
        if end > MAX_BYTES:
            raise Refused(f"writes more than {MAX_BYTES // 2**20} MiB")
        self.data.extend(bytes(max(0, self.position - len(self.data))))
        self.data[self.position : end] = part
        self.position = end


class Files:
    """The files that a wrapper can see: the submission's own, and those it has written itself."""

    def __init__(self, sibling: Callable[[str], bytes | None]) -> None:
        self._sibling = sibling
        self.cwd = ROOT  # relative paths start here
        self.written: dict[str, bytes] = {}
        self.how_written: dict[str, tuple[Step, ...]] = {}
        self.opened: dict[str, bytes] = {}  # siblings, by relative path

    def absolute(self, path: str) -> str:
        """Return a normalised absolute path; relative ones start at the working directory."""
        parts: list[str] = []
        for part in (path if path.startswith("/") else f"{self.cwd}/{path}").split("/"):
            if part == "..":
                if parts:
                    parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        return "/" + "/".join(parts)

    def relative(self, path: str) -> str | None:
        """Return the path inside the submission's folder, or None when it lies elsewhere."""
        whole = self.absolute(path)
        return whole.removeprefix(ROOT + "/") if whole.startswith(ROOT + "/") and "\0" not in whole else None

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, or None when there is no such file in sight."""
        whole = self.absolute(path)
        if whole in self.written:
            return self.written[whole]
        inside = self.relative(path)
        if inside is None:
            return None
        found = self._sibling(inside)
        if found is None and in_archive(inside):
            # Scripts run from the repository's root and name themselves from there.
            inside = inside.rsplit("/", 1)[-1]
            found = self._sibling(inside)
        if found is not None:
            self.opened[inside] = found
        if found is not None and len(found) > MAX_BYTES:
            raise Refused(f"a file of more than {MAX_BYTES // 2**20} MiB")
        return found

    def write(self, path: str, data: bytes) -> None:
        """Keep what the wrapper writes."""
        if len(self.written) > 1000:
            raise Refused("writes more than 1000 files")
        self.written[self.absolute(path)] = data

    def name(self, path: str) -> str:
        """Return a written file's path as a reader would name it."""
        whole = self.absolute(path)
        for root in (ROOT, SCRATCH):
            if whole.startswith(root + "/"):
                return whole.removeprefix(root + "/")
        return whole.rsplit("/", 1)[-1]
