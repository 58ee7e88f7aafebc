"""Code that runs but is not in the counted bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from auditor.case import Case
from auditor.evidence.printed import Value
from auditor.evidence.run import Run
from auditor.evidence.sizes import FileSize
from auditor.finding import Finding, Status
from auditor.rule import Authority, Example, Rule
from auditor.submission.names import is_source
from rules.code_counted import model_bytes, packed
from rules.limits import cap
from rules.run_logs import SCRIPT, package, run_log
from rules.scored_runs import judged, reported, several

SLUG = "uncounted-code"

_SLACK = 512  # bytes by which the printed code may differ from the files: line ends, a wrapper


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding when the program runs files of the folder that the counted total leaves out."""
    if not judged(case):
        return
    helpers = _run_too(case)
    script = case.evidence.sizes.code_bytes
    if not helpers or script is None:
        return
    plain = sum(f.size for f in helpers)
    worst = _largest(reported(case))
    if worst is None:
        yield _finding("hold", helpers, f"{_named(helpers)}; no log tells what is counted", None)
        return
    run, model, total = worst
    counted = total.value - model.value
    if counted >= script + plain - _SLACK or abs(counted - plain) <= _SLACK:
        return  # they are in it, or all of it
    least = packed(case, [f.path for f in helpers])
    if case.evidence.sizes.counts_packed and counted >= packed(case, [case.submission.script or ""]) + least:
        return
    most = cap(case)
    with_plain, with_least = total.value + plain, total.value + least
    told = (
        f"{_named(helpers)} and not in the {counted:,} bytes of code that {run.path} counts; with {_it(helpers)} the "
        f"total is {with_plain:,} bytes"
    )
    if with_plain > most >= with_least:
        told += f", over the cap of {most:,}, or about {with_least:,} when packed"
    elif with_least > most:
        told += f", and {with_least:,} at least when packed, over the cap of {most:,}"
    # A total that is over without them is the matter of artifact-cap.
    status: Status = "violation" if with_least > most >= total.value else "hold"
    yield _finding(status, helpers, told, total)


def _it(helpers: Sequence[FileSize]) -> str:
    return "it" if len(helpers) == 1 else "them"


def _run_too(case: Case) -> tuple[FileSize, ...]:
    """Return the helpers that the program runs: what it imports, and native code and sources that it names."""
    program, reachable = case.program, case.evidence.sizes.reachable
    if program is None:
        return ()
    layered = {path for path, unit in program.units.items() if unit.sources and path != program.script}
    text = "\n".join(unit.source.text for unit in program.units.values())
    # Names in comments, and of data preparation, are not what the training run executes.
    code = "\n".join(line.partition("#")[0] for line in text.splitlines())
    named = {f.path for f in reachable if f.path in program.native and PurePosixPath(f.path).name in code}
    main = case.evidence.sizes.script
    loaded = {f.path for f in reachable if is_source(f.path) and main is not None and _loads(program.main.packing, f)}
    return tuple(f for f in case.evidence.sizes.helpers if f.path in layered | named | loaded)


def _loads(packing: Sequence[object], helper: FileSize) -> bool:
    """Tell whether one of the script's layers came out of a file of the folder, by its size."""
    return any(getattr(step, "unpacked", None) == helper.size for step in packing)


def _largest(runs: Sequence[Run]) -> tuple[Run, Value[int], Value[int]] | None:
    """Return the run with the largest total, its model's size and that total."""
    sized = [
        (run, model, total)
        for run in runs
        if (model := model_bytes(run)) is not None
        and (total := run.artifact_bytes) is not None
        and total.value >= model.value
    ]
    return max(sized, key=lambda entry: entry[2].value, default=None)


def _named(helpers: Sequence[FileSize]) -> str:
    parts = [f"{f.path} ({f.size:,} bytes)" for f in helpers]
    return f"{several(parts, 4)} {'is' if len(parts) == 1 else 'are'} run by the script"


def _finding(status: Status, helpers: Sequence[FileSize], told: str, place: Value[int] | None) -> Finding:
    return Finding(
        rule=SLUG,
        group="evidence",
        status=status,
        message=f"{told}.",
        path=place.path if place is not None else helpers[0].path,
        line=place.line if place is not None else None,
        end_line=place.line if place is not None else None,
    )


_IMPORTS = "from kernels_mine import fused\n\nfused()\n" + SCRIPT
_HELPER = "def fused():\n    return 1\n" + "".join(f"FIELD_{n} = {n * n}\n" for n in range(100))
_LOG = package(run_log(1, 1.2, code=len(_IMPORTS)), val_bpb=1.2)
_TABLE = (
    "def fused():\n    return TABLE\n\nTABLE = [\n"
    + "".join(f"    {(n * 2654435761) % 4294967291},\n" for n in range(2000))
    + "]\n"
)

RULE = Rule(
    slug=SLUG,
    title="Code that is not counted",
    group="evidence",
    condition="budget",
    summary="Files of the folder that the script imports, runs or compiles are added to the counted total: helper "
    "modules, kernels, sources that it opens.",
    why="All counted code should live in train_gpt.py. What lies beside it and runs is part of the artifact, and a "
    "total without it says less than the submission weighs.",
    advice="Move the helpers into train_gpt.py, or count them in the total that the script prints.",
    counterpart="A script that adds up its helpers' bytes and prints the sum as its code size (#1420).",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "all counted code should live in the train_gpt.py script"),
        Authority("#1514", "OpenAI", "2026-04", "official", "merged, and says that its helpers are not counted"),
    ),
    check=check,
    needs=("artifact",),
    invalid=(
        Example(
            "a module beside the script",
            _IMPORTS,
            "Total submission size",
            files=_LOG | {"kernels_mine.py": _HELPER},
            status="hold",
        ),
        Example(
            "a kernel that is compiled at the start",
            "import os\n\nos.system('g++ -shared tilt.cpp -o /tmp/tilt.so')\n" + SCRIPT,
            "Total submission size",
            files=package(run_log(1, 1.2), val_bpb=1.2) | {"tilt.cpp": "int tilt(int a) { return a + 1; }\n" * 90},
            status="hold",
        ),
        Example(
            "it would break the cap, packed too",
            _IMPORTS,
            "Total submission size",
            files=package(run_log(1, 1.2, model=15_999_000, code=len(_IMPORTS)), val_bpb=1.2)
            | {"kernels_mine.py": _TABLE},
        ),
    ),
    valid=(
        Example(
            "the printed code size holds the helper",
            _IMPORTS,
            files=package(run_log(1, 1.2, code=len(_IMPORTS) + len(_HELPER)), val_bpb=1.2)
            | {"kernels_mine.py": _HELPER},
        ),
        Example(
            "a file that nothing runs",
            SCRIPT,
            files=package(run_log(1, 1.2), val_bpb=1.2) | {"prepare_data.py": _HELPER},
        ),
        Example(
            "a comment names it",
            "# see prepare_data.py\n" + SCRIPT,
            files=package(run_log(1, 1.2), val_bpb=1.2) | {"prepare_data.py": _HELPER},
        ),
    ),
    known_problems="Whether helpers count is contested: #1514 was merged with 27 KB of them beside the total. A "
    "violation is reported only where their minified and packed bytes would break the cap.",
)
