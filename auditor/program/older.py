"""Text whose f-strings need Python 3.12, written the older way.

Before Python 3.12 the text within the braces of an f-string may not hold the quotes around it; the frontier's packed
scripts do. Turning those inner quotes changes no value, and no line.
"""

from __future__ import annotations

_OTHER = {'"': "'", "'": '"'}


def older(text: str) -> str:
    """Return a text with the quotes of plain strings within f-strings turned where they are those around them.

    Raises :class:`SyntaxError` when no grammar that is known here reads it.
    """
    import libcst as cst
    from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

    class Inner(cst.CSTVisitor):
        """Finds the plain strings within an f-string of the same quotes."""

        METADATA_DEPENDENCIES = (ByteSpanPositionProvider,)

        def __init__(self) -> None:
            super().__init__()
            self.around: list[str] = []
            self.found: list[tuple[int, int, str]] = []

        def visit_FormattedString(self, node: cst.FormattedString) -> None:  # noqa: N802 (LibCST's name)
            self.around.append(node.end)

        def leave_FormattedString(self, original_node: cst.FormattedString) -> None:  # noqa: N802
            self.around.pop()

        def visit_SimpleString(self, node: cst.SimpleString) -> None:  # noqa: N802
            quote = node.quote
            if quote not in self.around or quote not in _OTHER or _OTHER[quote] in node.raw_value:
                return
            span = self.get_metadata(ByteSpanPositionProvider, node)
            turned = f"{node.prefix}{_OTHER[quote]}{node.raw_value}{_OTHER[quote]}"
            self.found.append((span.start, span.length, turned))

    try:
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    except (cst.ParserSyntaxError, cst.CSTValidationError) as error:
        raise SyntaxError(str(error)) from error
    inner = Inner()
    wrapper.visit(inner)
    data = bytearray(text.encode("utf-8"))
    for start, length, turned in sorted(inner.found, reverse=True):
        data[start : start + length] = turned.encode("utf-8")
    return data.decode("utf-8")
