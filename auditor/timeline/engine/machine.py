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

from collections.abc import Sequence
from typing import TypeVar

from auditor.program import ir
from auditor.program.model import Program
from auditor.submission.model import Setting
from auditor.timeline.engine import (
    arguments,
    binding,
    calling,
    choices,
    classes,
    escapes,
    expressions,
    fields,
    folds,
    statements,
)
from auditor.timeline.engine.arguments import Args
from auditor.timeline.engine.exceptions import Attempt
from auditor.timeline.engine.libraries import Library
from auditor.timeline.engine.relevance import Relevance
from auditor.timeline.engine.signals import Signals, Tracker
from auditor.timeline.events import Event, Opaque, Switch, Timeline, Unfollowed, Words
from auditor.timeline.values.atoms import Atoms
from auditor.timeline.values.frames import CallStep, Frame, Guard, ModuleScope, Site, Written
from auditor.timeline.values.payloads import (
    Class,
    Function,
    Heap,
    Known,
    Value,
)

Kind = TypeVar("Kind", bound=Tracker)
MAX_STEPS = 1_500_000


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
        relevance: Relevance | None = None,
        alone: int = 0,
    ) -> None:
        self.library = library
        self.closely = closely  # for the second time, with more kept apart (see Tracker.wants_closer)
        self.program = program
        self.settings = tuple(settings)
        self.count = len(self.settings) + 1
        self.all = alone or (1 << self.count) - 1  # ``alone``: the only setting that is followed, nothing beside it
        self.live = self.all
        self.weak = 0  # settings under which the current place may not run (a condition left open)
        self.undecided = 0
        self.atoms = Atoms()
        self.relevance = Relevance(program) if relevance is None else relevance
        self.events: list[Event] = []
        self.switches: dict[str, Switch] = {}
        self.named: dict[int, tuple[str, ...]] = {}  # names of switches, by their origins
        self.unfollowed: dict[tuple[str, int, str], Unfollowed] = {}
        self.opaque: dict[tuple[str, int, int, str], Opaque] = {}  # by place
        self.failure: tuple[Site, Exception] | None = None  # where following the program failed, and how
        self.nowhere: bool | None = None  # whether a module may be imported that lies nowhere, once asked
        self.insides: dict[int, tuple[object, int]] = {}  # opaque origins of the code of classes, once asked, by id
        self.asking: dict[int, tuple[ir.Node, bool]] = {}  # conditions, and whether they ask if something was made
        self.sharing: dict[int, tuple[ir.Node, frozenset[str]]] = {}  # branches, and the names of what both call
        self.deciding = 0  # what of the open conditions in progress is opaque
        self.attributes: frozenset[str] | None = None  # names of the attributes that the program assigns, once asked
        self.bound: dict[str, frozenset[str]] = {}  # names that a module binds anywhere, once asked, by path
        self.calls: list[CallStep] = []
        self.guards: list[Guard] = []
        self.births: dict[int, tuple[Heap, tuple[Guard, ...]]] = {}  # what was made under conditions, by id
        self.loops: list[int] = []
        self.picking: list[tuple[int, int]] = []  # iterations that open conditions in progress compare with, by depth
        self.branches: list[int] = []  # open conditions in progress (see Event.branches)
        self.passed: list[int] = []  # open conditions whose other branch left the function, outermost call first
        self.decided: set[int] = set()  # conditions that leave nothing open that matters
        self.switched: set[int] = set()  # branches of conditions on switches alone: one of each two in a whole run
        self.branch_count = 0
        self.branch_of: dict[tuple[object, ...], int] = {}  # the number of a condition, by what it asks of which values
        self.conjunctions: dict[int, frozenset[int]] = {}  # the branches that a branch stands for together
        self.loop_sites: list[Site] = []
        # What was last joined by and/or, as far as it was evaluated.
        self.joined: tuple[ir.Node | None, list[Value]] = (None, [])
        self.rounds: dict[int, ir.Node] = {}  # the loop that an iteration's origin is of
        self.iteration_bits: list[int] = []  # the innermost followed loop's current iteration, as origin
        self.loop_count = 0
        self.order = 0
        self.steps = 0
        self.frame: Frame = Frame(ModuleScope(program.main.source), {})
        self.depth = 0
        self.active: dict[tuple[int, int], int] = {}  # a function's key → how often it is on the stack
        self.params = 0  # all origins that stand for live parameters
        self.updating = 0  # an item is being read in order to be written back
        self.no_grad = 0
        self.quiet: set[int] = set()  # functions that a decorator runs without gradients
        self.files: dict[str, list[Written]] = {}
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
        self.parts_cache: dict[int, tuple[int, list[Heap]]] = {}
        self.written: set[str] = set()  # paths under which the script surely put a file of its own
        self.laid: list[tuple[str | None, int, int]] = []  # files under names of another split: folder, named, held
        self.nested = 0  # files and texts that run as code, in one another
        self.read_texts: dict[tuple[str, int, str], tuple[ir.Stmt, ...]] = {}
        self.spelled: dict[
            int, tuple[ir.For, ir.For | None]
        ] = {}  # by identity: a loop, and the two that it stands for
        self.argv: list[Value] | None = None  # the arguments of a script that another one started
        self.spoken = 0  # what was printed so far is made from
        self.leaving: list[tuple[Value, arguments.Args, ir.Node]] = []  # what runs at the end, in the order of asking
        self.handlers: dict[str, Value] = {}  # the script's own signal handlers
        self.shares_memory = False
        self.contexts: set[int] = set()  # methods that a decorator makes contexts of
        self.attempts: list[Attempt] = []  # try statements in progress, outermost first
        self.handling: list[Value] = []  # exceptions whose handlers are in progress
        self.operators: dict[str, Value] = {}  # the program's functions that ``torch.ops`` runs, by ``namespace::name``
        self.function_attrs: dict[int, dict[str, Value]] = {}  # attributes of functions, by the id of their node
        self.making: list[Class] = []  # classes whose metaclass is at work
        self.finalizable: dict[int, tuple[Heap, Frame]] = {}  # objects with __del__, and the call that made each
        self.begun: dict[str, dict[int, str]] = {}  # how texts begin whose first part is given at run time
        self.words: dict[tuple[str, int], Words] = {}  # texts that no setting in play makes, by place
        self.signals = Signals(self, trackers)
        self.of = self.signals.kinds.__getitem__  # type: ignore[method-assign,assignment]  # asked for at every step

    def run(self) -> Timeline:
        """Follow the program from its first line and return its timeline."""
        unit = self.program.main
        finished = -1
        if unit.module is not None:
            scope = ModuleScope(unit.source)
            scope.names["__name__"] = Value(Known("__main__"))
            scope.names["__file__"] = Value(Known(unit.path))
            self.frame = Frame(scope, scope.names)
            try:
                self.block(unit.module.body)
                self.enter_points()
                finished = self.live
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
        words = tuple(self.words.values())
        return Timeline(
            self.settings, tuple(self.events), self.switches, unfollowed, self.steps, self.failure, words, finished
        )

    def release(self) -> None:
        """Let go of everything, once no more is asked: machine and trackers hold one another, and all that they saw."""
        for tracker in self.signals.trackers:
            tracker.__dict__.clear()
        self.signals.__dict__.clear()
        self.__dict__.clear()

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
            if not self.active.get(func.key) and id(func.node) not in self.entered:
                node = func.node
                where = ir.Name(node.start, node.start, func.name)
                calling.call(self, Value(func), arguments.Args(node=where), where)

    def way(self) -> list[int]:
        """Return the branches of open conditions that lead here: those in progress, and those that did not return."""
        return [*self.branches, *self.passed]

    def of(self, kind: type[Kind]) -> Kind:
        """Return the tracker of that kind."""
        return self.signals.kinds[kind]  # type: ignore[return-value]

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

    def call(self, func: Value, args: Args, node: ir.Node) -> Value:
        """Call whatever ``func`` may be (see ``engine.calling``)."""
        return calling.call(self, func, args, node)

    def invoke(self, func: Function, receiver: Value | None, args: Args, node: ir.Node) -> Value:
        """Follow a call of the program's own function."""
        return calling.invoke(self, func, receiver, args, node)

    def call_own(self, receiver: Value, name: str, given: list[Value]) -> Value:
        """Call a method of the program's own class by name."""
        return calling.call_method_of(self, receiver, name, given)

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

    @property
    def in_loop(self) -> bool:
        """Return whether a loop is in progress."""
        return self.loop_depth > 0

    # binding
    lookup = binding.lookup
    bind = binding.bind
    bind_name = binding.bind_name
    bind_items = binding.bind_items
    printed = binding.printed
    rebind = binding.rebind
    made_trainable = binding.made_trainable
    # folds
    fold = folds.fold
    constant = folds.constant
    # choices
    per_option = choices.per_option
    truth = choices.truth
    alternatives = choices.alternatives
    guard = choices.guard
    other_way = choices.other_way
    open_switches = choices.open_switches
    # fields
    store_attr = fields.store_attr
    store_somewhere = fields.store_somewhere
    store_field = fields.store_field
    store_item = fields.store_item
