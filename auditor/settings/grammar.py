"""Shell grammar: tokens into commands, loops, branches and functions.

Tolerant on purpose: what is left open ends with the text, a stray ``done`` or ``fi`` is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from auditor.settings.words import Piece, Token, Word, plain, tokenize

_MAX_DEPTH = 40
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=")
_CLOSERS = frozenset({"done", "fi", "esac", "}", "then", "do", "else", "elif", ";;"})


@dataclass(frozen=True)
class Assignment:
    """``name=value``; ``items`` instead of ``value`` for an array, ``append`` for ``+=``."""

    name: str
    value: Word
    line: int
    append: bool = False
    items: tuple[Word, ...] | None = None


@dataclass(frozen=True)
class Simple:
    """One command: assignments before it, its words, and the text that is fed to it."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    line: int
    heredocs: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Test:
    """``[[ … ]]``; ``words`` is None when the condition is compound."""

    words: tuple[Word, ...] | None


@dataclass(frozen=True)
class Loop:
    """``for`` (with ``items``) or ``while``/``until`` (without)."""

    variable: str | None
    items: tuple[Word, ...]
    body: Block


@dataclass(frozen=True)
class Branch:
    """``if``: conditions with their blocks, then the ``else`` block."""

    arms: tuple[tuple[Block, Block], ...]
    otherwise: Block


@dataclass(frozen=True)
class Case:
    """``case word in pattern) block ;; esac``."""

    word: Word
    arms: tuple[tuple[tuple[Word, ...], Block], ...]


@dataclass(frozen=True)
class Function:
    """A function's definition."""

    name: str
    body: Block


@dataclass(frozen=True)
class Group:
    """``{ … }`` or ``( … )``; a subshell's settings end with it."""

    body: Block
    subshell: bool


Node: TypeAlias = Simple | Test | Loop | Branch | Case | Function | Group
Block: TypeAlias = tuple[tuple[str, Node], ...]
"""Commands, each with what joins it to the one before: ``&&``, ``||`` or ``;`` (anything else)."""


def parse(text: str, first_line: int = 1) -> Block:
    """Return the commands of shell text; never fails."""
    return _Parser(tokenize(text, first_line)).program()


@dataclass
class _Parser:
    tokens: tuple[Token, ...]
    at: int = 0
    depth: int = 0
    nodes: list[tuple[str, Node]] = field(default_factory=list)

    def program(self) -> Block:
        found: list[tuple[str, Node]] = []
        while self.at < len(self.tokens):
            before = self.at
            found.extend(self.block(()))
            if self.at == before or self.at < len(self.tokens):
                self.at += 1  # a closing word with nothing open
        return tuple(found)

    def _peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _keyword(self) -> str:
        token = self._peek()
        if token is None:
            return ""
        if token.kind == "word":
            return plain(token.word) or ""
        return token.text if token.kind == "operator" else ""

    def _skip_newlines(self) -> None:
        while self._keyword() in ("\n", ";"):
            self.at += 1

    def block(self, closers: tuple[str, ...]) -> Block:
        """Read commands up to a closing word, which is left in place."""
        self.depth += 1
        found: list[tuple[str, Node]] = []
        joint = ";"
        while (token := self._peek()) is not None:
            keyword = self._keyword()
            if keyword in closers or (keyword in _CLOSERS and self.depth > 1):
                break
            if keyword in _CLOSERS or (keyword == ")" and self.depth == 1):
                self.at += 1
                continue
            if keyword == ")":
                break
            if token.kind == "operator" and keyword != "(":
                joint = keyword if keyword in ("&&", "||") else (joint if keyword == "\n" else ";")
                self.at += 1
                continue
            before = self.at
            node = self._command(keyword)
            if node is not None:
                found.append((joint, node))
                joint = ";"
            if self.at == before:
                self.at += 1
        self.depth -= 1
        return tuple(found)

    def _command(self, keyword: str) -> Node | None:
        if self.depth < _MAX_DEPTH:
            match keyword:
                case "if":
                    return self._branch()
                case "for" | "select":
                    return self._for()
                case "while" | "until":
                    self.at += 1
                    self.block(("do",))
                    return Loop(None, (), self._body("do", "done"))
                case "case":
                    return self._case()
                case "function":
                    self.at += 1
                    return self._function()
                case "{":
                    return Group(self._body("{", "}"), subshell=False)
                case "(":
                    return Group(self._body("(", ")"), subshell=True)
                case "[[":
                    return self._test()
                case "!" | "time":
                    self.at += 1
                    return None
            if self._is_function():
                return self._function()
        return self._simple()

    def _body(self, opening: str, closing: str) -> Block:
        if self._keyword() == opening:
            self.at += 1
        body = self.block((closing,))
        if self._keyword() == closing:
            self.at += 1
        return body

    def _branch(self) -> Branch:
        arms: list[tuple[Block, Block]] = []
        otherwise: Block = ()
        while self._keyword() in ("if", "elif"):
            self.at += 1
            condition = self.block(("then",))
            if self._keyword() == "then":
                self.at += 1
            arms.append((condition, self.block(("elif", "else", "fi"))))
        if self._keyword() == "else":
            self.at += 1
            otherwise = self.block(("fi",))
        if self._keyword() == "fi":
            self.at += 1
        return Branch(tuple(arms), otherwise)

    def _for(self) -> Loop:
        self.at += 1
        variable = self._keyword()
        items: list[Word] = []
        while (token := self._peek()) is not None and self._keyword() not in ("do", "\n", ";"):
            if token.kind == "word":
                items.append(token.word)
            self.at += 1
        self._skip_newlines()
        named = [plain(word) for word in items[1:2]] == ["in"]
        return Loop(variable if named else None, tuple(items[2:]) if named else (), self._body("do", "done"))

    def _case(self) -> Case:
        self.at += 1
        token = self._peek()
        word = token.word if token is not None else ()
        self.at += 1
        self._skip_newlines()
        if self._keyword() == "in":
            self.at += 1
        arms: list[tuple[tuple[Word, ...], Block]] = []
        while self._peek() is not None:
            self._skip_newlines()
            if self._keyword() == "esac":
                self.at += 1
                break
            patterns: list[Word] = []
            while (token := self._peek()) is not None and self._keyword() != ")":
                if token.kind == "word":
                    patterns.append(token.word)
                self.at += 1
            self.at += 1
            arms.append((tuple(patterns), self.block((";;", "esac"))))
            if self._keyword() == ";;":
                self.at += 1
        return Case(word, tuple(arms))

    def _is_function(self) -> bool:
        following = self.tokens[self.at + 1 : self.at + 3]
        return (
            self.tokens[self.at].kind == "word"
            and [token.text for token in following] == ["(", ")"]
            and all(token.kind == "operator" for token in following)
        )

    def _function(self) -> Function | None:
        name = self._keyword()
        self.at += 1
        while self._keyword() in ("(", ")"):
            self.at += 1
        self._skip_newlines()
        return Function(name, self._body("{", "}"))

    def _test(self) -> Test:
        self.at += 1
        words: list[Word] | None = []
        while (token := self._peek()) is not None:
            self.at += 1
            if token.kind == "word":
                if plain(token.word) == "]]":
                    break
                if words is not None:
                    words.append(token.word)
            elif token.kind == "operator" and token.text == "\n":
                break
            else:
                words = None
        return Test(None if words is None else tuple(words))

    def _simple(self) -> Simple | None:
        start = self.tokens[self.at]
        assignments: list[Assignment] = []
        words: list[Word] = []
        heredocs: list[tuple[str, int]] = []
        while (token := self._peek()) is not None:
            if token.kind == "operator":
                break
            self.at += 1
            if token.kind == "redirect":
                following = self._peek()
                if following is not None and following.kind == "word":
                    self.at += 1
            elif token.kind == "word":
                assignment = as_assignment(token.word, token.line)
                if assignment is None or words:
                    words.append(token.word)
                elif not assignment.value and self._keyword() == "(":
                    assignments.append(self._array(assignment))
                else:
                    assignments.append(assignment)
        # A here-document's body follows the end of the line that opened it.
        ahead = self.at
        while ahead < len(self.tokens) and self.tokens[ahead].text != "\n" and ahead - self.at < 32:
            ahead += 1
        ahead += 1
        while ahead < len(self.tokens) and self.tokens[ahead].kind == "heredoc":
            heredocs.append((self.tokens[ahead].text, self.tokens[ahead].line))
            ahead += 1
        if not words and not assignments:
            return None
        return Simple(tuple(assignments), tuple(words), start.line, tuple(heredocs))

    def _array(self, assignment: Assignment) -> Assignment:
        self.at += 1
        items: list[Word] = []
        while (token := self._peek()) is not None:
            self.at += 1
            if token.kind == "word":
                items.append(token.word)
            elif token.text == ")":
                break
        return Assignment(assignment.name, (), assignment.line, assignment.append, tuple(items))


def as_assignment(word: Word, line: int) -> Assignment | None:
    """Return a word such as ``name=value`` as an assignment; None when it is another word."""
    if not word or word[0].kind != "text" or word[0].quoted:
        return None
    match = _ASSIGNMENT.match(word[0].text)
    if match is None:
        return None
    rest = word[0].text[match.end() :]
    value = ((Piece("text", rest),) if rest else ()) + word[1:]
    return Assignment(match[1], value, line, append=bool(match[2]))
