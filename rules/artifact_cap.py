"""Artifacts above 16,000,000 bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from auditor.case import Case
from auditor.evidence.printed import Value
from auditor.evidence.rounding import agrees
from auditor.evidence.run import Run
from auditor.evidence.series import final
from auditor.finding import Finding, Status, Step
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import and_others
from rules.code_counted import Code, model_bytes, script
from rules.limits import cap, largest_meant
from rules.run_logs import SCRIPT, metadata, package, run_log
from rules.scored_runs import judged, reported, several

SLUG = "artifact-cap"

_CODERS = {"zstd": "zstandard", "brotli": "brotli"}  # that pack smaller than zlib: a label's word, the module
_COUNT_AS_SHIPPED = (
    "Run what is shipped, and let it count its code as it lies there: then the log's own total is the artifact's."
)
_PACKED_FILES = (".ptz", ".xz", ".lzma", ".zst", ".br", ".hgz")


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding when a run's model and counted code exceed the cap, or when no size is shown."""
    if not judged(case):
        return
    runs = reported(case)
    code = script(case)
    over = [found for run in runs if (found := _over(case, run, code)) is not None]
    if over:
        worst = max(over, key=lambda found: (found[0] == "violation", found[1]))
        yield replace(worst[2], message=and_others(worst[2].message, len(over) - 1))
    elif not any(artifact(case, run) is not None or _summed(case, run, code) for run in case.evidence.runs):
        yield from _without_log(case, runs, code)


def _summed(case: Case, run: Run, code: Code | None) -> bool:
    """Tell whether a log's packed model and the script as it lies there are a size that can be meant."""
    model = model_bytes(run)
    return model is not None and code is not None and model.value + code.plain <= largest_meant(case)


def artifact(case: Case, run: Run) -> Value[int] | None:
    """Return the total that a log prints; None for what can only be the unpacked model, or a count of tokens."""
    total = run.artifact_bytes
    return total if total is not None and total.value <= largest_meant(case) else None


def _over(case: Case, run: Run, code: Code | None) -> tuple[Status, int, Finding] | None:
    """Return how far a run is over the cap, with the finding; None when it fits or its log tells no size."""
    model, total = model_bytes(run), artifact(case, run)
    printed = run.code_bytes
    further = run.last("other_bytes")  # what the log counts beside model and code
    beside = round(further.value) if further is not None else 0
    plain = model.value + beside + code.plain if model is not None and code is not None else None
    counted = total.value if total is not None else plain
    if model is not None and printed is not None and printed.value < model.value:
        counted = max(counted or 0, model.value + beside + printed.value)  # some totals leave the code out
    place = total or model
    if counted is None or place is None or not cap(case) < counted <= largest_meant(case):
        return None
    least = _least(model, printed, code)
    least = least + beside if least is not None else None
    stated = case.evidence.metadata.first("artifact_bytes")
    claimed = _carries_the_claim(case, run) or (stated is not None and round(stated.value) == counted)
    certain = least is not None and least > cap(case) and claimed
    sizes = [f"the log's total is {counted:,}"] if total is not None and total.value == counted else []
    if not sizes:
        sizes = [f"model and code are {counted:,} together"]
    if plain is not None and plain != counted:
        sizes.append(f"{plain:,} with the script as it lies there")
    if least is not None and least not in (counted, plain):
        sizes.append(f"at least {least:,} with minified and packed code")
    which = f"seed {run.seed.value}" if run.seed is not None else run.path
    if (
        run.seed is not None
        and sum(each.seed is not None and each.seed.value == run.seed.value for each in reported(case)) > 1
    ):
        which = f"{which} ({run.path})"  # of several logs that print one seed
    message = f"The artifact of {which} is over the cap of {cap(case):,} bytes: {', '.join(sizes)}."
    if not certain and least is not None and least <= cap(case):
        message = (
            f"Whether the artifact of {which} is over the cap of {cap(case):,} bytes hangs on how its code is counted: "
            f"{', '.join(sizes)}."
        )
        message += " Packed code is accepted (#1412), a log's own total above the cap was not (#1959)."
    elif least is None:
        message += " The log does not tell the model's size from the code's."
    elif not certain:
        message += " This is not shown to be the run of the claimed score."
    known = (counted, plain, model and model.value)
    if stated is not None and stated.value <= cap(case) and round(stated.value) not in known:
        message += f" submission.json states {stated.value:,.0f} bytes, which this log does not total."
    status: Status = "violation" if certain else "hold"
    finding = Finding(
        rule=SLUG,
        group="evidence",
        status=status,
        message=message,
        path=place.path,
        line=place.line,
        end_line=place.line,
        trace=_parts(model, printed, Value(beside, further.path, further.line) if further is not None else None),
        advice=_advice(case, run) if certain or plain is None or plain > cap(case) else _COUNT_AS_SHIPPED,
    )
    return status, counted, finding


def _advice(case: Case, run: Run) -> str:
    """Return what to do first where the script packs better than its log did; empty where nothing of that is known."""
    labels = {v.label.lower() for name in ("model_bytes", "total_bytes") for v in run.numbers(name)}
    used = [coder for coder in ("zlib", *_CODERS) if any(coder in label for label in labels)]
    text = case.program.main.source.text if case.program is not None else ""
    better = next((name for name, module in _CODERS.items() if _imports(text, module)), None)
    if used != ["zlib"] or better is None:
        return ""
    return (
        f"The log's artifact is packed with zlib, and the script imports {_CODERS[better]}: run it where that is "
        f"installed, and put it into requirements.txt. {RULE.advice}"
    )


def _imports(text: str, module: str) -> bool:
    return re.search(rf"^\s*(?:import|from)\s+{module}\b", text, re.MULTILINE) is not None


def _least(model: Value[int] | None, printed: Value[int] | None, code: Code | None) -> int | None:
    """Return the total with the code as small as it could be counted; None without a model's size."""
    if model is None:
        return None
    sizes = [size for size in (printed.value if printed else None, code.least if code else None) if size is not None]
    return model.value + min(sizes, default=0)


def _carries_the_claim(case: Case, run: Run) -> bool:
    """Tell whether the run belongs to the claimed score: it prints it, or it is one of the seeds of the mean."""
    claim, score = case.evidence.leading(), final(run)
    if claim is None or score is None:
        return False
    runs = reported(case)
    values = [metric.val_bpb for each in runs if (metric := final(each)) is not None]
    near = abs(claim.value - sum(values) / len(values)) < 2e-3 if values else False
    return near or any(agrees(claim, metric.val_bpb, (metric,)) for metric in run.scores)


def _parts(*values: Value[int] | None) -> tuple[Step, ...]:
    return tuple(Step(v.path, v.line, f"{v.value:,} bytes") for v in values if v is not None and v.line is not None)


def _without_log(case: Case, runs: Sequence[Run], code: Code | None) -> Iterator[Finding]:
    """Yield what files and claims show of the size where no log tells it."""
    packed = [a for a in case.evidence.sizes.artifacts if a.path.endswith(_PACKED_FILES)]
    largest = max(packed, key=lambda a: a.size, default=None)
    if largest is not None and largest.size + (code.least if code else 0) > cap(case):
        message = (
            f"{largest.path} has {largest.size:,} bytes, over the cap of {cap(case):,} with the code; no log tells the "
            "size of the submitted artifact."
        )
        yield Finding(SLUG, "evidence", "hold", message, largest.path)
        return
    claim = case.evidence.claims().artifact_bytes
    if claim is not None and claim > cap(case):
        place = next(
            (c for c in case.evidence.metadata.numbers if c.name == "artifact_bytes" and round(c.value) == claim), None
        )
        message = (
            f"The submission itself states {claim:,} bytes, over the cap of {cap(case):,}; no total could be read from "
            "a log."
        )
        path, line = (place.path, place.line) if place else (case.submission.metadata, None)
        yield Finding(SLUG, "evidence", "hold", message, path, line, line)
        return
    if runs and largest is None:
        logs = several(tuple(dict.fromkeys(run.path for run in runs)), 3)
        printed = [total.value for run in runs if (total := run.artifact_bytes) is not None]
        message = (
            f"No total size of the artifact could be read from the logs ({logs}), and no artifact is in the folder."
        )
        if printed:  # of weights that were not packed, or not as they were submitted
            message = (
                f"The least total that the logs print ({logs}), {min(printed):,} bytes, is too far over the cap to be "
                "the submitted artifact's, and no artifact is in the folder."
            )
        advice = "Commit a log that prints the total of code and packed model, or the packed model itself."
        yield Finding(SLUG, "evidence", "incomplete", message, runs[0].path, advice=advice)


_BIG = 15_990_000
_PLAIN = SCRIPT + "".join(f"# Note {n} of a long explanation that takes up room in the script.\n" for n in range(900))

RULE = Rule(
    slug=SLUG,
    title="Artifact above 16,000,000 bytes",
    group="evidence",
    condition="budget",
    summary="Model and counted code of each reported run are added up; the largest must not exceed 16,000,000 bytes "
    "(decimal). Code counts as the log counts it, as it lies on disk, and packed; a violation needs all of them over.",
    why="The challenge is to predict well from 16 MB. The cap holds for every seed and for the non-record track too, "
    "and 16 MiB is not 16 MB.",
    advice="Compress or prune harder, pack the code, leave some slack for other seeds. Keep the smallest of several "
    "coders: quantised weights that are stored one to a byte pack smaller with brotli 11 or zstd than with zlib 9, and "
    "larger where their bits are packed together before.",
    counterpart="A log whose total submission size is below 16,000,000 for every seed, code included (#1530).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "code plus compressed model, 16,000,000 bytes, decimal"),
        Authority("#1809", "regina-openai", "2026-04", "official", "16,024,793 bytes: over the cap, ineligible"),
        Authority("#1959", "cocohearts", "2026-05", "audit", "15,976,086 and 66,546 of code make 16,042,632"),
        Authority("#1412", "OpenAI", "2026-04", "official", "merged: logs total 16,059,704, packed code fits"),
    ),
    check=check,
    needs=("artifact",),
    invalid=(
        Example(
            "one seed of three is over",
            SCRIPT,
            "size int8+zlib: 16004",
            files=package(
                run_log(1337, 1.2, model=15_900_000),
                run_log(42, 1.2002, model=16_004_026),
                run_log(7, 1.2001, model=15_950_000),
                val_bpb=1.2001,
            ),
        ),
        Example(
            "a total that leaves out the code",
            SCRIPT,
            "model:15999990",
            files={
                "train_seed1.log": "seed:1\nworld_size:8\nstep:10/10 train_loss:3.0 train_time:5000ms\n"
                "model:15999990 code:70 total: 15999990\nfinal val_bpb:1.2000\n",
                "submission.json": metadata(val_bpb=1.2),
            },
        ),
        Example(
            "the log's total is over, packed code would fit",
            _PLAIN,
            "Total submission size",
            files=package(run_log(1337, 1.2, model=_BIG, code=len(_PLAIN)), val_bpb=1.2),
            status="hold",
        ),
        Example(
            "no size anywhere",
            SCRIPT,
            files={"train_seed1.log": "seed:1\nstep:10/10 train_loss:3.0 train_time:5000ms\nfinal val_bpb:1.2000\n"},
            status="incomplete",
        ),
        Example(
            "only the metadata tells, and it is over",
            SCRIPT,
            '"bytes_total": 16777216',
            files={"submission.json": metadata(val_bpb=1.2, bytes_total=16_777_216)},
            status="hold",
        ),
    ),
    valid=(
        Example("all seeds fit", SCRIPT, files=package(run_log(1, 1.2), run_log(2, 1.2), val_bpb=1.2)),
        Example(
            "the cap to the byte", SCRIPT, files=package(run_log(1, 1.2, model=16_000_000 - len(SCRIPT)), val_bpb=1.2)
        ),
        Example(
            "an ablation beside the submitted run is over",
            SCRIPT,
            files=package(run_log(1, 1.2), run_log(1, 1.1, model=17_000_000), val_bpb=1.2)
            | {"ablations/wide_seed1.log": run_log(1, 1.1, model=17_000_000), "train_seed1.log": run_log(1, 1.2)},
        ),
    ),
    known_problems="How the code is counted has changed: up to April the file as it lies there, later minified and "
    "packed by the script itself. Where only one of the counts is over, a person must decide.",
)
