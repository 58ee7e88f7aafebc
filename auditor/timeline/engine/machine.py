"""The abstract interpreter: it follows a program over the IR and emits events.

How it approximates:

- *Settings.* All settings in play are followed at once: a value that differs between them is
  :class:`~auditor.timeline.values.payloads.PerSetting`, and ``live`` holds the settings for which the current
  statement may run. Bit 0 stands for "any value of any switch" and finds code that only runs when switched on.
- *Loops.* A loop that may adapt parameters is followed for its first and its last iteration; the tokens picked
  with its variable carry the iteration as origin, so that "scored, then trained on" can be told from
  "trained on, then scored". After the loop the iterations are forgotten: all of them have run. Other loops are
  followed once.
- *Branches.* A condition that no setting decides is followed both ways and the results are joined.
- *Modules.* Applying an ``nn.Module`` is one event; its ``forward`` is followed only where it adapts something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from auditor.program import ir
from auditor.program.model import Program
from auditor.submission.model import Setting
from auditor.timeline.engine import calling, classes, containers, escapes, expressions, parameters, statements
from auditor.timeline.engine.exceptions import Attempt
from auditor.timeline.engine.libraries import Library
from auditor.timeline.engine.relevance import Relevance
from auditor.timeline.engine.signals import Signals, Tracker
from auditor.timeline.events import Event, Opaque, Switch, Timeline, Unfollowed
from auditor.timeline.values.atoms import BITS, LISTING, TRAIN, VAL, Atoms, under
from auditor.timeline.values.constants import LN2, loose_wildcard, truthiness
from auditor.timeline.values.folding import FoldError, fold_binary, string_origins
from auditor.timeline.values.frames import CallStep, Frame, Guard, ModuleScope, Site
from auditor.timeline.values.payloads import (
    SOME,
    UNKNOWN,
    Class,
    Either,
    Function,
    Heap,
    Known,
    Payload,
    PerSetting,
    Value,
    at_setting,
    join,
    join_all,
    merge,
    per_setting,
    same,
)

Kind = TypeVar("Kind", bound=Tracker)
MAX_STEPS = 1_500_000
SOMEWHERE = "*"  # the field that stands for all fields with computed names


class Budget(Exception):  # noqa: N818 (it names what ran out)
    """The step budget is used up."""


class Failed(Exception):  # noqa: N818 (it names what happened)
    """The engine, a library's model or a tracker failed at ``site``; the cause is the exception itself."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site


class Machine:
    """Follows one program under the settings in play. Use :func:`auditor.timeline.follow`."""

    def __init__(
        self,
        program: Program,
        settings: Sequence[Setting],
        library: Library,
        trackers: Sequence[type[Tracker]],
        *,
        closely: bool = False,
    ) -> None:
        self.library = library
        self.closely = closely  # for the second time, with more kept apart (see Tracker.wants_closer)
        self.program = program
        self.settings = tuple(settings)
        self.count = len(self.settings) + 1
        self.all = (1 << self.count) - 1
        self.live = self.all
        self.weak = 0  # settings under which the current place may not run (a condition left open)
        self.undecided = 0
        self.atoms = Atoms()
        self.relevance = Relevance(program)
        self.events: list[Event] = []
        self.switches: dict[str, Switch] = {}
        self.unfollowed: dict[tuple[str, int, str], Unfollowed] = {}
        self.opaque: dict[tuple[str, int, int, str], Opaque] = {}  # by place
        self.failure: tuple[Site, Exception] | None = None  # where following the program failed, and how
        self.nowhere: bool | None = None  # whether a module may be imported that lies nowhere, once asked
        self.insides: dict[int, tuple[object, int]] = {}  # opaque origins of the code of classes, once asked, by id
        self.deciding = 0  # what of the open conditions in progress is opaque
        self.attributes: frozenset[str] | None = None  # names of the attributes that the program assigns, once asked
        self.bound: dict[str, frozenset[str]] = {}  # names that a module binds anywhere, once asked, by path
        self.calls: list[CallStep] = []
        self.guards: list[Guard] = []
        self.loops: list[int] = []
        self.picking: list[tuple[int, int]] = []  # iterations that open conditions in progress compare with, by depth
        self.branches: list[int] = []  # open conditions in progress (see Event.branches)
        self.passed: list[int] = []  # open conditions whose other branch left the function, outermost call first
        self.decided: set[int] = set()  # conditions that leave nothing open that matters
        self.branch_count = 0
        self.branch_of: dict[int, tuple[Value, int]] = {}  # the number of a condition, by the value that decides it
        self.loop_sites: list[Site] = []
        self.rounds: dict[int, ir.Node] = {}  # the loop that an iteration's origin is of
        self.iteration_bits: list[int] = []  # the innermost followed loop's current iteration, as origin
        self.loop_count = 0
        self.order = 0
        self.steps = 0
        self.frame: Frame = Frame(ModuleScope(program.main.source), {})
        self.depth = 0
        self.active: dict[int, int] = {}  # function node id → how often it is on the stack
        self.params = 0  # all origins that stand for live parameters
        self.updating = 0  # an item is being read in order to be written back
        self.no_grad = 0
        self.quiet: set[int] = set()  # functions that a decorator runs without gradients
        self.files: dict[str, Value] = {}
        self.scopes: dict[str, Value] = {}  # imported units by path
        self.environ: dict[str, tuple[Value, bool]] = {}
        self.emitted: dict[tuple[object, ...], Event] = {}
        self.decorated: dict[int, str] = {}
        self.entry_points: list[Function] = []
        self.entered: set[int] = set()  # functions that were followed at least once
        self.loop_depth = 0
        self.break_names: list[dict[str, Value]] = []
        self.jumped = 0  # settings for which break/continue left the current iteration
        self.broken = 0
        self.heap_version = 0
        self.reach_cache: dict[int, tuple[int, list[Heap]]] = {}
        self.written: set[str] = set()  # paths under which the script surely put a file of its own
        self.laid: list[tuple[str | None, int, int]] = []  # files under names of another split: folder, named, held
        self.nested = 0  # files and texts that run as code, in one another
        self.read_texts: dict[tuple[str, int, str], tuple[ir.Stmt, ...]] = {}
        self.argv: list[Value] | None = None  # the arguments of a script that another one started
        self.spoken = 0  # what was printed so far is made from
        self.leaving: list[tuple[Value, calling.Args, ir.Node]] = []  # what runs at the end, in the order of asking
        self.handlers: dict[str, Value] = {}  # the script's own signal handlers
        self.shares_memory = False
        self.contexts: set[int] = set()  # methods that a decorator makes contexts of
        self.attempts: list[Attempt] = []  # try statements in progress, outermost first
        self.handling: list[Value] = []  # exceptions whose handlers are in progress
        self.function_attrs: dict[int, dict[str, Value]] = {}  # attributes of functions, by the id of their node
        self.making: list[Class] = []  # classes whose metaclass is at work
        self.finalizable: dict[int, tuple[Heap, Frame]] = {}  # objects with __del__, and the call that made each
        self.begun: dict[str, dict[int, str]] = {}  # how texts begin whose first part is given at run time
        self.signals = Signals(self, trackers)

    # ------------------------------------------------------------------ running

    def run(self) -> Timeline:
        """Follow the program from its first line and return its timeline."""
        unit = self.program.main
        if unit.module is not None:
            scope = ModuleScope(unit.source)
            scope.names["__name__"] = Value(Known("__main__"))
            scope.names["__file__"] = Value(Known(unit.path))
            self.frame = Frame(scope, scope.names)
            try:
                self.block(unit.module.body)
                self.enter_points()
                self.leave()
                self.finish()
            except Budget:
                site = self.calls[-1].site if self.calls else Site(unit.source, 0, 0)
                self.note_unfollowed(site, f"the analysis stopped after {MAX_STEPS:,} steps", decisive=True)
            except RecursionError:
                self.note_unfollowed(Site(unit.source, 0, 0), "the program nests too deeply", decisive=True)
            except Failed as stop:
                assert isinstance(stop.__cause__, Exception)
                self.failure = (stop.site, stop.__cause__)
        try:
            self.signals.closed()
        except Exception as error:
            self.failure = self.failure or (Site(unit.source, 0, 0), error)
        unfollowed = tuple(self.unfollowed.values())
        return Timeline(self.settings, tuple(self.events), self.switches, unfollowed, self.steps, self.failure)

    def finish(self) -> None:
        """Tell the trackers that the program has been followed to its end."""
        try:
            self.signals.finished()
        except Exception as error:
            raise Failed(Site(self.program.main.source, 0, 0)) from error

    def leave(self) -> None:
        """Run what runs when the script ends: exit functions, the last of them first, then ``__del__``."""
        self.live = self.all
        while self.leaving:
            func, args, node = self.leaving.pop()
            calling.call(self, func, args, node)
            self.live = self.all
        for heap, _ in list(self.finalizable.values()):
            classes.finalize(self, Value(heap), ir.Name(0, 0, "__del__"))

    def enter_points(self) -> None:
        """Call what a launcher calls: functions that a decorator declares to be an entry point."""
        for func in self.entry_points:
            if not self.active.get(id(func.node)) and id(func.node) not in self.entered:
                node = func.node
                where = ir.Name(node.start, node.start, func.name)
                calling.call(self, Value(func), calling.Args(node=where), where)

    def way(self) -> list[int]:
        """Return the branches of open conditions that lead here: those in progress, and those that did not return."""
        return [*self.branches, *self.passed]

    def of(self, kind: type[Kind]) -> Kind:
        """Return the tracker of that kind."""
        return self.signals.of(kind)

    def site(self, node: ir.Node) -> Site:
        """Return the place of ``node`` in the file that is being followed."""
        return Site(self.frame.scope.source, node.start, node.end)

    def note_unfollowed(self, site: Site, what: str, *, decisive: bool = False) -> None:
        """Remember something that could not be followed, once per place."""
        self.unfollowed.setdefault((site.source.path, site.start, what), Unfollowed(site, what, decisive))

    def escape(
        self,
        node: ir.Node,
        what: str,
        values: Sequence[Value],
        nodes: Sequence[ir.Expr] = (),
        *,
        sure: bool = False,
        learns: bool = False,
    ) -> int:
        """Let ``values`` go into something that can't be followed (see ``engine.escapes``); return its origin."""
        return escapes.escape(self, node, what, values, nodes, sure=sure, learns=learns)

    def block(self, body: Sequence[ir.Stmt]) -> None:
        """Follow statements until none of the settings is live any more."""
        table = statements.STATEMENTS
        for statement in body:
            if not self.live:
                return
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise Budget
            try:
                table[type(statement)](self, statement)
            except (Budget, Failed, RecursionError, MemoryError):
                raise
            except Exception as error:  # a defect of ours: what was followed until here is kept
                raise Failed(self.site(statement)) from error

    def eval(self, node: ir.Expr) -> Value:
        """Return the abstract value of an expression."""
        self.steps += 1
        return expressions.EXPRESSIONS[type(node)](self, node)

    # ------------------------------------------------------------------ names

    def lookup(self, name: str) -> Value | None:
        """Return the value bound to ``name``, or None."""
        frame: Frame | None = self.frame
        if frame is not None and frame.scopes.get(name) == "global":
            return frame.scope.names.get(name)
        first = True
        while frame is not None:
            # A class body's names are not visible in its methods.
            if first or frame.func is not None or frame.parent is None:
                value = frame.names.get(name)
                if value is not None:
                    return value
            first = False
            if frame.parent is None:
                return frame.scope.names.get(name)
            frame = frame.parent
        return None

    def bind(self, target: ir.Expr, value: Value) -> None:
        """Assign ``value`` to a target."""
        kind = type(target)
        if kind is ir.Name:
            assert isinstance(target, ir.Name)
            self.bind_name(target.id, value)
        elif kind is ir.Sequence:
            assert isinstance(target, ir.Sequence)
            self.bind_items(target.elts, value)
        elif kind is ir.Attr:
            assert isinstance(target, ir.Attr)
            self.store_attr(self.eval(target.value), target.attr, value, target)
        elif kind is ir.Subscript:
            assert isinstance(target, ir.Subscript)
            self.store_item(target, value)
        elif kind is ir.Starred:
            assert isinstance(target, ir.Starred)
            self.bind(target.value, value)

    def bind_name(self, name: str, value: Value) -> None:
        """Bind a local (or declared global or nonlocal) name."""
        frame = self.frame
        names = frame.names
        if frame.scopes:
            declared = frame.scopes.get(name)
            if declared == "global":
                names = frame.scope.names
            elif declared == "nonlocal":
                outer = frame.parent
                while outer is not None and name not in outer.names and outer.parent is not None:
                    outer = outer.parent
                if outer is not None:
                    names = outer.names
        if value.m & self.atoms.family("setting"):
            value = self.printed(name, value)
        old = names.get(name) if self.finalizable else None
        names[name] = value
        frame.rebound.add(name)
        if old is not None and old.p is not value.p:
            classes.finalize(self, old, ir.Name(0, 0, name))

    def bind_items(self, targets: tuple[ir.Expr, ...], value: Value) -> None:
        """Assign an iterable's items to several targets."""
        items = containers.exact_items(self, value)
        star = next((i for i, t in enumerate(targets) if isinstance(t, ir.Starred)), None)
        if items is not None and star is None and len(items) == len(targets):
            for target, item in zip(targets, items, strict=True):
                self.bind(target, item)
            return
        if isinstance(value.p, PerSetting | Either):
            options = value.p.each if isinstance(value.p, PerSetting) else value.p.options
            columns = [containers.exact_items(self, Value(option, value.m)) for option in options]
            known = [c for c in columns if c is not None and len(c) == len(targets)]
            if known and star is None:
                for index, target in enumerate(targets):
                    parts = [c[index] if c in known and c is not None else UNKNOWN for c in columns]
                    if isinstance(value.p, PerSetting):
                        mask = 0
                        for part in parts:
                            mask |= part.m
                        self.bind(target, Value(per_setting([part.p for part in parts]), mask))
                    else:
                        self.bind(target, join_all(parts))
                return
        element = containers.element_of(self, value)
        for target in targets:
            self.bind(target, Value(element.p, element.m))  # each a thing of its own, see write_into

    def printed(self, name: str, value: Value) -> Value:
        """Return ``value`` with what a log prints for the attribute ``name`` under the log's setting."""
        each: list[Payload] | None = None
        for index, setting in enumerate(self.settings, start=1):
            if setting.kind != "log":
                continue
            override = setting.overrides.get(name.lower())
            if override is None:
                continue
            if each is None:
                each = [at_setting(value.p, i) for i in range(self.count)]
            each[index] = Known(self.library.parse_printed(override.value, at_setting(value.p, 1)))
        return value if each is None else Value(per_setting(each), value.m)

    # ------------------------------------------------------------------ constants and choices

    def fold(self, compute: Callable[..., object], *values: Value) -> Value:
        """Return ``compute`` of constants, per setting where they differ, and SOME where unknown."""
        origins = 0
        known = True
        for value in values:
            origins |= value.m
            if type(value.p) is not Known:
                known = False
        if origins & self.params:
            origins = parameters.settle(self, origins)
        if known:
            try:
                result = compute(*[v.p.v for v in values])  # type: ignore[union-attr]
            except FoldError:
                return Value(SOME, origins)
            if type(result) is str:
                for value in values:
                    if loose_wildcard(value):
                        origins &= ~(VAL | TRAIN)
                for value in values:
                    origins |= value.m & (VAL | TRAIN) & ~loose_wildcard(value)
                named = string_origins(result)
                origins = origins & ~(VAL | TRAIN) | named if named else origins  # the whole text says what it names
            elif type(result) is float and (abs(result - LN2) < 1e-6 or abs(result - 1 / LN2) < 1e-6):
                origins |= BITS
            return Value(Known(result), origins)
        if any(isinstance(v.p, PerSetting) for v in values):
            each: list[Payload] = []
            for index in range(self.count):
                parts = [at_setting(v.p, index) for v in values]
                if all(isinstance(p, Known) for p in parts):
                    try:
                        result = compute(*[p.v for p in parts])  # type: ignore[union-attr]
                    except FoldError:
                        each.append(SOME)
                        continue
                    if isinstance(result, str):
                        origins |= under(string_origins(result), 1 << index)
                    each.append(Known(result))
                else:
                    each.append(SOME)
            return Value(per_setting(each), origins)
        return Value(SOME, origins)

    def constant(self, op: str, left: Value, right: Value) -> Value | None:
        """Return an operation on constants; None where an operand, or under some setting a token's share, is none."""
        if not isinstance(left.p, Known | PerSetting) or not isinstance(right.p, Known | PerSetting):
            return None
        out = self.fold(lambda a, b: fold_binary(op, a, b), left, right)
        if out.m & VAL and not all(isinstance(at_setting(out.p, i), Known) for i in range(self.count)):
            return None
        return out

    @property
    def in_loop(self) -> bool:
        """Return whether a loop is in progress."""
        return self.loop_depth > 0

    def per_option(self, base: Value, compute: Callable[[Value], Value]) -> Value:
        """Return ``compute`` of each payload that ``base`` may have, merged by setting."""
        live = self.live
        out: Value | None = None
        done = 0
        for payload, bits in self.alternatives(base):
            self.live = live & bits
            value = compute(Value(payload, base.m))
            out = value if out is None else merge(value, out, bits, done, self.count)
            done |= bits
        self.live = live
        return UNKNOWN if out is None else out

    def rebind(self, name: str, value: Value) -> None:
        """Bind a name again where it is bound already: here or in the frame that sees it."""
        frame: Frame | None = self.frame
        while frame is not None:
            if name in frame.names:
                frame.names[name] = value
                return
            frame = frame.parent
        if name in self.frame.scope.names:
            self.frame.scope.names[name] = value
        else:
            self.frame.names[name] = value

    def made_trainable(self, where: ir.Expr, value: Value) -> None:
        """Let the tensor at ``where``, which is made trainable in place, be the parameter ``value``."""
        if isinstance(where, ir.Name):
            self.rebind(where.id, value)
        elif isinstance(where, ir.Attr):
            self.store_attr(self.eval(where.value), where.attr, value, where)
        elif isinstance(where, ir.Subscript):
            self.store_item(where, value)

    # ------------------------------------------------------------------ truth

    def truth(self, value: Value) -> tuple[int, int]:
        """Return the settings for which ``value`` may be true, and for which it may be false."""
        p = value.p
        if type(p) is PerSetting:
            yes = no = 0
            for index, payload in enumerate(p.each):
                t = truthiness(payload)
                if t is not False:
                    yes |= 1 << index
                if t is not True:
                    no |= 1 << index
            return yes, no
        t = truthiness(p)
        if t is None and type(p) is Heap and p.kind == "list" and value.m & LISTING and value.m & (VAL | TRAIN):
            t = True  # the challenge's shards are there
        return (self.all if t is not False else 0), (self.all if t is not True else 0)

    def guard(self, node: ir.Expr, test: Value, passes: int, *, taken: bool) -> bool:
        """Push a condition on the way when it reads a setting; return whether it was pushed."""
        switches = self.atoms.meanings(test.m, "setting")
        if not switches:
            return False
        self.guards.append(Guard(self.site(node), tuple(str(s) for s in switches), passes, taken))
        return True

    def other_way(self, guard: Guard, passes: int) -> Guard:
        """Return the guard of the other branch."""
        return Guard(guard.site, guard.settings, passes, not guard.taken)

    def open_switches(self, node: ir.Expr, live: int) -> int:
        """Return the settings for which a switch in the condition ``node`` could not be evaluated."""
        if isinstance(node, ir.BoolOp):
            out = 0
            for operand in node.values:
                out |= self.open_switches(operand, live)
            return out
        if isinstance(node, ir.UnaryOp) and node.op == "not":
            return self.open_switches(node.operand, live)
        family = self.atoms.family("setting")
        parts = [node.left, *node.rights] if isinstance(node, ir.Compare) else [node]
        if not isinstance(node, ir.Compare | ir.Name | ir.Attr | ir.Subscript):
            return 0
        values = [self.eval(part) for part in parts]
        if not all(v.m & family or isinstance(v.p, Known) for v in values):
            return 0
        if any(v.m & ~family for v in values):
            return 0
        if any(isinstance(at_setting(v.p, i), Either) for v in values for i in range(self.count)):
            return 0  # data chooses between values that are known
        value = values[0] if len(values) == 1 else self.eval(node)
        yes, no = self.truth(value)
        return yes & no & live & ~1

    # ------------------------------------------------------------------ stores

    def store_attr(self, base: Value, name: str, value: Value, node: ir.Attr) -> None:
        """Assign an attribute of whatever ``base`` may be."""
        self.signals.attribute_stored(base, name, value, node)
        if name == "requires_grad":
            return
        if name in ("data", "grad") and base.m & self.params:
            if name == "data":
                self.signals.parameters_written(base, value, node, replace=True)
            return
        if value.m & self.atoms.family("setting"):
            value = self.printed(name, value)
        if base.m & self.params and not isinstance(base.p, Heap):
            self.store_somewhere(base, value)
        for payload, bits in self.alternatives(base):
            if isinstance(payload, Heap):
                if payload.cls is not None and classes.write(self, payload, name, value, node):
                    continue
                if name == "__class__" and isinstance(value.p, Class):
                    payload.cls = value.p
                self.store_field(payload.attrs, name, value, bits, payload)
            elif isinstance(payload, Class):
                self.store_field(payload.attrs, name, value, bits, None)
            elif isinstance(payload, Function):
                if name == "__code__" and isinstance(value.p, Function):
                    payload.node = value.p.node
                else:
                    self.store_field(self.function_attrs.setdefault(id(payload.node), {}), name, value, bits, None)

    def store_somewhere(self, base: Value, value: Value) -> None:
        """Let the objects that ``base`` is, or is a part of, hold ``value`` under a name that is not known."""
        heaps = [p for p, _ in self.alternatives(base) if isinstance(p, Heap)]
        for heap in dict.fromkeys([*heaps, *parameters.heaps_of(self, base.m)]):
            old = heap.attrs.get(SOMEWHERE)
            heap.attrs[SOMEWHERE] = value if old is None else join(old, value)
            self.heap_version += 1

    def store_field(self, fields: dict[str, Value], name: str, value: Value, bits: int, heap: Heap | None) -> None:
        """Put a value into an object's field under the settings ``bits`` that are live."""
        self.heap_version += 1
        live = self.live & bits
        old = fields.get(name)
        if old is None and heap is not None and heap.cls is not None and (live != self.all or self.weak):
            old = heap.cls.find(name)  # elsewhere the class's own stays
        if old is None or (live == self.all and not self.weak):
            fields[name] = value
            return
        keep = (self.all & ~live) | (self.weak & live)
        if heap is not None and heap.kind == "module":
            keep = 0
        fields[name] = merge(value, old, live, keep, self.count) if keep else value

    def alternatives(self, value: Value) -> list[tuple[Payload, int]]:
        """Return the payloads that ``value`` may have among the live settings, each with its settings."""
        p = value.p
        if type(p) is PerSetting:
            found: list[tuple[Payload, int]] = []
            for index, payload in enumerate(p.each):
                bit = 1 << index
                if not self.live & bit:
                    continue
                options = payload.options if isinstance(payload, Either) else (payload,)
                for option in options:
                    for at, (seen, bits) in enumerate(found):
                        if same(seen, option):
                            found[at] = (seen, bits | bit)
                            break
                    else:
                        found.append((option, bit))
            return found
        if type(p) is Either:
            return [(option, self.live) for option in p.options]
        return [(p, self.live)]

    def store_item(self, target: ir.Subscript, value: Value) -> None:
        """Assign ``base[index] = value``."""
        base = self.eval(target.value)
        index = self.eval(target.index)
        containers.store(self, target, base, index, value)
