"""A published script as this Python can run it: unpacked without running it, newer f-strings written the older way."""

from __future__ import annotations

from pathlib import Path

from reference_model.errors import BadInput


def readable(script: Path) -> str:
    """Return the innermost source of ``script``, parsable here.

    Raises :class:`BadInput` when it can't be read or opened, or needs a newer Python for something else.
    """
    from auditor.program.unpack import unpack

    try:
        data = script.read_bytes()
    except OSError as error:
        raise BadInput(f"{script}: {error.strerror or error}") from error
    found = unpack(data, script.name, lambda _: None)
    if found.failure is not None:
        raise BadInput(f"{script}: can't be unpacked: {found.failure}")
    try:
        text = found.layers[-1].data.decode("utf-8")
        return text if _parses(text) else _older(text, script)
    except UnicodeDecodeError as error:
        raise BadInput(f"{script}: not UTF-8 ({error})") from error


def _parses(text: str) -> bool:
    try:
        compile(text, "script", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _older(text: str, script: Path) -> str:
    from auditor.program.older import older

    try:
        turned = older(text)
        compile(turned, script.name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"{script}: this Python can't parse it ({error}); a newer one may") from error
    return turned
