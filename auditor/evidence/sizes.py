"""Bytes on disk, and the total as the challenge counts it."""

from __future__ import annotations

import base64
import lzma
import re
from pathlib import PurePosixPath

from msgspec import Struct

from auditor.submission.model import Submission, Unread

_ARTIFACTS = (
    ".ptz",
    ".pt",
    ".pth",
    ".npz",
    ".npy",
    ".safetensors",
    ".xz",
    ".lzma",
    ".zst",
    ".br",
    ".hgz",
    ".bin",
)
_LARGEST_SCRIPT = 8_000_000
_WRAPPER = len(b"import lzma as L,base64 as B\nexec(L.decompress(B.b85decode('')))\n")


class FileSize(Struct, frozen=True):
    """One file and its size on disk, in bytes."""

    path: str
    size: int


class Sizes(Struct, frozen=True):
    """What lies on disk.

    ``reachable`` are the helpers that the script names in an import, an ``open`` or a path, or that such a
    helper names. ``counts_packed``: the script counts its own code compressed, not as it lies on disk.
    """

    script: FileSize | None = None
    helpers: tuple[FileSize, ...] = ()
    reachable: tuple[FileSize, ...] = ()
    artifacts: tuple[FileSize, ...] = ()
    counts_packed: bool = False

    @property
    def code_bytes(self) -> int | None:
        """Return the script's bytes on disk, which is what the challenge counts by default."""
        return None if self.script is None else self.script.size

    @property
    def helper_bytes(self) -> int:
        """Return the bytes of the helpers that the script reaches."""
        return sum(f.size for f in self.reachable)

    def total(self, model_bytes: int, *, code_bytes: int | None = None, helpers: bool = False) -> int | None:
        """Return model plus code, None without a script; ``code_bytes`` replaces the script's size."""
        code = self.code_bytes if code_bytes is None else code_bytes
        return None if code is None else model_bytes + code + (self.helper_bytes if helpers else 0)


def packed_size(code: bytes) -> int:
    """Return the bytes of ``code`` packed as accepted rows do it: LZMA, base 85, a one-line wrapper.

    Authors minify first, so theirs may be smaller: an upper bound. (As ``preset=9`` packs it; but its dictionary of
    64 MiB takes longer to make than a script to pack, and one that holds the whole script finds the same matches.)
    """
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": max(4096, 1 << len(code).bit_length())}]
    return len(base64.b85encode(lzma.compress(code, filters=filters))) + _WRAPPER


def read_sizes(submission: Submission) -> Sizes:
    """Return the sizes on disk of a submission's script, helpers and artifacts."""
    tree = submission.tree
    script = _size(submission, submission.script) if submission.script else None
    helpers = tuple(f for p in submission.helpers if (f := _size(submission, p)) is not None)
    source = _innermost(submission, submission.script) if submission.script else ""
    named = reachable(source, {p: _read(submission, p) for p in submission.helpers})
    artifacts = tuple(
        f
        for p in tree.paths()
        if PurePosixPath(p).suffix.lower() in _ARTIFACTS and (f := _size(submission, p)) is not None
    )
    return Sizes(
        script=script,
        helpers=helpers,
        reachable=tuple(f for f in helpers if f.path in named),
        artifacts=artifacts,
        counts_packed="_compressed_code_size" in source or "compressed_code" in source,
    )


def reachable(source: str, helpers: dict[str, str]) -> frozenset[str]:
    """Return the helpers (path → text) that ``source`` names, directly or through another helper.

    A module counts by its import, any file by its name in the text; a computed name is not seen.
    """
    found: set[str] = set()
    queue = [source]
    while queue:
        text = queue.pop()
        for path, body in helpers.items():
            if path not in found and _names(text, path):
                found.add(path)
                queue.append(body)
    return frozenset(found)


def _names(text: str, path: str) -> bool:
    file = PurePosixPath(path)
    if file.name in text:
        return True
    if file.suffix != ".py":
        return False
    module = file.parent.name if file.stem == "__init__" else file.stem
    if module not in text:
        return False
    imported = rf"(?m)(?:^|[;:])[ \t]*(?:import|from)[ \t][^\n#]*(?<!\w){re.escape(module)}(?!\w)"
    return re.search(imported, text) is not None


def _size(submission: Submission, path: str) -> FileSize | None:
    try:
        return FileSize(path, submission.tree.size(path))
    except Unread:
        return None  # the reader of the submission has noted it as a problem


def _innermost(submission: Submission, script: str) -> str:
    """Return the source that a script runs, unpacked as far as it can be."""
    from auditor.program.unpack import unpack

    def sibling(path: str) -> bytes | None:
        try:
            return submission.tree.read(path, _LARGEST_SCRIPT)
        except Unread:
            return None

    data = sibling(script)
    if data is None:
        return ""
    return unpack(data, script, sibling).layers[-1].data.decode("utf-8", "replace")


def _read(submission: Submission, path: str | None) -> str:
    if path is None:
        return ""
    try:
        return submission.tree.read(path, _LARGEST_SCRIPT).decode("utf-8", "replace")
    except Unread:
        return ""
