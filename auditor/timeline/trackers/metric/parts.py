"""Which targets a score leaves out: limits, ignored kinds of targets, targets of a smaller vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.program import ir
from auditor.regex import regex
from auditor.timeline.engine import arguments
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.containers import deep, tag
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.metric.metric import FEWEST, doubt
from auditor.timeline.values.atoms import SIZE, VAL, bits_of
from auditor.timeline.values.payloads import External, Heap, Known, Tup, Value, at_setting

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_ORDER = frozenset({"<", ">", "<=", ">="})
_VOCABULARY = regex(r"(?:\bsp|_sp|10B_sp|vocab)_?(\d{3,6})(?!\d)")
_LOSSES = frozenset({"cross_entropy", "nll_loss", "linear_cross_entropy"})
_CLAMPS = frozenset({"clamp", "clip", "clamp_max", "clamp_", "minimum", "fmin", "remainder", "fmod", "mod"})
_TABLED: Final = "targets of a table"  # what is looked up by which token it is
_PLAIN = 4  # those below it are marks of beginnings, ends and padding
_CLASSES = 64  # fewer are no vocabulary
_PACKS = frozenset({"compress", "dumps", "b64encode", "b85encode", "a85encode", "packbits"})
_RANKS = frozenset({"median", "nanmedian", "quantile", "nanquantile", "percentile", "nanpercentile", "trim_mean"})
_FILLS = frozenset({"where", "masked_fill", "masked_fill_"})
_MASKS = frozenset({"masked_select", "masked_fill", "masked_fill_"})
_CALLS = _MASKS | _LOSSES | _CLAMPS | _PACKS | _RANKS | _FILLS | {"min", "isin", "in1d"}
# What these give of what a table says of each token is the same, in another type or shape.
_SAME = frozenset(
    {
        "bool", "float", "double", "to", "type", "type_as", "long", "int", "astype", "numpy", "cpu", "cuda", "view",
        "reshape", "flatten", "squeeze", "unsqueeze", "logical_not", "from_numpy", "as_tensor", "tensor", "asarray",
    }
)  # fmt: skip


class Parts(Tracker):
    """Targets that are left out of a score."""

    rank = 12

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.vocabulary = 0  # the largest one that a path names
        self.judged: set[int] = set()  # places whose result is what something is judged by
        self.left_out: dict[int, int] = {}  # the origin of a place → the reads that it looks at
        self.found = machine.atoms.bit("found tokens", "")  # tokens that lie where a model's predictions say

    def library_called(self, name: str, args: Args, node: ir.Node) -> None:
        """Note the vocabulary that a path names."""
        for value in args.positional:
            if type(value.p) is Known and type(value.p.v) is str and len(value.p.v) < 400:
                for found in _VOCABULARY.findall(value.p.v):
                    self.vocabulary = max(self.vocabulary, int(found))

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a part of the number of tokens, a loss that is masked, and targets that are wrapped."""
        out = self._untabled(out) if node.op not in ("*", "&", "|") else out
        if node.op == "*":
            for mask, loss in ((left, right), (right, left)):
                if mask.m & self._kinds() and loss.m & self._gold() and not loss.m & self._kinds():
                    return tag(Value(out.p, out.m & ~self._kinds()), self._leave_out(mask.m, node))
        elif node.op == "//" and isinstance(node, ir.BinOp) and isinstance(node.right, ir.Const):
            if left.m & SIZE and not left.m & VAL and isinstance(node.left, ir.Call):
                settings = _settings(self.machine, right, 2, 64) & self.machine.live
                return Value(out.p, out.m | self.machine.atoms.bit("fraction", settings)) if settings else out
        elif node.op == "%" and self._tokens(left) and isinstance(node, ir.BinOp):
            return self._smaller(left, right, 0, node, out)
        return out

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a truth about which token it is."""
        reads, places = self._reads_and_places()
        packed = self.machine.atoms.family("packed tokens")
        if op in ("==", "!=") and (left.m ^ right.m) & packed and self._plain(left.m) and self._plain(right.m):
            return Value(out.p, out.m | doubt(self.machine, "own answers", node, None, self.machine.all))
        for token, bound in ((left, right), (right, left)):
            least = 2 if op in _ORDER else _PLAIN
            if (
                op in (*_ORDER, "!=")
                and token.m & reads
                and not token.m & places
                and self._tokens(token)
                and _settings(self.machine, bound, least, 10**6)
            ):
                return Value(out.p, out.m | self.machine.atoms.bit("kind of token", token.m & reads))
        return out

    @heeds(_CALLS, made_of=("gold", _TABLED))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note limits, and targets that are clamped, ignored or judged."""
        name = arguments.callee_name(func)
        if name not in _SAME and name not in _FILLS:
            out = self._untabled(out)
        if name not in _CALLS and not out.m & self._gold():
            return out
        given = arguments.given_to(func, args)
        if name == "min" and len(given) == 2 and not out.m & VAL:
            size, bound = (given[0], given[1]) if given[0].m & SIZE else (given[1], given[0])
            settings = _settings(self.machine, bound, FEWEST, 10**9) & self.machine.live
            if size.m & SIZE and settings and not bound.m & SIZE:
                return Value(out.p, out.m | self.machine.atoms.bit("limit", settings))
        if name in _RANKS and given and deep(given[0]) & self._gold():
            return tag(out, doubt(self.machine, "ranked losses", node, None, self.machine.all))
        if name in ("isin", "in1d") and given and self._tokens(given[0]):
            return Value(out.p, out.m | self.machine.atoms.bit(_TABLED, given[0].m & self.machine.of(Keys).reads))
        if name in _PACKS and given and self._plain(deep(given[0])):
            return Value(out.p, out.m | self.machine.atoms.bit("packed tokens", ""))
        kinds = 0
        for value in given if name in _FILLS else ():
            kinds |= value.m & self._kinds()
        if kinds and self._tokens(out) and any(not v.m & VAL for v in given[1:]):
            return Value(out.p, out.m & ~kinds | self.machine.atoms.bit("ignored", self._leave_out(kinds, node)))
        of_kinds = [value.m & self._kinds() for value in given[:2]]
        if name in _MASKS and len(given) > 1 and given[0].m & self._gold() and of_kinds[1] and not of_kinds[0]:
            return tag(Value(out.p, out.m & ~self._kinds()), self._leave_out(given[1].m, node))
        if name in _CLAMPS and given and self._tokens(given[0]):
            most = args.keywords.get("max", given[-1] if len(given) > 1 else None)
            return self._smaller(given[0], most, 1 if name not in ("remainder", "fmod", "mod") else 0, node, out)
        if name in _LOSSES:
            target = args.get(0 if not isinstance(func.p, External) else 1, "target")
            if target is not None:
                return tag(out, self._judged(target.m | self._by_class(target, args, node)))
        if out.m & self._gold() and not any(deep(v) & self._gold() for v in given):
            bits = 0
            for value in (*given[1:], *args.keywords.values()):
                bits |= self._judged(value.m)
            return tag(out, bits)
        return out

    @past_plain
    def filed(self, value: Value) -> Value:
        """Note tokens that are put into a file: what is compared with it later is compared with answers."""
        if isinstance(value.p, Heap | Tup) or not self._plain(value.m):
            return value
        return tag(value, self.machine.atoms.bit("packed tokens", ""))

    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note tokens that are picked below a limit, and losses of some targets only: by what they are, or cost."""
        keys = self.machine.of(Keys)
        if index.m & keys.picks and index.m & keys.better and base.m & keys.gold and not isinstance(base.p, Tup):
            made = doubt(self.machine, "ignored losses", node, None, self.machine.all)
            return tag(Value(out.p, out.m & ~(keys.picks | keys.bounded | keys.better)), made)
        if self._tokens(base) and not self._tokens(index) and index.m & VAL:
            out = tag(out, self.found)
        where = index.m & ~base.m & self.machine.atoms.family("packed tokens")
        if where and not isinstance(out.p, Heap | Tup):
            out = Value(out.p, out.m & ~where)  # what was unpacked says where these lie, not what they are
        if index.m & self._kinds() and base.m & self._gold() and not isinstance(base.p, Tup):
            return tag(Value(out.p, out.m & ~self._kinds()), self._leave_out(index.m, node))
        if base.m & self.machine.atoms.family("forward"):
            return tag(out, self._judged(index.m))
        reads, places = self._reads_and_places()
        reads &= index.m if not index.m & places else 0
        sliced = isinstance(node.index, ir.Slice)
        if reads and not sliced and not base.m & VAL and self._tokens(index) and not isinstance(base.p, Known | Tup):
            return Value(out.p, out.m | self.machine.atoms.bit(_TABLED, reads))
        if base.m & VAL and isinstance(node.index, ir.Slice) and not base.m & self.machine.atoms.family("counted"):
            family = self.machine.atoms.family("limit")
            if node.index.lower is None:
                family |= self.machine.atoms.family("fraction")
            if index.m & family:
                settings = 0
                for kind in ("limit", "fraction"):
                    for mask in self.machine.atoms.meanings(index.m & family, kind):
                        assert isinstance(mask, int)
                        settings |= mask
                if settings & self.machine.live:
                    return tag(Value(out.p, out.m & ~family), doubt(self.machine, "first tokens", node, None, settings))
        return out

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note targets that are overwritten for what they are (``y[y >= 900] = -100``)."""
        index, value = out
        kinds = index.m & self._kinds()
        if kinds and self._tokens(base) and isinstance(value.p, Known) and isinstance(value.p.v, int):
            return index, Value(value.p, value.m | self.machine.atoms.bit("ignored", self._leave_out(kinds, node)))
        return out

    def _reads_and_places(self) -> tuple[int, int]:
        """Return the origins of tokens, and those of where some of them stand, a document's end say, or how many."""
        keys = self.machine.of(Keys)
        return keys.reads, keys.spots | keys.truths

    def _gold(self) -> int:
        return self.machine.atoms.family("gold")

    def _tokens(self, value: Value) -> bool:
        """Return whether a value is validation tokens themselves."""
        return bool(value.m & VAL) and not value.m & self.machine.atoms.family("forward")

    def _plain(self, origins: int) -> bool:
        """Return whether something is made of validation tokens, wherever they were looked for."""
        return self._tokens(Value(None, origins)) or bool(origins & self.found)

    def _kinds(self) -> int:
        """Return the origins of truths about which token it is."""
        return self.machine.atoms.family("kind of token") | self.machine.atoms.family(_TABLED)

    def _untabled(self, value: Value) -> Value:
        """Return what is no longer what a table says of each token: a number of bytes, a prediction."""
        tabled = value.m & self.machine.atoms.family(_TABLED)
        return Value(value.p, value.m & ~tabled) if tabled else value

    def _by_class(self, target: Value, args: Args, node: ir.Node) -> int:
        """Return the mark of targets of which a loss ignores a kind, or weighs each kind in its own way."""
        ignored, weight = args.keywords.get("ignore_index"), args.keywords.get("weight")
        reads = target.m & self.machine.of(Keys).reads
        if ignored is not None and reads and _settings(self.machine, ignored, _PLAIN, 10**6):
            kind = "kind of token"
        elif weight is not None and reads and not isinstance(weight.p, Known):
            kind = _TABLED
        else:
            return 0
        return self.machine.atoms.bit("ignored", self._leave_out(self.machine.atoms.bit(kind, reads), node))

    def _leave_out(self, kinds: int, node: ir.Node) -> int:
        told = kinds & self.machine.atoms.family("kind of token")
        made = doubt(self.machine, "ignored targets" if told else _TABLED, node, None, self.machine.all)
        for family in ("kind of token", _TABLED):
            for reads in self.machine.atoms.meanings(kinds, family):
                assert isinstance(reads, int)
                self.left_out[made] = self.left_out.get(made, 0) | reads
        return made

    def closed(self) -> None:
        """Forget the places that look at other tokens than the targets."""
        keys = self.machine.of(Keys)
        labels = keys.labels & ~keys.inputs
        for made, reads in self.left_out.items():
            if made in self.judged:
                continue
            if not any(
                keys.among(bit, labels)
                or any(keys.descends(label, bit) for label in bits_of(labels))
                or (keys.meaning[bit].place >= 0 and any(keys.descends(bit, label) for label in bits_of(labels)))
                for bit in bits_of(reads)
            ):
                for event in self.machine.atoms.meanings(made, "doubt"):
                    event.reports.clear()  # type: ignore[attr-defined]

    def _smaller(self, tokens: Value, bound: Value | None, more: int, node: ir.Node, out: Value) -> Value:
        """Return tokens that are clamped or wrapped, marked where the bound is below the vocabulary."""
        reads = tokens.m & self.machine.of(Keys).reads
        if bound is None or not self.vocabulary or not reads:
            return out
        for index in range(1, self.machine.count):
            payload = at_setting(bound.p, index)
            if isinstance(payload, Known) and type(payload.v) is int and _CLASSES <= payload.v + more < self.vocabulary:
                made = doubt(self.machine, "clamped targets", node, float(payload.v + more), self.machine.all)
                self.left_out[made] = self.left_out.get(made, 0) | reads
                return Value(out.p, out.m | self.machine.atoms.bit("ignored", made))
        return out

    def _judged(self, label: int) -> int:
        """Return the places that changed the targets by which something is judged."""
        out = 0
        for made in self.machine.atoms.meanings(label, "ignored"):
            assert isinstance(made, int)
            out |= made
            self.judged.add(made)
        return out


def _settings(machine: Machine, value: Value, least: float, most: float) -> int:
    """Return the settings in play under which a value is a number from ``least`` to ``most``."""
    out = 0
    for index in range(1, machine.count):
        payload = at_setting(value.p, index)
        if isinstance(payload, Known) and isinstance(payload.v, int | float) and not isinstance(payload.v, bool):
            out |= (least <= payload.v <= most) << index
    return out
