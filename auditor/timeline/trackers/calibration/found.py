"""Calibrations in a finished timeline: what was applied, what came of it, and when training had stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from auditor.finding import Step
from auditor.timeline.events import Adapt, Deadline, Forward, Timeline
from auditor.timeline.trackers.calibration.calibration import Apply, Use, Way
from auditor.timeline.training import in_training, main_training
from auditor.timeline.values.atoms import MAX_SETTINGS, train_settings, val_settings
from auditor.timeline.values.frames import CallStep, Site

if TYPE_CHECKING:
    pass


class Calibration(Struct, frozen=True):
    """``apply`` is a calibration after training: what it gave reaches ``use``, by ``way``, under ``bits``."""

    apply: Apply
    use: Use
    way: Way
    bits: int


def place_of(found: Calibration) -> Site:
    """Return the place that a reviewer would point at: where the way to it leaves the way to what it is used for."""
    calls = found.apply.calls
    shared = max(_shared(calls, use.calls) for use in found.apply.uses.values())
    return calls[shared].site if shared < len(calls) else found.apply.site


def _shared(one: tuple[CallStep, ...], other: tuple[CallStep, ...]) -> int:
    """Return how many calls two ways have in common."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a.site != b.site:
            break
        count += 1
    return count


def path_of(found: Calibration, applied: str) -> list[Step]:
    """Return the steps of a calibration: the calls that lead to it, the application, where its result is kept."""
    where = {
        "parameters": "parameters are set with it",
        "a file": "it is saved",
        "scores": "it takes part in the score",
    }
    steps = [_step(call.site, f"{call.name}() is called") for call in found.apply.calls]
    steps = steps[1:] if len(steps) > 1 else steps
    steps.append(_step(found.apply.site, applied))
    steps.append(_step(found.use.site, where[found.use.sink]))
    return list(dict.fromkeys(steps))


def _step(site: Site, note: str) -> Step:
    return Step(site.source.path, site.line, note, site.source.layer)


def calibrations(timeline: Timeline, split: Literal["val", "train", "self"]) -> list[Calibration]:
    """Return the calibrations on a split's tokens, in program order; of validation tokens only unscored ones."""
    trains = main_training(timeline)
    out: list[Calibration] = []
    for event in timeline.events:
        if not isinstance(event, Apply) or event.learned or not event.uses:
            continue
        on_val, on_train = val_settings(event.kinds), train_settings(event.kinds)
        bits = {
            "val": on_val,
            "train": on_train & ~on_val,
            "self": (1 << MAX_SETTINGS) - 1 if event.generated else 0,
        }[split] & event.bits
        if not bits or in_training(event, trains):
            continue
        found = _use(event)
        if found is not None:
            way, use = found
            if way == "applied" and use.sink != "scores" and counts(timeline, event):
                continue  # a score, kept beside what was scored
            if bits & use.bits:
                out.append(Calibration(event, use, way, bits & use.bits))
    return out


def counts(timeline: Timeline, event: Apply) -> bool:
    """Return whether the losses of an application are themselves part of a reported score."""
    return any(
        isinstance(other, Forward) and other.reports and other.site == event.site and other.calls == event.calls
        for other in timeline.events
    )


def adapted_before(timeline: Timeline, found: Calibration) -> Adapt | None:
    """Return the first adaptation on validation tokens between training and a calibration, None without one in play."""
    trains = main_training(timeline)
    for event in timeline.of(Adapt):
        running = event.bits & found.bits & timeline.in_play
        if event.number >= 0 and running and event.order < found.apply.order and not in_training(event, trains):
            return event
    return None


def _use(event: Apply) -> tuple[Way, Use] | None:
    """Return the most telling use of an application, None when what it gave is only printed."""
    ways: tuple[Way, ...] = ("observed", "applied", "chosen")
    for way in ways:
        for sink in ("parameters", "a file", "scores"):
            use = event.uses.get((way, sink))
            if use is None:
                continue
            if sink == "scores" and not any(f.reports for f in use.scored):
                continue
            return way, use
    return None


def deadlines(timeline: Timeline, apply: Apply) -> tuple[list[float | None], Site | None]:
    """Return when training stops before ``apply``, in seconds per setting in play (None: unknown), and where.

    Of several deadlines in the training loop those for its phases come earlier than the one that ends it; a
    last one that keeps a reserve comes a little before the cap.
    """
    trains = [e for e in timeline.events if isinstance(e, Adapt) and e.number < 0 and e.order < apply.order]
    loops = {loop for t in trains for loop in t.loops}
    found = [e for e in timeline.events if isinstance(e, Deadline) and set(e.loops) & loops]
    stops: list[float | None] = []
    site: Site | None = None
    for index in range(len(timeline.settings)):
        values = [(s, e.site) for e in found if e.bits & 1 << (index + 1) and (s := e.seconds[index]) is not None]
        latest = max((s for s, _ in values), default=None)
        if latest is None:
            stops.append(None)
            continue
        stop, place = min((v for v in values if v[0] >= 0.9 * latest), key=lambda v: v[0])
        stops.append(stop)
        site = site or place
    return stops, site
