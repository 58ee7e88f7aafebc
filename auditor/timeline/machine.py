"""The abstract interpreter: it follows a program over the IR and emits events.

How it approximates:

- *Settings.* All settings in play are followed at once: a value that differs between them is
  :class:`~auditor.timeline.values.PerSetting`, and ``live`` holds the settings for which the current
  statement may run. Bit 0 stands for "any value of any switch" and finds code that only runs when switched on.
- *Loops.* A loop that may adapt parameters is followed for its first and its last iteration; the tokens picked
  with its variable carry the iteration as origin, so that "scored, then trained on" can be told from
  "trained on, then scored". After the loop the iterations are forgotten: all of them have run. Other loops are
  followed once.
- *Branches.* A condition that no setting decides is followed both ways and the results are joined.
- *Modules.* Applying an ``nn.Module`` is one event; its ``forward`` is followed only where it adapts something.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from auditor.program import ir
from auditor.program.model import Program, Unit
from auditor.program.source import Source
from auditor.program.walk import walk
from auditor.submission.model import Setting
from auditor.timeline import caches, calibration, calling, containers, effects, library, metric, mixtures, slots
from auditor.timeline.atoms import BITS, CLOCK, LISTING, TEXT_FILE, TRAIN, VAL, Atoms, under
from auditor.timeline.events import Adapt, Event, Lookup, Mixture, Report, Switch, Timeline, Unfollowed
from auditor.timeline.folding import (
    FoldError,
    fold_binary,
    fold_compare,
    fold_unary,
    split_of_word,
    string_origins,
)
from auditor.timeline.frames import CallStep, Frame, Guard, ModuleScope, Site
from auditor.timeline.opened import Opened
from auditor.timeline.relevance import Relevance, assigned_names
from auditor.timeline.values import (
    NONE,
    SOME,
    UNKNOWN,
    Class,
    Either,
    External,
    Function,
    Heap,
    Known,
    Later,
    Payload,
    PerSetting,
    Tup,
    Value,
    at_setting,
    join,
    join_all,
    join_payloads,
    merge,
    per_setting,
    same,
)

MAX_STEPS = 1_500_000
SOMEWHERE = "*"  # the field that stands for all fields with computed names
LN2 = math.log(2.0)


class Budget(Exception):  # noqa: N818 (it names what ran out)
    """The step budget is used up."""


class Machine:
    """Follows one program under the settings in play. Use :func:`auditor.timeline.follow`."""

    def __init__(self, program: Program, settings: Sequence[Setting], *, watching: bool = False) -> None:
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
        self.adaptations: list[Adapt] = []
        self.switches: dict[str, Switch] = {}
        self.unfollowed: dict[tuple[str, int, str], Unfollowed] = {}
        self.calls: list[CallStep] = []
        self.guards: list[Guard] = []
        self.loops: list[int] = []
        self.branches: list[int] = []  # open conditions in progress (see Event.branches)
        self.branch_count = 0
        self.branch_of: dict[int, tuple[Value, int]] = {}  # the number of a condition, by the value that decides it
        self.loop_sites: list[Site] = []
        self.iteration_bits: list[int] = []  # the innermost followed loop's current iteration, as origin
        self.loop_count = 0
        self.order = 0
        self.steps = 0
        self.frame: Frame = Frame(ModuleScope(program.main.source), {})
        self.depth = 0
        self.active: dict[int, int] = {}  # function node id → how often it is on the stack
        self.params = 0  # all origins that stand for live parameters
        self.pending: list[int] = []  # gradient atoms that wait for an optimizer step
        self.stepped = False
        self.keys = caches.Keys(self.atoms)
        self.slots = slots.Slots(self, watching=watching)
        self.calibrations = calibration.Calibrations()
        self.opened: dict[tuple[object, ...], Opened] = {}
        self.doubts: dict[tuple[object, ...], metric.Doubt] = {}
        self.picked: list[tuple[int, int]] = []  # for each branch in progress: the choice of losses that leads in
        self.no_grad = 0
        self.quiet: set[int] = set()  # functions that a decorator runs without gradients
        self.in_module = 0
        self.files: dict[str, Value] = {}
        self.scopes: dict[str, Value] = {}  # imported units by path
        self.environ: dict[str, tuple[Value, bool]] = {}
        self.emitted: dict[tuple[object, ...], Event] = {}
        self.in_nats: list[tuple[Report, list[Lookup | Mixture]]] = []
        self.decorated: dict[int, str] = {}
        self.entry_points: list[Function] = []
        self.entered: set[int] = set()  # functions that were followed at least once
        self.loop_depth = 0
        self.break_names: list[dict[str, Value]] = []
        self.jumped = 0  # settings for which break/continue left the current iteration
        self.broken = 0
        self.heap_version = 0
        self.reach_cache: dict[int, tuple[int, list[Heap]]] = {}
        self.reported_sites: dict[tuple[str, int, tuple[int, ...]], Report] = {}
        self.expr: dict[type, Callable[[ir.Expr], Value]] = {
            ir.Name: self.eval_name,
            ir.Const: self.eval_const,
            ir.FString: self.eval_fstring,
            ir.Attr: self.eval_attr,
            ir.Subscript: self.eval_subscript,
            ir.Slice: self.eval_slice,
            ir.Call: self.eval_call,
            ir.BinOp: self.eval_binop,
            ir.UnaryOp: self.eval_unary,
            ir.BoolOp: self.eval_boolop,
            ir.Compare: self.eval_compare,
            ir.IfExp: self.eval_ifexp,
            ir.Sequence: self.eval_sequence,
            ir.DictDisplay: self.eval_dict,
            ir.Comprehension: self.eval_comprehension,
            ir.Lambda: self.eval_lambda,
            ir.Starred: self.eval_starred,
            ir.NamedExpr: self.eval_named,
            ir.Yield: self.eval_yield,
            ir.MatchTest: self.eval_match,
        }
        self.stmt: dict[type, Callable[[ir.Stmt], None]] = {
            ir.FunctionDef: self.do_function,
            ir.ClassDef: self.do_class,
            ir.Assign: self.do_assign,
            ir.AugAssign: self.do_augassign,
            ir.ExprStmt: self.do_expr,
            ir.Return: self.do_return,
            ir.Raise: self.do_raise,
            ir.Assert: self.do_assert,
            ir.Delete: self.do_delete,
            ir.Scope: self.do_scope,
            ir.Jump: self.do_jump,
            ir.Import: self.do_import,
            ir.ImportFrom: self.do_import_from,
            ir.If: self.do_if,
            ir.For: self.do_for,
            ir.While: self.do_while,
            ir.With: self.do_with,
            ir.Try: self.do_try,
        }

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
                self.finish()
            except Budget:
                site = self.calls[-1].site if self.calls else Site(unit.source, 0, 0)
                self.note_unfollowed(site, f"the analysis stopped after {MAX_STEPS:,} steps", decisive=True)
            except RecursionError:
                self.note_unfollowed(Site(unit.source, 0, 0), "the program nests too deeply", decisive=True)
        caches.settle(self)
        return Timeline(self.settings, tuple(self.events), self.switches, tuple(self.unfollowed.values()), self.steps)

    def finish(self) -> None:
        """Close the books: which report counts, and whether there was any."""
        effects.publish_nats(self)
        if not self.reported_sites:
            place = Site(self.program.main.source, 0, 0)
            self.note_unfollowed(place, "no score of the validation tokens was found in this script", decisive=True)
        elif not any(report.bits & self.all & ~1 for report in self.reported_sites.values()):
            place = Site(self.program.main.source, 0, 0)
            self.note_unfollowed(place, "no setting in play reaches a score of the validation tokens", decisive=True)

    def enter_points(self) -> None:
        """Call what a launcher calls: functions that a decorator declares to be an entry point."""
        for func in self.entry_points:
            if not self.active.get(id(func.node)) and id(func.node) not in self.entered:
                node = func.node
                where = ir.Name(node.start, node.start, func.name)
                calling.call(self, Value(func), calling.Args(node=where), where)

    def site(self, node: ir.Node) -> Site:
        """Return the place of ``node`` in the file that is being followed."""
        return Site(self.frame.scope.source, node.start, node.end)

    def note_unfollowed(self, site: Site, what: str, *, decisive: bool = False) -> None:
        """Remember something that could not be followed, once per place."""
        self.unfollowed.setdefault((site.source.path, site.start, what), Unfollowed(site, what, decisive))

    def block(self, body: Sequence[ir.Stmt]) -> None:
        """Follow statements until none of the settings is live any more."""
        table = self.stmt
        for statement in body:
            if not self.live:
                return
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise Budget
            table[type(statement)](statement)

    def eval(self, node: ir.Expr) -> Value:
        """Return the abstract value of an expression."""
        self.steps += 1
        return self.expr[type(node)](node)

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

    def eval_name(self, node: ir.Expr) -> Value:
        """Return what a name is bound to."""
        assert isinstance(node, ir.Name)
        value = self.frame.names.get(node.id)
        if value is None or self.frame.scopes:
            value = self.lookup(node.id)
        if value is None:
            if node.id in library.BUILTINS:
                return Value(External(node.id))
            return UNKNOWN
        return value

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
        names[name] = value

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
            self.bind(target, element)

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
            each[index] = Known(library.parse_printed(override.value, at_setting(value.p, 1)))
        return value if each is None else Value(per_setting(each), value.m)

    # ------------------------------------------------------------------ expressions

    def eval_const(self, node: ir.Expr) -> Value:
        """Return a constant; a path or ln 2 has origins of its own."""
        assert isinstance(node, ir.Const)
        v = node.value
        kind = type(v)
        if kind is str:
            return Value(Known(v), string_origins(v))  # type: ignore[arg-type]
        if kind is float and (abs(v - LN2) < 1e-6 or abs(v - 1 / LN2) < 1e-6):  # type: ignore[operator]
            return Value(Known(v), BITS)
        return Value(Known(v))

    def eval_fstring(self, node: ir.Expr) -> Value:
        """Return an f-string, as a constant while its parts are."""
        assert isinstance(node, ir.FString)
        origins = 0
        texts: list[str] | None = []
        for part in node.parts:
            value = self.eval(part)
            origins |= containers.deep(value) & ~loose_wildcard(value)
            if texts is not None and isinstance(value.p, Known):
                texts.append(str(value.p.v))
            else:
                texts = None
        if texts is not None:
            text = "".join(texts)
            return Value(Known(text), origins | string_origins(text))
        return Value(SOME, origins)

    def eval_slice(self, node: ir.Expr) -> Value:
        """Return a slice: its bounds are origins of what it picks."""
        assert isinstance(node, ir.Slice)
        lower = self.eval(node.lower) if node.lower is not None else None
        upper = self.eval(node.upper) if node.upper is not None else None
        origins = (lower.m if lower is not None else 0) | (upper.m if upper is not None else 0)
        if node.step is not None:
            origins |= self.eval(node.step).m
        return caches.sliced(lower, upper, origins)

    def eval_unary(self, node: ir.Expr) -> Value:
        """Return a unary operation."""
        assert isinstance(node, ir.UnaryOp)
        value = self.eval(node.operand)
        if node.op == "not":
            yes, no = self.truth(value)
            return Value(self.boolean(yes, no), value.m)
        out = self.fold(lambda a: fold_unary(node.op, a), value)
        return slots.inverted(self, node, out) if out.m & self.slots.parts else out

    def boolean(self, yes: int, no: int) -> Payload:
        """Return the payload of ``not``: False where ``yes`` only, True where ``no`` only."""
        each: list[Payload] = []
        for index in range(self.count):
            bit = 1 << index
            if yes & bit and no & bit:
                each.append(SOME)
            elif no & bit:
                each.append(Known(True))
            else:
                each.append(Known(False))
        return per_setting(each)

    def fold(self, compute: Callable[..., object], *values: Value) -> Value:
        """Return ``compute`` of constants, per setting where they differ, and SOME where unknown."""
        origins = 0
        known = True
        for value in values:
            origins |= value.m
            if type(value.p) is not Known:
                known = False
        if origins & self.params:
            origins = effects.settle(self, origins)
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
                origins |= string_origins(result)
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

    def eval_binop(self, node: ir.Expr) -> Value:
        """Return a binary operation."""
        assert isinstance(node, ir.BinOp)
        left = self.eval(node.left)
        right = self.eval(node.right)
        if isinstance(left.p, Known | PerSetting) and isinstance(right.p, Known | PerSetting):
            return self.fold(lambda a, b: fold_binary(node.op, a, b), left, right)
        if node.op == "+" and (isinstance(left.p, Heap | Tup) or isinstance(right.p, Heap | Tup)):
            first, second = containers.exact_items(self, left), containers.exact_items(self, right)
            if first is not None and second is not None:
                return containers.new_list(self, [*first, *second])
            if isinstance(left.p, Heap) and left.p.kind == "list":
                return containers.new_list(
                    self, None, join(containers.element_of(self, left), containers.element_of(self, right))
                )
        if node.op == "*" and isinstance(left.p, Heap) and left.p.kind == "list":
            return containers.new_list(
                self,
                None,
                Value(containers.element_of(self, left).p, containers.element_of(self, left).m | right.m),
            )
        if node.op in ("*", "/"):
            calibration.scaled(self, left, right, node)
        origins = containers.deep(left) | containers.deep(right)
        if self.slots.deltas:
            origins = slots.stepped(self, node, left, right, origins)
        origins = effects.settle(self, origins)
        if origins & self.slots.fitted:
            origins = slots.meet(self, origins, node)
        out = caches.combine(self, node, left, right, origins)
        if node.op in ("*", "/") and (left.m | right.m) & BITS:
            out = metric.scaled(self, left, right, node, out)
        return slots.combined(self, node, left, right, out) if origins & self.slots.parts else out

    def eval_boolop(self, node: ir.Expr) -> Value:
        """Return ``and`` or ``or``; later operands only run where earlier ones let them."""
        assert isinstance(node, ir.BoolOp)
        conj = node.op == "and"
        live = self.live
        rest = live
        origins = 0
        each: list[Payload] = [None] * self.count
        filled = 0
        last = len(node.values) - 1
        value = UNKNOWN
        for position, operand in enumerate(node.values):
            self.live = rest
            value = self.eval(operand)
            origins |= value.m
            if position == last:
                stops, goes = rest, 0
            else:
                yes, no = self.truth(value)
                stops, goes = (no & rest, yes & rest) if conj else (yes & rest, no & rest)
            filled_in = not conj and isinstance(value.p, Heap)  # `things or {}` is the things
            if stops == live and (not goes or filled_in):  # the usual cases: decided by this operand alone
                self.live = live
                return Value(value.p, origins)
            for index in range(self.count):
                bit = 1 << index
                if stops & bit:
                    own = at_setting(value.p, index)
                    each[index] = join_payloads(each[index], own) if filled & bit else own
                    filled |= bit
            rest = goes
            if not rest:
                break
        self.live = live
        for index in range(self.count):
            if not filled & 1 << index:
                each[index] = at_setting(value.p, index)
        return Value(per_setting(each), origins)

    def pick(self, value: Value) -> Value:
        """Return a loss as assigned, returned or stored in the branches in progress."""
        return mixtures.picked(self, value)

    def eval_compare(self, node: ir.Expr) -> Value:
        """Return a chain of comparisons."""
        assert isinstance(node, ir.Compare)
        left = self.eval(node.left)
        out: Value | None = None
        for op, operand in zip(node.ops, node.rights, strict=True):
            right = self.eval(operand)
            part = self.compare(op, left, right)
            if (left.m ^ right.m) & CLOCK:
                calibration.compared(self, op, left, right, node)
            if op in ("==", "!=") and (left.m | right.m) & VAL:
                part = Value(part.p, part.m | metric.compared(self, left, right, node))
            if left.m & right.m & self.keys.gold:
                part = mixtures.mask(self, op, part, node)
            out = part if out is None else Value(self.both(out, part), out.m | part.m)
            left = right
        assert out is not None
        return slots.compared(self, node, out) if self.slots.watching else out

    def both(self, a: Value, b: Value) -> Payload:
        """Return the payload of ``a and b`` for two truth values."""
        a_yes, a_no = self.truth(a)
        b_yes, b_no = self.truth(b)
        return self.boolean(a_no | b_no, a_yes & b_yes)

    def compare(self, op: str, left: Value, right: Value) -> Value:
        """Return the truth value of one comparison."""
        origins = left.m | right.m
        if op in ("is", "is not", "==", "!=") and (is_none(right.p) or is_none(left.p)):
            other = left if is_none(right.p) else right
            each: list[Payload] = []
            for index in range(self.count):
                payload = at_setting(other.p, index)
                none = none_ness(payload)
                each.append(SOME if none is None else Known(none == (op in ("is", "=="))))
            return Value(per_setting(each), origins)
        if isinstance(left.p, Later | PerSetting) and op in ("==", "!=", ">", "<="):
            folded = self.fold(lambda a, b: fold_compare(op, a, b), left, right)
            later = [past_first(op, at_setting(left.p, i), at_setting(right.p, i)) for i in range(self.count)]
            if any(payload is not None for payload in later):
                mixed = [p or at_setting(folded.p, i) for i, p in enumerate(later)]
                return Value(per_setting(mixed), origins)
            return folded
        if op in ("in", "not in"):
            found = library.in_environment(self, left, right)
            if found is not None:
                return found if op == "in" else self.fold(lambda a: not a, found)
            right = containers.as_constant(self, right)
        return caches.compared(self, self.fold(lambda a, b: fold_compare(op, a, b), left, right))

    def eval_ifexp(self, node: ir.Expr) -> Value:
        """Return a conditional expression, each side under its settings."""
        assert isinstance(node, ir.IfExp)
        test = self.eval(node.test)
        yes, no = self.truth(test)
        live = self.live
        yes &= live
        no &= live
        if not no:
            value = self.eval(node.body)
            return Value(value.p, value.m | test.m & self.atoms.family("setting"))
        if not yes:
            value = self.eval(node.orelse)
            return Value(value.p, value.m | test.m & self.atoms.family("setting"))
        with_guard = self.guard(node.test, test, yes, taken=True)
        self.live = yes
        a = self.eval(node.body)
        if with_guard:
            self.guards[-1] = self.other_way(self.guards[-1], no)
        self.live = no
        b = self.eval(node.orelse)
        if with_guard:
            self.guards.pop()
        self.live = live
        out = merge(a, b, yes, no, self.count)
        return Value(out.p, out.m | test.m & self.atoms.family("setting"))

    def eval_sequence(self, node: ir.Expr) -> Value:
        """Return a tuple, list or set display."""
        assert isinstance(node, ir.Sequence)
        items: list[Value] = []
        exact = True
        for elt in node.elts:
            value = self.eval(elt)
            if isinstance(elt, ir.Starred):
                inner = containers.exact_items(self, value)
                if inner is None:
                    exact = False
                    items.append(containers.element_of(self, value))
                else:
                    items.extend(inner)
            else:
                items.append(value)
        if not exact:
            return containers.new_list(self, None, join_all(items))
        if node.kind == "tuple":
            origins = 0
            for item in items:
                origins |= item.m
            return Value(Tup(tuple(items)), origins)
        return containers.new_list(self, items)

    def eval_dict(self, node: ir.Expr) -> Value:
        """Return a dict display."""
        assert isinstance(node, ir.DictDisplay)
        out = Heap("dict", made_at=self.order)
        for key, value_node in zip(node.keys, node.values, strict=True):
            value = self.eval(value_node)
            if key is None:
                containers.update_dict(self, out, value)
                continue
            containers.set_item(self, out, self.eval(key), value)
        return Value(out)

    def eval_comprehension(self, node: ir.Expr) -> Value:
        """Return a comprehension: followed item by item while there are few, else once."""
        assert isinstance(node, ir.Comprehension)
        frame = self.frame
        self.frame = Frame(frame.scope, {}, parent=frame, func=frame.func or COMPREHENSION, owner=frame.owner)
        try:
            alone = len(node.clauses) == 1 and node.kind != "dict"
            for clause in node.clauses:
                iterable = self.eval(clause.iter)
                items = containers.exact_items(self, iterable)
                if alone and not clause.ifs and items is not None and len(items) <= 16:
                    out = []
                    for item in items:
                        self.bind(clause.target, item)
                        out.append(self.eval(node.elt))
                    return containers.new_list(self, out)
                self.bind(clause.target, containers.element_of(self, iterable))
                for test in clause.ifs:
                    self.eval(test)
                    self.pick_files(test)
            elt = self.eval(node.elt)
            if node.kind == "dict" and node.value is not None:
                value = self.eval(node.value)
                heap = Heap("dict", element=value, origins=elt.m, made_at=self.order)
                return Value(heap, value.m)
            return containers.new_list(self, None, elt)
        finally:
            self.frame = frame

    def pick_files(self, test: ir.Expr) -> None:
        """Where ``test`` picks files of one split by a word in their names, let the name it tests say so."""
        if isinstance(test, ir.BoolOp) and test.op == "and":
            for operand in test.values:
                self.pick_files(operand)
            return
        word: ir.Expr | None = None
        subject: ir.Expr | None = None
        if isinstance(test, ir.Compare) and test.ops == ("in",):
            word, subject = test.left, test.rights[0]
        elif (
            isinstance(test, ir.Call)
            and isinstance(test.func, ir.Attr)
            and len(test.args) == 1
            and test.func.attr in ("startswith", "endswith", "match", "search")
        ):
            word, subject = test.args[0].value, test.func.value
        if not isinstance(word, ir.Const) or not isinstance(word.value, str) or subject is None:
            return
        while not isinstance(subject, ir.Name):
            if isinstance(subject, ir.Attr):
                subject = subject.value
            elif isinstance(subject, ir.Call) and isinstance(subject.func, ir.Attr):
                subject = subject.func.value
            elif isinstance(subject, ir.Call) and len(subject.args) == 1:
                subject = subject.args[0].value
            else:
                return
        value = self.lookup(subject.id)
        if value is not None and value.m & LISTING and not value.m & (VAL | TRAIN):
            self.rebind(subject.id, Value(value.p, value.m | split_of_word(word.value)))

    def eval_lambda(self, node: ir.Expr) -> Value:
        """Return a lambda with the frame that it closes over."""
        assert isinstance(node, ir.Lambda)
        return Value(Function(node, self.frame.scope, self.frame, self.defaults(node.params)))

    def eval_starred(self, node: ir.Expr) -> Value:
        """Return what is unpacked."""
        assert isinstance(node, ir.Starred)
        return self.eval(node.value)

    def eval_named(self, node: ir.Expr) -> Value:
        """Return the value of ``:=`` and bind it."""
        assert isinstance(node, ir.NamedExpr)
        value = self.eval(node.value)
        self.bind(node.target, value)
        return value

    def eval_yield(self, node: ir.Expr) -> Value:
        """Keep what a generator yields; return what is sent to it, which is not known."""
        assert isinstance(node, ir.Yield)
        if node.value is None:
            return UNKNOWN
        value = self.eval(node.value)
        if node.kind == "await":
            return value
        item = containers.element_of(self, value) if node.kind == "from" else value
        self.frame.yielded = item if self.frame.yielded is None else join(self.frame.yielded, item)
        return UNKNOWN

    def eval_match(self, node: ir.Expr) -> Value:
        """Return whether a case pattern matches."""
        assert isinstance(node, ir.MatchTest)
        subject = self.eval(node.subject)
        for name in node.binds:
            self.bind_name(name, subject)
        if node.pattern is None:
            out = Value(SOME, subject.m) if not node.binds or node.guard is not None else Value(Known(True))
        else:
            out = self.compare("==", subject, self.eval(node.pattern))
        return out

    def eval_attr(self, node: ir.Expr) -> Value:
        """Return an attribute."""
        assert isinstance(node, ir.Attr)
        return calling.get_attr(self, self.eval(node.value), node.attr, node)

    def eval_subscript(self, node: ir.Expr) -> Value:
        """Return an item or a slice of something."""
        assert isinstance(node, ir.Subscript)
        base = self.eval(node.value)
        index = self.eval(node.index)
        out = containers.get_item(self, base, index, node)
        if base.m & (VAL | TEXT_FILE):
            out = metric.picked(self, base, index, node, out)
        elif isinstance(base.p, Heap | Either):
            out = metric.looked_up(self, base, index, out)
        if base.m & VAL or index.m & VAL:
            out = caches.subscript(self, base, index, node, out)
            return slots.cut(self, base, index, node, out) if self.slots.watching and base.m & VAL else out
        return out

    def eval_call(self, node: ir.Expr) -> Value:
        """Return the result of a call."""
        assert isinstance(node, ir.Call)
        return calling.eval_call(self, node)

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

    # ------------------------------------------------------------------ statements

    def do_function(self, node: ir.Stmt) -> None:
        """Bind a function, decorated."""
        assert isinstance(node, ir.FunctionDef)
        owner = self.frame.owner if self.frame.func is None else None
        func = Function(node, self.frame.scope, self.frame, self.defaults(node.params), owner)
        value = Value(func)
        for decorator in reversed(node.decorators):
            value = calling.decorate(self, decorator, value)
        if isinstance(value.p, Function) and value.p.owner is None:
            value.p.owner = owner
        self.frame.names[node.name] = value

    def defaults(self, params: tuple[ir.Param, ...]) -> dict[str, Value]:
        """Return the values of parameter defaults, evaluated where the function is defined."""
        return {p.name: self.eval(p.default) for p in params if p.default is not None}

    def do_class(self, node: ir.Stmt) -> None:
        """Bind a class: its body is followed as a scope of its own."""
        assert isinstance(node, ir.ClassDef)
        bases: list[Class | str] = []
        for base in node.bases:
            value = self.eval(base)
            if isinstance(value.p, Class):
                bases.append(value.p)
            elif isinstance(value.p, External):
                bases.append(value.p.name)
            else:
                bases.append(base.attr if isinstance(base, ir.Attr) else getattr(base, "id", "?"))
        cls = Class(node, self.frame.scope, tuple(bases))
        cls.cursors = self.relevance.cursors(node)
        cls.counters = self.relevance.counters(node)
        outer = self.frame
        self.frame = Frame(outer.scope, cls.attrs, parent=outer, owner=cls)
        try:
            for statement in node.body:
                if isinstance(statement, ir.Assign) and len(statement.targets) == 1:
                    target = statement.targets[0]
                    if isinstance(target, ir.Name):
                        cls.fields.append(target.id)
            self.block(node.body)
        finally:
            self.frame = outer
        outer.names[node.name] = Value(cls)

    def do_assign(self, node: ir.Stmt) -> None:
        """Assign to one or more targets."""
        assert isinstance(node, ir.Assign)
        if node.value is None:
            return
        value = self.eval(node.value)
        if self.picked and value.m & self.keys.gold:
            value = self.pick(value)
        for target in node.targets:
            self.bind(target, value)

    def do_augassign(self, node: ir.Stmt) -> None:
        """Assign in place: parameters are written, lists extended."""
        assert isinstance(node, ir.AugAssign)
        target = node.target
        old = caches.old_value(self, target)
        value = self.eval(node.value)
        heap = old.p
        if isinstance(heap, Heap) and heap.kind == "list" and node.op == "+":
            containers.extend(self, heap, value)
            return
        if old.m & self.params:
            effects.write_params(self, old, value, node)
            return
        if not self.in_loop and isinstance(old.p, Known | PerSetting) and isinstance(value.p, Known | PerSetting):
            new = self.fold(lambda a, b: fold_binary(node.op, a, b), old, value)
        else:
            origins = effects.settle(self, old.m | containers.deep(value))
            if origins & self.slots.fitted:
                origins = slots.meet(self, origins, node)
            new = caches.combine(self, node, old, value, origins)
        if isinstance(target, ir.Subscript):
            containers.update_item(self, target, new)
            return
        self.bind(target, new)
        if old.p is SOME and isinstance(target, ir.Name) and new.m & ~old.m & self.atoms.family("forward"):
            frame = self.frame  # a tensor that was handed in is changed for the caller, too
            frame.written = {target.id} if frame.written is None else frame.written | {target.id}

    def do_expr(self, node: ir.Stmt) -> None:
        """Follow an expression for what it does."""
        assert isinstance(node, ir.ExprStmt)
        self.eval(node.value)

    def do_return(self, node: ir.Stmt) -> None:
        """Return from the function under the live settings."""
        assert isinstance(node, ir.Return)
        value = self.eval(node.value) if node.value is not None else NONE
        if self.picked and value.m & self.keys.gold:
            value = self.pick(value)
        frame = self.frame
        if frame.returned is None:
            frame.returned = value
        else:
            frame.returned = merge(value, frame.returned, self.live, frame.returned_bits, self.count)
        frame.returned_bits |= self.live
        self.live = 0

    def do_raise(self, node: ir.Stmt) -> None:
        """Raise: what follows is not reached."""
        assert isinstance(node, ir.Raise)
        if node.exc is not None:
            self.eval(node.exc)
        self.live = 0

    def do_assert(self, node: ir.Stmt) -> None:
        """Follow an assertion; what it excludes does not go on."""
        assert isinstance(node, ir.Assert)
        self.eval(node.test)

    def do_delete(self, node: ir.Stmt) -> None:
        """Unbind names."""
        assert isinstance(node, ir.Delete)
        for target in node.targets:
            if isinstance(target, ir.Name):
                self.frame.names.pop(target.id, None)

    def do_scope(self, node: ir.Stmt) -> None:
        """Note names that are global or nonlocal."""
        assert isinstance(node, ir.Scope)
        for name in node.names:
            self.frame.scopes[name] = node.kind

    def do_jump(self, node: ir.Stmt) -> None:
        """Leave the iteration or the loop under the live settings."""
        assert isinstance(node, ir.Jump)
        if node.kind == "pass":
            return
        self.jumped |= self.live
        if node.kind == "break":
            self.broken |= self.live
            self.break_names.append(dict(self.frame.names))
        self.live = 0

    def do_import(self, node: ir.Stmt) -> None:
        """Bind modules: those of the submission are followed, once."""
        assert isinstance(node, ir.Import)
        for dotted, alias in node.names:
            unit = self.unit_of(dotted, 0)
            if unit is not None:
                value = self.import_unit(unit)
                self.bind_name(alias or dotted.split(".")[0], value)
            elif alias:
                self.bind_name(alias, Value(External(dotted)))
            else:
                top = dotted.split(".")[0]
                self.bind_name(top, Value(External(top)))

    def do_import_from(self, node: ir.Stmt) -> None:
        """Bind names of modules."""
        assert isinstance(node, ir.ImportFrom)
        unit = self.unit_of(node.module, node.level)
        for name, alias in node.names:
            if unit is not None:
                module = self.import_unit(unit)
                assert isinstance(module.p, Heap)
                if name == "*":
                    for each, value in module.p.attrs.items():
                        if not each.startswith("_"):
                            self.bind_name(each, value)
                    continue
                sub = self.unit_of(f"{node.module}.{name}" if node.module else name, node.level)
                value = module.p.attrs.get(name) or (self.import_unit(sub) if sub else UNKNOWN)
                self.bind_name(alias or name, value)
            elif name == "*":
                self.note_unfollowed(self.site(node), f"from {node.module} import *")
            else:
                sub = self.unit_of(name, node.level) if node.level and not node.module else None
                value = self.import_unit(sub) if sub else Value(External(f"{node.module}.{name}"))
                self.bind_name(alias or name, value)

    def unit_of(self, dotted: str, level: int) -> Unit | None:
        """Return the submission's own module of that dotted name, or None."""
        here = self.frame.scope.source.path.rpartition("/")[0]
        for _ in range(level - 1):
            here = here.rpartition("/")[0]
        tail = dotted.replace(".", "/")
        bases = [here] if level else [here, ""]
        for base in bases:
            stem = f"{base}/{tail}" if base and tail else (tail or base)
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                unit = self.program.units.get(path)
                if unit is not None and path != self.frame.scope.source.path:
                    return unit
        return None

    def import_unit(self, unit: Unit) -> Value:
        """Follow a helper module once and return it."""
        known = self.scopes.get(unit.path)
        if known is not None:
            return known
        scope = ModuleScope(unit.source, is_main=False)
        heap = Heap("module", name=unit.path, attrs=scope.names)
        value = Value(heap)
        self.scopes[unit.path] = value
        if unit.module is None:
            self.note_unfollowed(
                Site(unit.source, 0, 0), f"helper module {unit.path} could not be parsed", decisive=True
            )
            return value
        scope.names["__name__"] = Value(Known(unit.path.rpartition("/")[2].removesuffix(".py")))
        scope.names["__file__"] = Value(Known(unit.path))
        outer, live = self.frame, self.live
        self.frame = Frame(scope, scope.names)
        try:
            self.block(unit.module.body)
        finally:
            self.frame, self.live = outer, live
        return value

    def do_if(self, node: ir.Stmt) -> None:
        """Follow both branches, each under the settings that may take it, and merge."""
        assert isinstance(node, ir.If)
        test = self.eval(node.test)
        live = self.live
        yes, no = self.truth(test)
        yes &= live
        no &= live
        both = yes & no
        undecided = self.undecided
        if both & ~1 and test.m & self.atoms.family("setting"):
            self.undecided |= self.open_switches(node.test, live)
        if not yes:
            pushed = self.guard(node.test, test, no, taken=False)
            self.block(node.orelse)
            if pushed:
                self.guards.pop()
            self.undecided = undecided
            return
        if not no:
            pushed = self.guard(node.test, test, yes, taken=True)
            self.block(node.body)
            if pushed:
                self.guards.pop()
            self.undecided = undecided
            return
        names = self.frame.names
        before = dict(names)
        weak = self.weak
        self.weak |= both
        pushed = self.guard(node.test, test, yes, taken=True)
        self.live = yes
        self.branches.append(self.branch_number(node.test))
        self.pick_files(node.test)
        self.picked.append((mixtures.branch(self, node.test, test), self.depth))
        self.block(node.body)
        self.picked.pop()
        body_live = self.live
        self.branches[-1] ^= 1
        if pushed:
            self.guards[-1] = self.other_way(self.guards[-1], no)
        if node.orelse:
            after_body = dict(names)
            names.clear()
            names.update(before)
            self.live = no
            self.block(node.orelse)
            else_live = self.live
        else:
            after_body = dict(names)
            names.clear()
            names.update(before)
            else_live = no
        if pushed:
            self.guards.pop()
        self.branches.pop()
        self.weak = weak
        self.undecided = undecided
        self.live = body_live | else_live
        if not body_live:
            return
        calibration.chosen(self, test, before, after_body)
        metric.decided(self, test, before, after_body)
        if not else_live:
            names.clear()
            names.update(after_body)
            return
        for name, value in after_body.items():
            other = names.get(name)
            if other is None:
                names[name] = value
            elif other is not value:
                names[name] = merge(value, other, body_live, else_live, self.count)

    def branch_number(self, test: ir.Expr) -> int:
        """Return the number of an open condition: the same one for every condition on the same value."""
        negated = 0
        while isinstance(test, ir.UnaryOp) and test.op == "not":
            test = test.operand
            negated ^= 1
        if isinstance(test, ir.Name | ir.Attr):
            value = self.eval(test)
            each = value.p.each if isinstance(value.p, PerSetting) else (value.p,)
            if value is not UNKNOWN and all(p is None or p is SOME or isinstance(p, Known) for p in each):
                known = self.branch_of.get(id(value))
                if known is None:
                    self.branch_count += 2
                    known = self.branch_of[id(value)] = (value, self.branch_count)
                return known[1] ^ negated
        self.branch_count += 2
        return self.branch_count

    # ------------------------------------------------------------------ loops

    def do_for(self, node: ir.Stmt) -> None:
        """Follow a ``for`` loop."""
        assert isinstance(node, ir.For)
        iterable = self.eval(node.iter)
        self.loop(node, iterable)
        self.otherwise(node)

    def do_while(self, node: ir.Stmt) -> None:
        """Follow a ``while`` loop."""
        assert isinstance(node, ir.While)
        self.loop(node, None)
        self.otherwise(node)

    def otherwise(self, node: ir.For | ir.While) -> None:
        """Follow a loop's else branch; it is passed by where the loop is left by a ``break``."""
        if not node.orelse or not self.live:
            return
        names = self.frame.names
        before = dict(names)
        self.block(node.orelse)
        if any(isinstance(s, ir.Jump) and s.kind == "break" for s in walk(*node.body, into_functions=False)):
            for name, value in before.items():
                other = names.get(name)
                if other is not None and other is not value:
                    names[name] = join(value, other)

    def forget_carried(self, node: ir.For | ir.While, iteration: int) -> None:
        """Forget constants that the loop's body assigns: a later iteration may see other values.

        Numbers that the body advances pick the tokens of the iteration, as a loop variable would.
        """
        names = self.frame.names
        advanced = self.relevance.advanced(node)
        loops = self.atoms.family("iteration")
        constants = self.relevance.latches(node)
        for name in assigned_names(node):
            value = names.get(name)
            if value is None:
                continue
            if isinstance(value.p, Known | PerSetting) and (
                not isinstance(value.p, Known) or not isinstance(value.p.v, str)
            ):
                if name in constants:
                    names[name] = latched(value, constants[name], self.count)
                    continue
                value = Value(None if is_none(value.p) else SOME, value.m)
                if isinstance(names[name].p, Known) and names[name].p.v is None:  # type: ignore[union-attr]
                    value = Value(None, value.m)
                names[name] = value
            if iteration and name in advanced:
                names[name] = Value(value.p, value.m & ~loops | iteration | value.m & self.outer_iterations(loops))

    def outer_iterations(self, loops: int) -> int:
        """Return the origins of the current iterations of all followed loops."""
        out = 0
        for bit in self.iteration_bits:
            out |= bit
        return out & loops

    def loop(self, node: ir.For | ir.While, iterable: Value | None) -> None:
        """Follow a loop: twice where it may adapt something, else once."""
        live0 = self.live
        jumped, broken = self.jumped, self.broken
        self.jumped = self.broken = 0
        weak = self.weak
        frame = self.frame
        followed = self.relevance.adapts(node)
        trips: list[int | None] = [None] * self.count
        if iterable is not None:
            trips = containers.trip_counts(self, iterable)
        guard_pushed = False
        if iterable is not None and trips[1] is not None and iterable.m & self.atoms.family("setting"):
            passes = 0
            for index, trip in enumerate(trips):
                if trip != 0:
                    passes |= 1 << index
            assert isinstance(node, ir.For)
            guard_pushed = self.guard(node.iter, iterable, passes & live0, taken=True)
        self.loop_depth += 1
        breaks = self.break_names
        self.break_names = []
        self.loop_count += 1
        first_record = len(self.adaptations)
        loop_key = (frame.scope.source.path, frame.scope.source.layer, node.start)
        if followed:
            self.loops.append(self.loop_count)
            self.loop_sites.append(self.site(node))
        rounds = 2 if followed else 1
        own_bits = 0
        done = 0
        try:
            for number in range(rounds):
                enter = 0
                for index, trip in enumerate(trips):
                    if trip is None or trip > number:
                        enter |= 1 << index
                enter &= live0 & ~self.broken
                if number:
                    enter &= done
                if not enter:
                    break
                self.live = enter
                self.jumped = 0
                iteration = 0
                if followed:
                    iteration = self.atoms.bit("iteration", (loop_key, number))
                    own_bits |= iteration
                    self.iteration_bits.append(iteration)
                if number or not followed:
                    self.forget_carried(node, iteration)
                elif iteration:
                    self.mark_advanced(node, iteration)
                if iterable is not None:
                    assert isinstance(node, ir.For)
                    self.bind(node.target, containers.loop_item(self, iterable, number, iteration, trips))
                elif isinstance(node, ir.While):
                    test = self.eval(node.test)
                    yes, _ = self.truth(test)
                    if not number and not yes & self.live and truthiness(test.p) is False:
                        if followed:
                            self.iteration_bits.pop()
                        break
                    self.live &= yes
                    if self.live:
                        pushed = self.guard(node.test, test, self.live, taken=True)
                        self.block(node.body)
                        if pushed:
                            self.guards.pop()
                    self.finish_round(iteration, followed)
                    done |= enter
                    continue
                self.block(node.body)
                self.finish_round(iteration, followed)
                done |= enter
        finally:
            if followed:
                self.loops.pop()
                self.loop_sites.pop()
        if guard_pushed:
            self.guards.pop()
        # Every iteration has run by now: what was adapted on one is adapted on all.
        if own_bits:
            for record in self.adaptations[first_record:]:
                record.region &= ~own_bits
        endless = isinstance(node, ir.While) and isinstance(node.test, ir.Const) and bool(node.test.value)
        after = live0
        if endless:
            after = self.broken or live0 & ~frame.returned_bits
        self.live = after & live0
        self.join_breaks(breaks)
        self.jumped, self.broken = jumped, broken
        self.weak = weak
        self.loop_depth -= 1

    def join_breaks(self, outer: list[dict[str, Value]]) -> None:
        """Join what names held where a ``break`` left the loop."""
        names = self.frame.names
        for left in self.break_names:
            for name, value in left.items():
                other = names.get(name)
                if other is None:
                    names[name] = value
                elif other is not value:
                    names[name] = join(other, value)
        self.break_names = outer

    def finish_round(self, iteration: int, followed: bool) -> None:
        """Close one followed iteration."""
        if followed and iteration:
            self.iteration_bits.pop()
        self.live |= self.jumped

    def mark_advanced(self, node: ir.For | ir.While, iteration: int) -> None:
        """Give numbers that the body advances the first iteration as origin."""
        names = self.frame.names
        for name in self.relevance.advanced(node):
            value = names.get(name)
            if value is not None and not isinstance(value.p, Heap):
                names[name] = Value(value.p, value.m | iteration)

    # ------------------------------------------------------------------ with, try

    def do_with(self, node: ir.Stmt) -> None:
        """Follow a ``with`` block; some contexts take no gradients."""
        assert isinstance(node, ir.With)
        quiet = 0
        for context, target in node.items:
            value = self.eval(context)
            name = library.context_name(value)
            if name in ("no_grad", "inference_mode"):
                quiet += 1
            if target is not None:
                self.bind(target, calling.enter(self, value))
        self.no_grad += quiet
        self.block(node.body)
        self.no_grad -= quiet

    def do_try(self, node: ir.Stmt) -> None:
        """Follow a body and its handlers, any of which may run, and what comes after."""
        assert isinstance(node, ir.Try)
        live = self.live
        names = self.frame.names
        self.block(node.body)
        body_live = self.live
        if body_live and node.orelse:
            self.block(node.orelse)
            body_live = self.live
        handled = 0
        if node.handlers:
            after_body = dict(names)
            weak = self.weak
            merged = after_body
            for handler in node.handlers:
                self.live = live
                self.weak = weak | live
                self.branch_count += 2
                self.branches.append(self.branch_count)
                names.clear()
                names.update(after_body)
                if handler.type is not None:
                    self.eval(handler.type)
                if handler.name:
                    names[handler.name] = UNKNOWN
                self.block(handler.body)
                self.branches.pop()
                if self.live:
                    handled |= self.live
                    for name, value in names.items():
                        other = merged.get(name)
                        if other is None:
                            merged[name] = value
                        elif other is not value and not isinstance(handler_import(node), bool):
                            merged[name] = join(other, value) if body_live else value
            self.weak = weak
            names.clear()
            names.update(merged)
        self.live = body_live | handled
        if node.finalbody:
            was = self.live
            self.live = live
            self.block(node.finalbody)
            self.live &= was

    # ------------------------------------------------------------------ stores

    def store_attr(self, base: Value, name: str, value: Value, node: ir.Attr) -> None:
        """Assign an attribute of whatever ``base`` may be."""
        if name == "forward":
            calibration.replace_forward(self, value)
        if name == "requires_grad":
            slots.tracked(self, base, value, node)
            return
        if self.slots.deltas:
            slots.placed(self, base, value)
        if name in ("data", "grad") and base.m & self.params:
            if name == "data":
                effects.write_params(self, base, value, node, replace=True)
            return
        if value.m & self.atoms.family("setting"):
            value = self.printed(name, value)
        if base.m & self.params and not isinstance(base.p, Heap):
            self.store_somewhere(base, value)
        for payload, bits in self.alternatives(base):
            if isinstance(payload, Heap):
                self.store_field(payload.attrs, name, value, bits, payload)
            elif isinstance(payload, Class):
                self.store_field(payload.attrs, name, value, bits, None)

    def store_somewhere(self, base: Value, value: Value) -> None:
        """Let the objects that ``base`` is, or is a part of, hold ``value`` under a name that is not known."""
        heaps = [p for p, _ in self.alternatives(base) if isinstance(p, Heap)]
        for heap in dict.fromkeys([*heaps, *effects.heaps_of(self, base.m)]):
            old = heap.attrs.get(SOMEWHERE)
            heap.attrs[SOMEWHERE] = value if old is None else join(old, value)
            self.heap_version += 1

    def store_field(self, fields: dict[str, Value], name: str, value: Value, bits: int, heap: Heap | None) -> None:
        """Put a value into an object's field under the settings ``bits`` that are live."""
        self.heap_version += 1
        live = self.live & bits
        old = fields.get(name)
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


COMPREHENSION = Function(ir.Lambda(0, 0, (), ir.Const(0, 0, None)), ModuleScope(Source("", "")), None, {})


def latched(value: Value, constant: object, count: int) -> Value:
    """Return what a loop leaves in a name that its body only ever sets to ``constant``."""
    known = Known(constant)
    each = [at_setting(value.p, index) for index in range(count)]
    if any(is_none(p) for p in each) or constant is None:
        return Value(per_setting([p if same(p, known) else None for p in each]), value.m)
    return Value(per_setting([p if same(p, known) else SOME for p in each]), value.m)


def loose_wildcard(value: Value) -> int:
    """Return the splits that a piece of a pattern names only because its wildcard fits every file.

    The pattern that it becomes a part of (``*train*`` and ``*.bin``) says which files are meant.
    """
    p = value.p
    if type(p) is Known and type(p.v) is str and "*" in p.v and split_of_word(p.v) == 0:
        return value.m & string_origins(p.v)
    return 0


def past_first(op: str, left: Payload, right: Payload) -> Payload:
    """Return what comparing a later iteration's number with a constant gives, None when that is open."""
    if not isinstance(left, Later) or not isinstance(right, Known) or not isinstance(right.v, int):
        return None
    return Known(op in ("!=", ">")) if right.v <= left.first else None


def handler_import(node: ir.Try) -> bool | None:
    """Return False when a try only guards an import (its handler's values then don't replace the import)."""
    if all(isinstance(s, ir.Import | ir.ImportFrom) for s in node.body[:1]):
        return False
    return None


def is_none(payload: Payload) -> bool:
    """Return whether a payload is certainly None."""
    return isinstance(payload, Known) and payload.v is None


def none_ness(payload: Payload) -> bool | None:
    """Return True for None, False for something else, None when unknown."""
    if payload is None:
        return None
    if isinstance(payload, Known):
        return payload.v is None
    if isinstance(payload, Either):
        found = {none_ness(option) for option in payload.options}
        return found.pop() if len(found) == 1 else None
    return False


def truthiness(payload: Payload) -> bool | None:
    """Return whether a payload is true, false or (None) open."""
    if payload is None or payload is SOME:
        return None
    if isinstance(payload, Known):
        return bool(payload.v)
    if isinstance(payload, Tup):
        return bool(payload.items)
    if isinstance(payload, Either):
        found = {truthiness(option) for option in payload.options}
        return found.pop() if len(found) == 1 else None
    if isinstance(payload, Heap):
        if payload.kind == "list" and payload.items is not None:
            return bool(payload.items)
        if payload.kind in ("list", "dict", "parameter"):
            return None
        return True
    return True
