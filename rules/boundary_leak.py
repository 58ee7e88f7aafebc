"""A gate that mixes in the previous token across the start of a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from auditor.case import Case
from auditor.finding import Finding, Status
from auditor.program import ir
from auditor.program.index import Nodes
from auditor.program.model import Program
from auditor.program.source import Source
from auditor.program.walk import walk
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from auditor.timeline.events import Timeline
from rules.enclosing_switch import switched_off

SLUG = "boundary-leak"

_BOUNDARY = regex(r"bos|eos|boundar|not_first|doc_?start|same_doc|is_start|seg_?id|reset", re.IGNORECASE)
_APART = regex(r"cu_?seq_?lens|varlen|doc_?ids?$|document_?mask|seg_?ids?$|block_?mask", re.IGNORECASE)
_IDS = regex(r"(?:^|_)(?:ids?|tokens?|toks?|input)$", re.IGNORECASE)
_JOINS = ("cat", "concat", "concatenate")
_MIXES = frozenset({"lerp", "addcmul", "mul", "where"})
_GATES = frozenset({"sigmoid", "tanh", "lerp", "sigmoid_"})


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for the first unmasked gate: a hold where attention keeps documents apart, else a note."""
    if case.program is None:
        return
    moves: dict[int, _Moves] = {}  # by the nodes of a function, which many call
    for source, function, parts in _functions(case.program):
        for part in parts:
            if id(part) not in moves:
                moves[id(part)] = _moves(part)
        shift = _shift([moves[id(part)] for part in parts])
        if shift is None or _masked(function, parts):
            continue
        apart = _keeps_apart(case.program)
        status: Status = "hold" if apart else "note"
        off = _off(case.program, case.timeline, function, shift) if case.timeline is not None else None
        yield Finding(
            rule=SLUG,
            group="compliance",
            status="note" if off is not None else status,
            message="A gate adds the previous position's activations, and nothing masks that where a document starts "
            "within a window"
            + (
                ", while attention keeps documents apart."
                if apart
                else "; attention was not seen to keep documents apart either. Whether a scored window holds such a "
                "start was not looked at."
            ),
            path=source.path,
            line=source.line_of(shift.start),
            end_line=source.line_of(max(shift.start, shift.end - 1)),
            layer=source.layer,
            active=off is None,
            active_because=off or "",
        )
        return


def _off(program: Program, timeline: Timeline, function: ir.FunctionDef, shift: ir.Node) -> str | None:
    """Return why the shift can't run: a switch around it, or around every place that makes an object of its class."""
    here = switched_off(program, timeline, function.body, shift)
    if here is not None:
        return here
    named = {
        cls.name
        for unit in program.units.values()
        for cls in unit.index.of(ir.ClassDef)
        if any(node is function for node in cls.body)
    }
    made = [
        (body.body, call)
        for unit in program.units.values()
        for body, nodes in unit.bodies
        if body is not None
        for call in nodes.of(ir.Call)
        if isinstance(call.func, ir.Name) and call.func.id in named
    ]
    reasons = [switched_off(program, timeline, body, call) for body, call in made]
    return reasons[0] if reasons and all(reasons) else None


def _functions(program: Program) -> Iterator[tuple[Source, ir.FunctionDef, list[Nodes]]]:
    """Yield every function with its nodes and those of the file's own functions that it calls."""
    for unit in program.units.values():
        own = {function.name: nodes for function, nodes in unit.bodies if function is not None}
        for function, nodes in unit.bodies:
            if function is None:
                continue
            called = {call.func.id for call in nodes.of(ir.Call) if isinstance(call.func, ir.Name)}
            yield unit.source, function, [nodes, *(own[name] for name in sorted(called & set(own)))]


class _Moves(NamedTuple):
    """Where something is moved by one position, and whether there is a gate and something that mixes."""

    shift: ir.Node | None
    gated: bool
    mixed: bool


def _shift(parts: Iterable[_Moves]) -> ir.Node | None:
    """Return where activations are moved by one position and mixed in by a gate, None when they are not."""
    shift: ir.Node | None = None
    gated = mixed = False
    for part in parts:
        shift = shift or part.shift
        gated |= part.gated
        mixed |= part.mixed
    return shift if gated and mixed else None


def _moves(nodes: Nodes) -> _Moves:
    called = nodes.called.keys()
    products = [node for node in nodes.of(ir.BinOp) if node.op == "*"]
    shifts: list[ir.Node] = [call for call in nodes.calls(*_JOINS) if _joins_shifted(call)]
    shifts += [call for call in nodes.calls("pad") if call.args and _all_but_last(call.args[0].value)]
    shifts += [node for node in products if _all_but_last(node.left) or _all_but_last(node.right)]
    shifts = [each for each in shifts if not _is_of_ids(nodes, each)]
    if len(shifts) > 1:
        found = {id(node) for node in shifts}
        shifts = [next(node for node in nodes if id(node) in found)]
    return _Moves(
        shifts[0] if shifts else None,
        not called.isdisjoint(_GATES),
        bool(products) or not called.isdisjoint(_MIXES),
    )


def _is_of_ids(nodes: Nodes, shift: ir.Node) -> bool:
    """Return whether what is moved are token ids: they are hashed to an index."""
    ids = {
        target.id
        for node in nodes.of(ir.Assign)
        if node.value is shift
        for target in node.targets
        if isinstance(target, ir.Name)
    }
    hashed = [node.left for node in nodes.of(ir.BinOp) if node.op in ("%", "^")]
    return any(isinstance(part, ir.Name) and part.id in ids for left in hashed for part in walk(left))


def _joins_shifted(call: ir.Call) -> bool:
    parts = call.args[0].value if call.args else None
    return isinstance(parts, ir.Sequence) and len(parts.elts) == 2 and _all_but_last(parts.elts[1])


def _all_but_last(node: ir.Expr) -> bool:
    """Return whether an expression is ``x[:, :-1]`` (more axes may follow) of what isn't called ids or tokens."""
    if not isinstance(node, ir.Subscript) or not isinstance(node.index, ir.Sequence) or len(node.index.elts) < 2:
        return False
    if _IDS.search(_name(node.value) or ""):
        return False  # the ids of a hashed pair: no activations
    time = node.index.elts[1]
    return (
        isinstance(time, ir.Slice)
        and time.lower is None
        and isinstance(time.upper, ir.UnaryOp)
        and isinstance(time.upper.operand, ir.Const)
        and time.upper.operand.value == 1
    )


def _masked(function: ir.FunctionDef, parts: Sequence[Nodes]) -> bool:
    """Return whether a function compares ids with one another, or has something to mask with from elsewhere."""
    if any(_keeps_ids(part) for part in parts):
        return True
    names = {p.name for p in function.params}
    for part in parts:
        names |= {node.id for node in part.of(ir.Name)}
        names |= {node.attr for node in part.of(ir.Attr)}
    return not names.isdisjoint(("mask", "keep")) or any(_BOUNDARY.search(name) for name in names)


def _keeps_ids(nodes: Nodes) -> bool:
    """Return whether a comparison is used as numbers: of token ids with the id that begins a document."""
    used: list[ir.Expr | None] = [node.value for node in nodes.of(ir.Attr)]  # (ids != bos).float()
    used += [node.value for node in nodes.of(ir.Subscript)]  # (ids != bos)[..., None]
    used += [side for node in nodes.of(ir.BinOp) for side in (node.left, node.right)]
    used += [node.value for node in nodes.of(ir.Assign)]
    return any(type(each) is ir.Compare and each.ops in (("!=",), ("==",)) for each in used)


def _keeps_apart(program: Program) -> bool:
    names: set[str | None] = set()
    for index in program.indexes:
        given = index.of(ir.Arg)
        names |= {arg.keyword for arg in given if not (isinstance(arg.value, ir.Const) and arg.value.value is None)}
        names |= {node.id for node in index.of(ir.Name)}
        names |= {node.attr for node in index.of(ir.Attr)}
    return any(name and _APART.search(name) for name in names)


def _name(node: ir.Node) -> str:
    return node.id if isinstance(node, ir.Name) else node.attr if isinstance(node, ir.Attr) else ""


_ATTENTION = """
import torch
import torch.nn.functional as F
from flash_attn_interface import flash_attn_varlen_func

def attend(q, k, v, cu_seqlens, longest):
    return flash_attn_varlen_func(q, k, v, cu_seqlens, cu_seqlens, longest, longest, causal=True)
"""

_CAT = """
class Smear(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gate = torch.nn.Parameter(torch.zeros(width))

    def forward(self, x):
        g = torch.sigmoid(self.gate)
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
        return (1 - g) * x + g * before
"""

_INLINE = """
class Body(torch.nn.Module):
    def forward(self, ids):
        x = self.embed(ids)
        amount = 0.5 * torch.sigmoid(self.smear(x[:, 1:, :12]))
        x = torch.cat([x[:, :1], x[:, 1:] + amount * x[:, :-1]], dim=1)
        return self.head(x)
"""

_SWITCHED = """
import os

class Settings:
    blend_enabled = bool(int(os.environ.get("BLEND", "0")))

class Body(torch.nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.blend_enabled = settings.blend_enabled

    def forward(self, ids):
        x = self.embed(ids)
        if self.blend_enabled:
            x = torch.cat([x[:, :1], x[:, 1:] + torch.sigmoid(self.smear(x[:, 1:, :12])) * x[:, :-1]], dim=1)
        return self.head(x)
"""

_PAD = """
def blended(x, gate):
    late = F.pad(x[:, :-1], (0, 0, 1, 0))
    return torch.lerp(x, late, gate)
"""


RULE = Rule(
    slug=SLUG,
    title="Previous token mixed in across a document's start",
    group="compliance",
    condition="C1",
    summary="A gate (SmearGate) adds the activations of position t-1 to position t without masking the first "
    "token of a document, in a script whose attention keeps documents apart.",
    why="Where documents are scored as if each stood alone, the last token of the one before must not reach "
    "into the next. Whether this is a leak is contested: the earlier token is part of the scored prefix all the "
    "same.",
    advice="Multiply the shifted part by (ids != BOS), in the forward pass and on the test-time training path.",
    counterpart="The gate with the mask at BOS (#1851, #1855).",
    authority=(
        Authority("#1797", "cocohearts", "2026-04-26", "audit", "not to be merged as is: the gate crosses documents"),
        Authority("#1988", "romeerp", "2026-04-30", "community", "attention crosses documents too, so it is no leak"),
    ),
    check=check,
    known_problems="A mask that is applied by the caller, under a name that doesn't speak of documents, is not seen; "
    "nor is a switch that decides whether the gate is made, rather than whether it is applied.",
    invalid=(
        Example(
            "a gate module",
            _ATTENTION + _CAT,
            line="before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)",
            status="hold",
        ),
        Example(
            "written out in the model",
            _ATTENTION + _INLINE,
            line="x = torch.cat([x[:, :1], x[:, 1:] + amount * x[:, :-1]], dim=1)",
            status="hold",
        ),
        Example("by padding", _ATTENTION + _PAD, line="late = F.pad(x[:, :-1], (0, 0, 1, 0))", status="hold"),
    ),
    valid=(
        Example(
            "masked at the start of a document",
            _ATTENTION
            + _CAT.replace("forward(self, x)", "forward(self, x, ids)").replace(
                "+ g * before", "+ g * before * (ids != self.bos)[..., None]"
            ),
        ),
        Example("switched off", _ATTENTION + _SWITCHED),
        Example("documents are not kept apart anywhere", "import torch\n" + _CAT),
        Example(
            "current and previous input ids index an embedding",
            _ATTENTION
            + """
def pairs(table, ids):
    before = torch.cat([torch.zeros_like(ids[:, :1]), ids[:, :-1]], dim=1)
    return table((before * 1009 + ids) % 4096)
""",
        ),
    ),
)
