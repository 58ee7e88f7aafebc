"""The single comparisons that a judgement lists: score, record, bytes, seconds, parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from auditor.evidence.statistics import Sample, welch_one_sided
from auditor.reproduce.conditions import same_hardware
from auditor.reproduce.equivalence import MARGIN_SDS, Equivalence
from auditor.reproduce.model import Check, Claim, Measured, Plan, cap_bytes

_BYTES_APART = 0.005  # relative: seeds of one system lie closer, other systems farther apart


def over_budget(plan: Plan, claim: Claim | None, done: Sequence[Measured]) -> tuple[str, ...]:
    """Return, in a line each, the caps that runs broke where breaking them counts.

    Bytes count on every machine unless the configuration was changed; seconds on the claim's machine, or where the
    user gave caps for this one.
    """
    out = []
    if not plan.changes:
        out += [
            f"seed {run.seed}: {run.artifact_bytes:,} bytes of code and model, {cap_bytes():,} are allowed"
            for run in done
            if run.artifact_bytes is not None and run.artifact_bytes > cap_bytes()
        ]
    if plan.budget.given or (claim is not None and same_hardware(plan, claim)):
        for run in done:
            for what, spent, cap in _times(plan, run):
                if spent is not None and spent > cap:
                    out.append(f"seed {run.seed}: {what} took {spent:.1f} s, {cap:g} s are allowed")
    return tuple(out)


def score_checks(claim: Claim | None, sample: Sample | None, tests: Equivalence | None) -> Iterator[Check]:
    """Yield the comparison of the scores with the claim and, where there is one, with the record's bar."""
    if sample is None:
        yield Check("val_bpb", "open", "no run printed a score")
        return
    ours = f"{sample.mean:.6f}" + (f" (sd {sample.sd:.6f}, n {sample.n})" if sample.sd is not None else " (one run)")
    if claim is None or not claim.scores:
        yield Check("val_bpb", "shown", ours)
        return
    theirs = f"{fmean(claim.scores):.6f} claimed (n {len(claim.scores)}, {claim.source})"
    if tests is None:
        yield Check("val_bpb", "open", f"{ours}; {theirs}: not comparable")
        return
    what = "equivalent" if tests.same else "another score" if tests.other else "more seeds would tell"
    if tests.p is None or tests.interval is None:
        apart = "all runs score the same, so there is neither an interval nor a p"
    else:
        low, high = tests.interval
        apart = (
            f"90 % interval [{low:+.6f}, {high:+.6f}], margin {tests.margin:.6f} = {MARGIN_SDS:g} sd, "
            f"p {tests.p:.4f}: {what}"
        )
    yield Check(
        "val_bpb",
        "met" if tests.same else "missed" if tests.other else "open",
        f"{ours}; {theirs}; difference {tests.difference:+.6f}, {apart}",
    )


def bar_p(claim: Claim | None, sample: Sample | None) -> float | None:
    """Return the one-sided p of "the runs are below the record's bar".

    None where either has fewer than two scores, or where the runs' scores have no spread, which is no evidence.
    """
    if claim is None or claim.bar is None or sample is None or sample.sd is None or claim.bar.sample.sd is None:
        return None
    if sample.equal:
        return None
    return welch_one_sided(sample, claim.bar.sample).p


def bar_check(claim: Claim | None, p: float | None, *, comparable: bool) -> Iterator[Check]:
    """Yield the record bar, one-sided."""
    if claim is None or claim.bar is None:
        return
    bar = claim.bar
    name = f"{bar.sample.mean:.6f} of {bar.name}"
    if p is None or not comparable:
        yield Check("record", "open", f"below {name}? not comparable")
    else:
        met = p < bar.p
        yield Check("record", "met" if met else "missed", f"below {name}: p {p:.4g}, the bar asks p < {bar.p:g}")


def size_checks(plan: Plan, claim: Claim | None, done: Sequence[Measured]) -> Iterator[Check]:
    """Yield the artifact against the cap and against the claim."""
    sizes = [run.artifact_bytes for run in done if run.artifact_bytes is not None]
    if not sizes:
        yield Check("artifact", "open", "no run left an artifact, or printed its size")
        return
    on_disk = all(run.model_bytes is not None for run in done)
    how = "file on disk and code" if on_disk else "as the log prints it"
    room = cap_bytes() - max(sizes)
    text = f"{max(sizes):,} bytes ({how}), " + (f"{room:,} below" if room >= 0 else f"{-room:,} above") + " the cap"
    if plan.changes:
        yield Check("artifact", "shown", f"{text}; the configuration was changed")
    else:
        yield Check("artifact", "met" if room >= 0 else "missed", text)
    if claim is not None and claim.artifact_bytes and not plan.changes:
        apart = fmean(sizes) / fmean(claim.artifact_bytes) - 1
        close = abs(apart) <= _BYTES_APART
        yield Check(
            "artifact as claimed",
            "met" if close else "missed",
            f"{fmean(sizes):,.0f} against {fmean(claim.artifact_bytes):,.0f} bytes: {apart:+.2%}",
        )
    printed = [(run.seed, run.printed_bytes, run.artifact_bytes) for run in done if run.model_bytes is not None]
    for seed, said, found in printed:
        if said is not None and said != found:
            text = f"seed {seed}: the log says {said:,} bytes, the disk {found:,}"
            yield Check("artifact as printed", "missed", text)


def time_checks(plan: Plan, claim: Claim | None, done: Sequence[Measured]) -> Iterator[Check]:
    """Yield training and evaluation seconds against the caps, the longest run's."""
    counts = plan.budget.given or (claim is not None and same_hardware(plan, claim))
    for at, what in enumerate(("training", "evaluation")):
        times = [_times(plan, run)[at][1] for run in done]
        known = [seconds for seconds in times if seconds is not None]
        cap = plan.budget.train if at == 0 else plan.budget.evaluate
        if not known:
            yield Check(what, "open", "no log prints its seconds")
        elif counts:
            yield Check(what, "met" if max(known) <= cap else "missed", f"{max(known):.1f} s of {cap:g} s")
        else:
            yield Check(what, "shown", f"{max(known):.1f} s; the cap of {cap:g} s is for other hardware")


def other_checks(claim: Claim | None, done: Sequence[Measured]) -> Iterator[Check]:
    """Yield parameters and peak memory."""
    counts = {run.parameters for run in done if run.parameters is not None}
    if counts:
        shown = ", ".join(f"{count:,}" for count in sorted(counts))
        if claim is None or claim.parameters is None:
            yield Check("parameters", "shown", shown)
        else:
            same = counts == {claim.parameters}
            yield Check("parameters", "met" if same else "missed", f"{shown}, claimed {claim.parameters:,}")
    peaks = [run.peak_memory for run in done if run.peak_memory]
    if peaks:
        yield Check("peak memory", "shown", f"{max(peaks) / 2**20:,.0f} MiB")


def _times(plan: Plan, run: Measured) -> tuple[tuple[str, float | None, float], tuple[str, float | None, float]]:
    return (
        ("training", run.train_seconds, plan.budget.train),
        ("evaluation", run.eval_seconds, plan.budget.evaluate),
    )
