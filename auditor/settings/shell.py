"""What shell text would start, and with which environment, found by walking it without running anything.

Values that depend on the machine or on the caller stay unknown. A branch is followed when its test is
known and otherwise both ways; what the ways disagree on is unknown afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TypeAlias

from auditor.settings.grammar import (
    Assignment,
    Block,
    Branch,
    Case,
    Function,
    Group,
    Loop,
    Node,
    Simple,
    Test,
    as_assignment,
    parse,
)
from auditor.settings.words import UNKNOWN, Piece, expand, expand_value

_MAX_NODES = 10_000
_MAX_NESTING = 80  # blocks inside each other, whatever opens them
_MAX_WORDS = 600
_MAX_DEPTH = 12  # scripts, functions and here-documents inside each other
_MAX_LAUNCHES = 200
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "source", ".", "sbatch", "qsub", "bsub"})
_DECLARING = frozenset({"export", "declare", "typeset", "local", "readonly"})
_WRAPPERS = frozenset(
    {
        "env", "sudo", "nohup", "exec", "command", "builtin", "stdbuf", "timeout", "gtimeout", "nice",
        "ionice", "numactl", "taskset", "srun", "mpirun", "mpiexec", "setsid", "unbuffer", "chrt", "time",
        "caffeinate", "singularity", "apptainer", "uv", "uvx", "poetry", "pipenv", "conda", "mamba", "pixi",
        "run", "xargs", "then", "do", "&",
    }
)  # fmt: skip
_GIVEN = re.compile(r"([A-Za-z_]\w*)=")
_RUNNER = re.compile(r"(?:torchrun|python[\d.]*|pypy3?|py|accelerate|deepspeed|ipython|torchrun\.exe|modal)\Z")


@dataclass(frozen=True)
class Assigned:
    """A value and where it was given."""

    value: str
    path: str
    line: int


@dataclass(frozen=True)
class Launch:
    """A Python program being started: its words (a launcher such as ``torchrun`` first) and environment.

    ``environment`` holds what the text itself gives, not what the machine has; values may contain
    :data:`~auditor.settings.words.UNKNOWN`.
    """

    words: tuple[str, ...]
    environment: Mapping[str, Assigned]
    path: str
    line: int


@dataclass(frozen=True)
class Shell:
    """Shell text and what it may call: other run scripts by file name.

    ``exports_all``: plain assignments reach the program, as people mean them in a README.
    """

    text: str
    path: str
    line: int = 1
    scripts: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # name → (path, text)
    exports_all: bool = False
    environment: Mapping[str, Assigned] = field(default_factory=dict)


def launches(shell: Shell) -> tuple[Launch, ...]:
    """Return the Python programs that the text starts, in order; bounded, never fails."""
    return walk(shell)[0]


def walk(shell: Shell) -> tuple[tuple[Launch, ...], Mapping[str, Assigned]]:
    """Return what the text starts, and the environment that it leaves behind."""
    walker = _Walker(shell.scripts)
    start = _State(
        variables=dict(shell.environment),
        exported=set(shell.environment),
        exports_all=shell.exports_all,
        path=shell.path,
    )
    end = walker.run(parse(shell.text, shell.line), start) or start
    if not walker.launches:  # nothing calls them here, yet they say how the program is started
        for body in tuple(walker.functions.values()):
            walker.run(body, end.fork())
    return tuple(walker.launches), end.environment()


_Value: TypeAlias = Assigned | tuple[str, ...]


@dataclass
class _State:
    variables: dict[str, _Value]
    exported: set[str]
    exports_all: bool
    path: str
    positional: tuple[str, ...] = ()
    given_positional: bool = False  # inside a function: what is missing is empty, not unknown
    depth: int = 0

    def fork(self) -> _State:
        return replace(self, variables=dict(self.variables), exported=set(self.exported))

    def environment(self) -> dict[str, Assigned]:
        return {
            name: value
            for name, value in self.variables.items()
            if name in self.exported and isinstance(value, Assigned)
        }

    def read(self, piece: Piece) -> tuple[str, ...]:
        name = piece.text
        found: tuple[str, ...] | None
        if name in ("@", "*", "@[@]"):
            found = self.positional if self.given_positional else (UNKNOWN,)
        elif name.isdigit():
            index = int(name) - 1 if len(name) < 4 else -1
            found = (self.positional[index],) if 0 <= index < len(self.positional) else None
            if found is None and self.given_positional:
                found = ("",)
        elif name.endswith("[@]"):
            value = self.variables.get(name[:-3])
            found = value if isinstance(value, tuple) else (value.value,) if value else None
        else:
            value = self.variables.get(name)
            plain = (value.value,) if isinstance(value, Assigned) else None
            found = value[:1] if isinstance(value, tuple) else plain
        return self._or_alternative(piece, found)

    def _or_alternative(self, piece: Piece, found: tuple[str, ...] | None) -> tuple[str, ...]:
        if not piece.operator or piece.operator.endswith("?"):
            return (UNKNOWN,) if found is None else found
        colon = piece.operator.startswith(":")
        missing = found is None or (colon and found in ((), ("",)))
        if piece.operator.endswith("+"):
            return ("",) if missing else (expand_value(piece.alternative, self.read),)
        if not missing and found is not None:
            return found
        value = expand_value(piece.alternative, self.read)
        if piece.operator.endswith("="):
            self.variables[piece.text] = Assigned(value, self.path, 0)
        return (value,)


class _Walker:
    def __init__(self, scripts: Mapping[str, tuple[str, str]]) -> None:
        self.scripts = scripts
        self.launches: list[Launch] = []
        self.functions: dict[str, Block] = {}
        self.nodes = 0
        self.depth = 0

    def run(self, block: Block, state: _State) -> _State | None:
        """Walk a block, changing ``state``; returns None when it left the script or the limits."""
        self.depth += 1
        try:
            return self._run(block, state)
        finally:
            self.depth -= 1

    def _run(self, block: Block, state: _State) -> _State | None:
        known: bool | None = None  # the last test's result
        tested = False
        for joint, node in block:
            self.nodes += 1
            if self.nodes > _MAX_NODES or self.depth > _MAX_NESTING:
                return None
            if joint == "&&" and tested and known is False:
                continue
            if joint == "||" and not (tested and known is not True):
                continue
            doubtful = joint in ("&&", "||") and tested and known is None
            tested_now, result = self._test(node, state)
            if tested_now:
                tested, known = True, result
                continue
            if joint == ";":
                tested, known = False, None
            if doubtful:
                fork = state.fork()
                after = self._node(node, fork)
                if after is not None:
                    _adopt(state, _merge([state, after]))
                continue
            if self._node(node, state) is None:
                return None
        return state

    def _node(self, node: Node, state: _State) -> _State | None:
        match node:
            case Simple():
                return self._simple(node, state)
            case Group(body, subshell):
                if subshell:
                    self.run(body, state.fork())
                    return state
                return self.run(body, state)
            case Function(name, body):
                self.functions[name] = body
            case Loop(variable, items, body):
                if variable is not None:
                    values = [field for item in items for field in expand(item, state.read)]
                    state.variables[variable] = Assigned(values[0] if values else UNKNOWN, state.path, 0)
                self.run(body, state)  # once: the rounds differ in the seed
            case Branch():
                return self._branch(node, state)
            case Case():
                return self._case(node, state)
            case Test():
                pass
        return state

    def _branch(self, node: Branch, state: _State) -> _State | None:
        ways: list[_State | None] = []
        for condition, body in node.arms:
            result = self._condition(condition, state)
            if result is True:
                ways.append(self.run(body, state if not ways else state.fork()))
                break
            if result is None:
                ways.append(self.run(body, state.fork()))
        else:
            ways.append(self.run(node.otherwise, state if not ways else state.fork()))
        return _join_ways(state, ways)

    def _case(self, node: Case, state: _State) -> _State | None:
        word = expand_value(node.word, state.read)
        if UNKNOWN not in word:
            for patterns, body in node.arms:
                texts = [expand_value(pattern, state.read) for pattern in patterns]
                if any(fnmatchcase(word, text) for text in texts if text.count("*") < 4):
                    return self.run(body, state)
            return state
        ways: list[_State | None] = [state.fork()]
        ways.extend(self.run(body, state.fork()) for _, body in node.arms)
        return _join_ways(state, ways)

    def _condition(self, block: Block, state: _State) -> bool | None:
        if len(block) == 1:
            tested, result = self._test(block[0][1], state)
            if tested:
                return result
        self.run(block, state)
        return None

    def _test(self, node: Node, state: _State) -> tuple[bool, bool | None]:
        """Return whether the node is a test, and its result when that is known."""
        if isinstance(node, Test):
            words = node.words
        elif isinstance(node, Simple) and node.words and not node.assignments:
            first = expand_value(node.words[0], state.read)
            if first not in ("[", "test"):
                return False, None
            words = node.words[1:-1] if first == "[" else node.words[1:]
        else:
            return False, None
        return True, None if words is None else _evaluate([expand_value(word, state.read) for word in words])

    def _simple(self, node: Simple, state: _State) -> _State | None:
        given = [(item, self._value(item, state)) for item in node.assignments]
        words = [text for word in node.words[:_MAX_WORDS] for text in expand(word, state.read)][:_MAX_WORDS]
        if not words:
            for item, value in given:
                _assign(state, item.name, value, item.append)
                if state.exports_all:
                    state.exported.add(item.name)
            return state
        temporary = {item.name: value for item, value in given if isinstance(value, Assigned)}
        return self._command(node, words, temporary, state)

    def _value(self, item: Assignment, state: _State) -> _Value:
        if item.items is not None:
            return tuple(text for word in item.items for text in expand(word, state.read))[:_MAX_WORDS]
        return Assigned(expand_value(item.value, state.read), state.path, item.line)

    def _command(self, node: Simple, words: list[str], temporary: dict[str, Assigned], state: _State) -> _State | None:
        name = words[0].rsplit("/", 1)[-1]
        if name in _DECLARING:
            self._declare(name, node, state)
        elif name == "set":
            if "allexport" in words or any(re.fullmatch(r"-[a-z]*a[a-z]*", word) for word in words[1:]):
                state.exports_all = True
            elif "+a" in words:
                state.exports_all = False
        elif name == "unset":
            for word in words[1:]:
                state.variables.pop(word, None)
                state.exported.discard(word)
        elif name == "shift":
            count = int(words[1]) if len(words) > 1 and words[1].isdecimal() and len(words[1]) < 4 else 1
            state.positional = state.positional[count:]
        elif name in ("exit", "return"):
            return None
        elif words[0] in self.functions:
            self._call(self.functions[words[0]], words[1:], temporary, state)
        else:
            self._program(node, words, temporary, state)
        return state

    def _declare(self, name: str, node: Simple, state: _State) -> None:
        exporting = name == "export" or state.exports_all
        for word in node.words[1:]:
            item = as_assignment(word, node.line)
            texts = expand(word, state.read) if item is None else ()
            if item is not None:
                _assign(state, item.name, self._value(item, state), item.append)
            exporting = exporting or "-x" in texts
            if exporting:
                state.exported.update((item.name,) if item is not None else texts)

    def _call(self, body: Block, arguments: list[str], temporary: dict[str, Assigned], state: _State) -> None:
        if state.depth >= _MAX_DEPTH:
            return
        inside = replace(state, positional=tuple(arguments), given_positional=True, depth=state.depth + 1)
        before = {key: state.variables.get(key) for key in temporary}
        exported = set(state.exported)
        state.variables.update(temporary)
        state.exported.update(temporary)
        self.run(body, inside)
        _adopt(state, inside)  # what a function sets stays set
        for key, value in before.items():
            if value is None:
                state.variables.pop(key, None)
            else:
                state.variables[key] = value
            if key not in exported:
                state.exported.discard(key)

    def _program(self, node: Simple, words: list[str], temporary: dict[str, Assigned], state: _State) -> None:
        environment = state.environment() | temporary
        words = _unwrap(words, environment, state.path, node.line)
        if not words or state.depth >= _MAX_DEPTH:
            return
        name = words[0].rsplit("/", 1)[-1]
        script = next((word for word in words[1:] if not word.startswith("-")), "")
        if name in _SHELLS or (name.endswith((".sh", ".slurm", ".sbatch")) and name in self.scripts):
            self._script(name, words, script, environment, state)
            for body, line in node.heredocs if not script else ():
                self._nested(body, line, environment, state)
        elif name == "eval":
            self.run(parse(" ".join(words[1:]).replace(UNKNOWN, "?"), node.line), _deeper(state))
        elif name in ("cat", "tee", "ssh"):
            for body, line in node.heredocs:  # a script written out to be started later
                self._nested(body, line, environment, state)
        elif _starts_python(words) and len(self.launches) < _MAX_LAUNCHES:
            self.launches.append(Launch(tuple(words), environment, state.path, node.line))

    def _script(
        self, name: str, words: list[str], script: str, environment: dict[str, Assigned], state: _State
    ) -> None:
        if name in ("bash", "sh", "zsh") and any(re.fullmatch(r"-[a-z]*c", word) for word in words[1:]):
            text = words[-1] if words[-1] != script else script
            self._nested(text, 0, environment, state)
            return
        known = self.scripts.get((script if name in _SHELLS else name).rsplit("/", 1)[-1])
        if known is None:
            return
        path, text = known
        arguments = words[words.index(script) + 1 :] if name in _SHELLS else words[1:]
        inside = _State(
            variables=dict(environment),
            exported=set(environment),
            exports_all=False,
            path=path,
            positional=tuple(arguments),
            depth=state.depth + 1,
        )
        after = self.run(parse(text), inside)
        if name in ("source", ".") and after is not None:
            state.variables.update(after.variables)
            state.exported |= after.exported

    def _nested(self, text: str, line: int, environment: dict[str, Assigned], state: _State) -> None:
        inside = _deeper(state.fork())
        inside.variables.update(environment)
        self.run(parse(text, max(line, 1)), inside)


def _deeper(state: _State) -> _State:
    return replace(state, depth=state.depth + 1)


def _assign(state: _State, name: str, value: _Value, append: bool) -> None:
    before = state.variables.get(name)
    if append and isinstance(before, tuple) and isinstance(value, tuple):
        value = (before + value)[:400]
    elif append and isinstance(before, Assigned) and isinstance(value, Assigned):
        value = replace(value, value=(before.value + value.value)[:4096])
    state.variables[name] = value


def _adopt(state: _State, other: _State) -> None:
    state.variables = other.variables
    state.exported = other.exported


def _join_ways(state: _State, ways: list[_State | None]) -> _State | None:
    """Continue with what the ways that did not leave agree on."""
    left = [way for way in ways if way is not None]
    if not left:
        return None
    if len(left) > 1 or left[0] is not state:
        _adopt(state, _merge(left))
    return state


def _merge(ways: list[_State]) -> _State:
    first, *others = ways
    merged = first.fork()
    for other in others:
        for name in merged.variables.keys() | other.variables.keys():
            mine, theirs = merged.variables.get(name), other.variables.get(name)
            if _text(mine) != _text(theirs):
                merged.variables[name] = Assigned(UNKNOWN, first.path, 0)
        merged.exported |= other.exported
    return merged


def _text(value: _Value | None) -> object:
    return value.value if isinstance(value, Assigned) else value


def _evaluate(words: list[str]) -> bool | None:
    """Return a test's result; None when it needs the machine or an unknown value."""
    if any(UNKNOWN in word for word in words):
        return None
    match words:
        case ["!", *rest]:
            result = _evaluate(rest)
            return None if result is None else not result
        case ["-z", word]:
            return not word
        case [word] | ["-n", word]:
            return bool(word)
        case [left, "=" | "==" | "-eq", right]:
            return left == right if "*" not in right else None
        case [left, "!=" | "-ne", right]:
            return left != right if "*" not in right else None
    return None


def _unwrap(words: list[str], environment: dict[str, Assigned], path: str, line: int) -> list[str]:
    """Peel ``env A=1``, ``timeout 900``, ``nohup`` and the like; assignments go to ``environment``."""
    at = 0
    while at < len(words):
        match = _GIVEN.match(words[at])
        if match:
            environment[match[1]] = Assigned(words[at][match.end() :], path, line)
            at += 1
            continue
        if words[at].rsplit("/", 1)[-1] not in _WRAPPERS:
            break
        # What options a wrapper takes does not matter: the next word that can start something does.
        at = next((index for index in range(at + 1, len(words)) if _starts(words[index])), len(words))
    return words[at:]


def _starts_python(words: list[str]) -> bool:
    """Tell whether the first word is Python or a launcher of it, or cannot be known before a Python file."""
    name = words[0].rsplit("/", 1)[-1]
    unknown = UNKNOWN in name and any(word.endswith(".py") for word in words[1:])
    return bool(_RUNNER.match(name)) or name.endswith(".py") or unknown


def _starts(word: str) -> bool:
    name = word.rsplit("/", 1)[-1]
    return bool(
        _GIVEN.match(word)
        or _RUNNER.match(name)
        or name in _WRAPPERS
        or name in _SHELLS
        or name.endswith((".py", ".sh"))
    )
