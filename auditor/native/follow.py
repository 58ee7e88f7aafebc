"""Follows a function of native code: which tokens its look-ups, conditions and results are made from.

Calls of the text's own functions are followed where they stand. A loop is followed until what memory holds changes no
more; where its variable picks tokens, going on turns this position's token into one before it. Conditions reach what
is assigned under them. What isn't known is remembered in ``undecided``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditor.native import code
from auditor.native.expressions import COMPARING, MAX_STEPS, Expressions
from auditor.native.flow import (
    NOTHING,
    Atom,
    Bounds,
    Flow,
    Linear,
    Loc,
    Symbol,
    join,
    join_memory,
    joined,
    shifted,
    shifted_atoms,
)
from auditor.native.memory import CARRIED, FLOATS, Frame, OutOfSteps, Round

MAX_CALLS: Final = 24


class Follower(Expressions):
    """Follows the functions of one text; ``memory`` lasts from call to call."""

    # ------------------------------------------------------------------ calls

    def call(self, name: str, args: Sequence[Flow], owner: str = "", this: frozenset[Loc] = frozenset()) -> Flow:
        """Follow a call of ``name``; return what it returns."""
        function = self.unit.functions[owner, name]
        if len(self.frames) >= MAX_CALLS:
            raise OutOfSteps
        frame = Frame(owner, len(self.frames), self.line, this)
        for position, param in enumerate(function.params):
            loc: Loc = ("var", frame.depth, name, param.name)
            given = args[position] if position < len(args) else NOTHING
            frame.names[param.name] = loc
            frame.declared[param.name] = param
            self.types[loc] = param.type
            if param.type in FLOATS:
                self.floats.add(loc)
                self.floats.update(given.locs)
            if param.reference and len(given.locs) == 1:
                frame.names[param.name] = next(iter(given.locs))
                continue
            self.memory[loc] = given
        self.frames.append(frame)
        try:
            self.block(function.body)
        finally:
            self.frames.pop()
        for memory in frame.memories:
            self.memory = memory if self.dead else join_memory(self.memory, memory)
            self.dead = False
        self.dead = False
        self.memory = {k: v for k, v in self.memory.items() if k[0] != "var" or k[1] != frame.depth}
        return frame.returned or NOTHING

    # ------------------------------------------------------------------ statements

    def block(self, body: Sequence[code.Stmt]) -> None:
        """Follow statements until none of them is reached any more."""
        for statement in body:
            if self.dead:
                return
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise OutOfSteps
            self.statement(statement)

    def statement(self, node: code.Stmt) -> None:
        """Follow one statement."""
        if isinstance(node, code.Declaration):
            self.declare(node)
        elif isinstance(node, code.Do):
            self.eval(node.value)
        elif isinstance(node, code.If):
            self.branch(node)
        elif isinstance(node, code.Loop):
            self.loop(node)
        elif isinstance(node, code.Block):
            self.block(node.body)
        elif isinstance(node, code.Return):
            frame = self.frames[-1]
            value = self.eval(node.value).also(self.conditions()) if node.value is not None else NOTHING
            frame.returned = value if frame.returned is None else join(frame.returned, value)
            frame.memories.append(self.memory)
            self.dead = True
        else:
            rounds = self.frames[-1].loops
            if rounds:
                (rounds[-1].left if node.kind == "break" else rounds[-1].going_on).append(self.memory)
            self.dead = True

    def declare(self, node: code.Declaration) -> None:
        """Make a local variable."""
        frame = self.frames[-1]
        loc: Loc = ("var", frame.depth, len(self.turns), node.name)
        frame.declared[node.name] = node
        self.types[loc] = node.type
        value = self.eval(node.value) if node.value is not None else NOTHING
        if node.reference and node.value is not None:
            places, _ = self.places(node.value)
            if len(places) == 1:
                frame.names[node.name] = next(iter(places))
                return
        frame.names[node.name] = loc
        if node.array:
            self.arrays.add(loc)
        if node.type in FLOATS and not node.pointer:
            self.floats.add(loc)
        self.memory[loc] = value.also(self.conditions())

    def conditions(self) -> frozenset[Atom]:
        """Return the origins of the conditions under which the statement at hand is reached."""
        out: frozenset[Atom] = frozenset().union(*self.control) if self.control else frozenset()
        for frame in self.frames:
            out |= frame.residual
            for turn in frame.loops:
                out |= turn.residual
        return out

    def under_conditions(self, value: Flow) -> Flow:
        """Return ``value`` as stored here; a number of the caller that only some tokens get is a weight of theirs."""
        reached = self.conditions()
        if not reached:
            return value
        gates = [a for a in reached if a.kind == "gate"]
        if gates and not any(a.kind == "gate" for a in value.atoms):
            given = [a for a in value.atoms if a.kind == "arg"]
            value = value.also(Atom("weight", gate.place, gate.line, arg.of) for gate in gates for arg in given)
        return value.also(reached)

    def branch(self, node: code.If) -> None:
        """Follow both branches of a condition and join what they leave."""
        reached = self.condition(node.test, node.line)
        before = self.memory
        frame = self.frames[-1]
        self.control.append(reached)
        ended = []
        after = []
        known = frame.residuals
        told = list(known)
        for body in (node.yes, node.no):
            self.memory, self.dead = dict(before), False
            self.block(body)
            ended.append(self.dead)
            after.append(self.memory)
            told = [seen | now for seen, now in zip(told, frame.residuals, strict=True)]
            frame.residuals = known
        frame.residuals = told
        self.control.pop()
        self.dead = all(ended)
        if not any(ended):
            self.memory = join_memory(*after)
            self.mixed_by_branch(after, node.line)
        elif not self.dead:
            self.memory = after[ended.index(False)]
            self.leave(frame, node.yes if ended[0] else node.no, reached)

    def leave(self, frame: Frame, body: Sequence[code.Stmt], reached: frozenset[Atom]) -> None:
        """Let what follows a branch that leaves be reached under its condition."""
        last = body[-1]
        while isinstance(last, code.Block) and last.body:
            last = last.body[-1]
        if isinstance(last, code.Jump) and frame.loops:
            # A position that is passed over isn't scored: that is no choice of how it is scored.
            kept = reached if last.kind == "break" else frozenset(a for a in reached if a.kind != "gate")
            frame.loops[-1].residual |= kept
        else:
            frame.residual |= reached

    def mixed_by_branch(self, after: Sequence[dict[Loc, Flow]], line: int) -> None:
        """Note a variable that is a prediction of bytes in one branch and of the token in the other."""
        for loc, flow in after[0].items():
            other = after[1].get(loc)
            if other is not None and flow is not other and loc in self.floats:
                made = self.mixture(flow, other, line)
                if made:
                    self.memory[loc] = self.memory[loc].also(made)

    def condition(self, test: code.Expr, line: int) -> frozenset[Atom]:
        """Return what reaching a branch on ``test`` tells."""
        value = self.truth(test)
        out = set()
        for atom in value.atoms:
            if atom.kind == "class":
                out.add(Atom("gate", atom.place, line, atom.of))
            elif atom.kind in CARRIED:
                out.add(atom)
        return frozenset(out)

    def truth(self, test: code.Expr) -> Flow:
        """Return a condition's value: that a token is there says its class, how it compares only scores it."""
        if isinstance(test, code.Unary) and test.op == "!":
            return self.truth(test.value)
        if isinstance(test, code.Binary) and test.op in ("&&", "||"):
            return joined((self.truth(test.left), self.truth(test.right)))
        if isinstance(test, code.Binary) and test.op in COMPARING:
            return self.eval(test)
        value = self.eval(test)
        return value.also(Atom("class", a.place, a.line, a.of) for a in value.atoms if a.kind == "tok")

    # ------------------------------------------------------------------ loops

    def loop(self, node: code.Loop) -> None:
        """Follow a loop until memory changes no more."""
        self.block(node.before)
        symbol: Symbol = ("loop", len(self.turns), node.line, len(self.frames))
        counted = self.enter(node, symbol)
        self.turns.append(symbol)
        before = self.memory
        left: list[dict[Loc, Flow]] = []
        for turn in range(self.turns_each):
            head = dict(before)
            for loc in counted:
                if loc in head:
                    head[loc] = Flow(head[loc].atoms, head[loc].locs, Linear.of((*symbol, *loc)))
            self.memory = head
            left = self.turn(node, symbol)
            after = self.memory
            if symbol in self.positional:
                after = shifted(after)
                self.next_position()
            merged = join_memory(before, after)
            if turn and all(merged[k] == before.get(k) for k in merged):
                break
            before = merged
        self.turns.pop()
        self.memory = before
        for memory in left:
            self.memory = join_memory(self.memory, memory)
        self.dead = False

    def next_position(self) -> None:
        """Let what earlier conditions told of this position's token be told of one before it."""
        for frame in self.frames:
            frame.residual = shifted_atoms(frame.residual)
            for turn in frame.loops:
                turn.residual = shifted_atoms(turn.residual)

    def turn(self, node: code.Loop, symbol: Symbol) -> list[dict[Loc, Flow]]:
        """Follow one turn; return the memories with which the loop was left."""
        frame = self.frames[-1]
        reached = self.condition(node.test, node.line) if node.test is not None else frozenset()
        if not self.frames[-1].loops and symbol in self.positional:
            self.order = []
        started = len(self.order)
        current = Round()
        frame.loops.append(current)
        self.control.append(reached)
        self.block(node.body)
        self.control.pop()
        frame.loops.pop()
        for memory in current.going_on:
            self.memory = memory if self.dead else join_memory(self.memory, memory)
            self.dead = False
        if self.dead:
            # It never goes on.
            self.dead = False
            return current.left
        if node.step is not None:
            self.eval(node.step)
        if symbol in self.positional:
            self.settle_order(self.order[started:])
        return current.left

    def settle_order(self, order: Sequence[tuple[str, Loc]]) -> None:
        """Remember whether this position's results come before its token is learned."""
        outputs = [at for at, (kind, _) in enumerate(order) if kind == "output"]
        updates = [at for at, (kind, table) in enumerate(order) if kind == "update" and table in self.tables]
        if outputs and updates:
            self.marks.add("scored first" if max(outputs) < min(updates) else "learned first")

    def enter(self, node: code.Loop, symbol: Symbol) -> list[Loc]:
        """Return the variables that a loop counts; others that it assigns are no known numbers in it."""
        counted: list[Loc] = []
        for target, op, amount in _assigned(node):
            place = self.frames[-1].names.get(target)
            if place is None or place not in self.memory:
                continue
            held = self.memory[place]
            if op in ("+", "-") and isinstance(amount, code.Num):
                if place not in counted:
                    counted.append(place)
                    self.bounds[(*symbol, *place)] = self.limits(node, target, op, held.num)
            elif place not in counted:
                self.memory[place] = Flow(held.atoms, held.locs)
        return counted

    def limits(self, node: code.Loop, name: str, op: str, first: Linear | None) -> Bounds:
        """Return the bounds that a loop's head sets for the variable that it counts."""
        test = node.test
        while isinstance(test, code.Binary) and test.op == "&&":
            test = test.left
        limit: Linear | None = None
        if isinstance(test, code.Binary) and isinstance(test.left, code.Name) and test.left.id == name:
            limit = self.eval(test.right).num
            if limit is not None and test.op in ("<", ">"):
                limit = limit.plus(Linear((), -1 if test.op == "<" else 1))
        return Bounds(first, limit) if op == "+" else Bounds(limit, first)


def _assigned(node: code.Loop) -> list[tuple[str, str, code.Expr]]:
    """Return the variables that a loop assigns, each with the operation and the value."""
    found: list[tuple[str, str, code.Expr]] = []
    waiting: list[object] = [node.step, *node.body]
    while waiting:
        each = waiting.pop()
        if isinstance(each, code.Assign) and isinstance(each.target, code.Name):
            found.append((each.target.id, each.op, each.value))
        if isinstance(each, tuple):
            waiting.extend(each)
        elif hasattr(each, "__slots__"):
            waiting.extend(getattr(each, name) for name in each.__slots__)
    # One that is assigned otherwise, too, isn't counted.
    plain = {name for name, op, _ in found if not op}
    return [(n, "" if n in plain else op, v) for n, op, v in found]
