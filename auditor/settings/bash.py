"""Bash, parsed with tree-sitter's grammar and lowered to :mod:`auditor.settings.syntax`.

The grammar recovers from whatever it can't read. What it could not read is read again line by line, so that a
document's loose ends cost the line in which they stand and no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from auditor.settings.syntax import (
    Assignment,
    Block,
    Branch,
    Case,
    Declare,
    Function,
    Group,
    Loop,
    Node,
    Redirect,
    Simple,
    Test,
    Word,
)
from auditor.settings.tidy import as_meant
from auditor.settings.words import command_name, tested, text_of, word_of

if TYPE_CHECKING:
    import tree_sitter

_MOST_WORDS = 1_500  # of a command, and assignments before it
_MAX_DEPTH = 60  # compound commands inside each other
_PORTION = 256  # bytes that the parser is handed at a time
_REREAD = 5  # how often, on average, it may ask for a portion: recovering from hostile text it asks without end
_LEAST_REQUESTS = 1_000
_MOST_LINES = 2_000  # logical lines that are read one by one
_STATEMENTS = frozenset(
    {"command", "declaration_command", "unset_command", "redirected_statement", "pipeline", "list", "negated_command"}
    | {"variable_assignment", "variable_assignments", "test_command", "for_statement", "c_style_for_statement"}
    | {"while_statement", "if_statement", "case_statement", "function_definition", "compound_statement", "subshell"}
)
_QUOTES = "\"'`"


@lru_cache(maxsize=128)  # many scripts of a folder start or read the same ones
def parse(text: str, first_line: int = 1) -> Block:
    """Return the commands of shell text; never fails. ``first_line`` numbers the first line."""
    return _parse(as_meant(text), first_line, whole=True)


def _parse(text: str, line: int, *, whole: bool) -> Block:
    root = _tree(text.encode("utf-8", "replace"))
    if root is None and not whole:
        return ()
    if root is None or (root.type == "ERROR" and whole):
        return _line_by_line(text, line)
    return _Lowering(line, whole=whole).block([root] if root.type == "ERROR" else root.children)


@lru_cache(maxsize=1)
def _language() -> tree_sitter.Language:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Language(tree_sitter_bash.language())


def _tree(data: bytes) -> tree_sitter.Node | None:
    """Return the root of the syntax tree, None where making it would take more than so many looks at the text."""
    import tree_sitter

    left = max(_LEAST_REQUESTS, _REREAD * (len(data) // _PORTION))

    def portion(offset: int, _: object) -> bytes:
        nonlocal left
        left -= 1
        return data[offset : offset + _PORTION] if left >= 0 else b""

    tree_sitter.Parser(_language()).parse(portion)
    if left < 0:
        return None
    # Nodes of a tree that was read in portions ask for them again when they are asked for their text.
    return tree_sitter.Parser(_language()).parse(data).root_node


def _line_by_line(text: str, first: int) -> Block:
    found: list[tuple[str, Node]] = []
    for line, logical in _logical_lines(text, first):
        if logical.strip():
            found.extend(_parse(_mended(logical), line, whole=False))
    return tuple(found)


def _logical_lines(text: str, first: int) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers, continued ones together."""
    pending: list[str] = []
    start = first
    for number, line in enumerate(text.split("\n")[:_MOST_LINES], first):
        start = start if pending else number
        pending.append(line)
        if not line.endswith("\\") or len(pending) > 200:
            yield start, "\n".join(pending)
            pending = []
    if pending:
        yield start, "\n".join(pending)


def _mended(line: str) -> str:
    """Return a line in which quotes without a partner stand for themselves."""
    for quote in _QUOTES:
        if line.replace("\\" + quote, "").count(quote) % 2:
            at = line.rfind(quote)
            line = line[:at] + "\\" + line[at:]
    return line


class _Lowering:
    """Lowers a tree whose first line has the number ``line``; not ``whole``: the text is one line of a larger one."""

    def __init__(self, line: int, *, whole: bool) -> None:
        self.line = line
        self.whole = whole
        self.depth = 0

    def block(self, nodes: list[tree_sitter.Node]) -> Block:
        """Return the commands among ``nodes``."""
        self.depth += 1
        found: list[tuple[str, Node]] = []
        if self.depth <= _MAX_DEPTH:
            for node in nodes:
                if node.type == "ERROR":
                    found.extend(self._unread(node))
                elif node.type in _STATEMENTS:
                    found.extend(self._statement(node, ";"))
        self.depth -= 1
        return tuple(found)

    def _unread(self, node: tree_sitter.Node) -> Block:
        """Return what can be read of a part that the grammar couldn't read."""
        if self.whole:
            return _line_by_line(text_of(node), self._at(node))
        inner = [child for child in node.children if child.type in _STATEMENTS or child.type == "ERROR"]
        words = [child for child in node.children if child.type not in _STATEMENTS and child.is_named]
        if not inner and words:  # the words of a command that something behind them spoiled
            return self._words(node, words)
        return self.block(inner)

    def _words(self, node: tree_sitter.Node, children: list[tree_sitter.Node]) -> Block:
        given: list[Assignment] = []
        words: list[Word] = []
        for child in children:
            assignment = self._assignment(child) if not words else None
            if assignment is not None:
                given.append(assignment)
            elif child.type != "file_redirect":
                words.append(word_of(child))
        return ((";", Simple(tuple(given), tuple(words), self._at(node))),) if words or given else ()

    def _at(self, node: tree_sitter.Node) -> int:
        return self.line + node.start_point[0]

    def _statement(self, node: tree_sitter.Node, joint: str) -> Iterator[tuple[str, Node]]:
        if node.type in ("list", "pipeline"):
            yield from self._joined(node, joint)
        elif node.type == "negated_command":
            for child in node.named_children:
                if child.type in _STATEMENTS:
                    yield from self._statement(child, joint)
        elif node.type == "redirected_statement":
            yield from self._redirected(node, joint)
        elif node.type == "command" and (end := _line_end(node)) is not None:
            # Several assignments and a remark: the grammar may take the lines below for words of the same command.
            yield joint, self._command(node, end)
            rest = (node.text or b"")[node.children[end].start_byte - node.start_byte :].decode("utf-8", "replace")
            yield from _parse(rest, self._at(node.children[end]), whole=self.whole)
        else:
            lowered = self._single(node)
            if lowered is not None:
                yield joint, lowered

    def _joined(self, node: tree_sitter.Node, joint: str) -> Iterator[tuple[str, Node]]:
        # The grammar nests ``a && b && c`` to the left, as deep as it is long.
        parts: list[tuple[str, tree_sitter.Node]] = []
        pending: list[tuple[str, tree_sitter.Node]] = [(joint, node)]
        while pending:
            before, current = pending.pop()
            if current.type not in ("list", "pipeline"):
                parts.append((before, current))
                continue
            inner: list[tuple[str, tree_sitter.Node]] = []
            for child in current.children:
                if child.type in ("&&", "||", "|", "|&", "&", ";", "\n"):
                    before = {"|&": "|"}.get(child.type, child.type if child.type in ("&&", "||", "|") else ";")
                else:
                    inner.append((before, child))
                    before = ";"
            pending.extend(reversed(inner))
        for before, part in parts:
            if part.type == "ERROR":
                yield from self._unread(part)
            elif part.type in _STATEMENTS:
                yield from self._statement(part, before)

    def _redirected(self, node: tree_sitter.Node, joint: str) -> Iterator[tuple[str, Node]]:
        body = node.child_by_field_name("body")
        redirects, words, heredocs, rest = self._redirections(node)
        lowered = list(self._statement(body, joint)) if body is not None and body.type in _STATEMENTS else []
        last = lowered.pop() if lowered else (joint, Simple((), (), self._at(node)))
        command = last[1]
        if isinstance(command, Simple):
            command = Simple(
                command.assignments,
                command.words + words,
                command.line,
                command.redirects + redirects,
                command.heredocs + heredocs,
            )
        yield from lowered
        yield last[0], command
        yield from rest

    def _redirections(
        self, node: tree_sitter.Node
    ) -> tuple[tuple[Redirect, ...], tuple[Word, ...], tuple[tuple[str, int], ...], list[tuple[str, Node]]]:
        """Return a command's redirections, the words that the grammar counts to them, here-documents and what follows.

        Of ``> log.txt --seed 7`` the grammar makes three files; a shell makes one, and the rest is the command's.
        """
        redirects: list[Redirect] = []
        words: list[Word] = []
        heredocs: list[tuple[str, int]] = []
        rest: list[tuple[str, Node]] = []
        pending = [child for child in node.children if child.type.endswith("_redirect") or child.type == "ERROR"]
        while pending:
            child = pending.pop(0)
            if child.type == "ERROR":
                rest.extend(self._unread(child))
            elif child.type == "heredoc_redirect":
                for inner in child.children:
                    if inner.type == "heredoc_body":
                        heredocs.append((text_of(inner), self._at(inner)))
                    elif inner.type.endswith("_redirect"):
                        pending.append(inner)
                    elif inner.type == "pipeline":
                        rest.extend(self._statement(inner, "|"))
                    elif inner.type in _STATEMENTS:
                        rest.extend(self._statement(inner, ";"))
                    elif inner.is_named and not inner.type.startswith("heredoc_"):
                        words.append(word_of(inner))
            elif child.type == "file_redirect":
                operator = next((c.type for c in child.children if not c.is_named), ">")
                targets = [word_of(c) for c in child.named_children if c.type != "file_descriptor"]
                redirects.extend(Redirect(operator, target) for target in targets[:1])
                words.extend(targets[1:])
        return tuple(redirects), tuple(words), tuple(heredocs), rest

    def _single(self, node: tree_sitter.Node) -> Node | None:
        match node.type:
            case "command":
                return self._command(node)
            case "variable_assignment" | "variable_assignments":
                parts = [node] if node.type == "variable_assignment" else node.children[:_MOST_WORDS]
                given = tuple(a for part in parts if (a := self._assignment(part)) is not None)
                return Simple(given, (), self._at(node)) if given else None
            case "declaration_command":
                items = [self._assignment(c) or word_of(c) for c in node.named_children]
                return Declare(node.children[0].type, tuple(items), self._at(node))
            case "unset_command":
                return Simple((), tuple(word_of(c) for c in node.children), self._at(node))
            case "test_command":
                return Test(tested(node))
            case "for_statement":
                return self._for(node)
            case "while_statement" | "c_style_for_statement":
                body = next((c for c in node.children if c.type in ("do_group", "compound_statement")), None)
                return Loop(None, (), self.block(body.children) if body is not None else ())
            case "if_statement":
                return self._if(node)
            case "case_statement":
                return self._case(node)
            case "function_definition":
                name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
                inner = self.block(body.children) if body is not None else ()
                return Function(text_of(name) if name is not None else "", inner)
            case "compound_statement" | "subshell":
                return Group(self.block(node.children), subshell=node.type == "subshell")
        return None

    def _command(self, node: tree_sitter.Node, end: int | None = None) -> Simple:
        given: list[Assignment] = []
        words: list[Word] = []
        for child in node.children[: min(end or _MOST_WORDS, _MOST_WORDS)]:
            if child.type.endswith("_redirect") or child.type in ("ERROR", "comment"):
                continue
            assignment = self._assignment(child) if not words else None
            if assignment is not None:
                given.append(assignment)
            elif child.type == "command_name" and child.named_children:
                words.extend(command_name(child.named_children[0]))
            else:
                words.append(word_of(child))
        redirects, more, heredocs, _ = self._redirections(node)
        return Simple(tuple(given), (*words, *more), self._at(node), redirects, heredocs)

    def _assignment(self, node: tree_sitter.Node) -> Assignment | None:
        if node.type != "variable_assignment":
            return None
        name = node.child_by_field_name("name")
        if name is None or name.type != "variable_name":
            return None
        append = any(child.type == "+=" for child in node.children)
        value = node.child_by_field_name("value")
        if value is not None and value.type == "array":
            items = tuple(word_of(child) for child in value.named_children if child.type != "comment")
            return Assignment(text_of(name), (), self._at(node), append, items)
        return Assignment(text_of(name), word_of(value) if value is not None else (), self._at(node), append)

    def _for(self, node: tree_sitter.Node) -> Loop:
        variable = node.child_by_field_name("variable")
        items = tuple(word_of(child) for child in node.children_by_field_name("value"))
        body = node.child_by_field_name("body")
        named = text_of(variable) if variable is not None and any(c.type == "in" for c in node.children) else None
        return Loop(named, items, self.block(body.children) if body is not None else (), self._at(node))

    def _if(self, node: tree_sitter.Node) -> Branch:
        arms: list[tuple[Block, Block]] = []
        otherwise: Block = ()
        for part in (node, *(c for c in node.children if c.type in ("elif_clause", "else_clause"))):
            inner = [c for c in part.children if c.type not in ("elif_clause", "else_clause")]
            if part.type == "else_clause":
                otherwise = self.block(inner)
                continue
            then = next((at for at, child in enumerate(inner) if child.type == "then"), len(inner))
            arms.append((self.block(inner[:then]), self.block(inner[then:])))
        return Branch(tuple(arms), otherwise)

    def _case(self, node: tree_sitter.Node) -> Case:
        value = node.child_by_field_name("value")
        arms: list[tuple[tuple[Word, ...], Block]] = []
        for item in (c for c in node.children if c.type == "case_item"):
            patterns = tuple(word_of(c) for c in item.children_by_field_name("value"))
            close = next((at for at, child in enumerate(item.children) if child.type == ")"), 0)
            arms.append((patterns, self.block(item.children[close:])))
        return Case(word_of(value) if value is not None else (), tuple(arms))


def _line_end(node: tree_sitter.Node) -> int | None:
    """Return the first child of a command that stands on a line of its own, None where all belong together."""
    data, start = node.text or b"", node.start_byte
    for at, (before, child) in enumerate(pairwise(node.children), 1):
        gap = data[before.end_byte - start : child.start_byte - start]
        if b"\n" in gap.replace(b"\\\n", b"") and child.type != "heredoc_redirect":
            return at
    return None
