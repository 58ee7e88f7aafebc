"""Stores of the tokens that followed: pointers and neighbours that answer with tokens which are still to be scored.

A pointer or a nearest-neighbour cache weighs places by what a model made of them and answers with the tokens that lie
there. Those are counts like any others (see :mod:`counts`): which tokens the store holds decides, unless the weights
are *ordered*, that is, cut off at the place being scored (``tril``, a comparison of two places).
"""

from __future__ import annotations

from auditor.program import ir
from auditor.regex import regex
from auditor.timeline.engine import arguments, containers, stores
from auditor.timeline.engine.arguments import Args
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.machine import Machine
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.counts.counts import Counts
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.atoms import VAL, bits_of
from auditor.timeline.values.payloads import Heap, Method, Value

_RANKS = frozenset({"topk", "argsort", "argmin", "argmax", "argpartition", "sort", "min", "max"})
_TRIANGLES = frozenset({"tril", "triu", "tril_", "triu_", "tril_indices", "triu_indices", "tri"})
_PICKS = frozenset({"gather", "index_select", "take", "take_along_dim", "take_along_axis"})
_PRODUCTS = frozenset({"matmul", "mm", "bmm", "einsum", "dot", "tensordot", "mean", "sum"})
_INTO = frozenset({"scatter_add_", "scatter_add", "index_add_", "index_add", "add.at", "at"})
_LATEST = regex(r"\[\s*-[^:\]]*:\s*\]$")  # the last ones of what is kept


class Answers(Tracker):
    """Tokens that are answered with by places that a model weighed."""

    rank = 43

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.ordered = machine.atoms.bit("ordered", "")
        self.read_in: dict[int, tuple[int, ...]] = {}  # a read → the loops in which it was made
        self.near = machine.atoms.bit("near", "")  # the places that lie next to what a model makes of a token

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a comparison of places, and neighbours' tokens that are compared with the one being scored."""
        keys = self.machine.of(Keys)
        if op in ("<", ">", "<=", ">=") and (left.m & keys.every or right.m & keys.every):
            return Value(out.p, out.m | self.ordered)
        counted = self.machine.atoms.family("counted")
        if op == "==" and (left.m | right.m) & counted:
            for store, token in ((left, right), (right, left)):
                if store.m & counted and store.m & self.near and token.m & VAL and not token.m & counted:
                    return self.machine.of(Counts).judged(store.m & counted, token.m, node, out)
        return out

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note tokens as rows, weighed by places."""
        if node.op != "@":
            return out
        for rows, weights in ((left, right), (right, left)):
            if rows.m & self._rows() and not rows.m & self._forwards():
                return self._weighed(rows, weights, node, out)
        return out

    @heeds(_TRIANGLES, _RANKS, _PICKS, _PRODUCTS, _INTO)
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a library ranks, orders or picks."""
        name = arguments.callee_name(func)
        if name in _TRIANGLES:
            return _tag(out, self.ordered)
        given = arguments.given_to(func, args)
        if name in _RANKS and given and given[0].m & self._forwards() and not given[0].m & self.machine.of(Keys).gold:
            return _tag(out, self.near)
        if name in _PICKS and len(given) > 1:
            index = 0
            for value in given[1:]:
                index |= value.m
            return self._answered(given[0], index, node, out)
        if name in _PRODUCTS:
            rows = [v for v in given if v.m & self._rows() and not v.m & self._forwards()]
            if rows:
                weights = [v for v in given if v is not rows[0] and v.m & self._forwards()]
                return self._weighed(rows[0], weights[0] if weights else None, node, out)
        if name in _INTO and len(given) > 2:
            return self._filled(func, args, given, node, out)
        return out

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note tokens that lie at the places that a model found."""
        read = out.m & self.machine.of(Keys).reads
        if read and not read & (read - 1):
            self.read_in[read] = tuple(self.machine.of(Counts).loops)
        return self._answered(base, containers.deep(index), node, out) if index.m & self.near else out

    # ---------------------------------------------------------------- what is held

    def _forwards(self) -> int:
        return self.machine.atoms.family("forward")

    def _rows(self) -> int:
        return self.machine.atoms.family("one hot")

    def _answered(self, base: Value, index: int, node: ir.Node, out: Value) -> Value:
        """Return tokens picked at places that a model found: what it answers with, all of the store being at hand."""
        plain = base.m & VAL and not base.m & self._forwards() and not isinstance(base.p, Heap)
        if not plain or not index & self.near or index & (self.ordered | self.machine.of(Keys).gold):
            return out
        held = self._held(base.m & self.machine.of(Keys).reads)
        within = self._within(held)
        origins = base.m & ~self.machine.of(Keys).reads | held
        atom = self.machine.of(Counts).counted(origins, node, within)
        return _tag(out, atom | self.near) if atom else out

    def _within(self, reads: int) -> tuple[int, ...] | None:
        """Return the loops in which tokens were read, where these have all ended by now."""
        running = set(self.machine.of(Counts).loops)
        made = [self.read_in.get(bit, ()) for bit in bits_of(reads)]
        return made[0] if made and not any(running.intersection(loops) for loops in made) else None

    def _held(self, reads: int) -> int:
        """Return reads, and those of which they are the latest part that is kept."""
        out = reads
        for bit in bits_of(reads):
            read = self.machine.of(Keys).meaning[bit]
            if _LATEST.search(read.site.source.text[read.site.start : read.site.end]):
                out |= self._held(read.parents)
        return out

    def _weighed(self, rows: Value, weights: Value | None, node: ir.Node, out: Value) -> Value:
        if rows.m & self.ordered or (
            weights is not None and (weights.m & self.ordered or not weights.m & self._forwards())
        ):
            return out
        reads = 0
        for each in self.machine.atoms.meanings(rows.m, "one hot"):
            assert isinstance(each, int)
            reads |= each
        counted = self.machine.of(Counts).counted(rows.m & ~self.machine.of(Keys).reads | reads, node)
        return _tag(Value(out.p, out.m & ~self._rows()), counted)

    def _filled(self, func: Value, args: Args, given: list[Value], node: ir.Call, out: Value) -> Value:
        """Note rows into which weights are added at tokens."""
        machine = self.machine
        index, weights = given[-2], given[-1]
        if not weights.m & self._forwards() or weights.m & self.ordered or not index.m & VAL:
            return out
        if given[0].m & machine.params:
            return out
        atom = index.m & machine.atoms.family("counted") if index.m & self.near else 0
        if not atom and not index.m & (self._forwards() | self.ordered):
            atom = machine.of(Counts).counted(index.m, node)
        where = func.p.where if isinstance(func.p, Method) else args.nodes[0] if args.nodes else None
        if where is not None and atom:
            stores.update_in_place(machine, where, machine.eval(where), Value(None, atom))
        return _tag(out, atom)


def _tag(value: Value, origins: int) -> Value:
    return containers.tag(value, origins) if origins else value
