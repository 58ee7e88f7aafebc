"""Arithmetic that is written as calls (``p.mul(w)``, ``torch.add(p, q, alpha=a)``, ``operator.sub``).

To whoever listens ``x.mul(y)`` is ``x * y``, and so is ``x.mul_(y)``, where validation tokens are in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers, stores
from auditor.timeline.engine.arguments import Args
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import External, Heap, Known, Method, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_OPERATORS = {
    "add": "+", "sub": "-", "subtract": "-", "mul": "*", "multiply": "*", "div": "/", "divide": "/", "true_divide": "/",
    "truediv": "/", "pow": "**", "power": "**", "float_power": "**", "iadd": "+", "isub": "-", "imul": "*",
    "itruediv": "/", "__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/", "__pow__": "**",
}  # fmt: skip
_SWAPPED = {"rsub": "-", "__radd__": "+", "__rsub__": "-", "__rmul__": "*", "__rtruediv__": "/"}
_ROOTS = frozenset({"torch", "numpy", "operator"})


def combined(machine: Machine, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
    """Return ``out``, which a call outside the program gave, as the operation on two operands that it is."""
    p = func.p
    if type(p) is Method:
        if not out.m & VAL or isinstance(p.receiver.p, Heap | Tup):
            return out
        name, operands, nodes = p.name, [p.receiver, *args.positional[:1]], (p.where, *args.nodes[:1])
    elif type(p) is External:
        if not out.m & VAL or p.name.partition(".")[0] not in _ROOTS:
            return out
        name, operands, nodes = p.name.rpartition(".")[2], list(args.positional[:2]), args.nodes[:2]
    else:
        return out
    bare = name if name.startswith("__") else name.rstrip("_")
    op = _OPERATORS.get(bare) or _SWAPPED.get(bare)
    if op is None or len(operands) < 2 or len(nodes) < 2 or isinstance(out.p, Known):
        return out
    if any(isinstance(value.p, Heap | Tup) for value in operands):
        return out
    left, right = operands
    if bare in _SWAPPED:
        left, right, nodes = right, left, (nodes[1], nodes[0])
    alpha = args.keywords.get("alpha")
    if alpha is not None:
        scale = next(arg.value for arg in node.args if arg.keyword == "alpha")
        times = ir.BinOp(node.start, node.end, "*", nodes[1], scale)
        right = machine.signals.combined(times, right, alpha, Value(right.p, right.m | containers.deep(alpha)))
        nodes = (nodes[0], times)
    made = machine.signals.combined(ir.BinOp(node.start, node.end, op, *nodes), left, right, out)
    if made.m != out.m and name.endswith("_") and not name.startswith("__") and type(p) is Method:
        stores.update_in_place(machine, p.where, p.receiver, Value(None, made.m))
    return made
