"""What the rules on evidence say of runs, logs and names is true of them."""

from __future__ import annotations

import json

from submissions import submission

from auditor import catalogue
from auditor.case import Case
from auditor.evidence.counted import measured_runs
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
    said = (
        "of the 82 lines with text that it embeds, 1 is not in what was submitted, which has 9 that it doesn't embed."
    )
    assert any(said in f.message for f in found), [f.message for f in found]


def test_numbers_of_runs_are_no_seeds() -> None:
    files = {f"baseline_00{n}.txt": run_log(1337, 1.2 + n / 1e4) for n in (1, 2, 3)}
    assert not [f for f in told("bogus-log", files, SCRIPT) if "named by seed" in f.message]
    files = {f"run_seed{n}.txt": run_log(1337, 1.2 + n / 1e4) for n in (1, 2, 3)}
    assert [f for f in told("bogus-log", files, SCRIPT) if "each prints seed 1337" in f.message]


def test_a_part_that_is_scored_is_no_fault_of_how_the_set_was_prepared() -> None:
    part = {"train_seed1.log": log(1, 1.2244, last="ppm_mixer val_bpb:1.20000000 N_bytes=29365687\n")}
    (finding,) = told("val-partition", part | {"submission.json": metadata(1.2)})
    assert finding.advice == "Score every token of the validation set, and report that."


def test_a_run_of_half_an_hour_is_not_told_to_leave_a_margin_of_a_step() -> None:
    (finding,) = told(
        "train-wallclock", {"train.log": log(1, 1.2244, stop=1800.0), "submission.json": metadata(1.2244)}
    )
    assert finding.advice.startswith("Set the cap to 600 s")
    (finding,) = told("train-wallclock", {"train.log": log(1, 1.2244, stop=604.0), "submission.json": metadata(1.2244)})
    assert not finding.advice


def test_the_size_of_the_data_is_no_artifact() -> None:
    text = run_log(1, 1.2).replace("Total submission size int8+zlib: ", "held: ")
    lines = "total_bytes=151080891\nartifact int6+zstd-22: 15697770 bytes + 83709 code = 15781479 total\n"
    (run,) = case_of({"train.log": text + "total_bytes=151080891\n"}).evidence.runs
    assert run.artifact_bytes is None or run.artifact_bytes.value < 100_000_000
    (run,) = case_of({"train.log": "seed:1\n" + lines + "final val_bpb:1.20000000\n"}).evidence.runs
    assert run.artifact_bytes is not None
    assert run.artifact_bytes.value == 15_781_479


def test_bytes_with_the_code_counted_otherwise_are_not_stale() -> None:
    run = run_log(1, 1.2, model=15_900_000 + 37, code=95_000)
    said = {"name": "Example", "val_bpb": 1.2, "bytes_total": 15_900_037 + 21_003}
    assert not told("stale-metadata", {"train.log": run, "submission.json": json.dumps(said)}, SCRIPT)
    said["bytes_total"] = 15_100_001
    (finding,) = told("stale-metadata", {"train.log": run, "submission.json": json.dumps(said)}, SCRIPT)
    assert "the log totals 15,995,037" in finding.message


def test_building_a_library_is_no_command_of_the_submission() -> None:
    readme = "# Run\n\n```bash\npython setup.py build_ext --inplace\ntorchrun mine.py\n```\n"
    (finding,) = told("stale-command", RECORD | {"README.md": readme}, PLAIN)
    assert "mine.py" in finding.message


def test_a_time_of_another_score_than_the_claimed_one_is_told_so() -> None:
    files = {"train.log": log(1, 1.2244, evaluated=900.0)}
    (finding,) = told("eval-wallclock", files | {"submission.json": metadata(1.1)})
    assert finding.message.startswith("The evaluation behind this run's score takes 900.0 s")
    (finding,) = told("eval-wallclock", files | {"submission.json": metadata(1.2244)})
    assert finding.message.startswith("The evaluation behind the score takes 900.0 s")


def test_runs_of_several_works_have_no_mean_to_compare() -> None:
    files = {f"train_seed{seed}.log": log(seed, bpb) for seed, bpb in ((1, 1.21), (2, 1.22), (3, 0.4))}
    assert not told("not-significant", files | {"submission.json": metadata(0.3)})
    assert told("not-significant", files | {"train_seed3.log": log(3, 1.23), "submission.json": metadata(0.3)})


def test_other_settings_of_runs_that_carry_no_claim_are_not_those_of_reported_seeds() -> None:
    files = {
        f"{name}.log": log(seed, bpb, world_size=world)
        for name, seed, bpb, world in (("first", 1, 1.21, 8), ("again", 1, 1.22, 4), ("third", 2, 1.215, 8))
    }
    settings = "weight_decay: 0.1\n"
    files = {name: settings + text for name, text in files.items()}
    (finding,) = told("mixed-config", files | {"submission.json": metadata(1.1)})
    assert finding.message.startswith("The runs that the logs show were not run with the same settings")
    assert "1 (first.log)" in finding.message
    assert "4 for 1 (again.log)" in finding.message


def test_scores_of_some_seeds_far_from_the_claim_are_not_the_claimed_ones() -> None:
    said = {
        "name": "Example",
        "val_bpb": 1.4882,
        "seed_results": {"1": {"val_bpb_raw": 1.2, "val_bpb": 1.2101}, "2": {"val_bpb": 1.2103}, "3": {"val_bpb": 1.0}},
    }
    files = {f"train_seed{seed}.log": log(seed, bpb) for seed, bpb in ((1, 1.2101), (2, 1.2103), (3, 1.25))}
    case = case_of(files | {"submission.json": json.dumps(said)})
    assert not any(run.claimed for run in measured_runs(case.evidence))


def test_a_run_that_is_left_out_and_scored_better_is_not_said_to_be_worse() -> None:
    settings = "matrix_lr: 0.022\nweight_decay: 0.09\nmuon_momentum: 0.97\nnum_layers: 11\nmodel_dim: 512"
    scores = {1: 1.20013, 2: 1.20027, 3: 1.20041, 4: 1.20021, 5: 1.20391}
    files = {f"train_seed{seed}.log": run_log(seed, bpb, settings=settings) for seed, bpb in scores.items()}
    said = {"name": "Example", "val_bpb": 1.20027, "seeds": [1, 2, 3]}
    (finding,) = told("best-of-k", files | {"submission.json": json.dumps(said)}, SCRIPT)
    assert "seeds 4, 5 scored 1.20021, 1.20391, and the mean of all is" in finding.message
    assert "worse" not in finding.message


def test_ranks_beneath_a_seed_and_seeds_of_a_baseline_are_not_the_submissions_seeds() -> None:
    swept = {"name": "Example", "val_bpb": 1.2, "lora_rank_sweep_seed_42": {"48": 1.2001, "56": 1.2}}
    assert case_of({"submission.json": json.dumps(swept)}).evidence.metadata.seeds == (42,)
    compared = {"name": "Example", "val_bpb": 1.2, "comparison": {"baseline_seed_results": {"7": 1.3, "8": 1.31}}}
    assert case_of({"submission.json": json.dumps(compared)}).evidence.metadata.seeds == ()


def test_the_seed_that_submission_json_names_may_be_that_of_the_run_which_prints_none() -> None:
    run = "\n".join(line for line in run_log(1, 1.2).splitlines() if not line.startswith("seed"))
    said = {"name": "Example", "val_bpb": 1.2, "seeds": [1337]}
    (finding,) = told("too-few-seeds", {"train.log": run, "submission.json": json.dumps(said)}, SCRIPT)
    assert finding.message.endswith("of no printed seed; submission.json names seed 1337.")


def test_a_run_that_is_late_by_a_hair_is_counted_among_the_late() -> None:
    late = {f"train_seed{s}.log": log(s, 1.2243 + s / 1e5, stop=t) for s, t in ((1, 600.09), (2, 600.12), (3, 600.13))}
    (finding,) = told("train-wallclock", late | {"submission.json": metadata(1.2244)})
    assert finding.message.endswith("2 other runs show the like.")


def test_the_time_of_one_evaluation_is_not_told_of_the_score_of_another() -> None:
    last = "final_int8 val_bpb:1.24000000 eval_time:59000ms\nbest of eight val_bpb:1.20000000\n"
    text = log(1, 1.2244).partition("final_")[0] + last
    case = case_of({"train_seed1.log": text, "submission.json": metadata(1.2, seeds=(1,))})
    (run,) = measured_runs(case.evidence)
    assert run.val_bpb == 1.2 and run.eval_seconds is None


def test_seeds_that_come_to_one_score_are_several_runs() -> None:
    runs = {f"train_seed{s}.log": run_log(s, 0.08302574, model=15_000_000 + s) for s in (42, 1337)}
    runs["train_seed2024.log"] = run_log(2024, 0.08302575, model=15_002_024)
    said = json.dumps({"name": "Example", "val_bpb": 0.08302574})
    assert not told("too-few-seeds", {**runs, "submission.json": said}, SCRIPT)
    copied = {name: text.replace("1500", "1501") if "42.log" in name else text for name, text in runs.items()}
    copied["train_seed1337.log"] = copied["train_seed42.log"].replace("seed:42", "seed:1337")
    (finding,) = told("too-few-seeds", {**copied, "submission.json": said}, SCRIPT)
    assert finding.status == "incomplete"


def test_the_claimed_size_is_that_of_the_submission() -> None:
    said = {"name": "E", "val_bpb": 1.2, "artifact_bytes_max": 15_527_283, "total_submission_bytes_max": 15_576_768}
    case = case_of({"train.log": run_log(1, 1.2), "submission.json": json.dumps(said)}, SCRIPT)
    assert case.evidence.claims().artifact_bytes == 15_576_768


def test_a_log_belies_that_nothing_adapts_before_quantisation() -> None:
    said = json.dumps({"val_bpb": 1.2, "compliance": {"no_pre_quant_ttt_leakage": True}}, indent=1)
    epochs = "prequant_ttt:epoch 1/3 val_bpb=1.190000 time=96.0s\n"
    files = {"train.log": log(1, 1.2, after_training=epochs), "submission.json": said}
    (finding,) = told("claim-mismatch", files)
    assert finding.status == "note" and "a log prints “prequant_ttt:epoch 1/3" in finding.message
    assert not told("claim-mismatch", {**files, "train.log": log(1, 1.2)})


def test_logs_that_only_evaluate_are_told() -> None:
    alone = "seed:1\nfinal_exact val_loss:2.0 val_bpb:1.20000000 eval_time:500000ms\n"
    found = told("missing-files", {"README.md": "# E\n", "eval.log": alone, "submission.json": metadata(1.2)})
    assert any("no time of training could be read" in f.message for f in found)
    found = told("missing-files", {"README.md": "# E\n", "train.log": log(1, 1.2), "submission.json": metadata(1.2)})
    assert not any("no time of training" in f.message for f in found)


def test_every_run_over_the_cap_is_counted() -> None:
    runs = {f"train_seed{s}.log": run_log(s, 1.2 + s / 1e4, model=16_100_000 + s) for s in (1, 2, 3)}
    (finding,) = told("artifact-cap", {**runs, "submission.json": metadata(1.2002)}, SCRIPT)
    assert finding.message.endswith("2 other runs show the like.")


def test_a_packed_model_and_the_script_are_a_size() -> None:
    lines = [line for line in run_log(1, 1.2).splitlines() if "Code size" not in line and "Total" not in line]
    files = {"train.log": "\n".join(lines), "submission.json": metadata(1.2, seeds=(1,))}
    assert not told("artifact-cap", files, SCRIPT)
