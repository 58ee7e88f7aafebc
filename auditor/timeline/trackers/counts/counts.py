"""Counts of validation tokens that were made before these tokens are scored with them.

Where tokens are counted (``bincount``, ``add.at``, ``table[token] += 1``), the table carries the counting as origin.
Where a prediction that rests on it is judged by a token, that token must not be among the counted ones: it is where

- the counting is over (its loops have ended) and was of the whole split, or of the very reads that are judged now: a
  table filled first, or a second pass;
- the counting read the token in the same round of the loops in progress, earlier in its body;
- an earlier round of a loop counted it whose variable doesn't pick the tokens (an epoch).

What one followed pass reads before it counts is not among them: it scores first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, containers, insides, stores
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Event, Mixture, MixtureKind
from auditor.timeline.trackers.adaptation.effects import overlap
from auditor.timeline.trackers.counts import sweeps
from auditor.timeline.trackers.counts.again import again
from auditor.timeline.trackers.keys.reads import Keys, all_but_last, of_this_token
from auditor.timeline.values.atoms import VAL, bits_of, val_settings
from auditor.timeline.values.payloads import Heap, Known, Method, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_MOST = 400
_GIVES = frozenset(
    {
        "bincount",
        "histc",
        "histogram",
        "histogram2d",
        "histogramdd",
        "unique",
        "unique_consecutive",
        "Counter",
        "value_counts",
    }
)
_INTO = frozenset(
    {"scatter_add_", "scatter_add", "index_add_", "index_add", "index_put_", "add.at", "at", "scatter_reduce_"}
)
_LABELS = frozenset({"cross_entropy", "nll_loss", "linear_cross_entropy"})
_PICKS = frozenset({"gather", "take_along_dim", "take_along_axis", "index_select", "take"})
_CALLS = _GIVES | _INTO | _LABELS | _PICKS | {"one_hot", "cumsum"}


class Counting(Event, eq=False):
    """Tokens are counted: the reads in the key, the iterations that pick them, the loops in progress."""

    reads: int = 0
    region: int = 0
    within: tuple[int, ...] = ()
    whole: bool = False
    rounds: int = 0


class Counts(Tracker):
    """Which tables hold which tokens."""

    rank = 42  # after the reads are known, before losses are judged

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.loops: list[int] = []  # the loops in progress, one number per run of a loop
        self.run = 0
        self.made: list[Counting] = []
        self.running = 0  # countings up to and with each token
        self.labels: dict[int, int] = {}  # the origin of a judged prediction → the reads that it is judged by

    def loop_begun(self) -> int:
        """Note a loop."""
        self.run += 1
        self.loops.append(self.run)
        return 0

    def loop_ended(self, first: int, iterations: int) -> None:
        """Every iteration has run by now: what was counted on one is counted on all."""
        run = self.loops.pop()
        if iterations:
            for event in self.made:
                if run in event.within:
                    event.region &= ~iterations

    @heeds(_CALLS, made_of=("gold",))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note a counting call, and a prediction that is judged."""
        name = arguments.callee_name(func)
        if name not in _CALLS and not out.m & self.machine.of(Keys).gold:
            return out
        given = arguments.given_to(func, args)
        if name in _GIVES and given and containers.deep(given[0]) & VAL:
            return _with(out, self.counted(containers.deep(given[0]), node))
        if name == "one_hot" and given and given[0].m & VAL:
            return _with(out, self.machine.atoms.bit("one hot", given[0].m & self.machine.of(Keys).reads))
        if name == "cumsum" and given and given[0].m & self.machine.atoms.family("one hot"):
            running = self.counted(given[0].m | self._hot(given[0].m), node)
            self.running |= running
            return _with(Value(out.p, out.m & ~self.machine.atoms.family("one hot")), running)
        if name in _INTO and given:
            self._filled(func, args, given, node)
            return out
        counted = self.machine.atoms.family("counted")
        if name in _LABELS and len(given) > 1 and given[0].m & counted:
            return self.judged(given[0].m & counted, given[1].m, node, out)
        if name in _PICKS and given and given[0].m & counted and given[0].m & self.machine.atoms.family("forward"):
            index = 0
            for value in given[1:]:
                index |= value.m
            return self.judged(given[0].m & counted, index, node, out)
        if out.m & self.machine.of(Keys).gold:
            return self._labelled(given, out)
        return out

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note a prediction that is judged by a token, and running counts that are moved by one."""
        if base.m & self.running and all_but_last(node.index):
            out = Value(out.p, out.m & ~self.running)
        if base.m & self.machine.of(Keys).gold and (told := index.m & self.machine.atoms.family("counted") & ~base.m):
            out = Value(out.p, out.m & ~told)  # at which places, counts tell; what stands there is made of none
        if index.m & VAL and base.m & self.machine.atoms.family("forward") and not isinstance(base.p, Heap):
            counted = base.m & self.machine.atoms.family("counted")
            out = _with(out, self._label(index.m))
            if counted:
                return self.judged(counted, index.m, node, out)
        return out

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a judged prediction that is blended with counts."""
        family = self.machine.atoms.family("counted")
        if not out.m & family:
            return out
        if node.op == "-" and left.m & self.running and right.m & self.machine.atoms.family("one hot"):
            return Value(out.p, out.m & ~(self.running | self.machine.atoms.family("one hot")))  # but for itself
        if node.op in ("/", "//") and right.m & family & ~left.m:
            # How many tokens or bytes there are is what a score is divided by; nothing is predicted with it.
            return out if left.m & VAL else Value(out.p, out.m & ~(right.m & family))
        gold = self.machine.of(Keys).gold
        for one, other in ((left, right), (right, left)):
            if one.m & gold and other.m & family & ~one.m and of_this_token(self.machine, one.m):
                return self.judged(
                    other.m & family & ~one.m, self._reads_of(one.m) | _iterations(self.machine, one), node, out
                )
        return out

    def _hot(self, origins: int) -> int:
        """Return the reads of which one-hot rows were made."""
        out = 0
        for reads in self.machine.atoms.meanings(origins, "one hot"):
            assert isinstance(reads, int)
            out |= reads
        return out

    def inside_read(self, model: Heap, origins: int, node: ir.Node) -> int:
        """Note a model that holds counts, made before, of the tokens that it is applied to."""
        machine = self.machine
        family = machine.atoms.family("counted")
        if not family or not origins & VAL:
            return 0
        over = 0
        for bit in bits_of(insides.held(machine, model) & family):
            for event in machine.atoms.meanings(bit, "counted"):
                assert isinstance(event, Counting)
                if not set(event.within) & set(self.loops):
                    over |= bit
        return self.judged(over, origins, node, Value()).m if over else 0

    # ---------------------------------------------------------------- counting

    def _filled(self, func: Value, args: Args, given: list[Value], node: ir.Call) -> None:
        table = given[0]
        key = 0
        for value in given[1:]:
            key |= containers.deep(value)
        if not key & VAL or table.m & self.machine.params:
            return
        atom = self.counted(key, node)
        where = func.p.where if isinstance(func.p, Method) else args.nodes[0] if args.nodes else None
        if where is not None and atom:
            stores.update_in_place(self.machine, where, self.machine.eval(where), Value(None, atom))

    def counted(self, origins: int, node: ir.Node, within: tuple[int, ...] | None = None) -> int:
        """Return the origin of counting tokens (``origins`` are those of the key), 0 when too many are kept.

        ``within``: the loops in which they were read, where that was elsewhere.
        """
        machine = self.machine
        if not val_settings(origins) & machine.live or len(self.made) >= _MOST:
            return 0
        if origins & machine.atoms.family("forward"):
            return 0  # what a model makes of them
        keys = machine.of(Keys)
        reads = origins & keys.reads | (origins & keys.mixed) >> 1
        event = Counting(
            **common(machine, node, machine.live & val_settings(origins)),
            reads=reads,
            region=origins & machine.atoms.family("iteration"),
            within=tuple(self.loops) if within is None else within,
            rounds=self._rounds(),
            whole=sweeps.whole(machine, reads) if reads else not self.loops,
        )
        self.made.append(event)
        return machine.atoms.fresh("counted", event)

    # ---------------------------------------------------------------- judging

    def _label(self, origins: int) -> int:
        keys = self.machine.of(Keys)
        reads = origins & keys.reads
        return self.machine.atoms.bit("labelled", reads) if reads else 0

    def _labelled(self, given: list[Value], out: Value) -> Value:
        """Remember by which reads a loss was judged."""
        bits = 0
        for value in given[1:]:
            bits |= self._label(value.m)
        return _with(out, bits)

    def _reads_of(self, origins: int) -> int:
        out = 0
        for reads in self.machine.atoms.meanings(origins, "labelled"):
            assert isinstance(reads, int)
            out |= reads
        return out

    def judged(self, counted: int, label: int, node: ir.Node, out: Value) -> Value:
        """Return a judged prediction, marked with the countings that held the token already."""
        machine = self.machine
        keys = machine.of(Keys)
        region = self._now(label & machine.atoms.family("iteration"))
        reads = label & keys.reads
        for reads_of in machine.atoms.meanings(label, "labelled"):
            assert isinstance(reads_of, int)
            reads |= reads_of
        found = 0
        for event in machine.atoms.meanings(counted, "counted"):
            assert isinstance(event, Counting)
            if event.excludes(machine.way()) or not event.bits & machine.live:
                continue
            kind = self._holds(event, reads, region, node)
            if kind is not None:
                found |= self.emit(event, kind, node)
        return _with(out, found)

    def _holds(self, event: Counting, reads: int, region: int, node: ir.Node) -> MixtureKind | None:
        """Return as what a counting holds the tokens ``reads`` that are judged now, None where it doesn't."""
        if not overlap(self.machine, event.region, region):
            return None
        if not set(event.within) & set(self.loops):
            same = event.whole or event.reads & self._with_ancestors(reads, wherever=True)
            return "counted" if same or sweeps.covers(self.machine, event.reads, reads, node) else None
        judged = self._with_ancestors(reads)
        if not event.reads & judged and not again(self.machine, event.reads, judged):
            now = event.rounds == self._rounds() and event.within == tuple(self.loops)
            return "preview" if now and sweeps.same_end(self.machine, event.reads, reads) else None
        return "preview" if event.rounds == self._rounds() else "counted"

    def _now(self, region: int) -> int:
        """Return ``region`` without other rounds of the loops whose current round is in it: tables bring them along."""
        atoms = self.machine.atoms
        for current in self.machine.iteration_bits:
            if region & current:
                (this,) = atoms.meanings(current, "iteration")
                assert isinstance(this, tuple)
                for bit in bits_of(region & ~current & atoms.family("iteration")):
                    (other,) = atoms.meanings(bit, "iteration")
                    assert isinstance(other, tuple)
                    if other[0] == this[0]:
                        region &= ~bit
        return region

    def _rounds(self) -> int:
        """Return the current iterations of all followed loops in progress."""
        out = 0
        for bit in self.machine.iteration_bits:
            out |= bit
        return out

    def _with_ancestors(self, reads: int, *, wherever: bool = False) -> int:
        """Return reads and those that they narrow (``wherever``: also those that they are a shifted part of)."""
        out = reads
        meaning = self.machine.of(Keys).meaning
        for bit in bits_of(reads):
            read = meaning[bit]
            if wherever or not read.place:
                out |= self._with_ancestors(read.parents, wherever=wherever)
        return out

    def emit(self, event: Counting, kind: MixtureKind, node: ir.Node) -> int:
        """Return the origin of a find about a counting that is seen at ``node``."""
        machine, keys = self.machine, self.machine.of(Keys)
        key = (
            kind,
            event.site.source.path,
            event.site.start,
            node.start,
            tuple(c.site.start for c in machine.calls),
        )
        found = keys.found.get(key)
        if found is None:
            fields = common(machine, node, machine.live & event.bits)
            fields |= {"site": event.site, "calls": event.calls}
            fields["guards"] = tuple(dict.fromkeys((*event.guards, *fields["guards"])))
            found = Mixture(**fields, kind=kind, at=machine.site(node))
            keys.found[key] = found
            machine.events.append(found)
            found.atom = machine.atoms.fresh("mixture", found)
            keys.mixtures |= found.atom
        else:
            found.bits |= machine.live & event.bits
        return found.atom


class Stores(Tracker):
    """Hears ``table[token] = …`` before the token is forgotten as an origin of the table."""

    rank = 38

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note a table that counts tokens."""
        index, value = out
        keys = self.machine.of(Keys)
        tokens = index.m & VAL and index.m & (keys.reads | keys.mixed)
        if not tokens or _stretch(node.index) or base.m & self.machine.params:
            return out
        if isinstance(node.index, ir.Compare) or self._by_place(base, index):
            return out  # what a mask changes in an array of places counts no token
        rows = isinstance(node.index, ir.Sequence) and not isinstance(base.p, Heap)
        if rows and base.m & self.machine.atoms.family("forward"):
            return out  # a prediction for each place, at its token
        if isinstance(value.p, Known) and not isinstance(value.p.v, int | float):
            return out
        return index, _with(value, self.machine.of(Counts).counted(index.m, node))

    def _by_place(self, base: Value, index: Value) -> bool:
        """Return whether an array was made of the very tokens that tell where it is changed: one value for each."""
        keys, counted = self.machine.of(Keys), self.machine.atoms.family("counted")
        reads = index.m & keys.reads
        return bool(reads) and not reads & ~base.m and not base.m & counted


def _stretch(index: ir.Expr) -> bool:
    """Return whether an index is a stretch of places, along some axis: what is stored there is no count."""
    parts = index.elts if isinstance(index, ir.Sequence) else (index,)
    return any(isinstance(part, ir.Slice) for part in parts)


def _iterations(machine: Machine, value: Value) -> int:
    return value.m & machine.atoms.family("iteration")


def _with(value: Value, origins: int) -> Value:
    return value if not origins else containers.tag(value, origins)
