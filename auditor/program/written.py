"""How a blend is written: its weight, its factors, and expressions that read the same."""

from __future__ import annotations

from auditor.program import ir


def weight_of(node: ir.BinOp) -> ir.Expr | None:
    """Return ``a`` of ``(1 - a) * p + a * q`` (in any order), or None."""
    sides = [factors(side) for side in (node.left, node.right)]
    for complement, other in (sides, sides[::-1]):
        for factor in complement:
            if isinstance(factor, ir.BinOp) and factor.op == "-" and is_one(factor.left):
                for twin in other:
                    if same_expression(factor.right, twin):
                        return twin
    return None


def factors(node: ir.Expr) -> list[ir.Expr]:
    """Return what a product is made of, as it is written."""
    if isinstance(node, ir.BinOp) and node.op == "*":
        return [*factors(node.left), *factors(node.right)]
    return [node]


def is_one(node: ir.Expr) -> bool:
    """Return whether an expression is the number one."""
    return isinstance(node, ir.Const) and isinstance(node.value, int | float) and node.value == 1


def same_expression(a: ir.Expr, b: ir.Expr) -> bool:
    """Return whether two expressions read the same variable, attribute or item."""
    if isinstance(a, ir.Name) and isinstance(b, ir.Name):
        return a.id == b.id
    if isinstance(a, ir.Attr) and isinstance(b, ir.Attr):
        return a.attr == b.attr and same_expression(a.value, b.value)
    if isinstance(a, ir.Subscript) and isinstance(b, ir.Subscript):
        return same_expression(a.value, b.value) and same_expression(a.index, b.index)
    return isinstance(a, ir.Const) and isinstance(b, ir.Const) and a.value == b.value
