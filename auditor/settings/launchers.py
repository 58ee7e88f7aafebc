"""Python launchers (Modal, RunPod, ``subprocess``): the commands and environments that they spell out."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from collections.abc import Iterator

from auditor.regex import regex
from auditor.settings.state import Assigned
from auditor.settings.walked import Shell

_MAX_COMMANDS = 50
_STARTS = regex(r"subprocess|os\.system|\bmodal\b|runpod|paramiko|os\.exec", re.I)
_NAME = regex(r"[A-Za-z_]\w*")


def launcher_shells(path: str, text: str) -> tuple[Shell, ...]:
    """Return shell text for each command that a launcher starts, with its literal environment.

    What is computed is left as a variable without a value. A file that does not parse gives nothing.
    """
    if ".py" not in text or not _STARTS.search(text):
        return ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the launcher's own string escapes
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()  # helpers that do not parse are reported by the program room
    environment: dict[str, Assigned] = {}
    commands: list[tuple[str, int]] = []
    for node in ast.walk(module):
        for name, value, line in _given(node):
            environment.setdefault(name, Assigned(value, path, line))
        command = _command(node)
        if command and len(commands) < _MAX_COMMANDS:
            commands.append((command, getattr(node, "lineno", 1)))
    return tuple(Shell(command, path, line, {}, True, environment) for command, line in commands)


def _given(node: ast.AST) -> Iterator[tuple[str, str, int]]:
    """Yield the environment variables that a statement or call sets to literals."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as table) if "env" in name.lower():
            yield from _entries(table)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict() as table) if "env" in name.lower():
            yield from _entries(table)
        case ast.Assign(targets=[ast.Subscript(value=holder, slice=ast.Constant(value=str(key)))], value=value):
            if _names_environment(holder) and (text := _literal(value)) is not None:
                yield key, text, node.lineno
        case ast.Call(func=ast.Attribute(value=holder, attr="update"), args=[ast.Dict() as table]):
            if _names_environment(holder):
                yield from _entries(table)
        case ast.Call(func=ast.Attribute(attr="env" | "from_dict"), args=[ast.Dict() as table]):
            yield from _entries(table)
        case ast.keyword(arg="env", value=ast.Dict() as table):
            yield from _entries(table)


def _names_environment(holder: ast.expr) -> bool:
    match holder:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return "env" in name.lower()
    return False


def _entries(table: ast.Dict) -> Iterator[tuple[str, str, int]]:
    for key, value in zip(table.keys, table.values, strict=True):
        text = _literal(value)
        if text is None or not isinstance(key, ast.Constant):
            continue
        if isinstance(key.value, str) and _NAME.fullmatch(key.value):
            yield key.value, text, key.lineno


def _literal(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=bool(value)):
            return str(int(value))
        case ast.Constant(value=str() | int() | float() as value):
            return str(value)
        case ast.Call(func=ast.Name(id="str"), args=[ast.Constant() as inner]):
            return _literal(inner)
    return None


def _command(node: ast.AST) -> str | None:
    """Return a list of words or a string that starts a Python file, as shell text."""
    match node:
        case ast.List(elts=elements) if len(elements) > 1:
            words = [_text(element) for element in elements]
            if words[0].rsplit("/", 1)[-1] in ("torchrun", "python", "python3", "$sys_executable"):
                return " ".join(word if "$" in word else shlex.quote(word) for word in words)
        case ast.Constant(value=str(text)) if "torchrun" in text and ".py" in text and len(text) < 20_000:
            return text
        case ast.JoinedStr():
            text = _text(node)
            if "torchrun" in text and ".py" in text and len(text) < 20_000:
                return text
    return None


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case ast.Attribute(value=ast.Name(id="sys"), attr="executable"):
            return "python"
    return "$computed"
