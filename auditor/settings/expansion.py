"""Shell words filled in: what each becomes once its variables have values."""

from __future__ import annotations

from collections.abc import Callable

from auditor.settings.syntax import Piece, Word

UNKNOWN = "\0"
"""Stands inside a value for a part that cannot be known without running something."""

_MAX_FIELDS = 500
_MAX_VALUE = 4096  # characters; also what stops ``A=$A$A`` from growing without end


def expand(word: Word, read: Callable[[Piece], tuple[str, ...]]) -> tuple[str, ...]:
    """Return the fields that a word becomes; ``read`` gives a variable's value (several for an array).

    An unquoted value falls apart at its blanks, as in a shell. Parts that are not known show as
    :data:`UNKNOWN`. A word that vanishes (an empty unquoted variable) gives no field.
    """
    fields: list[str] = []
    current: str | None = None
    for piece in word:
        if len(fields) > _MAX_FIELDS or len(current or "") > _MAX_VALUE:
            break
        if piece.kind != "variable":
            current = (current or "") + (UNKNOWN if piece.kind == "unknown" else piece.text)
            continue
        values = read(piece)
        parts = list(values) if piece.quoted else [part for value in values for part in value.split()]
        if not parts:
            if piece.quoted and not piece.text.startswith(("@", "*")) and "[" not in piece.text:
                current = current or ""
            continue
        current = (current or "") + parts[0]
        for part in parts[1:]:
            fields.append(current[:_MAX_VALUE])
            current = part
    if current is not None:
        fields.append(current[:_MAX_VALUE])
    return tuple(fields)


def expand_value(word: Word, read: Callable[[Piece], tuple[str, ...]]) -> str:
    """Return what a word becomes on the right of ``=``, where nothing is split."""
    parts: list[str] = []
    length = 0
    for piece in word:
        if length > _MAX_VALUE:
            break
        if piece.kind == "variable":
            parts.append(" ".join(read(piece)))
        else:
            parts.append(UNKNOWN if piece.kind == "unknown" else piece.text)
        length += len(parts[-1])
    return "".join(parts)[:_MAX_VALUE]
