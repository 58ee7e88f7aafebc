"""The model applied to tokens, and what is printed, logged or written of the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.regex import regex
from auditor.timeline.engine.parameters import adapted, opaque, param, settle
from auditor.timeline.engine.recording import common, emit_once
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Forward, Load, Lookup, Mixture, Report, Save
from auditor.timeline.trackers.adaptation import shifts
from auditor.timeline.trackers.adaptation.effects import Adaptations, Gradient, adapt, overlap
from auditor.timeline.values.atoms import BITS, TRAIN, VAL, val_settings
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import SOME, Heap, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


class Scores(Tracker):
    """What is scored and reported."""

    rank = 30

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.reports: dict[tuple[str, int, tuple[int, ...]], Report] = {}  # by place and way
        self.in_nats: list[tuple[Report, list[Lookup | Mixture]]] = []

    def applied(
        self, model: Heap | None, origins: int, name: str, node: ir.Node, extra: Sequence[Heap], beside: int
    ) -> Value | None:
        """Return what a model gives."""
        return forward(self.machine, model, origins, name, node, extra, beside)

    def printed(self, origins: int, node: ir.Node) -> None:
        """Note what is printed, logged or written."""
        report(self.machine, origins, node)

    def read(self, origins: int, node: ir.Node) -> int:
        """Note that data is read."""
        load(self.machine, origins, node)
        return 0

    def saved(self, what: str, node: ir.Node) -> None:
        """Note that something is written to a file."""
        save(self.machine, what, node)

    def finished(self) -> None:
        """Say where there is no score at all."""
        machine = self.machine
        publish_nats(machine)
        place = Site(machine.program.main.source, 0, 0)
        if not self.reports:
            machine.note_unfollowed(place, "no score of the validation tokens was found in this script", decisive=True)
        elif not any(report.bits & machine.all & ~1 for report in self.reports.values()):
            machine.note_unfollowed(place, "no setting in play reaches a score of the validation tokens", decisive=True)


_QUOTED = regex(r"[\"'}]([^\"'{}\n]{6,120})")


def forward(
    machine: Machine,
    model: Heap | None,
    origins: int,
    name: str,
    node: ir.Node,
    extra: Sequence[Heap],
    beside: int,
) -> Value:
    """Apply a model to arguments made from ``origins``; return its output.

    The tokens that are scored are of the rounds of its input, not of those ``beside`` it: what was counted in earlier
    rounds doesn't make their tokens scored again.
    """
    seen = settle(machine, origins)
    for heap in [*([model] if model is not None else []), *extra]:
        seen |= opaque(machine, heap)
    applied = machine.signals.observed(seen, node)
    if not val_settings(seen) & machine.live:
        taught = 0  # what the model has learned goes on to whoever learns from its outputs
        for heap in [*([model] if model is not None else []), *extra]:
            taught |= settle(machine, param(machine, heap)) & machine.atoms.family("adapted")
        return Value(SOME, seen | applied | taught)
    region = shifts.region(machine, seen & ~beside)
    found: dict[int, int] = {}
    for heap in [*([model] if model is not None else []), *extra]:
        for number, bits in adapted(machine, heap).items():
            found[number] = found.get(number, 0) | bits
    for gradient in machine.atoms.meanings(seen, "gradient"):
        if isinstance(gradient, Gradient) and gradient.kinds & VAL:  # fast weights: never written anywhere
            before = len(machine.of(Adaptations).events)
            adapt(machine, [], [gradient], node)
            found |= {each.number: each.bits for each in machine.of(Adaptations).events[before:]}
    for meaning in machine.atoms.meanings(seen, "adapted"):
        if isinstance(meaning, int):
            found[meaning] = found.get(meaning, 0) | machine.of(Adaptations).events[meaning].bits
    conflicts = {
        number: bits & machine.live
        for number, bits in found.items()
        if bits & machine.live
        and overlap(machine, machine.of(Adaptations).events[number].region, region)
        and not machine.of(Adaptations).events[number].excludes(machine.way())
    }
    event = Forward(
        **common(machine, node, machine.live & val_settings(seen)),
        number=sum(1 for e in machine.events if isinstance(e, Forward)),
        kinds=seen & (VAL | TRAIN),
        region=region,
        no_grad=bool(machine.no_grad),
        model=name,
        conflicts=conflicts,
    )
    machine.events.append(event)
    bit = machine.atoms.fresh("forward", event)
    machine.signals.scored(seen, [event], node)
    return Value(SOME, seen & ~machine.atoms.family("adapted") | bit | applied)


def report(machine: Machine, origins: int, node: ir.Node) -> None:
    """Something made from ``origins`` is printed, logged or written: a score, when it is in bits."""
    scores = origins & machine.atoms.family("forward")
    unknown = origins & machine.atoms.family("opaque")
    if not scores and not unknown and not (origins & BITS and val_settings(origins)):
        return
    forwards = tuple(f for f in machine.atoms.meanings(scores, "forward") if isinstance(f, Forward))
    label, depth = words(machine, node)
    fields = common(machine, node, machine.live)
    if depth:
        # The words are those of a caller: the log function's own print is not where the score is reported.
        fields["site"] = machine.calls[-depth].site
        fields["calls"] = fields["calls"][:-depth]
    rests = [f for family in ("lookup", "mixture") for f in machine.atoms.meanings(origins, family)]
    lookups = [f for f in rests if isinstance(f, Lookup | Mixture)]
    made = Report(**fields, label=label, forwards=forwards)
    machine.signals.reported(origins, made)
    if origins & BITS or unknown:
        publish(machine, made, lookups)
    else:
        machine.of(Scores).in_nats.append((made, lookups))


def publish(machine: Machine, made: Report, lookups: list[Lookup | Mixture]) -> None:
    """Add a report to the timeline, or to the same one made before, and tell what it rests on."""
    key = (made.site.source.path, made.site.start, tuple(step.site.start for step in made.calls))
    known = machine.of(Scores).reports.get(key)
    if known is None:
        known = made
        machine.of(Scores).reports[key] = known
        machine.events.append(known)
    else:
        known.bits |= made.bits
        known.forwards = tuple(dict.fromkeys((*known.forwards, *made.forwards)))
        known.opaque = tuple(dict.fromkeys((*known.opaque, *made.opaque)))
    for each in made.forwards:
        if known not in each.reports:
            each.reports.append(known)
    for found in lookups:
        if known not in found.reports:
            found.reports.append(known)


def publish_nats(machine: Machine) -> None:
    """Where a script never reports in bits, take the losses that it prints and doesn't learn from as its report."""
    if machine.of(Scores).reports:
        return
    for made, lookups in machine.of(Scores).in_nats:
        if any(not forward.learned for forward in made.forwards):
            made.in_nats = not _says_bits(made)
            publish(machine, made, lookups)


def _says_bits(made: Report) -> bool:
    """Return whether what is printed says of itself that it is in bits."""
    said = f"{made.label} {made.site.source.text[made.site.start : made.site.end][:600]}".lower()
    return "bpb" in said or "bits" in said


def words(machine: Machine, node: ir.Node) -> tuple[str, int]:
    """Return the literal words that are printed, and how many calls up they stand (0: in the call itself)."""
    places = [(machine.frame.scope.source, node.start, node.end)]
    places += [(s.site.source, s.site.start, s.site.end) for s in reversed(machine.calls[-2:])]
    for depth, (source, start, end) in enumerate(places):
        named = [text for at, text in machine.begun.get(source.path, {}).items() if start <= at < end]
        if named:
            return named[0], depth
        text = source.text
        found = _QUOTED.search(text, start, min(end, start + 600))
        if found is not None:
            return found.group(1)[:80].strip(), depth
    return places[0][0].text[node.start : node.end][:80].strip(), 0


def load(machine: Machine, origins: int, node: ir.Node) -> None:
    """Record that data is read from a path made from ``origins``."""
    if origins & (VAL | TRAIN):
        split = "val" if origins & VAL and not origins & TRAIN else "train" if not origins & VAL else "train and val"
        switches = tuple(str(name) for name in machine.atoms.meanings(origins, "setting"))
        emit_once(machine, Load(**common(machine, node, machine.live), split=split, switches=switches))


def save(machine: Machine, what: str, node: ir.Node) -> None:
    """Something is written to a file."""
    emit_once(machine, Save(**common(machine, node, machine.live), what=what))
