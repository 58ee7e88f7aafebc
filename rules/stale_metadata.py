"""What submission.json gives beside the score and the logs print otherwise: loss, bytes, seeds, day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from statistics import fmean

from msgspec import Struct

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.printed import Value
from auditor.evidence.rounding import agrees, unit
from auditor.evidence.run import SMALLEST_ARTIFACT, Run
from auditor.evidence.scored import finished, seeds
from auditor.evidence.series import by_label
from auditor.finding import Finding, Step
from auditor.fix.change import Change, Edit
from auditor.fix.claims import corrected, document, written
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from auditor.submission.names import shown
from rules.run_logs import SCRIPT, package, run_log
from rules.scored_runs import judged, of_seeds, reported, score, several
from rules.stale_seeds import differing

SLUG = "stale-metadata"

_TOLD = 4  # decimals of a loss from which it is told apart
_ROUNDED_TWICE = 3e-5  # nats: a mean of losses that were rounded before
_FIGURE = regex(r"(?<![\d.])\d{1,3}\.(\d{1,18})(?!\d)")
_AS_PRINTED = 8  # decimals of a loss whose line isn't at hand
_MEAN = regex(r"(?:^|_)(?:mean|avg|average)(?:_|$)")
_MOST = regex(r"(?:^|_)(?:max|maximum|largest|worst)(?:_|$)")
_COARSEST = 100_000  # bytes to which sizes are rounded
_DAY = regex(r"(?<!\d)20\d\d-[01]\d-[0-3]\d(?!\d)")


class Stale(Struct, frozen=True):
    """One value: where it stands, the sentence about it, what it should read, and the log lines that say so."""

    path: str
    line: int | None
    message: str
    edit: Edit | None
    title: str
    trace: tuple[Step, ...] = ()


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each value of submission.json that the logs of the claimed score print otherwise."""
    for stale in _stale(case):
        yield Finding(
            rule=SLUG,
            group="evidence",
            status="note",
            message=stale.message,
            path=stale.path,
            line=stale.line,
            end_line=stale.line,
            trace=stale.trace,
        )


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the change of the value to what the logs print."""
    stale = next((s for s in _stale(case) if (s.path, s.message) == (finding.path, finding.message)), None)
    return None if stale is None or stale.edit is None else Change(stale.title, "safe", (stale.edit,))


def _stale(case: Case) -> Iterator[Stale]:
    if not judged(case):
        return
    for other in differing(case):
        yield Stale(other.claim.path, other.claim.line, other.message, None, "", other.trace)
    if case.submission.metadata is None:
        return
    runs = _claimed_runs(case)
    if runs:
        yield from _loss(case, runs)
        yield from _bytes(case, runs)
        yield from _seeds(case, runs)
        yield from _code(case, runs)
    yield from _day(case)


def _claimed_runs(case: Case) -> Sequence[Run]:
    """Return the runs whose mean score is what is claimed; none where the logs carry no such claim."""
    claim = case.evidence.leading()
    runs = reported(case)
    if claim is None or not runs:
        return ()
    series = by_label(runs)
    if any(len(s.metrics) == len(runs) and agrees(claim, s.mean, s.metrics) for s in series):
        return runs
    return ()


def _loss(case: Case, runs: Sequence[Run]) -> Iterator[Stale]:
    claim = case.evidence.metadata.first("val_loss")
    losses = [(run, loss) for run in runs if (loss := run.val_loss) is not None]
    if claim is None or len(losses) < len(runs) or claim.decimals < _TOLD:
        return
    mean = fmean(loss for _, loss in losses)
    printed = {m.val_loss for run in finished(case.evidence) for m in run.metrics if m.val_loss is not None}
    coarsest = min(_decimals(run, loss) for run, loss in losses)
    slack = unit(min(claim.decimals, coarsest)) + _ROUNDED_TWICE
    if abs(claim.value - mean) <= slack or any(abs(claim.value - each) <= unit(claim.decimals) for each in printed):
        return
    value = written(mean, min(claim.decimals, 8))
    each = f"the logs' final losses are {several([score(loss) for _, loss in losses])}"
    mean_said = f", their mean {score(mean)}" if len(losses) > 1 else ""
    yield Stale(
        claim.path,
        claim.line,
        f"submission.json gives val_loss {score(claim.value)}; {each}{mean_said}.",
        corrected(case, claim, value),
        f"Set val_loss to {value}, "
        + (f"the mean of {len(losses)} logs" if len(losses) > 1 else "as the log prints it"),
        tuple(
            Step(m.path, m.line, f"val_loss {score(loss)}") for run, loss in losses[:8] if (m := run.score) is not None
        ),
    )


def _decimals(run: Run, loss: float) -> int:
    """Return with how many decimals a run prints its loss, at most."""
    texts = [m.text for m in run.metrics if m.val_loss == loss]
    printed = [m[1] for text in texts for m in _FIGURE.finditer(text) if float(m[0]) == loss]
    return max(map(len, printed), default=_AS_PRINTED)


def _bytes(case: Case, runs: Sequence[Run]) -> Iterator[Stale]:
    claim = case.evidence.metadata.first("artifact_bytes")
    sizes = [size for run in runs if (size := run.artifact_bytes) is not None]
    if claim is None or claim.decimals or len(sizes) < len(runs) or claim.value < SMALLEST_ARTIFACT:
        return
    key = claim.key.rpartition(".")[2]
    largest = max(sizes, key=lambda size: size.value)
    if _MOST.search(key) and len(sizes) > 1 and claim.value in {size.value for size in sizes} - {largest.value}:
        yield _not_the_largest(case, claim, largest)
        return
    rounded = _rounded(claim.value)
    if all(size.value % 1000 == 0 for size in sizes) or any(abs(claim.value - s.value) <= rounded for s in sizes):
        return
    if (
        case.challenge.artifact is not None
        and max(size.value for size in sizes) > case.challenge.artifact.largest_meant
    ):
        return  # the unpacked model's
    alone = next((run for run in runs if _is_of_the_model(claim, run)), None)
    if alone is not None:
        yield _without_code(case, claim, alone, max(size.value for size in sizes))
        return
    printed = {v.value for run in finished(case.evidence) for name in _SIZES for v in run.numbers(name)}
    mean = fmean(size.value for size in sizes)
    code = case.evidence.sizes.code_bytes or 0
    said = case.evidence.metadata.first("code_bytes")
    own = said.value if said is not None else 0.0
    if claim.value in printed or any(abs(claim.value - size.value) <= max(code, own) for size in sizes):
        return  # another total, or with the code as it is now
    counted = max((v.value for run in runs for v in run.numbers("code_bytes")), default=0.0)
    models = [model.value for run in runs if (model := run.packed_model_bytes) is not None]
    if any(0 <= claim.value - model <= max(code, own, counted) for model in models):
        return  # the same model with the code counted in another way
    if abs(claim.value - mean) <= 1 or min(s.value for s in sizes) <= claim.value <= max(s.value for s in sizes):
        return  # a mean, of whatever digits
    if _MEAN.search(key) and len(sizes) > 1:
        value, which = round(mean), f"the mean of {len(sizes)} logs"
    else:
        value, which = max(size.value for size in sizes), "the largest that a log prints"
    yield Stale(
        claim.path,
        claim.line,
        f"submission.json gives {round(claim.value):,} bytes; "
        f"{'the log totals' if len(sizes) == 1 else 'the totals of the logs are'} "
        f"{several([f'{size.value:,}' for size in sizes])}.",
        corrected(case, claim, str(value)),
        f"Set {key} to {value}, {which if len(sizes) > 1 else 'as the log prints it'}",
        tuple(Step(s.path, s.line, f"{s.value:,} bytes") for s in sizes[:8] if s.line is not None),
    )


def _rounded(value: float) -> float:
    """Return how far a number of bytes may lie from what it was rounded from: the unit of its last digit."""
    unit_of = 1
    while unit_of < _COARSEST and value % (unit_of * 10) == 0:
        unit_of *= 10
    return unit_of


def _not_the_largest(case: Case, claim: Claim[float], largest: Value[int]) -> Stale:
    """Return the word on a size that is called the largest and isn't."""
    return Stale(
        claim.path,
        claim.line,
        f"submission.json gives {round(claim.value):,} bytes as {shown(claim.key, 40)}; a log of the claimed score "
        f"totals {largest.value:,}.",
        corrected(case, claim, str(largest.value)),
        f"Set {shown(claim.key, 40)} to {largest.value}, the largest that a log prints",
        (Step(largest.path, largest.line, f"{largest.value:,} bytes"),) if largest.line is not None else (),
    )


def _is_of_the_model(claim: Claim[float], run: Run) -> bool:
    """Tell whether a run prints the claimed size for its packed model, and a larger total."""
    model, total = run.packed_model_bytes, run.artifact_bytes
    totals = {v.value for v in run.numbers("total_bytes")}
    return (
        model is not None and total is not None and claim.value == model.value < total.value and total.value in totals
    )


def _without_code(case: Case, claim: Claim[float], run: Run, largest: int) -> Stale:
    """Return the word on a size that leaves out the code."""
    total, model, key = run.artifact_bytes, run.packed_model_bytes, claim.key.rpartition(".")[2]
    assert total is not None and model is not None
    return Stale(
        claim.path,
        claim.line,
        f"submission.json gives {round(claim.value):,} bytes as {shown(key, 40)}, which a log prints for the model "
        f"alone; in all that log counts {total.value:,}.",
        corrected(case, claim, str(largest)),
        f"Set {shown(key, 40)} to {largest}, with the code",
        tuple(Step(v.path, v.line, f"{v.value:,} bytes") for v in (model, total) if v.line is not None),
    )


_FAR = 0.01  # of the code: what differs by less is of a neighbouring version, as the logs may be


def _code(case: Case, runs: Sequence[Run]) -> Iterator[Stale]:
    """Yield the word on a size of the code that is neither the script's nor any that a log counts."""
    claim, sizes = case.evidence.metadata.first("code_bytes"), case.evidence.sizes
    counted = [v for run in runs for v in run.numbers("code_bytes")]
    packed = sizes.counts_packed or any(run.all("code_bytes_packed") for run in finished(case.evidence))
    if claim is None or claim.decimals or claim.value <= 0 or not counted or packed or sizes.code_bytes is None:
        return
    known = [sizes.code_bytes, sizes.code_bytes + sizes.helper_bytes, *(v.value for v in counted)]
    if any(abs(claim.value - size) <= max(_FAR * size, _rounded(claim.value)) for size in known):
        return
    last = counted[-1]
    yield Stale(
        claim.path,
        claim.line,
        f"submission.json gives {round(claim.value):,} bytes of code; a log of the claimed score counts "
        f"{last.value:,.0f}, and the script has {sizes.code_bytes:,}.",
        None,
        "",
        (Step(last.path, last.line, f"{last.value:,.0f} bytes of code"),) if last.line is not None else (),
    )


_SIZES = ("total_bytes", "model_bytes")


def _seeds(case: Case, runs: Sequence[Run]) -> Iterator[Stale]:
    named, logged = case.evidence.metadata.seeds, seeds(runs)
    if not named or len(logged) < len(runs) or len(named) != len(logged) or set(named) == set(logged):
        return
    if {run.name_seed.value for run in runs if run.name_seed is not None} == set(named):
        return  # the files are named by them: which is right, bogus-log asks
    source = document(case, case.submission.metadata or "")
    listed = re.search(r'"seeds"\s*:\s*\[([\d,\s]*)\]', source.text) if source is not None else None
    edit = None
    if source is not None and listed is not None:
        between = re.search(r"\d(,\s*)\d", listed[1])
        lead = listed[1][: len(listed[1]) - len(listed[1].lstrip())]
        tail = listed[1][len(listed[1].rstrip()) :]
        new = lead + (between[1] if between else ", ").join(map(str, logged)) + tail
        edit = Edit(source.path, listed.start(1), listed.end(1), listed[1], new)
    line = source.line_of(listed.start()) if source is not None and listed is not None else None
    yield Stale(
        case.submission.metadata or "",
        line,
        f"submission.json names {of_seeds(named)}; the logs are of {of_seeds(logged)}.",
        edit,
        f"Name the logs' seeds, {several(logged)}",
    )


def _day(case: Case) -> Iterator[Stale]:
    said, folder = case.evidence.metadata.text("date"), _DAY.search(case.submission.name)
    if said is None or folder is None or _DAY.search(said.value) or not said.value.strip() or said.line is None:
        return
    source = document(case, said.path)
    if source is None:
        return
    line = source.line_text(said.line)
    found = re.search(r'"date"\s*:\s*"((?:[^"\\]|\\.)*)"', line, re.IGNORECASE)
    edit = None
    if found is not None:
        start = source.line_starts[said.line - 1] + found.start(1)
        edit = Edit(said.path, start, start + len(found[1]), found[1], folder[0])
    yield Stale(
        said.path,
        said.line,
        f"The date “{several([said.value])}” is no day in the form YYYY-MM-DD; the folder's name has {folder[0]}.",
        edit,
        f"Set date to {folder[0]}, as the folder's name has it",
    )


_THREE = (run_log(1337, 1.2), run_log(42, 1.201), run_log(7, 1.2035))

RULE = Rule(
    slug=SLUG,
    title="Metadata that the logs contradict beside the score",
    group="evidence",
    condition="package",
    summary="The claimed score is the logs' mean, but the loss, the bytes or the seeds that submission.json gives with "
    "it are not what these logs print, or its date is none. Also: steps and bytes that README or submission.json "
    "give for a seed, where the log that prints the seed's score has others.",
    why="Tables and significance tests are made from submission.json. A loss or size of an older run beside a new "
    "score makes readers doubt the score.",
    advice="Copy loss, bytes and seeds from the logs that the score is of.",
    counterpart="val_bpb and val_loss as means of the same log lines, bytes_total as the largest log prints it.",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "submission.json with name, GitHub id, val_bpb and metadata"),
    ),
    check=check,
    fix=fix,
    invalid=(
        Example(
            "the loss of an older run",
            SCRIPT,
            '"val_loss": 2.0912',
            files=package(*_THREE, val_bpb=1.2015, val_loss=2.0912, seeds=[1337, 42, 7]),
            status="note",
        ),
        Example(
            "another size than any log prints",
            SCRIPT,
            '"bytes_total": 14123457',
            files=package(*_THREE, val_bpb=1.2015, bytes_total=14_123_457),
            status="note",
        ),
        Example(
            "a size in round numbers, far from any log's",
            SCRIPT,
            '"bytes_total": 14000000',
            files=package(*_THREE, val_bpb=1.2015, bytes_total=14_000_000),
            status="note",
        ),
        Example(
            "a largest size that another log exceeds",
            SCRIPT,
            '"bytes_total_max": 15700063',
            files=package(
                run_log(1337, 1.2, model=15_700_000),
                *_THREE[1:],
                val_bpb=1.2015,
                bytes_total_max=15_700_000 + len(SCRIPT),
            ),
            status="note",
        ),
        Example(
            "the model's size given as the artifact's",
            SCRIPT,
            '"artifact_bytes": 15800123',
            files=package(
                *(run_log(seed, bpb, model=15_800_123) for seed, bpb in ((1337, 1.2), (42, 1.201), (7, 1.2035))),
                val_bpb=1.2015,
                artifact_bytes=15_800_123,
            ),
            status="note",
        ),
        Example(
            "another size of the code than that of any version here",
            SCRIPT,
            '"code_bytes": 47642',
            files=package(*_THREE, val_bpb=1.2015, code_bytes=47_642),
            status="note",
        ),
        Example(
            "bytes that no log of the seed counts",
            SCRIPT,
            "| 42 | 1.2010 |",
            files=package(*_THREE, val_bpb=1.2015)
            | {
                "README.md": "# Example\n\n| Seed | val_bpb | Artifact |\n|---|---|---|\n"
                f"| 1337 | 1.2000 | {15_800_000 + len(SCRIPT):,} |\n| 42 | 1.2010 | 15,811,463 |\n"
            },
            status="note",
        ),
        Example(
            "seeds that were not run",
            SCRIPT,
            '"seeds": [',
            files=package(*_THREE, val_bpb=1.2015, seeds=[1, 2, 3]),
            status="note",
        ),
    ),
    valid=(
        Example(
            "everything is of the same runs",
            SCRIPT,
            files=package(*_THREE, val_bpb=1.2015, val_loss=2.028132, bytes_total=15_800_070, seeds=[1337, 42, 7]),
        ),
        Example("nothing but the score", SCRIPT, files=package(*_THREE, val_bpb=1.2015)),
        Example("a size in round numbers", SCRIPT, files=package(*_THREE, val_bpb=1.2015, bytes_total=15_900_000)),
    ),
    known_problems="A size that was measured with packed code, of which no log tells, looks like an older one.",
    severity="low",
)
