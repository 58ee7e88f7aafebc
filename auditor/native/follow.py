"""Follows a function of native code: which tokens its look-ups, conditions and results are made from.

Calls of the text's own functions are followed where they stand. A loop is followed until what memory holds changes no
more; where its variable picks tokens, going on turns this position's token into one before it. Conditions reach what
is assigned under them. What isn't known is remembered in ``undecided``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from auditor.native import code
from auditor.native.flow import (
    ANYWHERE,
    BEFORE,
    NOTHING,
    UNKNOWN,
    Atom,
    Bounds,
    Flow,
    Linear,
    Loc,
    Symbol,
    join,
    join_memory,
    joined,
    place_of,
    shifted,
    shifted_atoms,
)

MAX_STEPS: Final = 400_000
MAX_CALLS: Final = 24
_ELEMENT: Final = "[]"
_MIXING: Final = frozenset({"^", "%", "&", "|", "<<", ">>"})
_COMPARING: Final = frozenset({"==", "!=", "<", ">", "<=", ">="})
_CARRIED: Final = frozenset({"look", "key", "byte", "gate", "weight"})
_FLOATS: Final = frozenset({"float", "double", "half", "__half"})


class OutOfSteps(Exception):  # noqa: N818 (it names what ran out)
    """The step budget is used up, or calls nest too deeply."""


@dataclass(frozen=True)
class Input:
    """What the caller hands over as one argument.

    ``role``: ``tokens`` (validation tokens), ``loss`` (losses, probabilities or logits of the network), ``other`` (a
    table, a buffer, positions) or ``number``. ``shift`` is -1 for the tokens that the network was given: they lie one
    before those that it predicts.
    """

    number: int
    role: str
    shift: int = 0


@dataclass
class Written:
    """What is stored in an array of the caller: all origins, and whether before any update of this position's."""

    atoms: frozenset[Atom] = frozenset()
    line: int = 0
    floating: bool = False


@dataclass
class _Frame:
    owner: str
    depth: int
    called_at: int
    this: frozenset[Loc]
    names: dict[str, Loc] = field(default_factory=dict)
    declared: dict[str, code.Declaration] = field(default_factory=dict)
    residual: frozenset[Atom] = frozenset()  # conditions under which an earlier return was not taken
    returned: Flow | None = None
    memories: list[dict[Loc, Flow]] = field(default_factory=list)
    loops: list[_Round] = field(default_factory=list)

    @property
    def residuals(self) -> list[frozenset[Atom]]:
        """The conditions under which the function, and each loop in progress, was not left."""
        return [self.residual, *(turn.residual for turn in self.loops)]

    @residuals.setter
    def residuals(self, each: list[frozenset[Atom]]) -> None:
        self.residual = each[0]
        for turn, residual in zip(self.loops, each[1:], strict=True):
            turn.residual = residual


@dataclass
class _Round:
    """One turn of a loop in progress."""

    residual: frozenset[Atom] = frozenset()
    going_on: list[dict[Loc, Flow]] = field(default_factory=list)
    left: list[dict[Loc, Flow]] = field(default_factory=list)


class Follower:
    """Follows the functions of one text; ``memory`` lasts from call to call."""

    def __init__(self, unit: code.Unit) -> None:
        self.unit = unit
        self.memory: dict[Loc, Flow] = {}
        self.inputs: dict[int, Input] = {}
        self.written: dict[int, Written] = {}
        self.stored: set[Loc] = set()  # arrays that something was stored in
        self.floats: set[Loc] = set()
        self.arrays: set[Loc] = set()
        self.types: dict[Loc, str] = {}
        self.bounds: dict[Symbol, Bounds] = {}
        self.positional: set[Symbol] = set()
        self.top = 0  # the furthest token that is read: the one that is scored
        self.order: list[tuple[str, Loc]] = []  # outputs and updates of the position at hand
        self.tables: set[Loc] = set()  # what is looked up under tokens
        self.turns_each = 4
        self.marks: set[str] = set()
        self.undecided: dict[int, str] = {}
        self.control: list[frozenset[Atom]] = []
        self.frames: list[_Frame] = []
        self.turns: list[Symbol] = []
        self.steps = 0
        self.line = 0  # of the call in progress
        self.dead = False  # the statements at hand aren't reached
        self._globals()

    def _globals(self) -> None:
        for made in self.unit.globals:
            loc: Loc = ("global", made.name)
            self.types[loc] = made.type
            if made.array:
                self.arrays.add(loc)
            elif isinstance(made.value, code.Num) and made.value.value is not None:
                self.memory[loc] = Flow(num=Linear((), made.value.value))

    # ------------------------------------------------------------------ calls

    def call(self, name: str, args: Sequence[Flow], owner: str = "", this: frozenset[Loc] = frozenset()) -> Flow:
        """Follow a call of ``name``; return what it returns."""
        function = self.unit.functions[owner, name]
        if len(self.frames) >= MAX_CALLS:
            raise OutOfSteps
        frame = _Frame(owner, len(self.frames), self.line, this)
        for position, param in enumerate(function.params):
            loc: Loc = ("var", frame.depth, name, param.name)
            given = args[position] if position < len(args) else NOTHING
            frame.names[param.name] = loc
            frame.declared[param.name] = param
            self.types[loc] = param.type
            if param.type in _FLOATS:
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
        if node.type in _FLOATS and not node.pointer:
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

    def leave(self, frame: _Frame, body: Sequence[code.Stmt], reached: frozenset[Atom]) -> None:
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
            elif atom.kind in _CARRIED:
                out.add(atom)
        return frozenset(out)

    def truth(self, test: code.Expr) -> Flow:
        """Return a condition's value: that a token is there says its class, how it compares only scores it."""
        if isinstance(test, code.Unary) and test.op == "!":
            return self.truth(test.value)
        if isinstance(test, code.Binary) and test.op in ("&&", "||"):
            return joined((self.truth(test.left), self.truth(test.right)))
        if isinstance(test, code.Binary) and test.op in _COMPARING:
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
        current = _Round()
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

    # ------------------------------------------------------------------ memory

    def places(self, node: code.Expr) -> tuple[frozenset[Loc], Flow | None]:
        """Return where an expression lies in memory, and the index or pointer that leads there."""
        if isinstance(node, code.Name):
            return frozenset({self.variable(node.id)}), None
        if isinstance(node, code.Field):
            inner = self.pointed(node.base) if node.arrow else self.places(node.base)
            locs, by = inner
            if node.name in ("first", "second"):
                return locs, by
            return frozenset((*loc, node.name) for loc in locs), by
        if isinstance(node, code.Index):
            return self.element(node)
        if isinstance(node, code.Deref):
            locs, by = self.pointed(node.value)
            return frozenset((*loc, _ELEMENT) if loc in self.arrays else loc for loc in locs), by
        if isinstance(node, code.Cast):
            return self.places(node.value)
        value = self.eval(node)
        return value.locs, value

    def pointed(self, node: code.Expr) -> tuple[frozenset[Loc], Flow | None]:
        """Return where a pointer points; one that was never set has memory of its own."""
        value = self.eval(node)
        if value.locs:
            return value.locs, value
        if isinstance(node, code.Name | code.Field | code.Index):
            owner = self.type_of(node)
            if owner in self.unit.classes:
                return frozenset({("state", owner)}), value
            places, _ = self.places(node)
            return frozenset((*loc, _ELEMENT) if loc[-1] != _ELEMENT else loc for loc in places), value
        return frozenset({("unknown", node.line)}), value

    def type_of(self, node: code.Expr) -> str:
        """Return the bare name of an expression's type, "" where it isn't known."""
        if isinstance(node, code.Name):
            if node.id == "this":
                return self.frames[-1].owner
            declared = self.frames[-1].declared.get(node.id)
            if declared is not None:
                return declared.type
            return self._member(node.id)
        if isinstance(node, code.Field):
            return self._member(node.name)
        if isinstance(node, code.Index):
            return self.type_of(node.base)
        if isinstance(node, code.Cast | code.New):
            return node.type
        if isinstance(node, code.AddressOf | code.Deref):
            return self.type_of(node.value)
        if isinstance(node, code.Call):
            found = self.unit.functions.get(("", node.name))
            return found.returns.rstrip("*") if found is not None else ""
        return ""

    def _member(self, name: str) -> str:
        for members in self.unit.classes.values():
            if name in members:
                return members[name].type
        return next((d.type for d in self.unit.globals if d.name == name), "")

    def element(self, node: code.Index) -> tuple[frozenset[Loc], Flow]:
        """Return where ``base[at]`` lies."""
        at = self.eval(node.at)
        base = self.eval(node.base)
        locs = base.locs
        if not locs:
            locs, _ = self.places(node.base)
        num = at.num
        if base.num is not None and num is not None and base.locs:
            num = base.num.plus(num)
        elif base.locs and base.num is None and any(loc[0] == "array" for loc in base.locs) and base.atoms:
            num = None
        carried = frozenset(a for a in base.atoms if a.kind in _CARRIED or a.kind == "class")
        out = frozenset(loc if loc[0] == "array" or loc[-1] == _ELEMENT else (*loc, _ELEMENT) for loc in locs)
        return out, Flow(at.atoms | carried, frozenset(), num)

    def variable(self, name: str) -> Loc:
        """Return where a name lies: a local variable, a member of the object at hand, or a global one."""
        frame = self.frames[-1]
        if name in frame.names:
            return frame.names[name]
        if name in self.unit.classes.get(frame.owner, {}) and frame.this:
            return (*next(iter(frame.this)), name)
        return ("global", name)

    def load(self, locs: frozenset[Loc], by: Flow | None, line: int) -> Flow:
        """Return what lies at ``locs``, reached through the index or pointer ``by``."""
        out = [self.load_one(loc, by, line) for loc in locs]
        if len(out) == 1:
            return out[0]
        return joined(out)

    def load_one(self, loc: Loc, by: Flow | None, line: int) -> Flow:
        """Return what lies at one place."""
        if loc[0] == "array":
            return self.load_input(loc, by, line)
        held = self.memory.get(loc)
        if held is None:
            inside = [v for k, v in self.memory.items() if k[: len(loc)] == loc]
            around = [self.memory[loc[:n]] for n in range(2, len(loc)) if loc[:n] in self.memory]
            held = joined((*inside, *around)) if inside or around else NOTHING
        if by is None:
            return held
        if held.num is None and by.num is not None and not by.atoms:
            held = Flow(held.atoms, held.locs, self.item(loc, by.num))
        if any(a.kind in ("tok", "byte", "hash", "look") for a in by.atoms):
            self.tables.add(_table(loc))
        constant = loc[0] == "global" and loc[:2] not in {s[:2] for s in self.stored}
        return held.also(self.listed(by, line) if constant else self.looked_up(by, line))

    def item(self, loc: Loc, at: Linear) -> Linear:
        """Return the number that an array of numbers holds at ``at``: positions follow each other."""
        return Linear(((("item", loc, at.terms), 1),), at.const if at.terms else 0)

    def load_input(self, loc: Loc, by: Flow | None, line: int) -> Flow:
        """Return an element of an array of the caller."""
        given = self.inputs[int(loc[1])]
        held = self.memory.get(loc, NOTHING)
        num = by.num if by is not None else None
        listed = self.listed(by, line) if by is not None else frozenset()
        if given.role == "other" or any(a.kind in ("class", "byte") for a in listed):
            own = Atom("arg", ANYWHERE, 0, given.number)
            out = Flow(held.atoms | listed | {own}, frozenset(), self.item(loc, num) if num is not None else None)
            return out.also(self.looked_up(by, line)) if by is not None and loc in self.stored else out
        place, symbol = place_of(num, self.bounds)
        if place != UNKNOWN:
            place = max(BEFORE, place + given.shift)
            self.top = max(self.top, place)
            self.note_position(symbol)
        kind = "tok" if given.role == "tokens" else "gold"
        return Flow(held.atoms | {Atom(kind, place, line, given.number)})

    def note_position(self, symbol: Symbol | None) -> None:
        """Remember the loop whose variable picks tokens."""
        if symbol is None:
            return
        named: list[object] = [symbol]
        if symbol[0] == "item" and isinstance(symbol[2], tuple):
            named = [term[0] for term in symbol[2]]
        for each in named:
            if isinstance(each, tuple) and each[0] == "loop":
                self.positional.add(each[:4])

    @staticmethod
    def listed(by: Flow, line: int) -> frozenset[Atom]:
        """Return what a fixed table tells of the token under which it is read: its class, and then its bytes."""
        out = set()
        for atom in by.atoms:
            if atom.kind == "tok":
                out.add(Atom("class", atom.place, line, atom.of))
            elif atom.kind == "class":
                out.add(Atom("byte", atom.place, line, atom.of))
            elif atom.kind in _CARRIED:
                out.add(atom)
        return frozenset(out)

    @staticmethod
    def looked_up(by: Flow, line: int) -> frozenset[Atom]:
        """Return what a count tells of the key under which it is read."""
        out = set()
        for atom in by.atoms:
            if atom.kind in ("tok", "byte", "hash"):
                out.add(Atom("look", atom.place, line, atom.of))
            if atom.kind == "hash":
                out.add(Atom("key", atom.place, atom.line, atom.of))
            if atom.kind in _CARRIED:
                out.add(atom)
        return frozenset(out)

    def store(self, target: code.Expr, value: Flow, op: str, line: int) -> None:
        """Store ``value`` at ``target``, replacing what is there where that is certain."""
        locs, by = self.places(target)
        value = self.under_conditions(value)
        for loc in locs:
            if loc[0] == "array":
                self.output(loc, value, line)
            elif by is not None or _ELEMENT in loc:
                self.update(value, by, _table(loc))
            self.stored.add(loc)
            sure = len(locs) == 1 and _ELEMENT not in loc and loc[0] in ("var", "state", "global") and not op
            old = self.memory.get(loc)
            if old is None or sure:
                self.memory[loc] = value
            else:
                self.memory[loc] = Flow(old.atoms | value.atoms, old.locs | value.locs, value.num if op else None)

    def output(self, loc: Loc, value: Flow, line: int) -> None:
        """Remember what an array of the caller is filled with."""
        if any(a.kind == "look" for a in value.atoms):
            self.order.append(("output", loc))
        self.note_output(int(loc[1]), value.atoms, line, loc in self.floats)

    def note_output(self, number: int, atoms: frozenset[Atom], line: int, floating: bool) -> None:
        """Add to what the caller's array ``number`` holds."""
        seen = self.written.setdefault(number, Written(line=line))
        seen.atoms |= atoms
        seen.floating |= floating

    def update(self, value: Flow, by: Flow | None, table: Loc) -> None:
        """Remember that a table learns the token of this position."""
        made = value.atoms | (by.atoms if by is not None else frozenset())
        if any(a.kind in ("tok", "hash", "key", "byte") and a.place == self.top for a in made):
            self.order.append(("update", table))

    # ------------------------------------------------------------------ expressions

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
            from auditor.native.calls import called

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
        if op in _COMPARING:
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
        plain = not value.locs or all(loc[0] == "heap" for loc in value.locs)
        if node.type in self.unit.classes and plain:
            return Flow(value.atoms & frozenset(a for a in value.atoms if a.kind in _CARRIED), self.object(node.type))
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


def _table(loc: Loc) -> Loc:
    """Return the array that an element or a field of one lies in."""
    return loc[: loc.index(_ELEMENT)] if _ELEMENT in loc else loc


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
