"""Shell text as people type and paste it, made into what they meant; lines stay where they are."""

from __future__ import annotations

import re

from auditor.regex import regex

PLACEHOLDER = "\ue000"
"""Stands in the text for what the reader is to fill in (``<seed>``): a character that no shell gives a meaning."""

_PROMPT = regex(
    r"^([ \t]*)(?:\([\w.-]{1,40}\)[ \t]{1,3})?"  # a virtual environment's name
    r"(?:(?:[\w.-]{1,40}@[\w.-]{1,60}[: ][^\s$#]{0,120}|\[[\w.-]{1,40}@[\w.-]{1,60}[ :][^\]\n]{0,80}\])[#$%]"
    r"|(?:\$|>>?>?|%|PS [^>\n]{0,60}>))[ \t]+(?=\S)",
    re.M,
)
_BLANKS_AFTER_BACKSLASH = regex(r"\\[ \t]{1,200}$", re.M)
# Nothing but a word's own characters stands inside, and what follows can't be the file of a redirection.
_FILL_IN = regex(r"<[A-Za-z](?:[\w .|/-]{0,40}[\w.|/-])?>(?=[\s\"'`;,.:/_)-]|\Z)")
_POWERSHELL = regex(r"\$env:(\w+)[ \t]*=[ \t]*", re.I)
_PASTED_LANGUAGE = regex(r"\A[ \t]*(?:bash|shell|sh|console)(?=[A-Z][A-Z0-9_]*=|torchrun\b|python3?\b)")
_CMD_SET = regex(r"^([ \t]*)set ([A-Z][A-Z0-9_]*=)", re.M)
_ESCAPED_BREAK = regex(r"\\\\[ \t]{0,200}$", re.M)
_BACKTICK_BREAK = regex(r"`[ \t]{0,200}$", re.M)


def as_meant(text: str) -> str:
    """Return shell text with the line ends, continuations and placeholders that its author meant.

    A backslash before CR LF, or before blanks at a line's end, continues the line: a shell reads it otherwise, and
    nobody writes it for that. So does a line of remarks between continued ones. ``<seed>`` is a value to be filled in
    and no pair of redirections.
    """
    text = text.replace("\r\n", "\n").replace("\r", " ").replace("\0", " ")
    text = _BLANKS_AFTER_BACKSLASH.sub(r"\\", text)
    return _FILL_IN.sub(PLACEHOLDER, _without_remarks(text))


def _without_remarks(text: str) -> str:
    """Return the text with a bare backslash for each line of remarks that stands between continued lines."""
    lines = text.split("\n")
    for at in range(1, len(lines) - 1):
        continued = lines[at - 1].endswith("\\") and not lines[at - 1].lstrip().startswith("#")
        if continued and lines[at].lstrip().startswith("#"):
            lines[at] = "\\"
    return "\n".join(lines)


def as_shell(text: str) -> str:
    """Undo what documents add to commands: prompts, Markdown escapes, a fence's language, PowerShell and cmd."""
    text = text.replace("\r\n", "\n")
    if _POWERSHELL.search(text):
        text = _BACKTICK_BREAK.sub(r"\\", _POWERSHELL.sub(r"export \1=", text))
    if "\\_" in text:
        text = _ESCAPED_BREAK.sub(r"\\", text).replace("\\_", "_")
    text = _PASTED_LANGUAGE.sub("", text)
    return _PROMPT.sub(r"\1", _CMD_SET.sub(r"\1export \2", text))
