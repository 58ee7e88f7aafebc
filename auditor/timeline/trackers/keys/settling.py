"""Which reads of a look-up's key are the token being scored: known when all has been followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.atoms import bits_of

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def settle(machine: Machine) -> None:
    """Decide, when all has been followed, which reads of each look-up's key are the token being scored."""
    keys = machine.of(Keys)
    mixings = list(keys.mixings.values())
    # Windows that another key leaves the last token of out of: that one is the token being scored.
    shorter: frozenset[tuple[str, int]] = frozenset()
    for event in keys.events.values():
        shorter |= _shortened(keys, event.key)
    for event in keys.events.values():
        event.target = keys.targets(event.key)
        event.unsure = bool(event.target) and all(keys.alignment(bit) == "open" for bit in bits_of(event.target))
        if event.target == event.key:
            event.target = 0  # nothing of the context is in the key
        wider = shorter - _shortened(keys, event.key)  # a key of both is one of neighbours
        if wider:
            event.target |= sum(b for b in bits_of(event.key & ~keys.inputs) if keys.same(b) & wider)
        event.target |= keys.containing(event.key, joined=event.joined)
        if not event.target and event.joined:
            event.target = keys.perhaps(event.key)
            event.unsure = True
        if not event.target:
            continue
        for mixing in reversed(mixings):
            if mixing.reads & event.target and mixing.reads & ~event.key == 0:
                event.mixing = mixing.site
                if mixing.reads & ~event.target:
                    break


def _shortened(keys: Keys, reads: int) -> frozenset[tuple[str, int]]:
    """Return the windows of which a key leaves out the last token."""
    out: frozenset[tuple[str, int]] = frozenset()
    for bit in bits_of(reads & ~keys.inputs):
        out |= keys.same(keys.meaning[bit].parents) if keys.meaning[bit].rest else frozenset()
    return out
