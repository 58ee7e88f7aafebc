"""What a script does, in two sentences: how it trains, and how it comes to its score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditor.timeline.events import Adapt, Event, Report, Timeline
from auditor.timeline.leaks import clean_scores
from auditor.timeline.values.atoms import TRAIN, VAL

_MOST = 3  # places of one kind


def gist(timeline: Timeline, script: str) -> tuple[str, ...]:
    """Return a sentence on training and one on evaluation, each with its lines; what isn't there is left out.

    Only what a setting in play reaches is told. Lines are those of the readable layer, of ``script`` where no other
    file is named.
    """
    events = [event for event in sorted(timeline.events, key=lambda e: e.order) if event.bits & timeline.in_play]
    told = (_training(events, script), _evaluation(timeline, events, script))
    return tuple(sentence for sentence in told if sentence)


def _training(events: Sequence[Event], script: str) -> str:
    steps = [e for e in events if isinstance(e, Adapt) and e.kinds & TRAIN and not e.kinds & VAL]
    return f"It learns from the loss on training tokens at {_places(steps, script)}." if steps else ""


def _evaluation(timeline: Timeline, events: Sequence[Event], script: str) -> str:
    reports = [e for e in events if isinstance(e, Report)]
    if not reports:
        return ""
    last = reports[-1]
    scored = [forward for forward in last.forwards if forward.kinds & VAL]
    if not scored:
        return ""
    learned = [e for e in events if isinstance(e, Adapt) and e.kinds & VAL]
    text = f"The score that it prints last, at {_places([last], script)}, is of the validation pass at "
    text += _places(scored, script)
    if not learned:
        return f"{text}."
    after = {id(adapt) for _, adapt in clean_scores(timeline)}
    only = ", each only after it was scored" if all(id(adapt) in after for adapt in learned) else ""
    return f"{text}; validation tokens are learned from at {_places(learned, script)}{only}."


def _places(events: Iterable[Event], script: str) -> str:
    """Return where events lie, such as ``lines 12, 40 and 2 more``."""
    sites = list(dict.fromkeys((e.site.source.path, e.site.line) for e in events))
    shown = [str(line) if path == script else f"{path}:{line}" for path, line in sites[:_MOST]]
    left = len(sites) - len(shown)
    word = ("lines " if len(sites) > 1 else "line ") if sites[0][0] == script else ""
    return word + ", ".join(shown) + (f" and {left} more" if left else "")
