"""What shell text would start, and with which environment, found by walking it without running anything.

Values that depend on the machine or on the caller stay unknown. A branch is followed when its test is
known and otherwise both ways; what the ways disagree on is unknown afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from msgspec.structs import replace

from auditor.settings.bash import parse
from auditor.settings.declared import declare, environment_file, environment_files, output_of
from auditor.settings.expansion import UNKNOWN, expand, expand_value
from auditor.settings.files import FileStep, file_steps, place
from auditor.settings.makefile import as_functions, is_makefile
from auditor.settings.scripts import found_from, gone_to, namesakes, starts_one
from auditor.settings.slurm import exported_by_slurm, given_to_job
from auditor.settings.starts import SHELLS, name_of, starts_python, unwrapped
from auditor.settings.state import Assigned, Given, State, adopt, agreed, assign, evaluated, join_ways
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
    Simple,
    Test,
)
from auditor.settings.walked import Launch, Shell, Step, Walk

_MAX_NODES = 10_000
_MAX_NESTING = 80  # blocks inside each other, whatever opens them
_MAX_WORDS = 600
_MAX_DEPTH = 12  # scripts, functions and here-documents inside each other
_MAX_LAUNCHES = 200
_MAX_FILES = 400


def launches(shell: Shell) -> tuple[Launch, ...]:
    """Return the Python programs that the text starts, in order; bounded, never fails."""
    return walk(shell).launches


def walk(shell: Shell) -> Walk:
    """Return what the text does; bounded, never fails."""
    walker = _Walker(shell.scripts)
    given = shell.environment
    start = State(dict(given), set(given), shell.exports_all, shell.path, folder=shell.folder, asks=shell.asks)
    exported_by_slurm(shell.text, shell.path, start)
    text = as_functions(shell.text) if is_makefile(shell.path) else shell.text
    end = walker.run(parse(text, shell.line), start) or start
    for script, line, environment, state in tuple(walker.unstarted.values()):
        walker.nested(script, line, environment, state)
    if not walker.count:  # nothing calls them here, yet they say how the program is started
        for body in tuple(walker.functions.values()):
            walker.run(body, end.fork())
    return Walk(tuple(walker.steps), end.environment(), tuple(walker.missing), tuple(walker.unfound), end.folder)


class _Walker:
    def __init__(self, scripts: Mapping[str, tuple[str, str]]) -> None:
        self.scripts = dict(scripts)
        self.steps: list[Step] = []
        self.missing: list[Assigned] = []
        self.unfound: list[Assigned] = []  # scripts that are started and have namesakes only
        self.copies: dict[str, str] = {}  # Python files by where they were copied to
        self.unstarted: dict[str, tuple[str, int, dict[str, Assigned], State]] = {}  # scripts written out
        self.count = 0  # of launches
        self.functions: dict[str, Block] = {}
        self.nodes = 0
        self.depth = 0

    def run(self, block: Block, state: State) -> State | None:
        """Walk a block, changing ``state``; returns None when it left the script or the limits."""
        self.depth += 1
        try:
            return self._run(block, state)
        finally:
            self.depth -= 1

    def _run(self, block: Block, state: State) -> State | None:
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
            if joint in (";", "|"):
                tested, known = False, None
            if doubtful:
                fork = state.fork()
                after = self._node(node, fork, joint)
                if after is not None:
                    adopt(state, agreed([state, after]))
                continue
            if self._node(node, state, joint) is None:
                return None
        return state

    def _node(self, node: Node, state: State, joint: str) -> State | None:
        match node:
            case Simple():
                return self._simple(node, state, joint)
            case Declare():
                self._declare(node, state)
            case Group(body, subshell):
                if subshell:
                    self.run(body, state.fork())
                    return state
                return self.run(body, state)
            case Function(name, body):
                self.functions[name] = body
            case Loop(variable, items, body, line):
                if variable is not None:
                    values = [field for item in items for field in expand(item, state.read)]
                    state.variables[variable] = Assigned(values[0] if values else UNKNOWN, state.path, line)
                state.round = self.nodes + 1
                self.run(body, state)  # once: the rounds differ in the seed
                state.round = 0
            case Branch():
                return self._branch(node, state)
            case Case():
                return self._case(node, state)
            case Test():
                pass
        return state

    def _branch(self, node: Branch, state: State) -> State | None:
        ways: list[State | None] = []
        for condition, body in node.arms:
            result = self._condition(condition, state)
            if result is True:
                ways.append(self.run(body, state if not ways else state.fork()))
                break
            if result is None:
                ways.append(self.run(body, state.fork()))
        else:
            ways.append(self.run(node.otherwise, state if not ways else state.fork()))
        return join_ways(state, ways)

    def _case(self, node: Case, state: State) -> State | None:
        word = expand_value(node.word, state.read)
        if UNKNOWN not in word:
            for patterns, body in node.arms:
                texts = [expand_value(pattern, state.read) for pattern in patterns]
                if any(fnmatchcase(word, text) for text in texts if text.count("*") < 4):
                    return self.run(body, state)
            return state
        ways: list[State | None] = [state.fork()]
        ways.extend(self.run(body, state.fork()) for _, body in node.arms)
        return join_ways(state, ways)

    def _condition(self, block: Block, state: State) -> bool | None:
        if len(block) == 1:
            tested, result = self._test(block[0][1], state)
            if tested:
                return result
        self.run(block, state)
        return None

    def _test(self, node: Node, state: State) -> tuple[bool, bool | None]:
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
        return True, None if words is None else evaluated([expand_value(word, state.read) for word in words])

    def _simple(self, node: Simple, state: State, joint: str) -> State | None:
        given = [(item, self._value(item, state)) for item in node.assignments]
        words = [text for word in node.words[:_MAX_WORDS] for text in expand(word, state.read)][:_MAX_WORDS]
        written = output_of(node, state)
        if not words:
            for item, value in given:
                assign(state, item.name, value, item.append)
                if state.exports_all:
                    state.exported.add(item.name)
            return state
        temporary = {item.name: value for item, value in given if isinstance(value, Assigned)}
        if joint == "|" and name_of(words[0]) == "tee":
            self._piped([place(word) for word in words[1:] if not word.startswith("-")])
        return self._command(node, words, temporary, state, written)

    def _piped(self, logs: list[str]) -> None:
        """Give the command before a pipe the files that ``tee`` writes behind it."""
        last = self.steps[-1] if self.steps else None
        if isinstance(last, Launch):
            self.steps[-1] = replace(last, logs=(*last.logs, *logs))

    def _value(self, item: Assignment, state: State) -> Given:
        if item.items is not None:
            return tuple(text for word in item.items for text in expand(word, state.read))[:_MAX_WORDS]
        return state.given(item.value, item.line)

    def _command(
        self, node: Simple, words: list[str], temporary: dict[str, Assigned], state: State, written: tuple[str, ...]
    ) -> State | None:
        name = name_of(words[0])
        if name == "set":
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
        elif name in ("cd", "pushd"):
            state.folder = gone_to(state.folder, next((word for word in words[1:] if word not in ("--", "-P")), "~"))
        elif words[0] in self.functions:
            self._call(self.functions[words[0]], words[1:], temporary, state, node.line)
        else:
            self._program(node, words, temporary, state, written)
        return state

    def _declare(self, node: Declare, state: State) -> None:
        for item in node.items:
            if isinstance(item, Assignment):
                assign(state, item.name, self._value(item, state), item.append)
            elif (file := environment_file(item)) is not None:
                self._environment_of(file, state, node.line)
        declare(node, state)

    def _environment_of(self, file: str, state: State, line: int) -> None:
        """Let a file of ``NAME=value`` lines reach the programs that are started from here on."""
        self._script(".", [".", file], file, {}, replace(state, exports_all=True), line)

    def _call(self, body: Block, arguments: list[str], temporary: dict[str, Assigned], state: State, line: int) -> None:
        if state.depth >= _MAX_DEPTH:
            return
        inside = replace(
            state, positional=tuple(arguments), given_positional=True, depth=state.depth + 1, called=(state.path, line)
        )
        before = {key: state.variables.get(key) for key in temporary}
        exported = set(state.exported)
        state.variables.update(temporary)
        state.exported.update(temporary)
        self.run(body, inside)
        adopt(state, inside)  # what a function sets stays set
        for key, value in before.items():
            if value is None:
                state.variables.pop(key, None)
            else:
                state.variables[key] = value
            if key not in exported:
                state.exported.discard(key)

    def _program(
        self, node: Simple, words: list[str], temporary: dict[str, Assigned], state: State, written: tuple[str, ...]
    ) -> None:
        words, given = unwrapped(words)
        own = "".join(piece.text for word in node.words for piece in word if piece.kind == "text")
        passed = state.called or (state.path, node.line)  # what the caller's arguments give
        places = {key: (state.path, node.line) if f"{key}=" in own else passed for key in given}
        here = {key: Assigned(value, *places[key]) for key, value in given.items()}
        for file in environment_files(node):
            state = state.fork()
            self._environment_of(file, state, node.line)
        environment = state.environment() | temporary | here
        if not words or state.depth >= _MAX_DEPTH:
            return
        name = name_of(words[0])
        script = next((word for word in words[1:] if not word.startswith("-")), "")
        if name in SHELLS or starts_one(self.scripts, words):
            self._script(name, words, script, environment, state, node.line)
            for body, line in node.heredocs if not script else ():
                self.nested(body, line, environment, state)
        elif name == "make":
            self._make(words[1:], environment, state)
        elif name == "eval":
            text = " ".join(words[1:]).replace(UNKNOWN, "?")
            if temporary:
                self.nested(text, node.line, environment, state)
            else:
                self.run(parse(text, node.line), _deeper(state))
        elif name == "tmux":
            for word in words[1:]:
                self.nested(word if " " in word else "", node.line, environment, state)
        elif name in ("cat", "tee", "ssh"):
            targets = (*written, *(place(w) for w in words[1:] if name == "tee" and not w.startswith("-")))
            self._written_out(node, targets, environment, state)
        elif starts_python(words) and self.count < _MAX_LAUNCHES:
            self.count += 1
            started = tuple(self.copies.get(place(w), w) if w.endswith(".py") else w for w in words)
            self.steps.append(Launch(started, environment, state.path, node.line, written, state.round))
        elif len(self.steps) < _MAX_FILES:
            self._files(words, state.path, node.line)

    def _written_out(
        self, node: Simple, targets: tuple[str, ...], environment: dict[str, Assigned], state: State
    ) -> None:
        """Keep a script that a here-document writes out for the command that starts it; without a file, walk it."""
        for body, line in node.heredocs:
            for target in targets:
                self.steps.append(FileStep("create", "", target, state.path, node.line))
                self.scripts[name_of(target)] = (state.path, "\n" * (line - 1) + body)
                self.unstarted[name_of(target)] = (body, line, environment, state.fork())
            if not targets:
                self.nested(body, line, environment, state)

    def _files(self, words: list[str], path: str, line: int) -> None:
        for step in file_steps(words, path, line):
            self.steps.append(step)
            if step.kind in ("copy", "move", "link") and step.source.endswith(".py") and step.target.endswith(".py"):
                self.copies[step.target] = self.copies.get(step.source, step.source)

    def _make(self, words: list[str], environment: dict[str, Assigned], state: State) -> None:
        """Walk the targets that ``make`` is told to make; its assignments reach the program."""
        known = self.scripts.get("Makefile") or self.scripts.get("makefile")
        if known is None:
            return
        path, text = known
        given = [word.partition("=") for word in words if "=" in word and not word.startswith("-")]
        named = {name: Assigned(value, state.path, 0) for name, _, value in given}
        both = {**environment, **named}
        inside = State(dict(both), set(both), False, path, depth=state.depth + 1, folder=state.folder)
        before = dict(self.functions)
        self.run(parse(as_functions(text)), inside)
        inside.variables.update(named)  # what stands on the command line wins over the file
        for word in words:
            body = self.functions.get(re.sub(r"[^A-Za-z0-9_]", "_", word))
            if body is not None and "=" not in word:
                self.run(body, inside.fork())
        self.functions = before

    def _script(
        self, name: str, words: list[str], script: str, environment: dict[str, Assigned], state: State, line: int
    ) -> None:
        if name in ("bash", "sh", "zsh") and any(re.fullmatch(r"-[a-z]*c", word) for word in words[1:]):
            text = words[-1] if words[-1] != script else script
            self.nested(text, line, environment, state)
            return
        word = script if name in SHELLS else words[0]
        known = found_from(self.scripts, state.folder, word, state.path)
        if known is None:
            if name in ("source", "."):
                self.missing.append(Assigned(script, state.path, line))
            elif namesakes(self.scripts, word):
                self.unfound.append(Assigned(gone_to(state.folder, word), state.path, line))
            return
        path, text = known
        self.unstarted.pop(name_of(path) if path != state.path else name_of(script), None)
        arguments = words[words.index(script) + 1 :] if name in SHELLS else words[1:]
        environment |= given_to_job(words, state.path, line)
        inside = State(
            dict(environment),
            set(environment),
            False,
            path,
            tuple(arguments),
            depth=state.depth + 1,
            folder=state.folder,
        )
        if name in ("source", "."):
            inside.exports_all = state.exports_all
        else:
            exported_by_slurm(text, path, inside)
        after = self.run(parse(text), inside)
        if name in ("source", ".") and after is not None:
            state.variables.update(after.variables)
            state.exported |= after.exported

    def nested(self, text: str, line: int, environment: dict[str, Assigned], state: State) -> None:
        """Walk text that the walked text holds, with an environment of its own."""
        inside = _deeper(state.fork())
        inside.variables.update(environment)
        inside.exported.update(environment)
        self.run(parse(text, max(line, 1)), inside)


def _deeper(state: State) -> State:
    return replace(state, depth=state.depth + 1)
