"""Ways to write the same script differently. Each returns another script that does the same, or None."""

from __future__ import annotations

import ast
import base64
import lzma
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from inlining import inlined
from outlining import outlined
from renaming import renamed, shuffled
from reordering import reordered
from routing import classed, decorated, filed, generated, looked_up, managed, moved, streamed


def reprinted(source: str) -> str:
    """Return the script as Python prints it: without comments, in one style."""
    return ast.unparse(ast.parse(source))


def packed(source: str) -> str:
    """Return a script that unpacks ``source`` (LZMA, base 85) and runs it."""
    payload = base64.b85encode(lzma.compress(source.encode("utf-8"))).decode("ascii")
    return f'import lzma, base64\nexec(lzma.decompress(base64.b85decode("{payload}")).decode("utf-8"))\n'


@dataclass(frozen=True)
class Written:
    """A script, and the files that belong beside it."""

    script: str
    files: Mapping[str, str] = field(default_factory=dict)


TRANSFORMATIONS: dict[str, Callable[[str], str | tuple[str, str] | None]] = {
    "reprinted": reprinted,
    "renamed": renamed,
    "shuffled": shuffled,
    "reordered": reordered,
    "outlined": outlined,
    "inlined": inlined,
    "packed": packed,
    "classed": classed,
    "generated": generated,
    "streamed": streamed,
    "decorated": decorated,
    "managed": managed,
    "looked_up": looked_up,
    "filed": filed,
    "moved": moved,
}


def written(name: str, source: str) -> Written | None:
    """Return what the transformation ``name`` makes of a script; None when there is nothing for it to do."""
    made = TRANSFORMATIONS[name](source)
    match made:
        case None:
            return None
        case str():
            return Written(made)
        case script, part:
            return Written(script, {"via_parts.py": part})
