"""What happens to parameters and scores: gradients, adaptations, forwards, restores, reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.program import ir
from auditor.timeline.events import Adapt, Event, Forward, Load, Lookup, Mixture, Report, Restore, Save
from auditor.timeline.trackers.calibration import calibration
from auditor.timeline.trackers.files import opened
from auditor.timeline.trackers.metric import metric
from auditor.timeline.trackers.slots import slots
from auditor.timeline.values.atoms import BITS, TRAIN, VAL, train_settings, val_settings
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import Either, Heap, Payload, PerSetting, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


@dataclass(eq=False)
class Gradient:
    """A loss that was differentiated: what it was made from, where, and under which settings."""

    kinds: int
    region: int
    forwards: tuple[Forward, ...]
    bits: int
    site: Site
    parts: int = 0  # the parts of a window that the loss keeps
    branches: tuple[int, ...] = ()  # open conditions on the way (see Event.branches)


# ------------------------------------------------------------------ parameters


def param(machine: Machine, heap: Heap) -> int:
    """Return the origin that stands for the live parameters of ``heap``."""
    bit = machine.atoms.bit("param", heap)
    machine.params |= bit
    return bit


def heaps_of(machine: Machine, origins: int) -> list[Heap]:
    """Return the objects whose live parameters are among ``origins``."""
    return [h for h in machine.atoms.meanings(origins & machine.params, "param") if isinstance(h, Heap)]


def reach(machine: Machine, heap: Heap) -> list[Heap]:
    """Return ``heap`` and every object that can be reached through its fields."""
    cached = machine.reach_cache.get(id(heap))
    if cached is not None and cached[0] == machine.heap_version:
        return cached[1]
    found: dict[int, Heap] = {id(heap): heap}
    stack: list[Heap] = [heap]
    while stack:
        current = stack.pop()
        values = list(current.attrs.values())
        values.extend(current.items or ())
        if current.element is not None:
            values.append(current.element)
        for other in heaps_of(machine, current.origins):
            if id(other) not in found:
                found[id(other)] = other
                stack.append(other)
        for value in values:
            for other in heaps_in(value.p):
                if other.kind in ("module", "file", "parser") or id(other) in found:
                    continue
                found[id(other)] = other
                stack.append(other)
            for other in heaps_of(machine, value.m):
                if id(other) not in found:
                    found[id(other)] = other
                    stack.append(other)
    out = list(found.values())
    machine.reach_cache[id(heap)] = (machine.heap_version, out)
    return out


def heaps_in(p: Payload, depth: int = 3) -> list[Heap]:
    """Return the objects that a payload may be or hold in tuples."""
    if isinstance(p, Heap):
        return [p]
    if depth:
        if isinstance(p, Tup):
            return [h for item in p.items for h in heaps_in(item.p, depth - 1)]
        if isinstance(p, PerSetting | Either):
            options = p.each if isinstance(p, PerSetting) else p.options
            return [h for option in options for h in heaps_in(option, depth - 1)]
    return []


def adapted(machine: Machine, heap: Heap) -> dict[int, int]:
    """Return the adaptations that reached ``heap`` or anything below it, with their settings."""
    out: dict[int, int] = {}
    way = frozenset(machine.way())
    for each in reach(machine, heap):
        for number, bits in each.adapted.items():
            if number not in each.undone or not each.undone[number] <= way:
                out[number] = out.get(number, 0) | bits
    return out


def settle(machine: Machine, origins: int) -> int:
    """Return ``origins`` with live parameters replaced by what they were adapted on until now.

    A copy of a parameter doesn't follow later updates of it.
    """
    live = origins & machine.params
    if not live:
        return origins
    out = origins & ~live
    for heap in heaps_of(machine, live):
        for number in adapted(machine, heap):
            out |= machine.atoms.bit("adapted", number)
    return out


# ------------------------------------------------------------------ gradients and updates


def backward(machine: Machine, origins: int, node: ir.Node) -> int:
    """Differentiate a loss made from ``origins``; return the gradient's origin."""
    calibration.learned(machine, origins)
    forwards = tuple(f for f in machine.atoms.meanings(origins, "forward") if isinstance(f, Forward))
    for forward in forwards:
        forward.learned = True
    kinds = origins & (VAL | TRAIN)
    if not forwards and val_settings(kinds) & train_settings(kinds):
        # Tokens of one split and a number computed from the other: the training tokens are what is learned.
        kinds &= ~val_settings(kinds & train_settings(kinds))
    family = machine.atoms.family("iteration")
    if forwards:
        region = forwards[-1].region
        for forward in forwards:
            region &= forward.region
    else:
        region = origins & family
    parts = origins & machine.slots.parts
    gradient = Gradient(kinds, region, forwards, machine.live, machine.site(node), parts, tuple(machine.branches))
    return machine.atoms.fresh("gradient", gradient)


def pend(machine: Machine, gradient: int) -> None:
    """Let a gradient wait for the next optimizer step."""
    if machine.stepped:
        machine.pending.clear()
        machine.stepped = False
    machine.pending.append(gradient)


def forget_gradients(machine: Machine) -> None:
    """Gradients are set to zero: but for those that were taken in the other branch of an open condition."""
    machine.pending[:] = [
        bit
        for bit in machine.pending
        for gradient in machine.atoms.meanings(bit, "gradient")
        if isinstance(gradient, Gradient) and any(branch ^ 1 in machine.branches for branch in gradient.branches)
    ]


def step(machine: Machine, origins: int, node: ir.Node) -> None:
    """Let an optimizer over the live parameters in ``origins`` take a step on the waiting gradients."""
    gradients = [
        g for bit in machine.pending for g in machine.atoms.meanings(bit, "gradient") if isinstance(g, Gradient)
    ]
    machine.stepped = True
    adapt(machine, heaps_of(machine, origins), gradients, node)


def adapt(machine: Machine, heaps: list[Heap], gradients: list[Gradient], node: ir.Node) -> None:
    """Record that ``heaps`` are updated with ``gradients``."""
    trained = 0  # the settings under which this learns from something else than validation tokens
    for gradient in gradients:
        bits = gradient.bits & machine.live
        if not bits:
            continue
        trained |= bits & train_settings(gradient.kinds)
        if not gradient.kinds & VAL:
            trained |= bits
        bits &= val_settings(gradient.kinds)
        if not bits:
            continue
        number = len(machine.adaptations)
        event = Adapt(
            **common(machine, node, bits),
            number=number,
            kinds=gradient.kinds,
            region=gradient.region,
            gradient=gradient.site,
            forwards=gradient.forwards,
            params=tuple(dict.fromkeys(name_of(h) for h in heaps)),
            loop_nodes=tuple(machine.loop_sites),
        )
        machine.adaptations.append(event)
        machine.events.append(event)
        slots.adapted(machine, event, heaps, gradient.parts)
        for heap in heaps:
            for each in reach(machine, heap):
                if each.kind in ("instance", "external", "parameter"):
                    each.adapted[number] = each.adapted.get(number, 0) | bits
    if trained:
        emit_once(
            machine,
            Adapt(
                **common(machine, node, trained),
                number=-1,
                kinds=TRAIN,
                params=tuple(dict.fromkeys(name_of(h) for h in heaps)),
                gradient=next((g.site for g in gradients), None),
            ),
        )


def write_params(machine: Machine, base: Value, value: Value, node: ir.Node, *, replace: bool = False) -> None:
    """Live parameters in ``base`` are written in place with something made from ``value``."""
    from auditor.timeline.engine.containers import deep

    origins = deep(value)
    heaps = heaps_of(machine, base.m)
    gradients = [g for g in machine.atoms.meanings(origins, "gradient") if isinstance(g, Gradient)]
    if gradients:
        adapt(machine, heaps, gradients, node)
        return
    calibration.kept(machine, origins, node, "parameters")
    if not replace and not settle(machine, origins) & machine.atoms.family("adapted"):
        return
    restore(machine, heaps, origins, node, replace=replace)


def restore(machine: Machine, heaps: list[Heap], origins: int, node: ir.Node, *, replace: bool = True) -> None:
    """Set the parameters of ``heaps`` from values made from ``origins``."""
    calibration.kept(machine, origins, node, "parameters")
    own = 0
    for heap in heaps:
        own |= param(machine, heap)
    if origins & own and not origins & machine.atoms.family("adapted"):
        return  # set from themselves
    numbers = machine.atoms.meanings(settle(machine, origins), "adapted")
    new = {n: machine.adaptations[n].bits & machine.live for n in numbers if isinstance(n, int)}
    firmly = machine.live if replace else 0
    here = set(machine.branches)
    # Under the conditions under which something was learned, setting it back is certain.
    weak = {
        n: 0 if here <= set(machine.adaptations[n].branches) else machine.weak
        for h in heaps
        for n in adapted(machine, h)
    }
    changed = False
    for heap in heaps:
        for each in reach(machine, heap):
            if each.kind not in ("instance", "external", "parameter"):
                continue
            if not each.adapted and not new:
                continue
            changed = True
            # What is undone under these very conditions is no longer among what `weak` was made from.
            stays = {n: ~firmly | weak.get(n, machine.weak) for n in each.adapted}
            kept = {n: bits & stays[n] for n, bits in each.adapted.items() if bits & stays[n]}
            each.undone |= {n: frozenset(here) for n in kept if here and firmly}
            for number, bits in new.items():
                kept[number] = kept.get(number, 0) | bits
                each.undone.pop(number, None)
            each.adapted = kept
    if changed:
        emit_once(
            machine,
            Restore(
                **common(machine, node, machine.live),
                params=", ".join(dict.fromkeys(name_of(h) for h in heaps)),
                clean=not any(bits & ~1 for bits in new.values()),  # bit 0 is "any value", not in play
            ),
        )


# ------------------------------------------------------------------ forwards and reports


def overlap(machine: Machine, a: int, b: int) -> bool:
    """Return whether the tokens picked by two regions may be the same ones.

    They are not when some loop picks both, in different iterations.
    """
    if a & b == a or a & b == b:
        return True
    picked: dict[object, set[object]] = {}
    for meaning in machine.atoms.meanings(a, "iteration"):
        assert isinstance(meaning, tuple)
        picked.setdefault(meaning[0], set()).add(meaning[1])
    others: dict[object, set[object]] = {}
    for meaning in machine.atoms.meanings(b, "iteration"):
        assert isinstance(meaning, tuple)
        others.setdefault(meaning[0], set()).add(meaning[1])
    return all(not (key in picked and picked[key].isdisjoint(numbers)) for key, numbers in others.items())


def forward(machine: Machine, model: Heap | None, origins: int, name: str, node: ir.Node, extra: list[Heap]) -> Value:
    """Apply a model to arguments made from ``origins``; return its output."""
    from auditor.timeline.values.payloads import SOME

    seen = settle(machine, origins)
    applied = calibration.applied(machine, seen, node)
    if not val_settings(seen) & machine.live:
        return Value(SOME, seen | applied)
    region = seen & machine.atoms.family("iteration")
    found: dict[int, int] = {}
    for heap in [*([model] if model is not None else []), *extra]:
        for number, bits in adapted(machine, heap).items():
            found[number] = found.get(number, 0) | bits
    for meaning in machine.atoms.meanings(seen, "adapted"):
        if isinstance(meaning, int):
            found[meaning] = found.get(meaning, 0) | machine.adaptations[meaning].bits
    conflicts = {
        number: bits & machine.live
        for number, bits in found.items()
        if bits & machine.live
        and overlap(machine, machine.adaptations[number].region, region)
        and not machine.adaptations[number].excludes(machine.way())
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
    calibration.given(machine, seen, [event], node)
    return Value(SOME, seen & ~machine.atoms.family("adapted") | bit | applied)


_QUOTED = re.compile(r"[\"'}]([^\"'{}\n]{6,120})")


def report(machine: Machine, origins: int, node: ir.Node) -> None:
    """Something made from ``origins`` is printed, logged or written: a score, when it is in bits."""
    scores = origins & machine.atoms.family("forward")
    if not scores and not (origins & BITS and val_settings(origins)):
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
    slots.reported(machine, forwards, origins)
    if scores:
        opened.reported(machine, origins, made)
        metric.reported(machine, origins, made)
    if origins & BITS:
        publish(machine, made, lookups)
    else:
        machine.in_nats.append((made, lookups))


def publish(machine: Machine, made: Report, lookups: list[Lookup | Mixture]) -> None:
    """Add a report to the timeline, or to the same one made before, and tell what it rests on."""
    key = (made.site.source.path, made.site.start, tuple(step.site.start for step in made.calls))
    known = machine.reported_sites.get(key)
    if known is None:
        known = made
        machine.reported_sites[key] = known
        machine.events.append(known)
    else:
        known.bits |= made.bits
        known.forwards = tuple(dict.fromkeys((*known.forwards, *made.forwards)))
    for each in made.forwards:
        if known not in each.reports:
            each.reports.append(known)
    for found in lookups:
        if known not in found.reports:
            found.reports.append(known)


def publish_nats(machine: Machine) -> None:
    """Where a script never reports in bits, take the losses that it prints and doesn't learn from as its report."""
    if machine.reported_sites:
        return
    for made, lookups in machine.in_nats:
        if any(not forward.learned for forward in made.forwards):
            publish(machine, made, lookups)


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
        emit_once(machine, Load(**common(machine, node, machine.live), split=split))


def save(machine: Machine, what: str, node: ir.Node) -> None:
    """Something is written to a file."""
    emit_once(machine, Save(**common(machine, node, machine.live), what=what))


def name_of(heap: Heap) -> str:
    """Return what a report calls an object."""
    if heap.cls is not None:
        return heap.cls.node.name
    return heap.name.rpartition(".")[2] or heap.kind


def common(machine: Machine, node: ir.Node, bits: int) -> dict[str, Any]:
    """Return the fields that every event has."""
    machine.order += 1
    return {
        "site": machine.site(node),
        "calls": tuple(machine.calls),
        "guards": tuple(machine.guards),
        "loops": tuple(machine.loops),
        "bits": bits,
        "undecided": machine.undecided & bits,
        "order": machine.order,
        "branches": tuple(machine.branches),
    }


def emit_once(machine: Machine, event: Event) -> None:
    """Add an event unless the same one was seen at the same place through the same calls."""
    key = (type(event), event.site.source.path, event.site.start, tuple(s.site.start for s in event.calls))
    seen = machine.emitted.get(key)
    if seen is None:
        machine.emitted[key] = event
        machine.events.append(event)
    else:
        seen.bits |= event.bits
