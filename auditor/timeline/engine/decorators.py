"""Decorators: what a decorated function becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine.arguments import Args, context_name
from auditor.timeline.values.payloads import (
    SOME,
    External,
    Function,
    Method,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


# Decorators of libraries that give something else than the function, or keep it for later calls.
DECORATORS = frozenset(
    {
        "property", "abc.abstractproperty", "functools.cached_property", "functools.lru_cache", "functools.cache",
        "functools.singledispatch", "functools.singledispatchmethod", "contextlib.contextmanager",
        "contextlib.asynccontextmanager", "atexit.register", "torch.library.custom_op", "torch.library.triton_op",
        "torch.library.impl",
    }
)  # fmt: skip


def decorate(machine: Machine, decorator: ir.Expr, value: Value) -> Value:
    """Return a decorated function; decorators of libraries leave it as it is."""
    func = value.p
    if isinstance(decorator, ir.Name) and decorator.id in ("staticmethod", "classmethod"):
        if isinstance(func, Function):
            machine.decorated[id(func.node)] = decorator.id
        return value
    target = decorator.func if isinstance(decorator, ir.Call) else decorator
    if isinstance(target, ir.Attr) and target.attr in ("local_entrypoint", "main") and isinstance(func, Function):
        machine.entry_points.append(func)
    found = machine.eval(target)
    if isinstance(func, Function) and context_name(found) in ("no_grad", "inference_mode"):
        machine.quiet.add(id(func.node))
    name = found.p.name if isinstance(found.p, External) else ""
    if name in DECORATORS:
        return machine.library.call_function(machine, name, Args((value,), node=decorator), decorator)
    registers = isinstance(found.p, Method) and found.p.name == "register" and isinstance(decorator, ir.Call)
    if found.p is None or isinstance(found.p, External) or (isinstance(found.p, Method) and not registers):
        return value
    if isinstance(decorator, ir.Call):
        found = machine.eval(decorator)
    result = machine.call(found, Args((value,), node=decorator), decorator)
    return value if result.p is None or result.p is SOME or isinstance(result.p, Method) else result
