"""The timeline in words: what a reviewer would write down while reading the script."""

from __future__ import annotations

from auditor.timeline.events import Adapt, Event, Forward, Load, Report, Restore, Save, Timeline
from auditor.timeline.values.atoms import TRAIN, VAL


def summarise(timeline: Timeline) -> tuple[str, ...]:
    """Return one line per thing that happens, in program order, repeated ones once."""
    adapts = {e.number: e for e in timeline.events if isinstance(e, Adapt) and e.number >= 0}
    lines: dict[str, int] = {}
    told: set[tuple[str, str]] = set()
    for event in sorted(timeline.events, key=lambda e: e.order):
        text = _tell(event, adapts, timeline.in_play)
        if text is None:
            continue
        where = f"{event.site.source.path}:{event.site.line}"
        via = " > ".join(call.name for call in event.calls[1:])
        mark = " " if event.bits & timeline.in_play else "-"
        if isinstance(event, Load):
            if (text, via) in told:
                continue  # the header and the tokens of one file
            told.add((text, via))
        line = f"{mark} {where:<22} {text}" + (f"  [in {via}]" if via else "")
        lines.setdefault(line, event.order)
    out = list(lines)
    if any(line.startswith("-") for line in out):
        out.append("(- marks what no setting in play reaches)")
    return tuple(out)


def _tell(event: Event, adapts: dict[int, Adapt], in_play: int) -> str | None:
    if isinstance(event, Load):
        return f"reads {event.split} data"
    if isinstance(event, Adapt):
        data = "validation" if event.kinds & VAL else "training" if event.kinds & TRAIN else "other"
        return f"updates {', '.join(event.params[:3]) or 'parameters'} from the loss on {data} tokens"
    if isinstance(event, Forward):
        mode = "without gradient" if event.no_grad else "with gradient"
        use = "for the report" if event.reports else "to learn from it" if event.learned else "unused"
        after = ""
        if event.conflicts and event.reports:
            lines = sorted({adapts[n].site.line for n, bits in event.conflicts.items() if bits & in_play})
            switched = "" if lines else ", if that is switched on"
            lines = lines or sorted({adapts[n].site.line for n in event.conflicts})
            after = f", after it was adapted on the same tokens (line {', '.join(map(str, lines[:4]))}){switched}"
        return f"applies {event.model} to validation tokens {mode}, {use}{after}"
    if isinstance(event, Report):
        return f"reports: {event.label}"
    if isinstance(event, Restore):
        return f"sets the parameters of {event.params} from saved ones" + (
            "" if event.clean else " that were adapted on validation tokens"
        )
    if isinstance(event, Save):
        return f"saves {event.what}"
    return None
