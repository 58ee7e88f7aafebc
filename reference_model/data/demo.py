"""Data that needs no download: the English that every Python installation carries.

The help topics, the docstrings of the standard library and the licence make some two megabytes. Their order is that of
their hashes, so that the validation split, the first of them, is like the rest. The same Python gives the same bytes.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from reference_model.data.pack import RECORD, Packed, Scheme, pack
from reference_model.errors import BadInput

VOCAB_SIZE = 1024
_LEAST_BYTES = 500_000
_NOT_LIBRARY = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "pydoc_data", "__pycache__"}


def demo(out: str | os.PathLike[str]) -> Packed:
    """Write the demo's packed folder ``out``, tokenizer and all, and return what it holds.

    Raises :class:`BadInput` when ``out`` holds shards already or this Python carries too little text.
    """
    documents = collect_documents()
    size = sum(len(text.encode()) for text in documents)
    if size < _LEAST_BYTES:
        raise BadInput(
            f"this Python ({platform.python_version()}) carries only {size:,} bytes of text: its standard library has "
            "no sources; 'golf-audit data pack' makes shards from any other text"
        )
    return pack(documents, out, Scheme(vocab_size=VOCAB_SIZE))


def is_there(out: str | os.PathLike[str]) -> bool:
    """Return whether ``out`` is a whole packed folder already."""
    return (Path(out) / RECORD).is_file()


def collect_documents() -> list[str]:
    """Return the documents: a help topic, the docstrings of a module, or the licence; no paragraph comes twice."""
    library = Path(sysconfig.get_paths()["stdlib"])
    seen: set[str] = set()
    documents = [_fresh(text, seen) for text in (*_topics(), *_docstrings(library), *_licence(library))]
    return sorted((text for text in documents if text), key=lambda text: hashlib.sha256(text.encode()).digest())


def _fresh(text: str, seen: set[str]) -> str:
    """Return ``text`` without the paragraphs that are in ``seen``, and add its own to it."""
    kept = []
    for paragraph in text.split("\n\n"):
        form = " ".join(paragraph.split())
        if form and form not in seen:
            seen.add(form)
            kept.append(paragraph.rstrip())
    return "\n\n".join(kept)


def _topics() -> Iterator[str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some distributions package it apart; the docstrings are most of the text
        return
    yield from (topics[name] for name in sorted(topics))


def _docstrings(library: Path) -> Iterator[str]:
    for path in sorted(_sources(library)):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # templates and samples for other versions
            continue
        # ast.walk goes by levels; a reader, and the model, get them in the order of the file.
        found = [(node.lineno, text) for node, text in _docstrings_of(tree)]
        yield "\n\n".join(text for _, text in sorted(found, key=lambda item: item[0]))


def _docstrings_of(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and isinstance(node.body[0], ast.Expr):
                yield node.body[0].value, text


def _sources(library: Path) -> Iterable[Path]:
    for folder, names, files in os.walk(library):
        names[:] = [name for name in names if name not in _NOT_LIBRARY]
        yield from (Path(folder) / name for name in files if name.endswith(".py"))


def _licence(library: Path) -> Iterator[str]:
    path = library / "LICENSE.txt"
    if path.is_file():
        yield path.read_text(encoding="utf-8")
