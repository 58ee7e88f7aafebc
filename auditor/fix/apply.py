"""From parts of changes to the bytes of files, in whichever layer they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from auditor.fix.change import Edit, NewFile, Part, Unfixable
from auditor.program.unpack import Layer, decode_text, unpack

Read = Callable[[str], bytes | None]
"""Returns a file's bytes by its path in the submission, None when there is none."""

_ENCODINGS = ("utf-8", "utf-8-sig", "latin-1", "utf-16-le", "utf-16-be", "utf-16", "utf-32")


def apply(read: Read, parts: Iterable[Part]) -> dict[str, bytes]:
    """Return the files that ``parts`` change, with their new bytes; raises :class:`Unfixable`.

    Edits of Python go through LibCST; a packed script is packed again as it was.
    """
    edits: dict[str, list[Edit]] = {}
    out: dict[str, bytes] = {}
    for part in dict.fromkeys(parts):
        if isinstance(part, NewFile):
            if read(part.path) is not None or part.path in out:
                raise Unfixable(f"{part.path}: there is such a file")
            out[part.path] = part.text.encode("utf-8")
        else:
            edits.setdefault(part.path, []).append(part)
    for path, some in edits.items():
        data = read(path)
        if data is None:
            raise Unfixable(f"{path}: it can't be read")
        try:
            out.update(_file(path, data, some, read))
        except Unfixable as reason:
            raise Unfixable(f"{path}: {reason}") from None
    return out


def _file(path: str, data: bytes, edits: Sequence[Edit], read: Read) -> dict[str, bytes]:
    if not any(edit.layer for edit in edits):
        return {path: edited(path, data, edits)}
    layers = unpack(data, path, read).layers
    if len({edit.layer for edit in edits}) > 1 or edits[0].layer >= len(layers):
        raise Unfixable("it is packed otherwise than when it was read")
    from auditor.fix.packed import packed_again

    layer = layers[edits[0].layer]
    return packed_again(layers[: layer.index + 1], _inside(layer, edits), path, read)


def _inside(layer: Layer, edits: Sequence[Edit]) -> bytes:
    return edited(layer.path if layer.path.endswith(".py") else "layer.py", layer.data, edits)


def edited(path: str, data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return a file's bytes with edits of its text made, in the encoding that it has; raises :class:`Unfixable`."""
    text, encoding = decoded(data)
    last = 0
    for edit in sorted(edits, key=lambda each: (each.start, each.end)):
        if edit.start < last:
            raise Unfixable("two changes touch the same place")
        if text[edit.start : edit.end] != edit.old:
            raise Unfixable("it no longer reads as it did")
        last = edit.end
    if path.endswith(".py"):
        from auditor.fix.python import edited as python_edited

        text = python_edited(text, edits)
    else:
        for edit in sorted(edits, key=lambda each: each.start, reverse=True):
            text = text[: edit.start] + edit.new + text[edit.end :]
    return text.encode(encoding)


def decoded(data: bytes) -> tuple[str, str]:
    """Return a file's text and the encoding that gives its bytes again; raises :class:`Unfixable`."""
    text, _ = decode_text(data)
    for encoding in _ENCODINGS:
        try:
            if text.encode(encoding) == data:
                return text, encoding
        except UnicodeEncodeError:
            continue
    raise Unfixable("its encoding can't be written again")
