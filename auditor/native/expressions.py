"""Expressions of native code: operations, the hashes and mixtures that they make, casts and new objects."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Final

from auditor.native import code
from auditor.native.calls import called
from auditor.native.flow import ANYWHERE, NOTHING, UNKNOWN, Atom, Flow, Linear, Loc, join, joined
from auditor.native.memory import CARRIED, Memory, OutOfSteps

MAX_STEPS: Final = 400_000
_MIXING: Final = frozenset({"^", "%", "&", "|", "<<", ">>"})
COMPARING: Final = frozenset({"==", "!=", "<", ">", "<=", ">="})


class Expressions(Memory):
    """Values of expressions; calls and conditions are the follower's."""

    @abstractmethod
    def call(self, name: str, args: Sequence[Flow], owner: str = "", this: frozenset[Loc] = frozenset()) -> Flow:
        """Follow a call of ``name``; return what it returns."""

    @abstractmethod
    def condition(self, test: code.Expr, line: int) -> frozenset[Atom]:
        """Return what reaching a branch on ``test`` tells."""

    def eval(self, node: code.Expr) -> Flow:
        """Return the value of an expression."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise OutOfSteps
        if isinstance(node, code.Num):
            return Flow(num=Linear((), node.value)) if node.value is not None else NOTHING
        if isinstance(node, code.Name):
            return self.name(node)
        if isinstance(node, code.Index | code.Field | code.Deref):
            locs, by = self.places(node)
            if isinstance(node, code.Field) and self._is_array(node):
                return Flow(locs=locs)
            return self.load(locs, by, node.line)
        if isinstance(node, code.AddressOf):
            locs, by = self.places(node.value)
            atoms = self.looked_up(by, node.line) if by is not None else frozenset()
            return Flow(atoms, locs, by.num if by is not None else None)
        if isinstance(node, code.Binary):
            return self.binary(node)
        if isinstance(node, code.Unary):
            value = self.eval(node.value)
            num = Linear((), 0).plus(value.num, -1) if node.op == "-" and value.num is not None else None
            return Flow(value.atoms, frozenset(), num)
        if isinstance(node, code.Assign):
            return self.assign(node)
        if isinstance(node, code.Choice):
            return self.choose(node)
        if isinstance(node, code.Cast):
            return self.cast(node)
        if isinstance(node, code.Call):
            item = self.item_called(node)
            if item is not None:
                return self.eval(item)
            self.line = node.line
            return called(self, node)
        if isinstance(node, code.New):
            return self.new(node)
        values = [self.eval(v) for v in (node.values if isinstance(node, code.Items) else node.parts)]
        if isinstance(node, code.Opaque) and node.what != "an item":
            self.undecided.setdefault(node.line, node.what)
        return joined(values)

    def _is_array(self, node: code.Field) -> bool:
        return any(m[node.name].array for m in self.unit.classes.values() if node.name in m)

    def name(self, node: code.Name) -> Flow:
        """Return the value of a name; an array's or object's name stands for its place."""
        if node.id == "this":
            return Flow(locs=self.frames[-1].this)
        loc = self.variable(node.id)
        member = self.unit.classes.get(self.frames[-1].owner, {}).get(node.id)
        if loc in self.arrays or (member is not None and member.array and node.id not in self.frames[-1].names):
            return Flow(locs=frozenset({loc}))
        if loc in self.memory:
            return self.memory[loc]
        if self.types.get(loc, "") in self.unit.classes or (member is not None and not member.pointer):
            inside = joined(v for k, v in self.memory.items() if k[: len(loc)] == loc)
            return Flow(inside.atoms, inside.locs or frozenset({loc}), Linear.of(("value", *loc)))
        return Flow(num=Linear.of(("value", *loc)))

    def binary(self, node: code.Binary) -> Flow:
        """Return an operation's result, with the hash or mixture that it makes."""
        left, right = self.eval(node.left), self.eval(node.right)
        op = node.op
        atoms = left.atoms | right.atoms
        if op in COMPARING:
            # Whether it is the token that came only scores it.
            return Flow(frozenset(a for a in atoms if a.kind != "tok"))
        num: Linear | None = None
        if op in ("+", "-"):
            if left.num is not None and right.num is not None:
                num = left.num.plus(right.num, 1 if op == "+" else -1)
            elif left.locs and not left.atoms and left.num is None:
                num = right.num
            atoms |= self.mixture(left, right, node.line)
        elif op == "*" and left.num is not None and right.num is not None:
            for one, other in ((left.num, right.num), (right.num, left.num)):
                if not one.terms:
                    num = Linear((), 0).plus(other, one.const)
        if op in _MIXING:
            atoms |= self.hashed(atoms, node.line)
        return Flow(atoms, left.locs | right.locs if op in ("+", "-") else frozenset(), num)

    @staticmethod
    def hashed(atoms: frozenset[Atom], line: int) -> frozenset[Atom]:
        """Return the origin of a hash over tokens of several places."""
        tokens = [a for a in atoms if a.kind in ("tok", "hash") and a.place != UNKNOWN]
        if len({a.place for a in tokens}) < 2:
            return frozenset()
        last = max(tokens, key=lambda a: a.place)
        known = any(a.kind == "hash" and a.place == last.place for a in atoms)
        return frozenset() if known else frozenset({Atom("hash", last.place, line, last.of)})

    def mixture(self, left: Flow, right: Flow, line: int) -> frozenset[Atom]:
        """Return the mixture that two predictions make where they meet."""
        out = set()
        for one, other in ((left.atoms, right.atoms), (right.atoms, left.atoms)):
            if not any(a.kind == "gold" for a in one) or any(a.kind == "gold" for a in other):
                continue
            if not any(a.kind == "look" for a in other):
                continue
            for atom in other:
                if atom.kind == "byte":
                    out.add(Atom("mixed bytes", ANYWHERE, line, atom.of))
                elif atom.kind == "key" and atom.place == self.top:
                    out.add(Atom("mixed key", ANYWHERE, atom.line, atom.of))
                elif atom.kind == "gate" and atom.place == self.top:
                    out.add(Atom("mixed gate", ANYWHERE, atom.line, atom.of))
        return frozenset(out)

    def assign(self, node: code.Assign) -> Flow:
        """Follow an assignment."""
        value = self.eval(node.value)
        if node.op:
            operation = code.Binary(node.op, node.target, node.value, node.line)
            value = self.binary(operation)
            value = self.summed(node, value)
        self.store(node.target, value, node.op if not isinstance(node.target, code.Name) else "", node.line)
        return value

    def summed(self, node: code.Assign, value: Flow) -> Flow:
        """Return a sum over positions, which remembers that this position's token was in a key."""
        if node.op not in ("+", "-"):
            return value
        locs, _ = self.places(node.target)
        if not locs <= self.floats:
            return value
        keys = [a for a in value.atoms if a.kind == "key" and a.place == self.top]
        return value.also(Atom("mixed key", ANYWHERE, a.line, a.of) for a in keys)

    def choose(self, node: code.Choice) -> Flow:
        """Return one of two values, and the condition that picks it."""
        reached = self.condition(node.test, node.line)
        yes, no = self.eval(node.yes), self.eval(node.no)
        mixed = self.mixture(yes, no, node.line)
        return join(yes, no).also(reached | mixed)

    def cast(self, node: code.Cast) -> Flow:
        """Return a value as another type; a handle becomes the one object of its class."""
        value = self.eval(node.value)
        if node.type not in self.unit.classes:
            return value
        if not value.locs:
            return Flow(frozenset(a for a in value.atoms if a.kind in CARRIED), self.object(node.type))
        for loc in value.locs:
            if loc[0] == "heap":
                self.types[loc] = node.type
        return value

    def object(self, kind: str) -> frozenset[Loc]:
        """Return the place that stands for all objects of a class that live on."""
        loc: Loc = ("state", kind)
        self.types[loc] = kind
        return frozenset({loc})

    def allocated(self, line: int) -> Flow:
        """Return fresh memory: one place for each way in which the calls in progress lead here."""
        return Flow(locs=frozenset({("heap", *(frame.called_at for frame in self.frames[1:]), line)}))

    def new(self, node: code.New) -> Flow:
        """Make an object: its constructor is followed."""
        args = [self.eval(a) for a in node.args]
        if node.type not in self.unit.classes:
            return self.allocated(node.line) if not args else joined(args)
        made = self.object(node.type)
        if (node.type, node.type) in self.unit.functions:
            self.call(node.type, args, node.type, made)
        return Flow(locs=made)
