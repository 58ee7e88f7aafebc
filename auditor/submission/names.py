"""Names of files, which strangers choose: made safe to print, and recognised by kind."""

from __future__ import annotations

import posixpath
import re
import unicodedata

from auditor.regex import regex

SOURCE_SUFFIXES = frozenset({".py", ".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hh", ".hpp"})
SHELL_SUFFIXES = frozenset({".sh", ".bash", ".zsh", ".slurm", ".sbatch", ".mk"})
LOG_SUFFIXES = frozenset({".log", ".out", ".stdout", ".ansi"})

_PLAIN_TEXT = frozenset({".txt", ".text", ""})
_LOG_NAME = regex(r"(^|[^a-z])logs?([^a-z]|$)|seed[_-]?\d|^train(ing)?[_-]?v?\d*\.txt$", re.IGNORECASE)
_NEVER_LOG = regex(
    r"^(requirements|constraints|readme|license|licence|notice|authors|vocab|commands?|manifest|sha\d*sums)",
    re.IGNORECASE,
)


def shown(name: str, limit: int = 200) -> str:
    r"""Return a name or other stranger's text as one printable line of at most ``limit`` characters.

    Control, format (bidirectional) and unassigned characters, line breaks and lone surrogates become
    escapes such as ``\n`` or ``\u202e``.
    """
    parts: list[str] = []
    for character in name[: limit + 1]:
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}:
            parts.append(character.encode("unicode_escape").decode("ascii"))
        else:
            parts.append(character)
    text = "".join(parts)
    return text if len(name) <= limit else text[: limit - 1] + "…"


def suffix(path: str) -> str:
    """Return the extension of a path's last component in lower case, with its dot, or an empty string."""
    return posixpath.splitext(posixpath.basename(path))[1].lower()


def depth(path: str) -> int:
    """Return how many folders lie above a file: 0 at the top."""
    return path.count("/")


def is_source(path: str) -> bool:
    """Tell whether a path names source code that may be part of a program."""
    return suffix(path) in SOURCE_SUFFIXES


def is_shell(path: str) -> bool:
    """Tell whether a path names a run script or a makefile."""
    return suffix(path) in SHELL_SUFFIXES or posixpath.basename(path).lower() in {"makefile", "gnumakefile"}


def is_trainer(path: str) -> bool:
    """Tell whether a path is named like a Python script that trains."""
    return suffix(path) == ".py" and posixpath.basename(path).startswith("train")


def is_readme(path: str) -> bool:
    """Tell whether a path's last component is a README in any usual spelling."""
    return re.fullmatch(r"readme(\.(md|markdown|rst|txt|md\.txt))?", posixpath.basename(path), re.I) is not None


def is_log(path: str) -> bool | None:
    """Tell by the name whether a file is a log; None when only its content can tell."""
    base = posixpath.basename(path)
    if base.lower().endswith(".gz"):
        return is_log(path[:-3]) is True  # what is packed, a look at its first bytes can't tell
    if suffix(path) in LOG_SUFFIXES or re.search(r"\.log\.\w+$", base, re.IGNORECASE):
        return not base.endswith((".xz", ".zst", ".zip"))
    if suffix(path) not in _PLAIN_TEXT or base.startswith(".") or _NEVER_LOG.match(base):
        return False
    return True if suffix(path) and _LOG_NAME.search(base) else None
