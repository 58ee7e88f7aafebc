"""What a call of native code does with validation tokens: the answers that the rules ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from auditor.native import code
from auditor.native.flow import ANYWHERE, NOTHING, UNKNOWN, Atom, Flow, Linear, Loc, join, shifted
from auditor.native.follow import Follower
from auditor.native.lower import lower
from auditor.native.memory import Input, OutOfSteps


class Result(Struct, frozen=True):
    """One array that a call fills, or what it returns.

    ``made_from`` are the arguments that it is made from and ``weights`` those of them that are given only where a gate
    is open, as places among all that were ever handed over (:attr:`Outcome.first` is this call's first).
    ``counted``: it rests on counts that are looked up under tokens, at the lines ``lookups``;
    ``gates``, ``keys`` and ``bytes`` are the lines where the token that is scored decides whether there is a
    prediction, where it enters the key, and where its loss meets a prediction of its bytes.
    """

    made_from: frozenset[int]
    weights: frozenset[int] = frozenset()
    counted: bool = False
    gates: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    bytes: tuple[int, ...] = ()
    lookups: tuple[int, ...] = ()


class Outcome(Struct, frozen=True):
    """What a call does: its results by the argument's position (-1: returned), and what could not be decided."""

    first: int
    results: Mapping[int, Result]
    undecided: tuple[tuple[int, str], ...]


@dataclass
class Library:
    """The functions of one text of C, C++ or CUDA, and what its memory holds from call to call."""

    text: str
    unit: code.Unit = field(init=False)
    follower: Follower = field(init=False)
    count: int = 0
    known: dict[tuple[object, ...], Outcome] = field(default_factory=dict)  # calls that left memory as it was

    def __post_init__(self) -> None:
        self.unit = lower(self.text)
        self.follower = Follower(self.unit)

    def find(self, name: str) -> tuple[str, str] | None:
        """Return the class and name of the function that Python knows as ``name``, or None."""
        name = self.unit.bound.get(name, name)
        if ("", name) in self.unit.functions:
            return "", name
        owners = [owner for owner, method in self.unit.functions if method == name]
        return (owners[0], name) if len(owners) == 1 else None

    def call(self, name: str, roles: Sequence[str], shifts: Sequence[int] = ()) -> Outcome:
        """Follow a call with arguments of these ``roles`` (see :class:`~auditor.native.memory.Input`)."""
        found = self.find(name)
        if found is None:
            return Outcome(0, {}, ((0, f"{name}() is not in the source"),))
        first = self.count + 1
        self.count += len(roles)
        held = dict(self.follower.memory)
        key = (found, tuple(roles), tuple(shifts), frozenset(held.items()))
        if key in self.known:
            return _renumbered(self.known[key], first, len(roles))
        for attempt in range(2):
            self.follower = _again(self.follower, held, attempt)
            try:
                returned = self._follow(found, roles, shifts, first)
            except (OutOfSteps, RecursionError):
                line = self.unit.functions[found].line
                return Outcome(first, {}, ((line, f"{name}() is too intricate to follow"),))
        floating = self.unit.functions[found].returns in ("float", "double")
        outcome = _outcome(self.follower, returned, first, floating)
        broken = [(line, "syntax that the grammar of C++ does not know") for line in self.unit.broken[:1]]
        outcome = Outcome(first, outcome.results, (*outcome.undecided, *broken))
        self.follower.memory = shifted(_lasting(_handed_out(self.follower, returned), returned))
        if self.follower.memory == held:
            self.known[key] = outcome
        return outcome

    def _follow(self, found: tuple[str, str], roles: Sequence[str], shifts: Sequence[int], first: int) -> Flow:
        follower = self.follower
        function = self.unit.functions[found]
        args = []
        for position, role in enumerate(roles):
            param = function.params[position] if position < len(function.params) else None
            number = first + position
            args.append(_given(follower, number, role, param, shifts[position] if position < len(shifts) else 0))
        this = follower.object(found[0]) if found[0] else frozenset()
        return follower.call(found[1], args, found[0], this)


def _given(follower: Follower, number: int, role: str, param: code.Declaration | None, shift: int) -> Flow:
    """Return an argument as the function gets it."""
    own = Atom("arg", ANYWHERE, 0, number)
    if param is None or role == "number" or not (param.pointer or param.array or _is_array(param.type)):
        if role == "token":
            return Flow(frozenset({Atom("tok", 0, 0, number)}))
        if param is not None and param.type == "void":
            return NOTHING
        return Flow(frozenset({own}) if _is_float(param) else frozenset(), num=Linear.of(("given", number)))
    if param.type == "void":
        return NOTHING
    if role == "loss" and not (_is_float(param) or _is_array(param.type)):
        role = "tokens"  # a loss is no whole number: these are the tokens that came to be with it
    follower.inputs[number] = Input(number, "other" if role == "token" else role, shift)
    loc: Loc = ("array", number)
    if _is_float(param):
        follower.floats.add(loc)
    return Flow(locs=frozenset({loc}))


def _is_float(param: code.Declaration | None) -> bool:
    return param is not None and param.type in ("float", "double", "half")


def _is_array(kind: str) -> bool:
    return kind in ("Tensor", "ndarray", "array_t", "array", "py::array_t", "buffer", "vector", "span")


def _again(old: Follower, memory: dict[Loc, Flow], attempt: int) -> Follower:
    """Return a follower that starts from ``memory`` and knows which loops pick tokens and what is stored in."""
    made = Follower(old.unit)
    made.memory.update(memory)
    made.inputs, made.stored, made.floats = old.inputs, old.stored, old.floats
    made.arrays, made.types, made.tables = old.arrays, old.types, old.tables
    if not attempt:
        made.turns_each = 1
    else:
        made.positional, made.top = old.positional, old.top
    return made


def _handed_out(follower: Follower, returned: Flow) -> dict[Loc, Flow]:
    """Return the memory with an object whose address was returned as the one of its class.

    A later call gets the address as a plain number: what it is cast to is all that is known of it.
    """
    moved = {
        loc: ("state", follower.types[loc])
        for loc in returned.locs
        if loc[0] == "heap" and follower.types.get(loc) in follower.unit.classes
    }
    if not moved:
        return follower.memory

    def place(loc: Loc) -> Loc:
        for old, new in moved.items():
            if loc[: len(old)] == old:
                rest = loc[len(old) :]
                return (*new, *(rest[1:] if rest[:1] == ("[]",) else rest))
        return loc

    out: dict[Loc, Flow] = {}
    for loc, flow in follower.memory.items():
        known = out.get(place(loc))
        there = Flow(flow.atoms, frozenset(place(each) for each in flow.locs), flow.num)
        out[place(loc)] = there if known is None else join(known, there)
    return out


def _lasting(memory: dict[Loc, Flow], returned: Flow) -> dict[Loc, Flow]:
    """Return what a later call can still reach: global variables, objects that live on, what these point to."""
    reached = {loc for loc in memory if loc[0] in ("state", "global", "unknown")}
    kept: dict[Loc, Flow] = {}
    waiting = [*reached, *returned.locs]
    roots: set[Loc] = set()
    while waiting:
        loc = waiting.pop()
        if loc in roots:
            continue
        roots.add(loc)
        for inside in [each for each in memory if each[: len(loc)] == loc and each not in kept]:
            kept[inside] = memory[inside]
            waiting.extend(memory[inside].locs)
    return kept


def _renumbered(outcome: Outcome, first: int, count: int) -> Outcome:
    """Return the outcome of the same call with other arguments, which are numbered from ``first``."""

    def moved(numbers: frozenset[int]) -> frozenset[int]:
        own = range(outcome.first, outcome.first + count)
        return frozenset(n - outcome.first + first if n in own else n for n in numbers)

    results = {
        position: replace(result, made_from=moved(result.made_from), weights=moved(result.weights))
        for position, result in outcome.results.items()
    }
    return Outcome(first, results, outcome.undecided)


def _outcome(follower: Follower, returned: Flow, first: int, floating: bool) -> Outcome:
    results: dict[int, Result] = {}
    undecided = list(follower.undecided.items())
    atoms_of = {n: w.atoms for n, w in follower.written.items()}
    told = list(atoms_of.items())
    if returned.atoms and not (told and not floating):  # beside what is filled, a whole number is a status or a count
        told.append((first - 1, returned.atoms))
    predicted = any(a.kind == "look" for _, atoms in told for a in atoms)
    for number, atoms in told:
        result, doubt = _result(follower, atoms, number, predicted=predicted)
        results[number - first] = result
        if doubt is not None:
            undecided.append(doubt)
    return Outcome(first, results, tuple(dict.fromkeys(undecided)))


def _lines(atoms: frozenset[Atom], kinds: tuple[str, ...], place: int | None) -> tuple[int, ...]:
    found = {a.line for a in atoms if a.kind in kinds and (place is None or a.place in (place, ANYWHERE))}
    return tuple(sorted(found))


def _result(
    follower: Follower, atoms: frozenset[Atom], number: int, *, predicted: bool
) -> tuple[Result, tuple[int, str] | None]:
    """Return what one array tells, and what could not be decided of it; ``predicted``: some array rests on counts."""
    top = follower.top
    counted = any(a.kind == "look" for a in atoms)
    gold = any(a.kind == "gold" for a in atoms)
    gates = _lines(atoms, ("gate",), top) if predicted and not gold else ()
    keys = _lines(atoms, ("mixed key",) if gold else ("key", "mixed key"), top)
    mixed = _lines(atoms, ("mixed bytes",), None)
    lookups = _lines(atoms, ("look",), None)
    made_from = frozenset(a.of for a in atoms if a.of) - {number}
    weights = frozenset(a.of for a in atoms if a.kind == "weight" and a.place == top)
    doubt: tuple[int, str] | None = None
    decided_in_order = gold or ("learned first" not in follower.marks and "scored first" in follower.marks)
    if (gates or keys) and not decided_in_order:
        doubt = (min((*gates, *keys)), "which token the results are for could not be told")
        gates = keys = ()
    elif counted and any(a.place == UNKNOWN for a in atoms):
        line = min(a.line for a in atoms if a.place == UNKNOWN)
        doubt = (line, "which tokens are read here could not be told")
    elif counted and gold and not mixed and not keys and _lines(atoms, ("mixed gate",), None):
        line = min(_lines(atoms, ("mixed gate",), None))
        doubt = (line, "whether the token's class decides how it is scored could not be told")
    return Result(made_from, weights, counted, gates, keys, mixed, lookups), doubt
