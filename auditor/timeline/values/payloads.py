"""Abstract values: what is known of a value (payload) and what it was made from (origins).

A payload is one of

- ``None``: nothing is known;
- :data:`SOME`: some value that is not None (a tensor, a number that could not be computed);
- :class:`Known`: a Python constant;
- :class:`PerSetting`: a payload for each setting in play, where they differ;
- :class:`Either`: one of a few payloads;
- :class:`Tup`: a tuple whose items are known;
- :class:`Function`, :class:`Bound`, :class:`Class`, :class:`External`, :class:`Method`: things to call;
- :class:`Heap`: an object with identity (instance, list, dict, optimizer, parameter, file …).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

from auditor.program import ir
from auditor.timeline.values.atoms import TRAIN, VAL, under
from auditor.timeline.values.names import Names

if TYPE_CHECKING:
    from auditor.timeline.values.frames import Answers, Frame, ModuleScope


class Some:
    """The payload of a value that is something, not None."""

    def __repr__(self) -> str:
        return "SOME"


SOME = Some()


class Known:
    """A Python constant (str, bytes, int, float, bool, None, or a tuple of such)."""

    __slots__ = ("v",)

    def __init__(self, v: object) -> None:
        self.v = v

    def __repr__(self) -> str:
        return f"Known({self.v!r})"


class Later(Some):
    """A loop variable in a later iteration: not known, but not ``first`` any more."""

    def __init__(self, first: int) -> None:
        self.first = first


class Begins(Some):
    """A text of which only the beginning is known."""

    def __init__(self, text: str) -> None:
        self.text = text


class OpenRange(Some):
    """``range(first, …)`` of unknown length."""

    def __init__(self, first: int) -> None:
        self.first = first


class PerSetting:
    """One payload for each setting in play, in their order."""

    __slots__ = ("each",)

    def __init__(self, each: tuple[Payload, ...]) -> None:
        self.each = each

    def __repr__(self) -> str:
        return f"PerSetting{self.each!r}"


class Either:
    """One of a few payloads, which one is not known."""

    __slots__ = ("options",)

    def __init__(self, options: tuple[Payload, ...]) -> None:
        self.options = options

    def __repr__(self) -> str:
        return f"Either{self.options!r}"


class Tup:
    """A tuple with known items."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[Value, ...]) -> None:
        self.items = items


class Function:
    """A function or lambda of the program with the frame it closes over."""

    __slots__ = ("closure", "defaults", "node", "owner", "scope")

    def __init__(
        self,
        node: ir.FunctionDef | ir.Lambda,
        scope: ModuleScope,
        closure: Frame | None,
        defaults: dict[str, Value],
        owner: Class | None = None,
    ) -> None:
        self.node = node
        self.scope = scope
        self.closure = closure
        self.defaults = defaults
        self.owner = owner

    @property
    def name(self) -> str:
        """Return the function's name ("<lambda>" for lambdas)."""
        return self.node.name if isinstance(self.node, ir.FunctionDef) else "<lambda>"

    @property
    def key(self) -> tuple[int, int]:
        """Return what tells a function from others of the same text, which a decorator made, say."""
        return id(self.node), id(self.closure)


class Bound:
    """A function of the program with its first argument filled in."""

    __slots__ = ("func", "receiver")

    def __init__(self, func: Function, receiver: Value) -> None:
        self.func = func
        self.receiver = receiver


class Class:
    """A class of the program. ``bases`` are Class payloads or dotted names of external classes."""

    __slots__ = ("attrs", "bases", "counters", "cursors", "fields", "meta", "node", "scope")

    def __init__(self, node: ir.ClassDef, scope: ModuleScope, bases: tuple[Class | str, ...]) -> None:
        self.node = node
        self.scope = scope
        self.bases = bases
        self.attrs: dict[str, Value] = Names()
        self.fields: list[str] = []  # annotated names in order, for dataclass-like constructors
        self.cursors: frozenset[str] = frozenset()  # attributes that methods advance
        self.counters: frozenset[str] = frozenset()  # those of them that they count up
        self.meta: Class | None = None  # the program's own metaclass, where the class has one

    def find(self, name: str) -> Value | None:
        """Return the attribute ``name`` of the class or of its nearest base that has it."""
        own = self.attrs.get(name)
        if own is not None:
            return own
        for base in self.bases:
            if type(base) is Class:
                found = base.find(name)
                if found is not None:
                    return found
        return None

    def external_bases(self) -> list[str]:
        """Return the dotted names of external classes above this one."""
        names: list[str] = []
        for base in self.bases:
            names.extend([base] if isinstance(base, str) else base.external_bases())
        return names

    def lineage(self) -> list[Class]:
        """Return this class and the program's own classes above it."""
        out = [self]
        for base in self.bases:
            if isinstance(base, Class):
                out.extend(base.lineage())
        return out


class External:
    """Something of a library, by its dotted name (``torch.optim.AdamW``, ``print``)."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"External({self.name})"


class Method:
    """A method of a value whose class the program doesn't define."""

    __slots__ = ("name", "receiver", "where")

    def __init__(self, receiver: Value, name: str, where: ir.Expr) -> None:
        self.receiver = receiver
        self.name = name
        self.where = where  # the receiver's expression, to write results of in-place methods back


class Native:
    """A callable that the interpreter itself supplies."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Value]) -> None:
        self.name = name
        self.call = call


class Stream:
    """A generator or another iterator that is followed when something pulls on it.

    ``pull(consume)`` follows it: each item is handed to ``consume``, which returns what is sent back; the result is
    what the iterator ends with. ``follows``: the loop that pulls may adapt parameters; ``once``: it is pulled by hand,
    so that its own loops go round with the caller's. ``context``: made by a ``contextmanager``; ``learns``: its own
    body may adapt parameters.
    """

    __slots__ = ("answers", "context", "element", "follows", "given", "learns", "made_by", "once", "pull", "pulled_at",
                 "spent")  # fmt: skip

    def __init__(self, pull: Callable[[Callable[[Value], Value]], Value]) -> None:
        self.pull = pull
        self.element: Value | None = None
        self.spent = False
        self.follows = self.once = False
        self.context = False
        self.learns = False
        self.given: tuple[Value, ...] = ()  # the arguments of a generator function
        self.made_by: ir.Node | None = None  # the call of it
        self.pulled_at: tuple[object, ...] = ()  # the loop that pulls
        self.answers: Answers | None = None


class Heap(Struct, eq=False):
    """An object with identity.

    ``kind``: ``instance`` (of a class of the program), ``external`` (of a library's class), ``list``,
    ``dict``, ``optimizer``, ``scheduler``, ``parameter``, ``file``, ``buffer``, ``parser`` (argparse),
    ``namespace``, ``module`` (a helper module).
    ``adapted`` maps each adaptation that reached this object's parameters to the settings under which it did;
    ``undone`` those that were set back to the open conditions under which that happened.
    """

    kind: str
    cls: Class | None = None
    name: str = ""
    attrs: dict[str, Value] = field(default_factory=dict)
    items: list[Value] | None = None  # exact items of a list, while they are known
    element: Value | None = None  # join of a container's elements, where exact ones are not known
    origins: int = 0  # what the object as a whole was made from
    made_with: dict[str, Value] = field(default_factory=dict)  # an object of a library: the arguments, by name or place
    adapted: dict[int, int] = field(default_factory=dict)
    undone: dict[int, frozenset[int]] = field(default_factory=dict)
    made_at: int = 0
    modes: list[tuple[bool | None, tuple[int, ...], int]] = field(default_factory=list)
    """What may be a module's mode (training or not), the open conditions and the settings under which it was set."""


Payload: TypeAlias = (
    Some | Known | PerSetting | Either | Tup | Function | Bound | Class | External | Method | Native | Heap | Stream
    | None
)  # fmt: skip


class Value(Struct, eq=False, frozen=True):
    """A payload ``p`` and the origins ``m`` (see :mod:`auditor.timeline.values.atoms`). Never changed once made."""

    p: Payload = None
    m: int = 0

    def __repr__(self) -> str:
        return f"Value({self.p!r}, {self.m:b})"


HOLDING = frozenset({Tup, Heap, PerSetting, Either})  # what may hold other values
NOTHING = Either(())  # what is not there, under a setting
UNKNOWN = Value()
NONE = Value(Known(None))
TRUE = Value(Known(True))
FALSE = Value(Known(False))


def same(a: Payload, b: Payload) -> bool:
    """Return whether two payloads are certainly the same."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if type(a) is Known and type(b) is Known:
        return type(a.v) is type(b.v) and a.v == b.v
    if type(a) is External and type(b) is External:
        return a.name == b.name
    if type(a) is Bound and type(b) is Bound:
        return a.func.node is b.func.node and same(a.receiver.p, b.receiver.p)
    if type(a) is Function and type(b) is Function:
        return a.node is b.node and a.closure is b.closure
    return False


MAX_OPTIONS = 8


def join_payloads(a: Payload, b: Payload) -> Payload:
    """Return the payload of "a or b"."""
    if same(a, b) or b is NOTHING:
        return a
    if a is NOTHING:
        return b
    if type(a) is Tup and type(b) is Tup and len(a.items) == len(b.items):
        return Tup(tuple([join(x, y) for x, y in zip(a.items, b.items, strict=True)]))
    if type(a) is PerSetting and type(b) is PerSetting:
        return PerSetting(tuple([join_payloads(x, y) for x, y in zip(a.each, b.each, strict=True)]))
    if type(a) is PerSetting:
        return PerSetting(tuple([join_payloads(x, b) for x in a.each]))
    if type(b) is PerSetting:
        return PerSetting(tuple([join_payloads(a, x) for x in b.each]))
    options: list[Payload] = []
    for side in (a, b):
        for option in side.options if isinstance(side, Either) else (side,):
            if not any(same(option, seen) for seen in options):
                options.append(option)
    if len(options) > MAX_OPTIONS:
        return None
    return Either(tuple(options))


def join(a: Value, b: Value) -> Value:
    """Return the value that is ``a`` or ``b``."""
    if a is b:
        return a
    return Value(join_payloads(a.p, b.p), a.m | b.m)


def join_all(values: Iterable[Value]) -> Value:
    """Return the join of all ``values`` (UNKNOWN when there are none)."""
    out: Value | None = None
    for value in values:
        out = value if out is None else join(out, value)
    return UNKNOWN if out is None else out


def per_setting(each: list[Payload]) -> Payload:
    """Return one payload when all settings agree, else a :class:`PerSetting`."""
    first = each[0]
    for other in each:
        if other is not first and not same(first, other):
            return PerSetting(tuple(each))
    return first


def at_setting(payload: Payload, index: int) -> Payload:
    """Return the payload under setting number ``index``."""
    return payload.each[index] if type(payload) is PerSetting else payload


def merge(a: Value, b: Value, a_bits: int, b_bits: int, count: int) -> Value:
    """Return ``a`` under the settings ``a_bits`` and ``b`` under ``b_bits`` (both: either), of ``count``."""
    if a is b:
        return a
    origins = a.m | b.m
    if origins & (VAL | TRAIN):
        origins = under(a.m, a_bits) | under(b.m, b_bits)
    if same(a.p, b.p):
        return Value(a.p, origins)
    if isinstance(a.p, Tup) and isinstance(b.p, Tup) and len(a.p.items) == len(b.p.items):
        pairs = zip(a.p.items, b.p.items, strict=True)
        return Value(Tup(tuple(merge(x, y, a_bits, b_bits, count) for x, y in pairs)), origins)
    each: list[Payload] = []
    for index in range(count):
        bit = 1 << index
        if a_bits & bit and b_bits & bit:
            each.append(join_payloads(at_setting(a.p, index), at_setting(b.p, index)))
        elif a_bits & bit:
            each.append(at_setting(a.p, index))
        else:
            each.append(at_setting(b.p, index))
    return Value(per_setting(each), origins)
