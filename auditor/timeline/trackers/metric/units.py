"""What a score is divided by: no count of bytes at all, the size of a file of tokens, bytes of more than was scored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.regex import regex
from auditor.timeline.engine import arguments
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Report
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.metric.metric import Doubts, Kind, doubt
from auditor.timeline.values.atoms import BITS, LAUNCH, SIZE, VAL
from auditor.timeline.values.payloads import External, Heap, Known, PerSetting, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

# What these give of truth values are the same, in another type or shape.
_SAME = frozenset(
    {
        "float", "double", "half", "to", "type", "type_as", "long", "int", "astype", "view", "reshape", "squeeze",
        "unsqueeze", "flatten", "expand", "expand_as", "logical_not", "logical_and", "logical_or", "cpu", "cuda",
    }
)  # fmt: skip
_CALLS = frozenset({"getsize", "stat", "where", "masked_fill", "sum", "item", "cumsum", "encode", "frombuffer", "len"})
_ONES = frozenset({"ones", "ones_like"})
_RAISES = frozenset({"clamp", "clamp_", "clamp_min", "clamp_min_", "clip", "maximum", "fmax"})
_TOO_MANY: tuple[Kind, ...] = ("raised bytes", "more bytes")
_BYTE_WORDS = ("bpb", "bits per byte", "bits_per_byte", "bits/byte")
_OTHERS = regex(r"loss|nll|nats|ppl|perplexity|\bce\b|entropy")  # a line that tells of these, too
# The logarithm of two in words that aren't followed: of a tensor, of four, as a number, by a name.
_UNTOLD = regex(
    r"log\w*\(\s*(torch|np|numpy|jnp|mx|float|tensor)\.?\w*\(\s*[24]|log\w*\(\s*4\b|log1p\(\s*1(\.0*)?\)|\b0?\.69\d|\b1\.44\d"
    r"|\bln_?2\b|nats?_?(to|per|2)_?b|bits?_?(to|per)_?nat|logaddexp2",
    re.IGNORECASE,
)
_OF_TWO = regex(r"log2|log\(\s*2|0\.693|1\.442|ln2|LN2|exp2")


class Units(Tracker):
    """What scores were divided by or multiplied with, besides numbers of tokens."""

    rank = 14

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.asked: list[bool] = []  # for each branch in progress: whether tokens decide it

    def branch_entered(self, node: ir.Expr, test: Value) -> None:
        """Note a branch that tokens decide."""
        self.asked.append(bool(test.m & VAL))

    def branch_left(self) -> None:
        """Forget that branch."""
        self.asked.pop()

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a factor that may be a count of bytes, and a mask."""
        ordered, truth = self.machine.atoms.family("ordered"), self.machine.atoms.family("truth")
        if held := out.m & self.machine.atoms.family("ones"):
            out = Value(out.p, out.m & ~held)  # once it is part of something, it is no number for each token
        if out.m & truth and not (left.m & right.m & truth):
            out = Value(out.p, out.m & ~truth)
        if (
            isinstance(node, ir.AugAssign)
            and node.op == "+"
            and isinstance(right.p, Known | PerSetting)
            and not right.m
        ):
            constants = self.machine.atoms.bit("constants", "")
            if not left.m & ~constants:
                out = Value(out.p, out.m | constants)
        if node.op == "*" and out.m & self.machine.of(Keys).gold and (left.m ^ right.m) & self.machine.of(Keys).gold:
            mask = right if left.m & self.machine.of(Keys).gold else left
            if mask.m & ordered:
                out = Value(out.p, out.m | self.machine.atoms.bit("tail", ""))
        if node.op == "+" and not out.m & self._scores():
            return self._more(left, right, node, out)
        if (
            node.op == "*"
            and not out.m & self._scores()
            and (left.m & right.m & VAL or (out.m & VAL and out.m & ordered))
        ):
            return Value(out.p, out.m | self.machine.atoms.bit("masked", ""))
        if node.op not in ("*", "/") or not out.m & self._scores():
            return out
        if node.op == "/" and left.m & self._scores() and not right.m & self._scores():
            out = Value(out.p, out.m | self._other_bytes(left, right, node))
        if node.op == "/" and left.m & right.m & self._scores():
            # Sums of losses and of bytes may lie side by side in one array: which one divides can't be told.
            return Value(out.p, out.m | self.machine.atoms.bit("per byte", ""))
        for score, factor in ((left, right), (right, left)):
            if node.op == "*" and score.m & self._scores() and not factor.m & self._scores():
                out = Value(out.p, out.m | self._too_many(factor, node))  # tokens by bytes, as a factor
            if score.m & self._scores() and not factor.m & self._scores() and self._may_count_bytes(factor):
                return Value(out.p, out.m | self.machine.atoms.bit("per byte", ""))
        return out

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a mask: it is counted where tokens of a part of the window are."""
        if not out.m & VAL or out.m & self._scores():
            return out
        return Value(out.p, out.m | self.machine.atoms.bit("masked", "") | self.machine.atoms.bit("truth", ""))

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note losses of the tail of a window (``nll[s:]``), and tokens of a part of it (``y[s:]``, ``y[mask]``)."""
        keys = self.machine.of(Keys)
        if isinstance(base.p, Heap | Tup):
            return out
        parts = node.index.elts if isinstance(node.index, ir.Sequence) else (node.index,)
        slices = [part for part in parts if isinstance(part, ir.Slice)]
        if not base.m & keys.gold:
            ends = [end for part in slices for end in (part.lower, part.upper)]
            cut = base.m & keys.reads and any(end is not None and not isinstance(end, ir.Const) for end in ends)
            if base.m & VAL and (cut or index.m & VAL):  # what picks tokens and is made of them is a mask
                return Value(out.p, out.m | self.machine.atoms.bit("masked", ""))
            return out
        if any(part.lower is not None and not isinstance(part.lower, ir.Const) for part in slices):
            return Value(out.p, out.m | self.machine.atoms.bit("tail", ""))
        return out

    def _per_token(self, value: Value) -> bool:
        """Return whether a value is how many bytes each token has, not yet added up."""
        sizes, reads = self.machine.atoms.family("number of bytes"), self.machine.of(Keys).reads
        return bool(value.m & sizes and value.m & reads) and not value.m & self._added()

    def _more(self, left: Value, right: Value, node: ir.BinOp | ir.AugAssign, out: Value) -> Value:
        """Return bytes of tokens, marked where a constant is added to those of each: not of some, by what they are."""
        if any(self.asked):
            return out
        for size, more in ((left, right), (right, left)):
            ones = isinstance(more.p, Known) and type(more.p.v) in (int, float) and more.p.v >= 1  # type: ignore[operator]
            if self._per_token(size) and (ones or more.m & self.machine.atoms.family("ones")):
                return Value(out.p, out.m | self.machine.atoms.bit("more bytes", self.machine.site(node)))
        return out

    def _added(self) -> int:
        return self.machine.atoms.family("added up")

    def _other_bytes(self, score: Value, divisor: Value, node: ir.Node) -> int:
        """Return the origin of a quotient by bytes of a file of tokens, or of whole windows with tails scored."""
        machine, keys = self.machine, self.machine.of(Keys)
        if divisor.m & machine.atoms.family("size of a file"):
            return doubt(machine, "file bytes", node, None, machine.all)
        if found := self._too_many(divisor, node):
            return found
        labels = keys.labels & ~keys.inputs
        if (
            score.m & machine.atoms.family("tail")
            and divisor.m & labels
            and not divisor.m & machine.atoms.family("masked")
        ):
            return doubt(machine, "window bytes", node, None, machine.all)
        return 0

    def _too_many(self, divisor: Value, node: ir.Node) -> int:
        """Return the origin of a quotient by more bytes than tokens have, 0 for another."""
        for kind in _TOO_MANY:
            if divisor.m & self.machine.atoms.family(kind):
                return doubt(self.machine, kind, node, None, self.machine.all)
        return 0

    @heeds(_CALLS, _RAISES, _ONES, made_of=("truth",))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note a number of bytes (``len(text.encode())``)."""
        name = arguments.callee_name(func)
        if name in _ONES and any(value.m & (VAL | SIZE) for value in args.positional):  # one for each token
            return Value(out.p, out.m | self.machine.atoms.bit("ones", ""))
        if out.m & self.machine.atoms.family("truth") and name not in _SAME:
            out = Value(out.p, out.m & ~self.machine.atoms.family("truth"))
        if name in ("getsize", "stat") and (out.m | args.positional[0].m if args.positional else out.m) & VAL:
            return Value(out.p, out.m | self.machine.atoms.bit("size of a file", ""))
        if name in ("where", "masked_fill") and out.m & VAL and not out.m & self._scores():
            return Value(out.p, out.m | self.machine.atoms.bit("masked", ""))
        if name in ("sum", "item", "cumsum") and out.m & self.machine.atoms.family("number of bytes"):
            return Value(out.p, out.m | self.machine.atoms.bit("added up", ""))
        given = arguments.given_to(func, args)
        if name in _RAISES and given and self._per_token(given[0]):
            least = args.keywords.get("min", given[1] if len(given) > 1 else None)
            number = least.p.v if least is not None and isinstance(least.p, Known) else None
            if isinstance(number, int | float) and number > 1:
                return Value(out.p, out.m | self.machine.atoms.bit("raised bytes", ""))
        if name == "encode":
            return Value(out.p, out.m | self.machine.atoms.bit("text in bytes", ""))
        if name == "frombuffer" and out.m & self.machine.atoms.family("text in bytes") and _of_bytes(args):
            return Value(out.p, out.m | self.machine.atoms.bit("tokens are bytes", ""))
        if name == "len" and args.positional and args.positional[0].m & self.machine.atoms.family("text in bytes"):
            return Value(out.p, out.m | self.machine.atoms.bit("number of bytes", ""))
        return out

    def reported(self, origins: int, report: Report) -> None:
        """Note a score in bits per byte that no count of bytes entered."""
        machine = self.machine
        if not origins & self._scores():
            return
        if not origins & BITS:
            self._in_nats(origins, report)
            return
        families = ("per byte", "opaque", "difference", "tokens are bytes")
        if any(origins & machine.atoms.family(family) for family in families):
            return
        said = f"{report.label} {report.site.source.text[report.site.start : report.site.end][:600]}".lower()
        if not any(word in said for word in _BYTE_WORDS):
            return
        if any(d.kind == "bytes per token" and report in d.reports for d in machine.of(Doubts).known.values()):
            return
        self._note("bits per token", report)

    def _in_nats(self, origins: int, report: Report) -> None:
        """Note what is called bits, and is made of losses by nothing that has to do with a logarithm of two."""
        machine = self.machine
        judged = origins & machine.of(Keys).gold and origins & machine.atoms.bit("space", "loss")
        label = report.label.lower()
        if not judged or origins & machine.atoms.family("opaque") or _OTHERS.search(label):
            return
        if any(word in label for word in _BYTE_WORDS) and not self._bits_elsewhere():
            self._note("nats", report)

    def _bits_elsewhere(self) -> bool:
        """Return whether the program may come to bits in a way that wasn't told: in a model, by a number of its own."""
        for unit in self.machine.program.units.values():
            if _UNTOLD.search(unit.source.text):
                return True
            for made in unit.index.of(ir.ClassDef) if unit.module is not None else ():
                if _OF_TWO.search(unit.source.text, made.start, made.end):
                    return True
        return False

    def _note(self, kind: Kind, report: Report) -> None:
        made = doubt(self.machine, kind, None, None, report.bits, report)
        for event in self.machine.atoms.meanings(made, "doubt"):
            event.reports.append(report)  # type: ignore[attr-defined]

    def _scores(self) -> int:
        return self.machine.atoms.family("forward")

    def _may_count_bytes(self, factor: Value) -> bool:
        """Return whether a factor is more than a constant or a number of tokens."""
        if isinstance(factor.p, Known | PerSetting):
            return False
        if factor.m & self.machine.atoms.family("truth"):
            return False  # 0 or 1 for each token
        if factor.p is None or factor.m & self.machine.atoms.family("number of bytes"):
            return True
        families = ("iteration", "setting", "turned")
        counts = SIZE | LAUNCH | sum(self.machine.atoms.family(family) for family in families)
        if factor.m and not factor.m & ~self.machine.atoms.family("constants"):
            return False  # constants, added up
        return not factor.m & SIZE or bool(factor.m & ~counts)  # what was made elsewhere may be one


def _of_bytes(args: Args) -> bool:
    """Return whether ``frombuffer`` is told that each element is one byte."""
    kind = args.get(1, "dtype")
    return kind is not None and isinstance(kind.p, External) and kind.p.name.rpartition(".")[2] in ("uint8", "ubyte")
