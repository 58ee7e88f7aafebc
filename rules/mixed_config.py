"""Seeds of one mean that were run with different settings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from auditor.case import Case
from auditor.evidence.counted import counted_runs
from auditor.evidence.printed import Value
from auditor.evidence.rounding import agrees
from auditor.evidence.run import Run
from auditor.evidence.scored import seeds
from auditor.evidence.series import ONE_CONFIG, by_label
from auditor.finding import Finding, Step
from auditor.rule import Authority, Example, Rule
from auditor.submission.names import shown
from rules.run_logs import SCRIPT, package, run_log
from rules.run_settings import READ, Difference, codes, differences
from rules.scored_runs import judged, record, reported

SLUG = "mixed-config"

_MOST_NAMED = 4


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold when the reported seeds of a record print different settings."""
    if not judged(case) or not record(case):
        return
    runs = _near_the_claim(case, [run for run in reported(case) if run.settings])
    if len(seeds(runs)) < 2:
        return
    apart = (d for d in differences(runs) if not _of_the_seed(case, d.name))
    found = sorted(apart, key=lambda d: (d.name in READ, d.name))
    counted = codes(runs)
    if not found and counted is not None:
        yield _other_code(counted)
    if not found or _of_one_group(case, runs, found):
        return
    first = _odd(found[0])
    told = "; ".join(_told(d) for d in found[:_MOST_NAMED])
    claimed = any(each.claimed for each in counted_runs(case.evidence))
    whose = "The reported seeds" if claimed or case.evidence.leading() is None else "The runs that the logs show"
    more = f"; {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    yield Finding(
        rule=SLUG,
        group="evidence",
        status="hold",
        message=f"{whose} were not run with the same settings: {told}{more}."
        + (f" Nor do their logs count the same bytes of code: {_each(counted)}." if counted is not None else ""),
        path=first.path,
        line=first.line,
        end_line=first.line,
        trace=tuple(
            Step(place.path, place.line, f"{shown(d.name, 40)}: {shown(value, 40)}")
            for d in found[:_MOST_NAMED]
            for _, value, place in d.values
            if place.line is not None
        ),
    )


def _near_the_claim(case: Case, runs: Sequence[Run]) -> Sequence[Run]:
    """Return the runs that can be a part of the claimed score: not a trial that lies far from it, beside them."""
    claim = case.evidence.leading()
    if claim is None:
        return runs
    near = [run for run in runs if any(abs(m.val_bpb - claim.value) <= ONE_CONFIG for m in run.scores)]
    return near or runs


def _other_code(counted: Difference) -> Finding:
    """Return the note on logs that count different bytes of code: of what may be several versions of the script."""
    odd = _odd(counted)
    message = (
        f"What the reported seeds ran may not be one version of the script: the bytes of code in their logs "
        f"are {_each(counted)}."
    )
    steps = tuple(Step(v.path, v.line, f"{size} bytes of code") for _, size, v in counted.values if v.line is not None)
    return Finding(SLUG, "evidence", "note", message, odd.path, odd.line, odd.line, trace=steps)


def _of_the_seed(case: Case, name: str) -> bool:
    """Tell whether what is printed under a name is a number that the script works out from the seed."""
    text = case.program.main.source.text if case.program is not None else ""
    printed = re.search(rf"\b{re.escape(name)}\s?[:=]\s?\{{(?:\w+\.)*(\w+)\W", text)
    made = printed is not None and re.search(rf"\b{printed[1]}\s*=[^=\n][^\n]*\bseed\b", text)
    return bool(made)


def _of_one_group(case: Case, runs: Sequence[Run], found: Sequence[Difference]) -> bool:
    """Tell whether the claim is the mean of the runs that share all settings: the others are another version's."""
    claim = case.evidence.leading()
    values: dict[int, list[str]] = {id(run): [] for run in runs}
    for difference in found:
        for run, value, _ in difference.values:
            values[id(run)].append(value)
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(values[id(run)]), []).append(run)
    return claim is not None and any(
        agrees(claim, s.mean, s.metrics)
        for group in groups.values()
        for s in by_label(group)
        if len(seeds(group)) > 1 and len(s.metrics) == len(group)
    )


def _odd(difference: Difference) -> Value[str]:
    """Return the place of the rarest value, the last of equals."""
    count = Counter(value for _, value, _ in difference.values)
    return min(reversed(difference.values), key=lambda entry: count[entry[1]])[2]


def _name(run: Run, runs: Sequence[Run]) -> str:
    """Return a run's seed, with its log where another of the runs has the seed too."""
    if run.seed is None:
        return run.path
    shared = sum(other.seed is not None and other.seed.value == run.seed.value for other in runs) > 1
    return f"{run.seed.value} ({run.path})" if shared else str(run.seed.value)


def _told(difference: Difference) -> str:
    return f"{shown(difference.name, 40)} is {_each(difference)}"


def _each(difference: Difference) -> str:
    """Return the values in words, each with the seeds whose logs print it."""
    by_value: dict[str, list[str]] = {}
    for run, value, _ in difference.values:
        by_value.setdefault(value, []).append(_name(run, [other for other, _, _ in difference.values]))
    return ", ".join(f"{shown(value, 40)} for {_all(names)}" for value, names in by_value.items())


def _all(names: Sequence[str]) -> str:
    """Return names as a list in words: ``1337, 42 and 7``."""
    *most, last = (shown(name, 40) for name in names)
    return f"{', '.join(most)} and {last}" if most else last


_SAME = "matrix_lr: 0.022\nweight_decay: 0.09\nmax_wallclock_seconds: 600.0"
_LOADER = """
def stride_of(shards, seed):
    step = seed * 16 + 31
    stride = (step + seed) % shards
    print(f"loader:strided stride:{stride} shards:{shards}")
"""
_OCCASION = """run_id=a1 config=B start=2026-03-26T15:01:04Z
https://example.com/apps/ap-H7w0
launched: 2026-03-26 15:01:04
job: 3f2b8c1d9a7e4f60
address: 10.0.0.7:29500
best_model: out/a1.pt"""
_ANOTHER = """run_id=b2 config=B start=2026-03-27T16:41:10Z
https://example.com/apps/ap-OLAK
launched: 2026-03-27 16:41:10
job: 77d01be5c3a94b21
address: 10.0.0.9:29500
best_model: out/b2.pt"""

RULE = Rule(
    slug=SLUG,
    title="Seeds of different configurations",
    group="evidence",
    condition="statistics",
    summary="The hyper-parameters that the reported seeds' logs print are compared. They may differ in seed, run name, "
    "paths and measurements; other differences, such as another stop step, other data or another number of "
    "processes, mean that the mean is not of one configuration. Other bytes of code are a note.",
    why="A mean over seeds says how one configuration does. A seed from another one, or one that was stopped by hand, "
    "is a second experiment whose score was chosen.",
    advice="Run every seed with the same code and settings, and report those.",
    counterpart="Three logs whose settings differ in the seed only (#1945); borrowed seeds of the same code, cited, "
    "were accepted too (#1851 with #1868).",
    authority=(
        Authority("#2124", "cocohearts", "2026-05", "audit", "third seed from another configuration: not record-ready"),
        Authority("#1851", "OpenAI", "2026-04", "official", "merged with seeds of #1868, same code, cited"),
    ),
    check=check,
    invalid=(
        Example(
            "one seed with another weight decay",
            SCRIPT,
            "weight_decay: 0.12",
            files=package(
                run_log(1, 1.2, settings=_SAME),
                run_log(2, 1.201, settings=_SAME),
                run_log(3, 1.1999, settings=_SAME.replace("0.09", "0.12")),
                val_bpb=1.2003,
            ),
            status="hold",
        ),
        Example(
            "one seed that was stopped at a step",
            SCRIPT,
            "force_stop_step: 4900",
            files=package(
                run_log(1, 1.2, settings=_SAME + "\nforce_stop_step: 0"),
                run_log(2, 1.201, settings=_SAME + "\nforce_stop_step: 0"),
                run_log(3, 1.1999, settings=_SAME + "\nforce_stop_step: 4900"),
                val_bpb=1.2003,
            ),
            status="hold",
        ),
        Example(
            "one seed on other data",
            SCRIPT,
            "train_shards: 78",
            files=package(
                run_log(1, 1.2, settings=_SAME + "\ntrain_shards: 80"),
                run_log(2, 1.201, settings=_SAME + "\ntrain_shards: 80"),
                run_log(3, 1.1999, settings=_SAME + "\ntrain_shards: 78"),
                val_bpb=1.2003,
            ),
            status="hold",
        ),
    ),
    valid=(
        Example(
            "seed, run id and paths differ",
            SCRIPT,
            files=package(
                run_log(1, 1.2, settings=_SAME + "\nrun_id: a1\ndata_path: /data/one"),
                run_log(2, 1.201, settings=_SAME.replace("600.0", "600.000") + "\nrun_id: b2\ndata_path: /data/two"),
                val_bpb=1.2005,
            ),
        ),
        Example(
            "an ablation beside the reported seeds",
            SCRIPT,
            files=package(
                run_log(1, 1.2, settings=_SAME),
                run_log(2, 1.201, settings=_SAME),
                run_log(3, 1.31, settings=_SAME.replace("0.09", "0.3")),
                val_bpb=1.2005,
                seeds=[1, 2],
            ),
        ),
        Example(
            "when and where each ran differs, and what it wrote",
            SCRIPT,
            files=package(
                run_log(1, 1.2, settings=_SAME + "\n" + _OCCASION),
                run_log(2, 1.201, settings=_SAME + "\n" + _ANOTHER),
                val_bpb=1.2005,
            ),
        ),
        Example(
            "a stride that the loader works out from the seed",
            SCRIPT + _LOADER,
            files=package(
                run_log(1, 1.2, settings=_SAME + "\nloader:strided stride:47"),
                run_log(2, 1.201, settings=_SAME + "\nloader:strided stride:63"),
                val_bpb=1.2005,
            ),
        ),
        Example("one run", SCRIPT, files=package(run_log(1, 1.2, settings=_SAME), val_bpb=1.2)),
    ),
    known_problems="Settings that no log prints cannot be compared; a difference in a setting that has no effect is "
    "reported too.",
)
