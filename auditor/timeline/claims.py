"""Which reports of a script are the claimed score, and what becomes of a finding that does or doesn't reach them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditor.case import Case
from auditor.finding import Status
from auditor.timeline import told
from auditor.timeline.activity import Activity, activity
from auditor.timeline.events import Event, Report, Timeline
from auditor.timeline.hanging import also, conditions
from auditor.timeline.unheard import silence

_NEAR = 0.1  # of the claim: what runs of one script with and without a part differ by at most
_GENERIC = ("val_loss", "val_bpb", "loss", "bpb")


def claimed_reports(timeline: Timeline, submitted: tuple[str, ...]) -> list[Report]:
    """Return the reports whose printed words are those of the log lines with the claimed score."""
    if not submitted:
        return []
    reports = timeline.of(Report)
    found: list[Report] = []
    for line in submitted:
        printing = [r for r in reports if _printed_by(r, line)]
        # Words that end another report's words stand in its lines, too.
        longest = max((len(r.label) for r in printing), default=0)
        found.extend(r for r in printing if len(r.label) == longest and r not in found)
    return found


def judge(
    case: Case,
    bits: int,
    events: Sequence[Event],
    reports: Sequence[Report],
    reached: bool,
    aside: Status = "hold",
    beside: Sequence[Event] = (),
) -> Activity:
    """Judge what needs all of ``events``, happens under ``bits`` and reaches ``reports``, by the claimed score, too.

    ``reached`` tells whether it reaches a claimed report. Where the logs show that the claimed score is another
    one, the script is at fault but the score is not: ``aside``. Where no score is claimed and no log shows a run,
    one of several documented commands proves nothing: a hold. What no setting in play reaches ran after all where a
    log has the line that only it prints.
    """
    assert case.timeline is not None
    judged = activity(case.timeline, bits, events, beside)
    claimed = bool(claimed_reports(case.timeline, case.submitted))
    if judged.status == "violation":
        if not reached and claimed:
            because = f"{judged.because}; the line of the claimed score was not seen to rest on it"
            return Activity(judged.active, aside, because)
        if reports and all(report.in_nats for report in reports) and not claimed:
            because = f"{judged.because}; but the script computes no bits per byte: its loss may be no score"
            return Activity(judged.active, "hold", because)
        if _open(case, case.timeline, bits, events):
            return Activity(
                judged.active,
                "hold",
                f"{judged.because}; but no score is claimed, and no log in the folder shows a run",
            )
    elif judged.active is False:
        return _printed_after_all(case, case.timeline, judged, events, reports)
    elif judged.active and not reached and claimed and _elsewhere(case, case.timeline, bits):
        return Activity(False, "note", f"{judged.because}; the line of the claimed score was not seen to rest on it")
    return judged


def _elsewhere(case: Case, timeline: Timeline, bits: int) -> bool:
    """Return whether only commands of run scripts outside of the record folder run something."""
    own = frozenset(case.submission.tree.paths())
    running = [s for i, s in enumerate(timeline.settings) if bits & timeline.in_play & 1 << (i + 1)]
    return bool(running) and all(
        s.kind == "command" and s.overrides and not any(given.path in own for given in s.overrides.values())
        for s in running
    )


def reaches(reports: Iterable[Report], claimed: list[Report]) -> bool:
    """Return whether one of ``reports`` is a claimed one."""
    return any(report is other for report in reports for other in claimed)


def tainted(claimed: list[Report]) -> bool:
    """Return whether a claimed report holds a score of a model that was adapted on the same tokens before."""
    return any(forward.conflicts for report in claimed for forward in report.forwards)


def _open(case: Case, timeline: Timeline, bits: int, events: Sequence[Event]) -> bool:
    """Return whether nothing tells if a score rests on what the defaults don't run and a documented command does.

    No score is claimed and no log prints one; and the submission says that it has retracted its score, or documents
    another command that sets the same switch otherwise.
    """
    evidence = case.evidence
    if bits & 0b10 or evidence.claims().val_bpb is not None or any(run.scores for run in evidence.runs):
        return False
    if evidence.metadata.retracted:
        return True
    names = {name for event in events for guard in event.guards for name in guard.settings}
    others = [s for i, s in enumerate(timeline.settings) if s.kind == "command" and not bits & 1 << (i + 1)]
    return any(name in other.overrides for other in others for name in names)


def _printed_after_all(
    case: Case, timeline: Timeline, judged: Activity, events: Sequence[Event], reports: Sequence[Report]
) -> Activity:
    """Return a judgement of what no setting in play reaches, made stricter where a log prints its report.

    That the report was printed proves what the report needs, not what ``events`` need beside it.
    """
    out_of_play = [r for r in reports if not r.bits & timeline.in_play and not _shared(timeline, r)]
    if not out_of_play:
        return judged
    for report in out_of_play:
        if any(_printed_by(report, line) for line in case.submitted):
            shown = f'but the log prints the claimed score as "{report.label}", which nothing in play prints'
            because = f"{judged.because}; {shown}"
            return _beside(case, timeline, judged, events, [report], because)
    if _nothing_else_near(case, timeline, out_of_play):
        shown = "but every log ends with a score that nothing in play prints, and none without it is near"
        because = f"{judged.because}; {shown}"
        return _beside(case, timeline, judged, events, out_of_play, f"{because} the claimed one")
    for run in case.evidence.runs:
        for metric in run.scores:
            if any(_printed_by(report, metric.text) for report in out_of_play):
                shown = f"but a log prints a score that nothing in play prints ({metric.path}:{metric.line})"
                return Activity(True, "hold", f"{judged.because}; {shown}")
    return judged


def _beside(
    case: Case,
    timeline: Timeline,
    judged: Activity,
    events: Sequence[Event],
    reports: Sequence[Report],
    because: str,
) -> Activity:
    """Judge what needs ``events`` where ``reports`` were printed: a violation where nothing else has to be on."""
    closed = told.closed(timeline, events, reports)
    proven = told.proven(case, timeline) if timeline.words else []
    if told.excluded([guard for event in events for guard in event.guards], proven):
        return judged
    guards = [guard for event in events for guard in event.guards]
    silent = silence(timeline.unheard, guards, timeline.settings, lambda _: True)
    if silent:  # the line may be of an earlier text of the script
        return Activity(None, "hold", f"{because}; but {silent}")
    left = [guard for guard in closed if not told.proves(proven, guard)]
    if not left:
        shown = ", ".join(dict.fromkeys(name for guard in closed for name in guard.settings))
        because = f"{because}, and words that are printed only under {shown}" if shown else because
        logged = next((i for i, setting in enumerate(timeline.settings) if setting.kind == "log"), 0)
        more = also(timeline, conditions(events), logged, because)
        return Activity(True, "violation", f"{because}; {more}" if more else because)
    names = ", ".join(dict.fromkeys(name for guard in left for name in guard.settings))
    return Activity(None, "hold", f"{because}; whether {names} was on, no log tells")


def _nothing_else_near(case: Case, timeline: Timeline, out_of_play: Sequence[Report]) -> bool:
    """Return whether each log ends with the line of a report that no setting reaches, and the claim is far from others.

    The claim is then printed nowhere, but no score that the script prints without it comes near.
    """
    claim = case.evidence.leading()
    runs = [run for run in case.evidence.runs if run.scores]
    if claim is None or case.submitted or not runs or not out_of_play:
        return False
    others = [m for run in runs for m in run.scores if not any(_printed_by(r, m.text) for r in out_of_play)]
    if any(abs(m.val_bpb - claim.value) <= _NEAR * claim.value for m in others):
        return False
    return all(any(_printed_by(r, run.scores[-1].text) for r in out_of_play) for run in runs)


def _shared(timeline: Timeline, report: Report) -> bool:
    """Return whether a report that a setting in play reaches prints the same words."""
    return any(
        isinstance(other, Report) and other.bits & timeline.in_play and other.label.startswith(report.label)
        for other in timeline.events
    )


def _printed_by(report: Report, line: str) -> bool:
    """Return whether a log line begins with a report's words (a launcher may put a short prefix in front)."""
    return len(report.label) >= 6 and 0 <= line.find(report.label) <= 40 and not report.label.startswith(_GENERIC)
