"""Where names live while a program is followed: module scopes and call frames."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from auditor.program import ir
from auditor.program.source import Source
from auditor.timeline.values.names import Names
from auditor.timeline.values.payloads import Class, Function, Stream, Value


class Site(Struct, frozen=True):
    """A place in the program: a layer of a file and a node's character span."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """Return the 1-based line where the place starts."""
        return self.source.line_of(self.start)

    @property
    def end_line(self) -> int:
        """Return the 1-based line where the place ends."""
        return self.source.line_of(max(self.start, self.end - 1))


class ModuleScope(Struct, eq=False):
    """One module: its source and global names."""

    source: Source
    names: dict[str, Value] = field(default_factory=Names)
    is_main: bool = True


class Answers(Struct, eq=False):
    """What a generator does for one ``send``: ``primed`` when it waits for the first, ``running`` while followed."""

    body: tuple[ir.Stmt, ...]
    primed: bool = False
    running: bool = False


class Frame(Struct, eq=False):
    """One call in progress (or a module's top level, where ``names`` are the module's own)."""

    scope: ModuleScope
    names: dict[str, Value]
    parent: Frame | None = None  # the frame that a closure sees
    func: Function | None = None
    owner: Class | None = None  # for super() and class bodies
    returned: Value | None = None
    returned_bits: int = 0
    turned: int = 0  # the switches that part the settings on the way to a return
    thrown: int = 0  # settings that left by an exception which a caller may catch
    died: int = 0  # settings that left by an exception which nothing catches
    yielded: Value | None = None
    consume: Callable[[Value], Value] | None = None  # what pulls on the generator
    pulled_by: Stream | None = None
    scopes: dict[str, str] = field(default_factory=dict)  # global / nonlocal declarations
    written: dict[str, Value] = field(default_factory=dict)  # arrays handed in, as the call's writes left them
    rebound: set[str] = field(default_factory=set)  # names assigned anew: no longer what was handed in


class CallStep(Struct, frozen=True):
    """One call on the way to a place: where it was made and what was called."""

    site: Site
    name: str


class Operand(Struct, frozen=True):
    """One of several tests that a condition joins: the switches that it reads, and where it may hold, or not."""

    settings: tuple[str, ...]
    may: tuple[int, int]


class Guard(Struct, frozen=True):
    """A condition on the way to a place.

    ``passes`` are the settings under which the way was open; ``settings`` the switches that it reads; ``may`` the
    settings under which it may hold, and those under which it may not, wherever the way there is open; ``operands``
    what it joins by ``and`` or ``or``, where that could be told.
    """

    site: Site
    settings: tuple[str, ...]
    passes: int
    taken: bool
    may: tuple[int, int] = (-1, -1)
    operands: tuple[Operand, ...] = ()
    asks: bool = False  # whether something was made at all (``is None``): what it was made with doesn't decide that
    either: bool = False  # whether the operands are joined by ``or``
    shared: frozenset[str] = frozenset()  # what both ways call
    made: tuple[Guard, ...] = ()  # the conditions under which what it asks for was made: on the way ``made_if``
    made_if: bool = True

    @property
    def place(self) -> tuple[str, int, bool]:
        """Return which condition this is, and which way of it."""
        return self.site.source.path, self.site.start, self.taken

    @property
    def way(self) -> tuple[str, int, int, bool]:
        """Return which way this is of which condition: file, layer, where the condition starts, and whether it held."""
        return self.site.source.path, self.site.source.layer, self.site.start, self.taken

    @property
    def opens(self) -> int:
        """Return the settings under which the condition itself lets this way be taken."""
        return self.may[0] if self.taken else self.may[1]

    def closing(self, bit: int) -> tuple[str, ...]:
        """Return the switches that close this way under a setting: those of the operands that do, if any is known."""
        needed = 0 if self.taken else 1
        return self._told(lambda operand: not operand.may[needed] & bit)

    def opening(self, bit: int) -> tuple[str, ...]:
        """Return the switches that leave this way open under a setting, as far as that can be told."""
        needed = 0 if self.taken else 1
        return self._told(lambda operand: bool(operand.may[needed] & bit and not operand.may[1 - needed] & bit))

    def hanging(self, bit: int) -> tuple[tuple[str, ...], ...]:
        """Return the switches, test by test, that leave this way open under a setting and that nothing else would.

        None where what is reached is ``shared`` by the other way, or where the test asks what was made.
        """
        needed = 0 if self.taken else 1
        if self.asks or self.shared:
            return ()
        if not self.operands:
            return (self.settings,) if self.may[needed] & bit and not self.may[1 - needed] & bit else ()
        holding = [o for o in self.operands if o.may[needed] & bit]
        if self.either == self.taken and len(holding) > 1:
            return ()  # any one of them is enough
        return tuple(o.settings for o in holding if o.settings and not o.may[1 - needed] & bit)

    def _told(self, decides: Callable[[Operand], bool]) -> tuple[str, ...]:
        """Return the switches of the operands that decide, of those that read a single one where there is one."""
        deciding = [operand.settings for operand in self.operands if operand.settings and decides(operand)]
        alone = [names for names in deciding if len(names) == 1] or deciding
        return tuple(dict.fromkeys(name for names in alone for name in names)) or self.settings


class Written(Struct, frozen=True, eq=False):
    """What a file holds: ``value``, if ``way`` was taken (branches of switches) under one of the settings ``live``."""

    value: Value
    way: frozenset[int]
    live: int
