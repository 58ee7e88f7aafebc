"""Which environment variables and options a program reads, and which of them is the seed, the data, the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program import ir
from auditor.program.model import Program
from auditor.program.walk import walk
from auditor.regex import regex

_VARIABLE = regex(r"[A-Z][A-Z0-9_]{1,60}")
_OPTION = regex(r"--[a-z][a-z0-9_-]{1,60}")
_SEEDS = regex(r"(?:TRAIN_|GLOBAL_|RANDOM_|MODEL_|BASE_)?SEED")


@dataclass(frozen=True)
class Switches:
    """Names that a program asks its environment for, and options that it takes on its command line."""

    variables: frozenset[str]
    options: frozenset[str]

    @property
    def seed(self) -> str | None:
        """Return what sets the seed: a variable (``SEED``), an option (``--seed``), or None."""
        if "SEED" in self.variables:
            return "SEED"
        if "--seed" in self.options:
            return "--seed"
        return min((name for name in self.variables if _SEEDS.fullmatch(name)), default=None)

    @property
    def train_cap(self) -> str | None:
        """Return the variable that caps training, in seconds."""
        return next((name for name in ("MAX_WALLCLOCK_SECONDS", "MAX_WALLCLOCK") if name in self.variables), None)


def switches(program: Program) -> Switches:
    """Return the switches of ``program``, helpers included.

    A variable is a constant in capitals that a call takes first or that something is subscripted with, whatever
    stands around it: scripts wrap ``os.environ`` in functions of their own.
    """
    variables: set[str] = set()
    options: set[str] = set()
    for unit in program.units.values():
        if unit.module is None:
            continue
        for text in _asked(unit.module):
            (options if text.startswith("--") else variables).add(text)
    return Switches(frozenset(variables), frozenset(options))


def _asked(module: ir.Module) -> Iterator[str]:
    for node in walk(*module.body):
        for value in _first(node):
            if isinstance(value, ir.Const) and isinstance(value.value, str):
                text = value.value
                if _VARIABLE.fullmatch(text) or (isinstance(node, ir.Call) and _OPTION.fullmatch(text)):
                    yield text


def _first(node: ir.Node) -> tuple[ir.Node, ...]:
    if isinstance(node, ir.Call):
        return tuple(arg.value for arg in node.args[:2])
    return (node.index,) if isinstance(node, ir.Subscript) else ()
