"""What keeps runs from being the claim's own: other hardware, other data, other code, fewer seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.reproduce.model import Claim, Machine, Measured, Plan


def same_hardware(plan: Plan, claim: Claim) -> bool:
    """Return whether the runs had the claim's GPUs, as many of them, and used them all; or neither had any."""
    if claim.gpus == 0:
        return not plan.machine.gpus
    return same_machine(plan.machine, claim) and plan.processes == claim.gpus


def same_machine(machine: Machine, claim: Claim) -> bool:
    """Return whether the machine has the claim's GPUs, and as many; none, where the claim had none."""
    if claim.gpus == 0:
        return not machine.gpus
    words = claim.gpu.lower().split()
    fitting = [name for name in machine.gpus if all(word in name.lower() for word in words)]
    return len(fitting) >= claim.gpus


def missing(plan: Plan, claim: Claim | None, runs: Sequence[Measured]) -> Iterator[str]:
    """Yield, in a line each, what a judgement of the claimed score lacks."""
    if claim is None:
        yield f"a published run: {plan.subject} stands for none"
    else:
        yield from _of_claim(plan, claim, runs)
    if plan.changes:
        yield f"the configuration as published: --set changed {', '.join(plan.changes)}"
    if plan.stand_ins:
        used = tuple(dict.fromkeys(name for run in runs for name in run.stand_ins))
        yield f"the script's own GPU code: on this CPU, stand-ins ran in place of {_listed(used) or 'what needs a GPU'}"
    for reason in dict.fromkeys(reason for run in runs for reason in run.invalid):
        yield f"scores that count: {reason}"
    for run in runs:
        if run.status != "done":
            yield f"seed {run.seed}: {run.status} ({run.reason})" if run.reason else f"seed {run.seed}: {run.status}"
        elif run.val_bpb is None:
            yield f"a score of seed {run.seed}: its log prints none"


def _of_claim(plan: Plan, claim: Claim, runs: Sequence[Measured]) -> Iterator[str]:
    if not claim.scores:
        yield f"a claimed score: {claim.source} names none"
    if claim.invalid:
        yield f"a claimed score that is one: {claim.invalid}"
    if not same_hardware(plan, claim):
        processes = f", {plan.processes} process{'es' if plan.processes != 1 else ''}"
        yield f"{claim.hardware}: these runs were on {plan.machine.hardware}{processes}"
    totals = {run.val_tokens for run in runs if run.status == "done"}
    if claim.val_tokens is not None and totals and totals != {claim.val_tokens}:
        found = ", ".join("an unknown number" if total is None else f"{total:,}" for total in totals)
        yield f"the claim's validation data ({claim.val_tokens:,} tokens): these runs scored {found}"
    scored = sum(run.val_bpb is not None for run in runs if run.status == "done")
    wanted = max(2, len(claim.scores))
    if scored < wanted:
        yield f"seeds: {scored} scored, the claim needs {wanted}"


def _listed(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
