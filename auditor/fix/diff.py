"""What changes of files look like: a unified diff, of the readable source where a script is packed."""

from __future__ import annotations

import difflib
import os.path
import posixpath
from collections.abc import Callable, Iterator, Mapping

from auditor.fix.change import Hunk
from auditor.program.unpack import decode_text, unpack

Read = Callable[[str], bytes | None]
_CONTEXT = 3


def unified(read: Read, files: Mapping[str, bytes], prefix: str = "") -> str:
    """Return the unified diff from the files as ``read`` gives them to ``files``, with paths below ``prefix``."""
    return "".join(_file(path, read(path), data, read, prefix) for path, data in sorted(files.items()))


def hunks(read: Read, files: Mapping[str, bytes]) -> tuple[Hunk, ...]:
    """Return what changes line by line, in every file's readable layer."""
    out: list[Hunk] = []
    for path, data in sorted(files.items()):
        layer, old, new = _texts(path, read(path) or b"", data, read)
        before, after = old.split("\n"), new.split("\n")
        for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if tag != "equal":
                out.append(Hunk(path, layer, a + 1, tuple(before[a:b]), tuple(after[c:d])))
    return tuple(out)


def _file(path: str, before: bytes | None, after: bytes, read: Read, prefix: str) -> str:
    layer, old, new = _texts(path, before or b"", after, read)
    name = posixpath.join(prefix.replace(os.path.sep, "/"), path)
    inside = f" (what it unpacks to, layer {layer})" if layer else ""
    left = f"a/{name}{inside}" if before is not None else "/dev/null"
    lines = list(difflib.unified_diff(_lines(old), _lines(new), left, f"b/{name}{inside}", n=_CONTEXT))
    packed = f"# {name} is packed again: {len(before or b''):,} bytes become {len(after):,}\n" if layer else ""
    return packed + "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _texts(path: str, before: bytes, after: bytes, read: Read) -> tuple[int, str, str]:
    """Return the layer that differs, and its text on both sides; layer 0 where the file isn't packed."""
    if path.endswith(".py"):
        old, new = unpack(before, path, read).layers, unpack(after, path, read).layers
        if len(old) == len(new) > 1:
            return len(old) - 1, decode_text(old[-1].data)[0], decode_text(new[-1].data)[0]
    return 0, decode_text(before)[0], decode_text(after)[0]


def _lines(text: str) -> list[str]:
    # Only at line feeds: a form feed ends no line of a diff.
    return list(_split(text))


def _split(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        yield text[at:end]
        at = end
