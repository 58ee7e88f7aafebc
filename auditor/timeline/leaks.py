"""Scores that a model gives to tokens it was adapted on before: found in a timeline, with the order that shows it.

The rule (README of the challenge; maintainers on #462, #568, #771): with s(t) the statement that adds token t's
loss to the reported score and u(t) any update whose loss used t, s(t) must come before u(t) on the model that
s(t) uses, and must not be redone afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from auditor.case import Case
from auditor.finding import Finding, Status, Step
from auditor.timeline import windows
from auditor.timeline.activity import switched_off
from auditor.timeline.claims import claimed_reports, judge, tainted
from auditor.timeline.events import Adapt, Event, Forward, Load, Report, Timeline
from auditor.timeline.named import report_of
from auditor.timeline.paths import calls_of
from auditor.timeline.values.atoms import train_settings
from auditor.timeline.values.bounds import Part
from auditor.timeline.values.frames import Guard, Site

Kind = Literal["before", "within", "rescore", "training", "slot-scored", "slot-causal"]


class Leak(Struct, frozen=True):
    """``adapt`` updates the model on tokens that ``score`` then scores for ``report``, under ``bits``.

    ``kind``: ``before`` (a phase before the scoring), ``within`` (in one loop with it), ``rescore`` (the tokens
    had been scored legally, and are scored again), ``training`` (the training loop itself reads validation data),
    ``slot-scored`` and ``slot-causal`` (within, but what is fitted is not the model but a delta of the evaluation's
    own: on positions that are then scored with it, or on others of the same windows).
    """

    kind: Kind
    adapt: Adapt
    score: Forward
    report: Report
    bits: int


def leaks(timeline: Timeline, claimed: Sequence[Report] = ()) -> list[Leak]:
    """Return the leaks of a timeline, one per adapting statement and call path, in program order.

    Of several scores that a leak reaches it names one of those that are ``claimed``, if any is.
    """
    adapts = {e.number: e for e in timeline.of(Adapt) if e.number >= 0}
    scores = [e for e in timeline.of(Forward) if e.reports]
    trains = [e for e in timeline.of(Adapt) if e.number < 0]
    found: dict[tuple[object, ...], Leak] = {}
    firsts = _scored_first(list(adapts.values()), scores)
    for score in scores:
        ours = [r for r in score.reports if r in claimed]
        report = max(ours or score.reports, key=lambda r: r.order)
        reported = 0
        for each in score.reports:
            reported |= each.bits
        for number, bits in score.conflicts.items():
            adapt = adapts[number]
            bits &= score.bits & adapt.bits & reported
            if not bits:
                continue
            for kind, of_kind in _kinds(adapt, score, trains, bits, timeline.in_play, firsts[number]):
                key = (kind, adapt.site.source.path, adapt.site.start, tuple(c.site.start for c in adapt.calls))
                old = found.get(key)
                # Of scores before and after the artifact is made the last is the submission's, where none is claimed.
                later = old is not None and report.order > old.report.order and bool(ours) == (old.report in claimed)
                better = later or (ours and old is not None and old.report not in claimed)
                if old is None or (better and not old.bits & timeline.in_play & ~of_kind):
                    found[key] = Leak(kind, adapt, score, report, of_kind)
                elif of_kind & timeline.in_play & ~old.bits:
                    found[key] = Leak(
                        kind,
                        adapt,
                        score if not old.bits & timeline.in_play else old.score,
                        report,
                        of_kind | old.bits,
                    )
    return sorted(_last_of_each(list(found.values()), timeline.in_play), key=lambda leak: leak.adapt.order)


def _last_of_each(found: list[Leak], in_play: int) -> list[Leak]:
    """Return one leak for each step and setting: that of its last report there.

    A phase that prints its progress scores its tokens within its loop, and again when it counts.
    """
    steps: dict[tuple[object, ...], list[Leak]] = {}
    out: list[Leak] = []
    for leak in found:
        if leak.kind in ("slot-scored", "slot-causal"):
            out.append(leak)
        else:
            place = (leak.adapt.site.source.path, leak.adapt.site.start, tuple(c.site.start for c in leak.adapt.calls))
            steps.setdefault(place, []).append(leak)
    for leaks_of_step in steps.values():
        by_report = sorted(leaks_of_step, key=lambda leak: (bool(leak.bits & in_play), leak.report.order), reverse=True)
        told = 0
        for leak in by_report:
            if not told or leak.bits & in_play & ~told:
                out.append(replace(leak, bits=leak.bits & ~(told & in_play)))
                told |= leak.bits
    return out


def _kinds(
    adapt: Adapt, score: Forward, trains: list[Adapt], bits: int, in_play: int, scored_first: int
) -> list[tuple[Kind, int]]:
    """Return the kinds of a leak, each with those of the settings ``bits`` under which it is of that kind."""
    if adapt.delta and set(adapt.loops) & set(score.loops):
        scored, causal, undecided = windows.split(adapt, score, bits)
        each: list[tuple[Kind, int]] = [("slot-scored", scored), ("slot-causal", causal | undecided)]
        return [(kind, under) for kind, under in each if under]
    if set(adapt.loops) & set(score.loops) and not adapt.delta:
        # What a window's head taught is legal on its tail: the head was scored as the tail of earlier windows.
        bits &= ~windows.split(adapt, score, bits)[1]
        if not bits & in_play:
            return []
    judged = bits & in_play or bits  # what happens at "any value" doesn't say what happens where it counts
    if not any(t.bits & judged and t.order < score.order for t in trains):
        return [("training", bits)]
    if set(adapt.loops) & set(score.loops):
        return [("within", bits)]
    training = judged & train_settings(adapt.kinds)
    rest = judged & ~training
    first = rest & scored_first
    before = rest & ~first
    outside = bits & ~judged
    found: list[tuple[Kind, int]] = [("rescore", first), ("training", training), ("before", before)]
    kinds = [(kind, of_kind) for kind, of_kind in found if of_kind]
    return [(kind, of_kind | outside) for kind, of_kind in kinds]


def _scored_first(adapts: list[Adapt], scores: list[Forward]) -> dict[int, int]:
    """Return, by number, the settings under which the model as it was is scored first in the loop of an update."""
    in_loop: dict[int, list[tuple[int, int]]] = {}  # scores of a loop: when, and under which settings of a clean model
    for score in scores:
        spoilt = 0
        for conflict in score.conflicts.values():
            spoilt |= conflict
        for loop in set(score.loops):
            in_loop.setdefault(loop, []).append((score.order, score.bits & ~spoilt))
    out = dict.fromkeys((adapt.number for adapt in adapts), 0)
    for adapt in adapts:
        for loop in set(adapt.loops):
            for order, bits in in_loop.get(loop, ()):
                if order < adapt.order:
                    out[adapt.number] |= bits
    return out


def clean_scores(timeline: Timeline) -> list[tuple[Forward, Adapt]]:
    """Return scores that are followed, in the same loop, by an adaptation on what they scored, one pair per places.

    A place runs several times: where a setting in play runs it, what none runs is not told.
    """
    pairs = _scored_then_adapted(timeline)
    running = {score.site.start for score, adapt in pairs if score.bits & adapt.bits & timeline.in_play}
    first = {score.site.start: adapt for score, adapt in reversed(pairs)}
    return [
        (score, adapt)
        for score, adapt in pairs
        if score.bits & adapt.bits & timeline.in_play
        or (score.site.start not in running and first[score.site.start] is adapt)
    ]


def _scored_then_adapted(timeline: Timeline) -> list[tuple[Forward, Adapt]]:
    """Return those pairs, also where no setting in play runs them: of each two places, one that a setting runs."""
    out: dict[tuple[int, int], tuple[Forward, Adapt]] = {}
    adapts = [e for e in timeline.events if isinstance(e, Adapt) and e.number >= 0]
    for score in timeline.events:
        if not isinstance(score, Forward) or not score.reports:
            continue
        after = [a for a in adapts if a.order > score.order and set(a.loops) & set(score.loops)]
        clean = [a for a in after if not _conflicting(timeline, score, a) and not _opposed(score, a)]
        adapt = next((a for a in clean if score.bits & a.bits & timeline.in_play), next(iter(clean), None))
        if adapt is None:
            continue
        old = out.get(key := (score.site.start, adapt.site.start))
        if old is None or (score.bits & adapt.bits & ~(old[0].bits & old[1].bits) & timeline.in_play):
            out[key] = (score, adapt)
    return [*out.values()]


def _opposed(score: Forward, adapt: Adapt) -> bool:
    """Return whether one of two runs where a name is true and the other where it is not: never in the same round."""
    names = {(text, guard.taken) for guard in score.guards if (text := _text(guard)).isidentifier()}
    return any((_text(guard), not guard.taken) in names for guard in adapt.guards)


def _text(guard: Guard) -> str:
    return guard.site.source.text[guard.site.start : guard.site.end]


def _conflicting(timeline: Timeline, score: Forward, adapt: Adapt) -> bool:
    """Return whether the score was adapted on its tokens before, where the two run together."""
    bits = score.bits & adapt.bits
    bits = bits & timeline.in_play or bits
    return any(conflict & bits for conflict in score.conflicts.values())


def harmless_adaptations(timeline: Timeline) -> list[Adapt]:
    """Return adaptations on validation tokens whose parameters no reported score uses, one per place.

    Adaptations that follow a score in their loop are score-first, not harmless warm-ups.
    """
    used: set[int] = set()
    for event in timeline.events:
        if isinstance(event, Forward) and event.reports:
            used.update(event.conflicts)
    pairs = _scored_then_adapted(timeline)
    after = {id(adapt) for _, adapt in pairs}
    places = {(a.site.source.path, a.site.start) for _, a in pairs}
    out: dict[tuple[str, int], Adapt] = {}
    for event in timeline.events:
        if isinstance(event, Adapt) and event.number >= 0 and event.number not in used and id(event) not in after:
            place = (event.site.source.path, event.site.start)
            if place not in places:
                out.setdefault(place, event)
    bad = {(e.site.source.path, e.site.start) for e in timeline.events if isinstance(e, Adapt) and e.number in used}
    return [adapt for place, adapt in out.items() if place not in bad]


def findings(case: Case, kind: Kind, slug: str, say: Callable[[Leak], str]) -> Iterator[Finding]:
    """Yield a finding for each leak of ``kind``, with the path of the data as steps.

    Where the logs show that the claimed score is another one, which the leak does not reach, the script is at
    fault but the score is not: a second scoring is then a note, an adaptation that comes first a hold.
    """
    timeline = case.timeline
    if timeline is None:
        return
    claimed = claimed_reports(timeline, case.submitted)
    for leak in leaks(timeline, claimed):
        if leak.kind != kind:
            continue
        running = leak.bits & timeline.in_play or leak.bits
        leak = replace(leak, report=report_of(leak.score.reports, running, claimed, case.submitted))
        aside: Status = "note" if kind == "rescore" else "hold"
        adapt = leak.adapt
        if kind == "training":
            adapt = replace(adapt, guards=(*adapt.guards, *_choosing(timeline, leak)))
        # What keeps it from running may stand on the way to the score as well.
        needed: list[Event] = [adapt] if leak.bits & timeline.in_play else [adapt, leak.score]
        if not leak.bits & timeline.in_play and _runs(timeline, adapt.site) and not switched_off(timeline, needed):
            continue  # the step is taken in play, and in a legal order; nothing tells when this one would be
        beside = _on_every_way(timeline, leak) if needed == [adapt] else ()
        judged = judge(case, leak.bits, needed, leak.score.reports, tainted(claimed), aside, beside)
        site = leak.adapt.site
        yield judged.found(
            site,
            rule=slug,
            status=judged.status,
            message=say(leak),
            trace=tuple(path_of(leak)),
        )


def _on_every_way(timeline: Timeline, leak: Leak) -> tuple[Forward, ...]:
    """Return the score with the conditions that all scores of the adapted model stand under: without them none is."""
    after = [f for f in timeline.of(Forward) if f.reports and f.conflicts.get(leak.adapt.number, 0) & timeline.in_play]
    places = [{guard.place for guard in score.guards} for score in after]
    common = [guard for guard in leak.score.guards if all(guard.place in each for each in places)]
    return (replace(leak.score, guards=tuple(common)),) if common and after else ()


def _runs(timeline: Timeline, site: Site) -> bool:
    """Return whether a setting in play takes the step at a place."""
    return any(isinstance(e, Adapt) and e.site == site and e.bits & timeline.in_play for e in timeline.events)


def _choosing(timeline: Timeline, leak: Leak) -> Iterator[Guard]:
    """Yield the switches that chose the files, as conditions on the way: no branch asks them where the step is."""
    for event in timeline.events:
        if isinstance(event, Load) and "val" in event.split and event.bits & leak.bits:
            yield from event.guards
            names = tuple(name for name in event.switches if not _names_a_place(timeline, name))
            if names:
                yield Guard(event.site, names, leak.bits, taken=True, may=(leak.bits, ~leak.bits))


def _names_a_place(timeline: Timeline, name: str) -> bool:
    """Tell whether a setting holds a path or a pattern, which says where files lie and not which are taken."""
    switch = timeline.switches.get(name)
    values = (switch.default, *switch.values) if switch is not None else (None,)
    return switch is None or any(mark in value for value in values if value for mark in "/\\*")


def path_of(leak: Leak) -> list[Step]:
    """Return the steps of a leak: how the update is reached, its gradient, the score, the report."""
    steps: list[Step] = calls_of(leak.adapt)
    running = leak.bits & ~1 or leak.bits
    applied = [each for each in leak.adapt.forwards if each.bits & running] or leak.adapt.forwards
    # What prepares the fit elsewhere (a hash of the tokens by a module's method) may be no application of the model.
    called = [call.site for call in leak.adapt.calls]
    beside = [each for each in applied if [call.site for call in each.calls] == called]
    applied = beside or applied
    if applied:
        steps.append(_step(applied[0].site, "the model is applied to validation tokens"))
    windowed = leak.kind in ("slot-scored", "slot-causal", "within")
    fitted = [part for part in leak.adapt.objective if windowed and not part.tokens and part.bits & running]
    scored = [part for part in leak.score.scored if part.bits & running]
    steps.extend(_step(part.site, "the objective keeps these positions") for part in _own(fitted, scored))
    if leak.adapt.without_loss:
        steps.append(_step(leak.adapt.site, f"{_what(leak.adapt)} set from them"))
    else:
        if leak.adapt.gradient is not None:
            steps.append(_step(leak.adapt.gradient, "the loss on them is differentiated"))
        steps.append(_step(leak.adapt.site, f"{_what(leak.adapt)} updated with it"))
    before = {call.site for call in leak.adapt.calls}
    steps.extend(_step(call.site, f"{call.name}() is called") for call in leak.score.calls if call.site not in before)
    if leak.kind in ("slot-scored", "slot-causal"):
        steps.append(_step(leak.score.site, "the fitted delta enters the predictions that are scored"))
        lone = _own(scored, fitted)
        later = [part for part in lone if part.site.source is leak.score.site.source]
        later = [part for part in later if part.site.start >= leak.score.site.start]
        steps.extend(_step(part.site, "these positions are scored") for part in later or lone)
    else:
        which = "validation" if leak.kind == "training" else "the same"
        steps.append(_step(leak.score.site, f"{which} tokens are scored with the adapted parameters"))
    steps.append(_step(leak.report.site, "the score is reported"))
    out: list[Step] = []
    for step in steps:
        if step not in out:
            out.append(step)
    return out


def _own(parts: list[Part], others: list[Part]) -> list[Part]:
    """Return the parts of a window that only these are, all where none is: what both keep tells neither's positions."""
    places = {part.site for part in others}
    return [part for part in parts if part.site not in places] or parts


def _what(adapt: Adapt) -> str:
    if adapt.delta:
        return "the delta that the evaluation made is"
    names = ", ".join(adapt.params[:3])
    return f"the parameters of {names} are" if names else "the parameters are"


def _step(site: Site, note: str) -> Step:
    return Step(site.source.path, site.line, note, site.source.layer)
