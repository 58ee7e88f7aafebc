"""Ways to write the same script differently. Each returns another script that does the same, or None."""

from __future__ import annotations

import ast
import base64
import lzma
from collections.abc import Callable

from inlining import inlined
from outlining import outlined
from renaming import renamed, shuffled
from reordering import reordered


def reprinted(source: str) -> str:
    """Return the script as Python prints it: without comments, in one style."""
    return ast.unparse(ast.parse(source))


def packed(source: str) -> str:
    """Return a script that unpacks ``source`` (LZMA, base 85) and runs it."""
    payload = base64.b85encode(lzma.compress(source.encode("utf-8"))).decode("ascii")
    return f'import lzma, base64\nexec(lzma.decompress(base64.b85decode("{payload}")).decode("utf-8"))\n'


TRANSFORMATIONS: dict[str, Callable[[str], str | None]] = {
    "reprinted": reprinted,
    "renamed": renamed,
    "shuffled": shuffled,
    "reordered": reordered,
    "outlined": outlined,
    "inlined": inlined,
    "packed": packed,
}
