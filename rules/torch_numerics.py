"""Arithmetic that torch does otherwise than it reads: averages and hashes in 16 bits, a mask beside ``is_causal``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from auditor.case import Case
from auditor.finding import Finding
from auditor.program import ir
from auditor.program.index import Nodes
from auditor.program.model import Unit
from auditor.program.source import Source
from auditor.rule import Authority, Example, Rule
from rules.sixteen_bits import dotted, kind_of_state, uint16_names, uint16_of, whole
from rules.torch_scripts import EVALUATE, evaluating

SLUG = "torch-numerics"

_LOST = {"bfloat16": 512, "float16": 4096}  # steps below this part of a value round to nothing (half of its last bit)
_LEAST_DECAY = 0.9


class Slip(Struct, frozen=True):
    """A place, and what torch does there; one line."""

    node: ir.Node
    message: str


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each place; none is a violation, since the score is that of what was computed."""
    for unit in case.program.units.values() if case.program is not None else ():
        for slip in (*_averages(unit), *_hashes(unit), *_masks(unit)):
            yield _note(unit.source, slip)


def _note(source: Source, slip: Slip) -> Finding:
    return Finding(
        rule=SLUG,
        group="compliance",
        status="note",
        message=slip.message,
        path=source.path,
        line=source.line_of(slip.node.start),
        end_line=source.line_of(max(slip.node.start, slip.node.end - 1)),
        layer=source.layer,
    )


# Averages: a state that was made in 16 bits, and moved a little at a time.


def _averages(unit: Unit) -> Iterator[Slip]:
    for function, nodes in unit.bodies:
        for state, node in _moved(nodes):
            kind = kind_of_state(unit, function, nodes, state)
            if kind is not None:
                yield Slip(
                    node,
                    f"An average of weights is kept in {kind} here: a step of less than a {_LOST[kind]}th of a value "
                    "is rounded off, so with a decay near 1 the average stops before it has reached them.",
                )


def _moved(nodes: Nodes) -> Iterator[tuple[str, ir.Call]]:
    """Yield the state whose parts ``part.mul_(decay).add_(…)`` and ``part.lerp_(…)`` move, and the call."""
    parts: dict[str, str] | None = None
    for node in nodes.calls("lerp_", "add_"):
        if not isinstance(node.func, ir.Attr) or not node.args:
            continue
        if node.func.attr == "lerp_" and len(node.args) > 1:
            decay = _number(node.args[1].value)
            near = decay is None or decay <= 1 - _LEAST_DECAY
            owner = node.func.value
        elif node.func.attr == "add_" and _is_method(node.func.value, "mul_"):
            inner = node.func.value
            assert isinstance(inner, ir.Call)
            assert isinstance(inner.func, ir.Attr)
            decay = _number(inner.args[0].value) if inner.args else None
            near = decay is None or decay >= _LEAST_DECAY
            owner = inner.func.value
        else:
            continue
        if isinstance(owner, ir.Attr) and owner.attr == "data":
            owner = owner.value
        parts = dict(_parts(nodes)) if parts is None else parts
        state = dotted(owner.value) if isinstance(owner, ir.Subscript) else parts.get(dotted(owner) or "")
        if near and state is not None:
            yield state, node


def _parts(nodes: Nodes) -> Iterator[tuple[str, str]]:
    """Yield the names of loops over the parts of a state: ``for e, p in zip(state.parameters(), …)``, ``.items()``."""
    for loop in nodes.of(ir.For):
        targets = loop.target.elts if isinstance(loop.target, ir.Sequence) else (loop.target,)
        if isinstance(loop.iter, ir.Call) and isinstance(loop.iter.func, ir.Name) and loop.iter.func.id == "zip":
            pairs = list(zip(targets, (arg.value for arg in loop.iter.args), strict=False))
        else:
            pairs = [(targets[-1], loop.iter)]
        for target, over in pairs:
            name, state = dotted(target), _over(over)
            if name is not None and state is not None:
                yield name, state


def _over(node: ir.Expr) -> str | None:
    """Return the state that ``state``, ``state.parameters()``, ``state.state_dict().values()`` go through."""
    while isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and not node.args:
        if node.func.attr not in ("parameters", "values", "items", "state_dict", "named_parameters"):
            return None
        node = node.func.value
    return dotted(node)


# Hashes: uint16 times a number stays uint16.


def _hashes(unit: Unit) -> Iterator[Slip]:
    if "uint16" not in unit.source.text:
        return
    top: dict[str, str] | None = None
    for function, nodes in unit.bodies:
        products = [node for node in nodes.of(ir.BinOp) if node.op == "*" and (whole(node.left) or whole(node.right))]
        if not products:
            continue
        top = uint16_names(unit.bodies[0].nodes, {}) if top is None else top
        own = {p.name for p in function.params} if function is not None else set()
        known = uint16_names(nodes, {name: kind for name, kind in top.items() if name not in own})
        for node in products:
            for array, factor in ((node.left, node.right), (node.right, node.left)):
                library, number = uint16_of(array, known), whole(factor)
                if library is not None and number is not None and number > 1:
                    yield Slip(node, _told(library, number))


def _told(library: str, number: int) -> str:
    begin = f"Numbers of 16 bits (uint16) are multiplied by {number:,} here: "
    if library == "numpy" and number >= 1 << 16:
        return f"{begin}NumPy 2 refuses that (OverflowError), NumPy 1 computes in 32 bits."
    whose = "torch" if library == "torch" else "NumPy"
    return f"{begin}{whose} keeps 16 bits, so that only the product's remainder by 65,536 is left."


# Masks: torch's documentation allows one of the two.


def _masks(unit: Unit) -> Iterator[Slip]:
    for _, nodes in unit.bodies:
        attention = [name for name in nodes.called if name.endswith("scaled_dot_product_attention")]
        for node in nodes.calls(*attention) if attention else ():
            if dotted(node.func) is None:
                continue
            causal, mask = _argument(node, "is_causal", 5), _argument(node, "attn_mask", 3)
            if isinstance(causal, ir.Const) and causal.value is True and mask is not None and _is_one(mask, nodes):
                yield Slip(
                    node,
                    "A mask and is_causal=True are given together, of which torch allows one: some of its kernels "
                    "refuse both, others don't, so that the machine decides what is computed.",
                )


def _argument(node: ir.Call, keyword: str, position: int) -> ir.Expr | None:
    named = [arg.value for arg in node.args if arg.keyword == keyword]
    placed = [arg.value for arg in node.args if arg.keyword is None and not arg.star]
    return named[0] if named else placed[position] if len(placed) > position else None


def _is_one(mask: ir.Expr, nodes: Sequence[ir.Node]) -> bool:
    """Return whether ``mask`` can't be None: what a name holds is computed in every place that assigns it here."""
    if isinstance(mask, ir.Name):
        values = [n.value for n in nodes if isinstance(n, ir.Assign) and any(dotted(t) == mask.id for t in n.targets)]
        return bool(values) and all(value is not None and _is_one(value, ()) for value in values)
    return isinstance(mask, ir.BinOp | ir.Compare) or (
        isinstance(mask, ir.Call) and isinstance(mask.func, ir.Attr) and mask.func.attr not in ("get", "pop")
    )


def _is_method(node: ir.Expr, name: str) -> bool:
    return isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == name


def _number(node: ir.Expr) -> float | None:
    """Return a number that is written out, also as ``1 - 0.99``."""
    if isinstance(node, ir.Const) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ir.BinOp) and node.op == "-":
        left, right = _number(node.left), _number(node.right)
        return None if left is None or right is None else left - right
    return None


_AVERAGED = """
shadow = copy.deepcopy(model).bfloat16()
for step in range(100):
    train(model, val[:0])
    for slow, fast in zip(shadow.parameters(), model.parameters()):
        slow.data.lerp_(fast.data.to(slow.dtype), 1.0 - 0.9965)
model.load_state_dict(shadow.state_dict())
"""

_KEPT = """
class Average:
    def __init__(self, model, decay):
        self.decay = decay
        self.shadow = {name: p.detach().to(torch.bfloat16).clone() for name, p in model.named_parameters()}

    def update(self, model):
        for name, p in model.named_parameters():
            self.shadow[name].mul_(self.decay).add_(p.detach().bfloat16(), alpha=1 - self.decay)

average = Average(model, 0.9965)
average.update(model)
"""

_HASHED = """
raw = torch.from_numpy(np.fromfile("data/fineweb_val_000000.bin", dtype=np.uint16))
pairs = (raw[:-1] * 36313 ^ raw[1:]) % 4096
"""

_MASKED = """
def attend(q, k, v, width):
    near = torch.ones(q.shape[2], q.shape[2]).triu(-width).log()
    return F.scaled_dot_product_attention(q, k, v, attn_mask=near, is_causal=True)
"""

RULE = Rule(
    slug=SLUG,
    title="Arithmetic that torch does otherwise",
    group="compliance",
    condition="metric",
    summary="An average of weights is kept in 16 bits, where small steps are lost; uint16 numbers are multiplied "
    "without being widened; or attention gets a mask and is_causal at once. Each is noted: what is computed is not "
    "what the code reads like.",
    why="What a script says and what was computed should be the same, or others can't reproduce or explain a score. "
    "An average in bfloat16 with a decay of 0.9965 stops half-way, and a hash of uint16 tokens keeps 16 bits.",
    advice="Keep averages in float32, turn tokens into int64 before any arithmetic, and give attention either a mask "
    "or is_causal.",
    counterpart="The same average with float32 copies, the same hash of int64 tokens, a mask that is causal itself.",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "results have to be reproducible"),
        Authority("README", "OpenAI", "2026", "official", "the artifact is fully self-contained and reproducible"),
    ),
    check=check,
    known_problems="Types are followed by name within a file: what was made in another file, or turned into 16 bits "
    "by a model's own method, is not seen.",
    invalid=(
        Example(
            "a copy of the model in bfloat16",
            evaluating(EVALUATE, top=_AVERAGED),
            line="slow.data.lerp_(fast.data.to(slow.dtype), 1.0 - 0.9965)",
            status="note",
        ),
        Example(
            "a dictionary of averages in bfloat16",
            evaluating(EVALUATE, top=_KEPT),
            line="self.shadow[name].mul_(self.decay).add_(p.detach().bfloat16(), alpha=1 - self.decay)",
            status="note",
        ),
        Example(
            "a hash of tokens as they lie on disk",
            evaluating(EVALUATE, top=_HASHED),
            line="pairs = (raw[:-1] * 36313 ^ raw[1:]) % 4096",
            status="note",
        ),
        Example(
            "a window's mask beside is_causal",
            evaluating(_MASKED + EVALUATE),
            line="return F.scaled_dot_product_attention(q, k, v, attn_mask=near, is_causal=True)",
            status="note",
        ),
    ),
    valid=(
        Example("an average in float32", evaluating(EVALUATE, top=_AVERAGED.replace(".bfloat16()", ".float()"))),
        Example(
            "a copy whose matrices are float32 again",
            evaluating(
                EVALUATE,
                top=_AVERAGED.replace(
                    ".bfloat16()\n", ".bfloat16()\nfor part in shadow.modules():\n    part.float()\n"
                ),
            ),
        ),
        Example(
            "averages that are cast when they are read",
            evaluating(EVALUATE, top=_KEPT.replace("bfloat16", "float32").replace(".float32()", ".float()")),
        ),
        Example(
            "tokens that are widened first",
            evaluating(EVALUATE, top=_HASHED.replace("np.uint16))", "np.uint16).astype(np.int64))")),
        ),
        Example(
            "a mask that may be none",
            evaluating(_MASKED.replace("near = torch", "near = None if width is None else torch") + EVALUATE),
        ),
        Example(
            "is_causal where there is no mask",
            evaluating(_MASKED.replace("is_causal=True", "is_causal=near is None") + EVALUATE),
        ),
    ),
)
