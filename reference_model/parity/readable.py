"""A published script as this Python can run it: unpacked without running it, its newer f-strings written the older way.

Before Python 3.12 the text within the braces of an f-string may not hold the quotes around it; the frontier's packed
scripts do. Turning those inner quotes changes no value.
"""

from __future__ import annotations

from pathlib import Path

from reference_model.errors import BadInput

_OTHER = {'"': "'", "'": '"'}


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
    import libcst as cst

    class Turned(cst.CSTTransformer):
        """Turns the quotes of plain strings within an f-string that has the same."""

        def __init__(self) -> None:
            super().__init__()
            self.around: list[str] = []

        def visit_FormattedString(self, node: cst.FormattedString) -> None:  # noqa: N802 (LibCST's name)
            self.around.append(node.end)

        def leave_FormattedString(  # noqa: N802
            self, original_node: cst.FormattedString, updated_node: cst.FormattedString
        ) -> cst.FormattedString:
            self.around.pop()
            return updated_node

        def leave_SimpleString(  # noqa: N802
            self, original_node: cst.SimpleString, updated_node: cst.SimpleString
        ) -> cst.SimpleString:
            quote = updated_node.quote
            if quote not in self.around or quote not in _OTHER or _OTHER[quote] in updated_node.raw_value:
                return updated_node
            turned = f"{updated_node.prefix}{_OTHER[quote]}{updated_node.raw_value}{_OTHER[quote]}"
            return updated_node.with_changes(value=turned)

    try:
        turned = cst.parse_module(text).visit(Turned()).code
        compile(turned, script.name, "exec", dont_inherit=True)
    except (cst.ParserSyntaxError, SyntaxError, ValueError) as error:
        raise BadInput(f"{script}: this Python can't parse it ({error}); a newer one may") from error
    return turned
