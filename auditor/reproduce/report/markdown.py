"""The report as Markdown, and ``statistics.md`` over the seeds. Text of strangers is escaped."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.reproduce.model import Reproduction
from auditor.reproduce.report import words
from reports.escape import markdown as escape


def render(found: Reproduction) -> str:
    """Return the report as Markdown."""
    judgement = found.judgement
    lines = [f"# Reproduction of {escape(found.plan.subject)}", ""]
    lines += [f"**{judgement.verdict}**: {escape(judgement.because)}", ""]
    lines += [f"- {label}: {escape(text)}" for label, text in words.report_lines(found)]
    lines += ["", *_table(found), ""]
    lines += [f"- seed {run.seed} {run.status}: {escape(run.reason)}" for run in found.runs if run.reason]
    mean = words.mean_line(found)
    lines += [escape(mean), ""] if mean else []
    lines += [f"- {words.MARKS[c.status]} **{c.name}**: {escape(c.text)}" for c in judgement.checks]
    for title, entries in (("Missing", judgement.missing), ("Concluded all the same", judgement.concluded)):
        if entries:
            lines += ["", f"## {title}", "", *(f"- {escape(entry)}" for entry in entries)]
    return "\n".join(lines) + "\n"


def statistics(found: Reproduction) -> str:
    """Return the statistics over the seeds: n, mean, sd, interval, p, and every score; failed seeds are listed too."""
    return "\n".join(_statistics(found)) + "\n"


def _statistics(found: Reproduction) -> Iterator[str]:
    judgement, sample = found.judgement, found.judgement.sample
    yield f"# Statistics: {escape(found.plan.subject)}"
    yield ""
    yield f"Measured on {escape(found.plan.machine.hardware)}; sd is the sample's (n - 1)."
    yield ""
    yield "| quantity | value |"
    yield "| --- | --- |"
    yield f"| seeds planned | {len(found.runs)} |"
    yield f"| n | {sample.n if sample else 0} |"
    if sample is not None:
        yield f"| mean val_bpb | {sample.mean:.8f} |"
        yield f"| sd | {'–' if sample.sd is None else f'{sample.sd:.8f}'} |"
        low_high = judgement.interval
        yield f"| 95 % interval | {'–' if low_high is None else f'{low_high[0]:.8f} to {low_high[1]:.8f}'} |"
    equal, bar = judgement.p_equivalent, judgement.p_bar
    yield f"| p of equivalence to the claim (TOST) | {'not comparable' if equal is None else f'{equal:.6f}'} |"
    yield f"| p below the record's bar (Welch) | {'not comparable' if bar is None else f'{bar:.6f}'} |"
    yield ""
    yield from _table(found)
    yield ""
    scores = [f"{run.val_bpb:.8f}" for run in found.runs if run.val_bpb is not None and run.status == "done"]
    yield f"Raw: [{', '.join(scores)}]"


def _table(found: Reproduction) -> list[str]:
    head = " | ".join(words.COLUMNS)
    rule = " | ".join("---" for _ in words.COLUMNS)
    return [f"| {head} |", f"| {rule} |", *(f"| {' | '.join(words.cells(run))} |" for run in found.runs)]
