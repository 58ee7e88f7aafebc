"""Calls of compiled code whose source is part of the submission: followed there, their results brought back.

The source is found by the function's name, in the files of C, C++ or CUDA and in the program's string constants. What
a call fills or returns gets the origins of what it was made from, and events for what the source decides with the
token being scored; their place is the line of the source.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from auditor.program import ir
from auditor.program.model import Unit
from auditor.program.source import Source
from auditor.regex import regex
from auditor.timeline.engine import containers, parameters, stores
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Lookup, MixtureKind
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.mixtures import mixtures
from auditor.timeline.values.atoms import BITS, VAL, val_settings
from auditor.timeline.values.frames import Frame, Site
from auditor.timeline.values.payloads import SOME, Heap, Known, Value, at_setting

if TYPE_CHECKING:
    from auditor.native.exported import Library, Outcome, Result
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

MAX_BYTES: Final = 400_000  # of one text: what people write is far below
SUFFIXES: Final = (".c", ".cc", ".cpp", ".cxx", ".cu")
_LOOKS_NATIVE: Final = regex(
    r"#\s*include\b|extern \"C\"|typedef struct|__global__ "
    r"|\b(?:int|void|float|double|long|u?int\d+_t)\s*\*?\s*\w+\s*\([^){]*\)\s*\{"
)
_DEFINES: Final = r"\b{}\s*\([^;{{}}]*\)\s*(?:const\s*)?(?::[^;{{}}]*)?\{{|[\"&:]{}\b"
# How a text declares the module of Python that it becomes; one that its build names may be any.
_DECLARES: Final = regex(r"\b(?:NB_MODULE|PYBIND11_MODULE|BOOST_PYTHON_MODULE)\s*\(\s*(\w+)|\bPyInit_(\w+)\s*\(")
_ANY_MODULE: Final = "TORCH_EXTENSION_NAME"
_IN_BITS: Final = regex(r"\blog\(\s*2(?:\.0*)?f?\s*\)|\blog2f?\(|\bM_LN2\b|\b0\.69314|\b1\.4426")
# Methods that give the address of an array, which compiled code then reads or fills.
ADDRESSES: Final = frozenset({"data_as", "data_ptr"})
_VIEWS: Final = frozenset({"ctypes", "data", "T", "flat"})


class Address(Value, eq=False, frozen=True, kw_only=True):
    """The address of the array at ``where`` (an expression in ``frame``)."""

    where: ir.Expr
    frame: Frame


class Text:
    """One text of C, C++ or CUDA: what it defines, and where it stands."""

    def __init__(self, source: Source, text: str, first_line: int, *, lines_match: bool) -> None:
        self.source = source
        self.text = text
        self.first_line = first_line
        self.lines_match = lines_match
        self.library: Library | None = None
        self.given: dict[int, Value] = {}  # every argument that was handed over, by its number

    def site(self, line: int) -> Site:
        """Return the place of a line of the text (counted from 1; 0 for the whole)."""
        at = self.first_line + (max(line, 1) - 1 if self.lines_match else 0)
        at = min(at, len(self.source.line_starts))
        start = self.source.line_starts[at - 1]
        shown = self.source.line_text(at)
        indent = len(shown) - len(shown.lstrip())
        return Site(self.source, start + indent, start + max(len(shown.rstrip()), indent + 1))

    def defines(self, name: str) -> bool:
        """Return whether the text seems to define ``name``, or to give it to Python under that name."""
        quoted = re.escape(name)
        return re.search(_DEFINES.format(quoted, quoted), self.text) is not None

    def declares(self, module: str) -> bool:
        """Return whether the text becomes ``module`` of Python when it is built."""
        names = {one or other for one, other in _DECLARES.findall(self.text)}
        return module in names or _ANY_MODULE in names

    def opened(self) -> Library:
        """Return the text, parsed when it is first needed."""
        if self.library is None:
            from auditor.native.exported import Library  # few programs bring native code

            self.library = Library(self.text)
        return self.library


class Sources(Tracker):
    """The texts of native code of a program, and the look-ups that they were seen to make."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.texts: list[Text] | None = None  # found when the first compiled function is called
        self.followed: dict[tuple[object, ...], Lookup] = {}

    def compiled_called(self, name: str, args: Args, node: ir.Node) -> Value | None:
        """Follow a call of compiled code."""
        return called(self.machine, name, args, node)

    def extension_called(self, name: str, args: Args, node: ir.Node) -> Value | None:
        """Follow a call of a module, or of a class in it, that a text of the submission is built into."""
        module, _, last = name.rpartition(".")
        built = [text for text in texts(self.machine) if text.declares(module.rpartition(".")[2])]
        if any(last in text.opened().unit.classes for text in built):
            return Value(Heap("extension", name=name, origins=args.origins(), made_at=self.machine.order))
        if any(text.opened().find(last) is not None for text in built):
            return called(self.machine, last, args, node)
        return None

    def address_taken(self, name: str, receiver: Value, where: ir.Expr) -> Value | None:
        """Return the address of an array."""
        return address(self.machine, receiver, where) if name in ADDRESSES else None


def texts(machine: Machine) -> list[Text]:
    """Return the texts of native code in the program, found once."""
    sources = machine.of(Sources)
    if sources.texts is None:
        found = [
            Text(source, source.text, 1, lines_match=True)
            for path, source in machine.program.native.items()
            if path.endswith(SUFFIXES) and len(source.text) <= MAX_BYTES
        ]
        for unit in machine.program.units.values():
            if unit.module is not None and _LOOKS_NATIVE.search(unit.source.text):
                found.extend(_constants(unit))
        sources.texts = found
    return sources.texts


def _constants(unit: Unit) -> list[Text]:
    found = []
    source = unit.source
    for node in unit.index.of(ir.Const):
        if isinstance(node.value, str) and _LOOKS_NATIVE.search(node.value):
            written = source.text[node.start : node.end]
            same = written.count("\n") == node.value.count("\n")
            found.append(Text(source, node.value, source.line_of(node.start), lines_match=same))
    return found


def called(machine: Machine, name: str, args: Args, node: ir.Node) -> Value | None:
    """Follow a call of the compiled function ``name``; None when no source of the submission defines it."""
    defining = [text for text in texts(machine) if text.defines(name) and text.opened().find(name) is not None]
    if not defining:
        if args.origins() & VAL and machine.live & ~1:
            what = f"compiled code is given validation tokens: {name}()"
            machine.note_unfollowed(machine.site(node), what, decisive=True)
        return None
    origins = 0
    for text in defining:
        origins |= _followed(machine, text, name, args, node)
    return Value(SOME, origins)


def _followed(machine: Machine, text: Text, name: str, args: Args, node: ir.Node) -> int:
    """Follow a call in one text; return the origins of what it returns."""
    library = text.opened()
    roles = [_role(machine, value) for value in args.positional]
    outcome = library.call(name, roles, [_shift(machine, value) for value in args.positional])
    for position, value in enumerate(args.positional):
        text.given[outcome.first + position] = value
    involved = [
        text.given[n] for result in outcome.results.values() for n in result.made_from if n in text.given
    ] + list(args.positional)
    scored = any(value.m & VAL for value in involved) and machine.live & ~1
    if scored:
        _doubts(machine, text, outcome)
    returned = 0
    for position, result in sorted(outcome.results.items()):
        origins = _origins(machine, text, result, node, in_bits=_IN_BITS.search(text.text) is not None)
        if position < 0:
            returned = origins
        elif position < len(args.positional):
            _fill(machine, args, position, origins)
    return returned


def _role(machine: Machine, value: Value) -> str:
    """Return what an argument is to the function that gets it."""
    keys = machine.of(Keys)
    if value.m & (keys.gold | machine.atoms.family("forward")):
        return "loss"
    if value.m & VAL:
        return "tokens"
    return "other"


def _shift(machine: Machine, value: Value) -> int:
    """Return -1 for tokens that the network was given, which lie one before those that it predicts."""
    keys = machine.of(Keys)
    reads = value.m & keys.reads
    return -1 if reads & keys.inputs and not reads & keys.labels else 0


def _doubts(machine: Machine, text: Text, outcome: Outcome) -> None:
    for line, what in outcome.undecided[:4]:
        shown = f"compiled code is given validation tokens: {what}"
        machine.note_unfollowed(text.site(line), shown, decisive=True)


def _origins(machine: Machine, text: Text, result: Result, node: ir.Node, *, in_bits: bool) -> int:
    """Return the origins of one result, with events for what it decides with the token being scored."""
    keys = machine.of(Keys)
    made = 0
    reads = 0
    for number in result.made_from:
        value = text.given.get(number)
        if value is not None:
            made |= parameters.settle(machine, value.m)
    reads = made & keys.reads
    origins = made & ~(keys.reads | keys.mixed) if result.counted else made
    if made & (keys.gold | machine.atoms.family("forward")) and in_bits:
        origins |= BITS
    if not val_settings(made):
        return origins
    for line in result.keys[:1]:
        origins |= _lookup(machine, text, line, reads, node, target=True)
    decided = result.keys or result.bytes or result.gates
    for line in result.lookups[:1] if result.counted and not decided else ():
        origins |= _lookup(machine, text, line, reads, node, target=False)
    for line in result.bytes[:1]:
        origins |= _mixture(machine, text, "bytes", line, machine.live, node)
    if result.gates:
        origins |= _gate(machine, text, result, node)
    return origins


def _gate(machine: Machine, text: Text, result: Result, node: ir.Node) -> int:
    """Return the origin of hints that are given only for some kinds of tokens.

    Where the source weighs them itself, they count under the settings under which a weight isn't zero; else it is the
    caller's arithmetic that tells.
    """
    if not result.weights:
        bit = machine.atoms.bit("gated", text.site(result.gates[-1]))
        return machine.of(Keys).aware | bit
    machine.of(mixtures.Mixtures).weighed = True
    live = 0
    for number in result.weights:
        value = text.given.get(number)
        for index in range(machine.count):
            payload = at_setting(value.p, index) if value is not None else None
            if not (isinstance(payload, Known) and payload.v == 0):
                live |= 1 << index
    live &= machine.live
    return _mixture(machine, text, "hint", result.gates[0], live, node) if live else 0


def _mixture(machine: Machine, text: Text, kind: MixtureKind, line: int, live: int, node: ir.Node) -> int:
    """Return the origin of a mixture that the source makes under the settings ``live``."""
    outer, machine.live = machine.live, live
    atom = mixtures.emit(machine, kind, node, text.site(line))
    machine.live = outer
    return atom


def _lookup(machine: Machine, text: Text, line: int, reads: int, node: ir.Node, *, target: bool) -> int:
    """Return the origin of counts that the source looks up, and record it."""
    keys = machine.of(Keys)
    site = text.site(line)
    key = (site.source.path, site.start, target, tuple(c.site.start for c in machine.calls), tuple(machine.loops))
    event = machine.of(Sources).followed.get(key)
    if event is None:
        fields = {**common(machine, node, machine.live), "site": site}
        event = Lookup(**fields, key=reads or 1, target=(reads or 1) if target else 0)
        machine.of(Sources).followed[key] = event
        machine.events.append(event)
        event.atom = machine.atoms.fresh("lookup", event)
        keys.lookups |= event.atom
    else:
        event.bits |= machine.live
    return event.atom


def address(machine: Machine, value: Value, where: ir.Expr) -> Value:
    """Return the address of the array ``value``, which stands at ``where``."""
    return Address(p=SOME, m=containers.deep(value), where=_array(where), frame=machine.frame)


def _array(node: ir.Expr) -> ir.Expr:
    """Return the expression of the array whose address ``node`` is."""
    while True:
        if isinstance(node, ir.Attr) and node.attr in _VIEWS:
            node = node.value
        elif isinstance(node, ir.Call):
            method = isinstance(node.func, ir.Attr) and node.func.attr in (*ADDRESSES, "contiguous", "view", "flatten")
            if method and isinstance(node.func, ir.Attr):
                node = node.func.value
            elif node.args:
                node = node.args[0].value
            else:
                return node
        else:
            return node


def _fill(machine: Machine, args: Args, position: int, origins: int) -> None:
    """Let the array behind an argument be made from ``origins``."""
    value = args.positional[position]
    given = args.nodes[position] if position < len(args.nodes) else None
    if isinstance(value, Address) and (value.frame is machine.frame or not isinstance(given, ir.Call)):
        where, frame = value.where, value.frame
    elif given is not None:
        where, frame = _array(given), machine.frame  # the address was taken by a function of the script
    else:
        return
    outer = machine.frame
    machine.frame = frame
    try:
        held = machine.eval(where)
        if isinstance(held, Address):
            machine.frame = held.frame
            where = held.where
            held = machine.eval(where)
        stores.update_in_place(machine, where, held, Value(None, origins))
    finally:
        machine.frame = outer
