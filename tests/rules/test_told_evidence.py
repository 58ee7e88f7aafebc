"""What the rules on evidence say of runs, logs and names is true of them."""

from __future__ import annotations

import json

from submissions import submission

from auditor import catalogue
from auditor.case import Case
from auditor.evidence.read import read_evidence
from auditor.evidence.scored import reported
from auditor.finding import Finding
from auditor.submission.model import Submission
from rules.evidence_examples import PLAIN, RECORD, log, metadata
from rules.run_logs import SCRIPT, run_log


def case_of(files: dict[str, str], code: str = PLAIN) -> Case:
    found: Submission = submission(code, files)
    return Case(found, None, None, read_evidence(found))


def told(slug: str, files: dict[str, str], code: str = PLAIN) -> list[Finding]:
    rule = catalogue.find(slug)
    assert rule is not None
    return list(rule.check(case_of(files, code)))


def test_a_log_that_lies_there_twice_is_no_other_run() -> None:
    part = {f"train_seed{seed}.log": log(seed, 1.2243 + seed / 1e5, tokens=12_000_000) for seed in (1, 2, 3)}
    files = {**part, "final_model.txt": part["train_seed1.log"], "submission.json": metadata(1.2244)}
    (finding,) = told("val-partition", files)
    assert "2 other runs" in finding.message


def test_the_runs_that_the_scores_of_the_seeds_name_are_those_of_the_mean() -> None:
    first = {1: 1.20103, 2: 1.20207, 3: 1.20309}
    last = {1: 1.20151, 2: 1.20251, 3: 1.20201}
    files = {f"train_seed{s}.log": run_log(s, bpb, model=15_999_999) for s, bpb in first.items()}
    files |= {f"train_seed{s}_final.log": run_log(s, bpb) for s, bpb in last.items()}
    said = {"name": "Example", "val_bpb": 1.2020, "seeds": {str(s): round(bpb, 4) for s, bpb in last.items()}}
    case = case_of({**files, "submission.json": json.dumps(said)}, SCRIPT)
    assert [run.path for run in reported(case.evidence, on_record=True)] == sorted(p for p in files if "final" in p)
    rule = catalogue.find("artifact-cap")
    assert rule is not None
    assert not list(rule.check(case))
    assert {run.path for run in case.evidence.runs} == set(files)


def test_the_lines_in_which_an_embedded_script_differs_are_counted() -> None:
    text = "import math\n" + "".join(f"def stage_{n}(x):\n    return x * {n}\n" for n in range(40))
    run = run_log(1337, 1.2)
    embedded = f"{text}exec('')\n{'=' * 100}\n{run}"
    found = told("bogus-log", RECORD | {"train_seed1.log": embedded}, text + "print(1)\nprint(2)\nprint(3)\n" * 3)
    said = "of the 82 lines that it embeds, 1 are not in what was submitted, which has 9 that it doesn't embed."
    assert any(said in f.message for f in found), [f.message for f in found]


def test_numbers_of_runs_are_no_seeds() -> None:
    files = {f"baseline_00{n}.txt": run_log(1337, 1.2 + n / 1e4) for n in (1, 2, 3)}
    assert not [f for f in told("bogus-log", files, SCRIPT) if "named by seed" in f.message]
    files = {f"run_seed{n}.txt": run_log(1337, 1.2 + n / 1e4) for n in (1, 2, 3)}
    assert [f for f in told("bogus-log", files, SCRIPT) if "runs of one seed" in f.message]
