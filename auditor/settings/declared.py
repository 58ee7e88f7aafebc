"""What a command says besides its words: what it exports, which file it reads that from, where its output goes."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.regex import regex
from auditor.settings.expansion import expand, expand_value
from auditor.settings.files import place
from auditor.settings.state import Assigned, State
from auditor.settings.syntax import Assignment, Declare, Simple, Word

_DEVICES = regex(r"/dev/(?:null|stdout|stderr)|&?\d|-")
_ENVIRONMENT = regex(
    r"(?<![\w.])(?P<file>[\w./-]{0,120}\.env(?:\.\w{1,20})?)(?![\w/])"
)  # in $(grep -v '^#' .env | xargs)


def declare(node: Declare, state: State) -> None:
    """Export or set what ``export``, ``declare`` and their kind name; their assignments are made already."""
    exporting = node.keyword == "export" or state.exports_all
    for item in node.items:
        texts = expand(item, state.read) if not isinstance(item, Assignment) else ()
        names = (item.name,) if isinstance(item, Assignment) else tuple(text for text in texts if "=" not in text)
        for text in texts:
            name, sign, value = text.partition("=")
            if sign and name.isidentifier():
                state.variables[name] = Assigned(value, state.path, node.line)
                names = (*names, name)
        exporting = exporting or "-x" in texts
        if exporting:
            state.exported.update(names)


def environment_file(word: Word) -> str | None:
    """Return the file of ``NAME=value`` lines that a word is put together from, as ``$(cat .env | xargs)`` is."""
    for piece in word:
        match = _ENVIRONMENT.search(piece.text) if piece.kind == "unknown" else None
        if match is not None:
            return match["file"]
    return None


def environment_files(node: Simple) -> Iterator[str]:
    """Yield the files that give a command its environment: ``env $(cat .env) …``, ``docker run --env-file .env …``."""
    first = "".join(piece.text for piece in node.words[0]) if node.words else ""
    for at, word in enumerate(node.words):
        file = environment_file(word) if at == 0 or first == "env" else None
        if file is not None:
            yield file
        option, sign, value = "".join(piece.text for piece in word).partition("=")
        if option == "--env-file" and (sign or at + 1 < len(node.words)):
            yield value if sign else "".join(piece.text for piece in node.words[at + 1])


def output_of(node: Simple, state: State) -> tuple[str, ...]:
    """Return the files that a command's output goes to."""
    outward = [r for r in node.redirects if ">" in r.operator]
    targets = [expand_value(r.target, state.read) for r in outward]
    return tuple(place(t) for t in targets if t and not _DEVICES.fullmatch(t))
