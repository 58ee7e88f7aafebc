"""Shell words: text as it is typed, cut into tokens whose variables are still to be filled in.

The lexer accepts what people write in a README as readily as a real script: an unclosed quote is a
character, ``<seed>`` is a placeholder and not a redirection. It reads every character a bounded
number of times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

UNKNOWN = "\0"
"""Stands inside a value for a part that cannot be known without running something."""

_MAX_NESTING = 8  # of ``${A:-${B:-…}}``
_REACH = 4096  # characters: how far a ``${`` or ``$(`` is searched for its end
_PATIENCE = 1_000_000  # characters searched in vain before brackets are no longer matched
_PLAIN = re.compile(r"[^\s\\'\"$`#|&;()<>]+")
_NAME = re.compile(r"[A-Za-z_]\w*")
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w .|/-]{0,40}>")
_HEREDOC = re.compile(r"<<-?[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([\w.-]+))")
_REDIRECT = re.compile(r"&>>?|<<<|[<>]&|>>|>\||<>|[<>]")
_OPERATOR = re.compile(r";;|&&|\|\||\|&|[;&|()\n]")
_PARAMETER = re.compile(r"(\w+|[@*#?])(\[[@*]\])?(?:(:?[-=+?])(.*))?", re.S)


@dataclass(frozen=True)
class Piece:
    """Part of a word: fixed text, a variable with what replaces it when unset, or something unknowable."""

    kind: Literal["text", "variable", "unknown"]
    text: str = ""  # the text, or the variable's name
    quoted: bool = False
    operator: str = ""  # of ``${name<operator>alternative}``
    alternative: Word = ()


Word: TypeAlias = tuple[Piece, ...]


@dataclass(frozen=True)
class Token:
    """A word, an operator, a redirection (to be ignored with its word), or a here-document's body."""

    kind: Literal["word", "operator", "redirect", "heredoc"]
    line: int
    text: str = ""
    word: Word = ()


def plain(word: Word) -> str | None:
    """Return an unquoted word without variables as text; None for any other word."""
    if len(word) == 1 and word[0].kind == "text" and not word[0].quoted:
        return word[0].text
    return None


def tokenize(text: str, first_line: int = 1) -> tuple[Token, ...]:
    """Return the tokens of shell text; never fails. ``first_line`` numbers the first line."""
    return _Lexer(text, first_line, 0).tokens()


class _Lexer:
    def __init__(self, text: str, line: int, nesting: int) -> None:
        self.text = text
        self.at = 0
        self.line = line
        self.nesting = nesting
        self.patience = _PATIENCE

    def tokens(self) -> tuple[Token, ...]:
        text, end = self.text, len(self.text)
        found: list[Token] = []
        pending: list[str] = []
        while self.at < end:
            char = text[self.at]
            if char == "\n":
                found.append(Token("operator", self.line, "\n"))
                self.at += 1
                self.line += 1
                for delimiter in pending:
                    found.append(Token("heredoc", self.line, self._heredoc(delimiter)))
                pending.clear()
            elif char.isspace():
                self.at += 1
            elif text.startswith("\\\n", self.at):
                self.at += 2
                self.line += 1
            elif char == "#":
                newline = text.find("\n", self.at)
                self.at = end if newline < 0 else newline
            elif match := _HEREDOC.match(text, self.at):
                pending.append(match[1] or match[2] or match[3])
                self.at = match.end()
            elif _PLACEHOLDER.match(text, self.at):
                found.append(Token("word", self.line, word=self._word(toplevel=True)))
            elif text.startswith(("<(", ">("), self.at):
                self.at += 1
                self._skip_parentheses()
                found.append(Token("word", self.line, word=(Piece("unknown"),)))
            elif match := _REDIRECT.match(text, self.at):
                self.at = match.end()
                found.append(Token("redirect", self.line, match[0]))
            elif match := _OPERATOR.match(text, self.at):
                self.at = match.end()
                found.append(Token("operator", self.line, match[0]))
            else:
                line = self.line
                word = self._word(toplevel=True)
                following = text[self.at : self.at + 1]
                if following in ("<", ">") and (plain(word) or "").isdigit():
                    continue  # a file descriptor: part of the redirection that follows
                found.append(Token("word", line, word=word))
        return tuple(found)

    def _heredoc(self, delimiter: str) -> str:
        start = self.at
        while self.at < len(self.text):
            newline = self.text.find("\n", self.at)
            stop = len(self.text) if newline < 0 else newline
            line_start, self.at = self.at, min(stop + 1, len(self.text))
            self.line += 1
            if self.text[line_start:stop].strip() == delimiter:
                return self.text[start:line_start]
        return self.text[start:]

    def whole(self) -> Word:
        """Read everything that is left as one word (the alternative of a parameter expansion)."""
        pieces: list[Piece] = []
        while self.at < len(self.text):
            before = self.at
            pieces.extend(self._word(toplevel=False))
            if self.at == before:
                pieces.append(Piece("text", self.text[before]))
                self.at += 1
        return tuple(pieces)

    def _word(self, toplevel: bool) -> Word:
        text, end = self.text, len(self.text)
        pieces: list[Piece] = []
        start = self.at
        while self.at < end:
            char = text[self.at]
            if match := _PLAIN.match(text, self.at):
                self.at = match.end()
                pieces.append(Piece("text", match[0]))
            elif char == "#" and self.at > start:
                self.at += 1
                pieces.append(Piece("text", "#"))
            elif char == "\\":
                following = text[self.at + 1 : self.at + 2]
                self.at += 2
                if following == "\n":
                    self.line += 1
                    continue
                pieces.append(Piece("text", following, quoted=True))
            elif char == "'":
                pieces.append(self._single())
            elif char == '"':
                pieces.extend(self._double())
            elif char == "$":
                pieces.append(self._dollar(quoted=False))
            elif char == "`":
                pieces.append(self._backtick())
            elif match := _PLACEHOLDER.match(text, self.at):
                self.at = match.end()
                pieces.append(Piece("unknown"))
            elif not toplevel and not char.isspace():
                self.at += 1
                pieces.append(Piece("text", char))
            else:
                break
        return _join(pieces)

    def _single(self) -> Piece:
        close = self.text.find("'", self.at + 1)
        if close < 0:
            self.at += 1
            return Piece("text", "'")
        inner = self.text[self.at + 1 : close]
        self.line += inner.count("\n")
        self.at = close + 1
        return Piece("text", inner, quoted=True)

    def _double(self) -> list[Piece]:
        text, end = self.text, len(self.text)
        start, line = self.at, self.line
        self.at += 1
        pieces: list[Piece] = []
        run: list[str] = []
        while self.at < end:
            char = text[self.at]
            if char == '"':
                self.at += 1
                pieces.append(Piece("text", "".join(run), quoted=True))
                return pieces
            if char == "\\" and self.at + 1 < end:
                following = text[self.at + 1]
                if following == "\n":
                    self.line += 1
                else:
                    run.append(following if following in '"\\$`' else "\\" + following)
                self.at += 2
            elif char in "$`":
                pieces.append(Piece("text", "".join(run), quoted=True))
                run.clear()
                pieces.append(self._dollar(quoted=True) if char == "$" else self._backtick())
            else:
                self.line += char == "\n"
                run.append(char)
                self.at += 1
        self.at, self.line = start + 1, line
        return [Piece("text", '"')]

    def _backtick(self) -> Piece:
        close = self.text.find("`", self.at + 1)
        if close < 0:
            self.at += 1
            return Piece("text", "`")
        self.line += self.text.count("\n", self.at, close)
        self.at = close + 1
        return Piece("unknown")

    def _dollar(self, quoted: bool) -> Piece:
        text = self.text
        following = text[self.at + 1 : self.at + 2]
        if following == "(":
            self.at += 1
            self._skip_parentheses()
            return Piece("unknown")
        if following == "{":
            return self._parameter(quoted)
        if match := _NAME.match(text, self.at + 1):
            self.at = match.end()
            return Piece("variable", match[0], quoted)
        if following and following in "@*#?!$-0123456789":
            self.at += 2
            return Piece("variable", following, quoted)
        self.at += 1
        return Piece("text", "$", quoted)

    def _parameter(self, quoted: bool) -> Piece:
        start = self.at + 2
        close = self._matching(start, "{", "}")
        if close < 0:
            self.at = start
            return Piece("unknown")
        inner = self.text[start:close]
        line = self.line
        self.line += inner.count("\n")
        self.at = close + 1
        match = _PARAMETER.fullmatch(inner)
        if match is None or self.nesting >= _MAX_NESTING:
            return Piece("unknown")
        alternative = _Lexer(match[4], line, self.nesting + 1).whole() if match[4] else ()
        name = match[1] + ("[@]" if match[2] else "")
        return Piece("variable", name, quoted, match[3] or "", alternative)

    def _skip_parentheses(self) -> None:
        close = self._matching(self.at + 1, "(", ")")
        if close < 0:
            newline = self.text.find("\n", self.at)
            close = (len(self.text) if newline < 0 else newline) - 1
        self.line += self.text.count("\n", self.at, close + 1)
        self.at = close + 1

    def _matching(self, at: int, opening: str, closing: str) -> int:
        """Return where the bracket opened just before ``at`` closes, or -1 when that is not near."""
        depth = 1
        end = min(len(self.text), at + _REACH, at + self.patience)
        for index in range(at, end):
            char = self.text[index]
            if char == opening:
                depth += 1
            elif char == closing:
                depth -= 1
                if depth == 0:
                    return index
        self.patience -= max(end - at, 0)
        return -1


def _join(pieces: list[Piece]) -> Word:
    """Merge neighbouring pieces of plain text, so that a keyword is one piece."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and piece.kind == last.kind == "text" and piece.quoted == last.quoted:
            joined[-1] = Piece("text", last.text + piece.text, piece.quoted)
        else:
            joined.append(piece)
    return tuple(joined)


_MAX_FIELDS = 500
_MAX_VALUE = 4096  # characters; also what stops ``A=$A$A`` from growing without end


def expand(word: Word, read: Callable[[Piece], tuple[str, ...]]) -> tuple[str, ...]:
    """Return the fields that a word becomes; ``read`` gives a variable's value (several for an array).

    An unquoted value falls apart at its blanks, as in a shell. Parts that are not known show as
    :data:`UNKNOWN`. A word that vanishes (an empty unquoted variable) gives no field.
    """
    fields: list[str] = []
    current: str | None = None
    for piece in word:
        if len(fields) > _MAX_FIELDS or len(current or "") > _MAX_VALUE:
            break
        if piece.kind != "variable":
            current = (current or "") + (UNKNOWN if piece.kind == "unknown" else piece.text)
            continue
        values = read(piece)
        parts = list(values) if piece.quoted else [part for value in values for part in value.split()]
        if not parts:
            if piece.quoted and not piece.text.startswith(("@", "*")) and "[" not in piece.text:
                current = current or ""
            continue
        current = (current or "") + parts[0]
        for part in parts[1:]:
            fields.append(current[:_MAX_VALUE])
            current = part
    if current is not None:
        fields.append(current[:_MAX_VALUE])
    return tuple(fields)


def expand_value(word: Word, read: Callable[[Piece], tuple[str, ...]]) -> str:
    """Return what a word becomes on the right of ``=``, where nothing is split."""
    parts: list[str] = []
    length = 0
    for piece in word:
        if length > _MAX_VALUE:
            break
        if piece.kind == "variable":
            parts.append(" ".join(read(piece)))
        else:
            parts.append(UNKNOWN if piece.kind == "unknown" else piece.text)
        length += len(parts[-1])
    return "".join(parts)[:_MAX_VALUE]
