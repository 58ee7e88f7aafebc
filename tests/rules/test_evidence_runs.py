"""Which runs count, and what the rules on evidence make of them whatever the numbers are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from submissions import submission

from auditor import catalogue
from auditor.case import Case
from auditor.evidence.counted import counted_runs, training_runs
from auditor.evidence.read import read_evidence
from auditor.finding import Finding
from auditor.submission.discover import describe, lone_script
from auditor.submission.memory import MemoryTree
from rules import bogus_log, code_counted
from rules.evidence_examples import PLAIN, RECORD, log, metadata, record
from rules.run_logs import SCRIPT, package, run_log

SLUGS = (
    "train-wallclock",
    "eval-wallclock",
    "gptq-reserve",
    "hardware",
    "wrong-denominator",
    "val-partition",
    "doc-overlap",
    "not-significant",
    "val-tuned",
    "tainted-lineage",
)
BUDGETS = ("train-wallclock", "eval-wallclock", "gptq-reserve", "hardware", "not-significant")


def case_of(files: dict[str, str], *, track: str = "track_10min_16mb", pr: int | None = None) -> Case:
    tree = MemoryTree({path: text.encode("utf-8") for path, text in {"train_gpt.py": PLAIN, **files}.items()})
    name = "2026-04-01_Example"
    found = describe(tree, given=name, name=name, place=f"records/{track}/{name}", script="train_gpt.py", pr=pr)
    return Case(found, None, None, read_evidence(found))


def found(case: Case, *slugs: str) -> list[Finding]:
    rules = [rule for slug in slugs or SLUGS if (rule := catalogue.find(slug)) is not None]
    assert len(rules) == len(slugs or SLUGS)
    return [finding for rule in rules for finding in rule.check(case)]


def statuses(findings: Iterable[Finding]) -> set[str]:
    return {finding.status for finding in findings}


def logs_of(case: Case) -> list[tuple[str, bool]]:
    return [(each.run.path, each.claimed) for each in counted_runs(case.evidence)]


def test_the_runs_of_the_claimed_mean_count_and_no_others() -> None:
    case = case_of(RECORD | {"ablation.log": log(99, 1.31)})
    assert logs_of(case) == [(f"train_seed{seed}.log", True) for seed in (1, 2, 3)]


def test_the_runs_of_claimed_seeds_count_where_the_claim_is_the_best_of_them() -> None:
    per_seed = {"1": {"val_bpb": 1.2243657}, "2": {"val_bpb": 1.2249}}
    case = case_of(
        {
            "train_seed1.log": log(1, 1.2243657),
            "train_seed2.log": log(2, 1.2249),
            "train_seed3.log": log(3, 1.2251),
            "submission.json": metadata(1.2243657, seed_results=per_seed),
        }
    )
    assert logs_of(case) == [("train_seed1.log", True), ("train_seed2.log", True)]


def test_a_log_that_lies_there_twice_is_one_run_that_trained() -> None:
    case = case_of({"train.log": log(1, 1.25), "train_seed1.log": log(1, 1.25), "train_seed2.log": log(2, 1.26)})
    assert [each.run.path for each in training_runs(case.evidence)] == ["train.log", "train_seed2.log"]


def test_without_a_claim_every_finished_run_counts_but_is_not_claimed() -> None:
    case = case_of({"a.log": log(1, 1.25), "b.log": log(2, 1.26), "started.log": "seed:3\nworld_size:8\n"})
    assert logs_of(case) == [("a.log", False), ("b.log", False)]


def test_a_score_in_one_log_is_trained_in_another() -> None:
    scored = "seed:1\nfinal_ttt val_loss:2.0 val_bpb:1.18440000 eval_time:90000ms\n"
    case = case_of({"ttt_seed1.log": scored, "train_seed1.log": log(1, 1.2244), "submission.json": metadata(1.1844)})
    assert [each.run.path for each in counted_runs(case.evidence)] == ["ttt_seed1.log"]
    assert [each.run.path for each in training_runs(case.evidence)] == ["train_seed1.log"]


def test_what_is_not_claimed_is_held_and_not_flagged() -> None:
    slow = log(1, 1.2244, stop=900.0, evaluated=900.0, world_size=1)
    unclaimed = found(case_of({"train_seed1.log": slow}), "train-wallclock", "eval-wallclock", "hardware")
    assert statuses(unclaimed) == {"hold"}
    claimed = case_of({"train_seed1.log": slow, "submission.json": metadata(1.2244)})
    assert statuses(found(claimed, "train-wallclock", "eval-wallclock", "hardware")) == {"violation"}


@pytest.mark.parametrize("slug", SLUGS)
def test_without_evidence_the_rules_are_silent(slug: str) -> None:
    assert not found(case_of({}), slug)


def test_a_lone_script_has_no_evidence_to_judge() -> None:
    slow = record(1.3, 1.3, 1.4, stop=900.0, evaluated=900.0, world_size=1, tokens=1_000_000)
    tree = MemoryTree({path: text.encode() for path, text in {"train_gpt.py": PLAIN, **slow}.items()})
    whole = case_of(slow)
    alone = lone_script(tree, "train_gpt.py", given="train_gpt.py")
    assert statuses(found(whole)) == {"violation", "hold", "incomplete"}
    assert not found(Case(alone, None, None, read_evidence(alone)))


def test_the_budgets_are_the_record_tracks() -> None:
    slow = record(1.3, 1.3, 1.4, stop=7200.0, evaluated=900.0, world_size=1)
    assert found(case_of(slow), *BUDGETS)
    assert not found(case_of(slow, track="track_non_record_16mb"), *BUDGETS)


@pytest.mark.parametrize(
    ("stop", "status"),
    [(599.9, set()), (600.05, set()), (600.4, {"note"}), (601.9, {"note"}), (602.1, {"violation"})],
)
def test_tolerance_of_the_training_clock(stop: float, status: set[str]) -> None:
    assert statuses(found(case_of(record(1.2244, 1.2245, stop=stop)), "train-wallclock")) == status


@settings(deadline=None, max_examples=40)
@given(seconds=st.floats(1, 4000), more=st.floats(0, 4000))
def test_longer_evaluation_is_never_judged_milder(seconds: float, more: float) -> None:
    def judged(evaluated: float) -> bool:
        return bool(found(case_of(record(1.2244, 1.2245, evaluated=evaluated)), "eval-wallclock"))

    assert judged(seconds + more) >= judged(seconds)
    assert judged(seconds) == (round(seconds * 1000) > 600_000)


def test_adaptation_before_quantisation_is_evaluation() -> None:
    files = record(1.0397, 1.0396, after_training="prequant_ttt:done total_time=523.6s\n", stop=588.0, evaluated=115.0)
    (finding,) = found(case_of(files), "eval-wallclock")
    assert finding.status == "violation"
    assert "638.6 s (523.6 s of adaptation" in finding.message


@settings(deadline=None, max_examples=60)
@given(bpb=st.floats(0.5, 2.5), off=st.floats(-0.04, 0.5))
def test_the_denominator_is_what_loss_and_score_imply(bpb: float, off: float) -> None:
    files = record(bpb, bpb + 0.001, scored_bytes=151_080_000 * (1 + off))
    status = statuses(found(case_of(files), "wrong-denominator"))
    if abs(off) < 0.0029:
        assert status == set()
    elif off > 0.0031:
        assert status == {"violation"}
    elif off < -0.0031:
        assert status == {"hold"}


def test_a_corrected_claim_is_held_by_the_seed_that_shows_it() -> None:
    mixed = "ppm_mix tokens=62021632 bytes=164594398 mix=1\n"
    text = log(1, 0.9796, last=mixed)
    (finding,) = found(
        case_of({"train_seed1.log": text, "submission.json": metadata(round(0.9796 * 164_594_398 / 151_080_000, 4))}),
        "wrong-denominator",
    )
    assert finding.status == "hold"
    assert "corrected" in finding.message


def test_a_finding_names_the_line_of_the_log() -> None:
    case = case_of(record(1.2244, 1.2245, world_size=4))
    (finding,) = found(case, "hardware")
    assert finding.path is not None
    assert finding.line is not None
    text = record(1.2244, 1.2245, world_size=4)[finding.path].splitlines()[finding.line - 1]
    assert text.startswith("world_size:4")
    assert "1 other run shows the like" in finding.message


def test_lines_that_are_not_utf8_are_read_as_well_as_can_be() -> None:
    tree = MemoryTree({"train_gpt.py": PLAIN.encode(), "README.md": b"\xff\xfe built on PR #720 \xc3\n"})
    case = describe(tree, given="x", name="x", place="records/track_10min_16mb/x", script="train_gpt.py")
    (finding,) = found(Case(case, None, None, read_evidence(case)), "tainted-lineage")
    assert (finding.path, finding.line) == ("README.md", 1)


def test_the_rules_import_nothing_heavy() -> None:
    code = (
        "import sys; from auditor import catalogue; from auditor.evidence.frontier import load;"
        "catalogue.load(); load();"
        "print([m for m in ('numpy', 'scipy', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_code_is_packed_only_where_a_total_is_over_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    monkeypatch.setattr(code_counted, "packed_size", lambda code: asked.append(code) or 400)
    for model, packed in ((15_800_000, False), (15_999_990, True)):
        logs = [run_log(seed, 1.2 + seed / 1e4, model=model) for seed in (1, 2, 3)]
        findings = found(case_of({**package(*logs, val_bpb=1.2002), "train_gpt.py": SCRIPT}), "artifact-cap")
        assert (bool(findings), bool(asked)) == (packed, packed)
    assert asked == [SCRIPT.encode()]


def test_what_was_submitted_is_unpacked_once_for_all_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    unpack = bogus_log.unpack
    monkeypatch.setattr(
        bogus_log, "unpack", lambda data, path, sibling: opened.append(path) or unpack(data, path, sibling)
    )
    logs = [run_log(seed, 1.2 + seed / 1e4, code=len(SCRIPT) + 3) for seed in (1, 2, 3)]
    findings = found(case_of({**package(*logs, val_bpb=1.2002), "train_gpt.py": SCRIPT}), "bogus-log")
    assert any("bytes of code" in finding.message for finding in findings)
    assert opened == ["train_gpt.py"]


def test_examples_are_submissions_that_the_whole_audit_reads() -> None:
    found_here = submission(PLAIN, RECORD)
    assert found_here.logs == ("train_seed1.log", "train_seed2.log", "train_seed3.log")
    assert found_here.metadata == "submission.json"


def test_of_what_says_that_it_is_no_record_only_the_place_is_wrong() -> None:
    files = record(1.2244, world_size=1)
    assert [f.status for f in found(case_of(files), "hardware")] == ["violation"]
    said = files | {"README.md": "# Small card\n\nThis is a non-record submission from one card.\n"}
    (finding,) = found(case_of(said), "hardware")
    assert finding.status == "hold"
    assert "its place is the non-record track" in finding.message
    both = files | {"README.md": "# Record: one card\n\nConfig A beats SOTA. Config B does not beat SOTA.\n"}
    assert [f.status for f in found(case_of(both), "hardware")] == ["violation"]


def test_several_runs_of_a_seed_are_one_value() -> None:
    logs = {f"{n}.log": log(1337, value) for n, value in zip("abc", (1.2301, 1.2307, 1.2310), strict=True)}
    files = {"submission.json": metadata(1.2306, seeds=(1337,))} | logs
    (finding,) = found(case_of(files), "not-significant")
    assert finding.message.startswith("The score of the one seed, the mean of its 3 runs, 1.230600, is ")
    blind = {name: "\n".join(t for t in text.splitlines() if "seed" not in t) for name, text in logs.items()}
    blind["submission.json"] = metadata(1.2306, seeds=())
    (finding,) = found(case_of(blind), "not-significant")
    assert finding.message.startswith("The mean of 3 runs, 1.230600, is ")


def test_who_claims_no_state_of_the_art_may_claim_a_record() -> None:
    files = record(1.2244, world_size=1) | {"README.md": "# One card\n\nThis is not a SOTA claim.\n"}
    assert [f.status for f in found(case_of(files), "hardware")] == ["violation"]
