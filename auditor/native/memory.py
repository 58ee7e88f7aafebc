"""Memory of native code: what lies where, what is read from it and stored in it.

A place in memory is a path: a variable, an object that lives on (one for each class), allocated memory, an array of
the caller, then fields and ``[]`` for any element.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from msgspec import Struct, field

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
    joined,
    place_of,
    stretches,
)

_ELEMENT: Final = "[]"
# What a pointer or an index tells of what it leads to.
CARRIED: Final = frozenset({"look", "key", "byte", "gate", "weight"})
FLOATS: Final = frozenset({"float", "double", "half", "__half"})


class OutOfSteps(Exception):  # noqa: N818 (it names what ran out)
    """The step budget is used up, or calls nest too deeply."""


class Input(Struct, frozen=True):
    """What the caller hands over as one argument.

    ``role``: ``tokens`` (validation tokens), ``loss`` (losses, probabilities or logits of the network), ``other`` (a
    table, a buffer, positions) or ``number``. ``shift`` is -1 for the tokens that the network was given: they lie one
    before those that it predicts.
    """

    number: int
    role: str
    shift: int = 0


class Written(Struct):
    """What is stored in an array of the caller: all origins, and whether before any update of this position's."""

    atoms: frozenset[Atom] = frozenset()
    line: int = 0
    floating: bool = False


class Frame(Struct):
    """One call in progress: its names, and the conditions under which it was not left."""

    owner: str
    depth: int
    called_at: int
    this: frozenset[Loc]
    names: dict[str, Loc] = field(default_factory=dict)
    declared: dict[str, code.Declaration] = field(default_factory=dict)
    residual: frozenset[Atom] = frozenset()  # conditions under which an earlier return was not taken
    returned: Flow | None = None
    memories: list[dict[Loc, Flow]] = field(default_factory=list)
    loops: list[Round] = field(default_factory=list)

    @property
    def residuals(self) -> list[frozenset[Atom]]:
        """The conditions under which the function, and each loop in progress, was not left."""
        return [self.residual, *(turn.residual for turn in self.loops)]

    @residuals.setter
    def residuals(self, each: list[frozenset[Atom]]) -> None:
        self.residual = each[0]
        for turn, residual in zip(self.loops, each[1:], strict=True):
            turn.residual = residual


class Round(Struct):
    """One turn of a loop in progress."""

    residual: frozenset[Atom] = frozenset()
    going_on: list[dict[Loc, Flow]] = field(default_factory=list)
    left: list[dict[Loc, Flow]] = field(default_factory=list)


class Memory(ABC):
    """What native code holds from call to call, and where its names lie in it."""

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
        self.frames: list[Frame] = []
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

    @abstractmethod
    def eval(self, node: code.Expr) -> Flow:
        """Return the value of an expression."""

    @abstractmethod
    def under_conditions(self, value: Flow) -> Flow:
        """Return ``value`` as stored under the conditions in progress."""

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
        item = self.item_called(node) if isinstance(node, code.Call) else None
        if item is not None:
            return self.element(item)
        value = self.eval(node)
        return value.locs, value

    def item_called(self, node: code.Call) -> code.Index | None:
        """Return ``array(i, j)``, as views of arrays are read and written, as the item that it is; else None."""
        if node.receiver is not None or not node.args:
            return None
        if any((owner, node.name) in self.unit.functions for owner in ("", self.frames[-1].owner)):
            return None
        declared = self.frames[-1].declared.get(node.name)
        if declared is None and not self.member(node.name):
            return None
        if declared is not None and isinstance(declared.value, code.Opaque):
            return None  # a function made on the spot
        item: code.Expr = code.Name(node.name, node.line)
        for at in node.args:
            item = code.Index(item, at, node.line)
        return item if isinstance(item, code.Index) else None

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
            return self.member(node.id)
        if isinstance(node, code.Field):
            return self.member(node.name)
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

    def member(self, name: str) -> str:
        """Return the bare name of the type of a member or global variable, "" where there is none."""
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
        carried = frozenset(a for a in base.atoms if a.kind in CARRIED or a.kind == "class")
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
        places = {place, BEFORE} if stretches(num) else {place}
        return Flow(held.atoms | {Atom(kind, each, line, given.number) for each in places})

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
            elif atom.kind in CARRIED:
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
            if atom.kind in CARRIED:
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


def _table(loc: Loc) -> Loc:
    """Return the array that an element or a field of one lies in."""
    return loc[: loc.index(_ELEMENT)] if _ELEMENT in loc else loc
