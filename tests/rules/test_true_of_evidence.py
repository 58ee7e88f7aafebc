"""Sentences about logs and claims say no more than what these give."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from msgspec import structs
from test_evidence_runs import case_of, found, logs_of

from auditor import catalogue
from auditor.evidence.readme import read_readme
from auditor.submission.memory import MemoryTree
from rules.evidence_examples import PLAIN, log, metadata, record
from rules.run_logs import SCRIPT, package, run_log


def test_differences_are_of_the_means_that_are_printed() -> None:
    dated = {"submission.json": metadata(1.0802, seeds=(1, 2, 3), date="2026-04-25")}
    (finding,) = found(case_of(record(1.0801, 1.0802, 1.0803) | dated), "not-significant")
    mean = float(re.search(r"The mean of 3 seeds, ([\d.]+)", finding.message)[1])
    told = re.findall(
        r"([\d.]+) bits per byte \([^)]*\) (above|below) the row of \S+ \([\d.]+; ([\d.]+)", finding.message
    )
    assert len(told) == 2
    for difference, side, row in told:
        assert abs((mean - float(row)) * (1 if side == "above" else -1) - float(difference)) < 2e-6


def test_runs_that_print_no_seed_are_called_runs() -> None:
    files = record(1.3001, 1.3002, 1.3003)
    files = {path.replace("seed", "run"): re.sub(r"(?m)^seed:\d+\n", "", text) for path, text in files.items()}
    assert "The mean of 3 runs, " in found(case_of(files), "not-significant")[0].message


def test_what_is_compared_is_told_apart_from_another_evaluation_that_is_claimed() -> None:
    files = record(1.2001, 1.2002, 1.2003) | {"submission.json": metadata(0.7139, seeds=(1, 2, 3))}
    assert "in the logs, which is not the claimed 0.7139" in found(case_of(files), "not-significant")[0].message


def test_of_a_bar_the_half_that_is_missed_is_told() -> None:
    dated = {"submission.json": metadata(1.055, seeds=(1, 2), date="2026-04-29")}
    (finding,) = found(case_of(record(1.052, 1.058) | dated), "not-significant")
    assert "Missed: p < 0.01 (README, whose 0.005 nats are met)" in finding.message


def disclaiming(readme: str) -> bool:
    files = record(1.2001, 1.2002, 1.2003) | {"README.md": readme}
    return "says itself" in found(case_of(files), "not-significant")[0].message


def test_one_arm_that_beats_nothing_makes_no_submission_a_non_record() -> None:
    assert disclaiming("# Wider\n\nThis does not beat SOTA.\n")
    assert not disclaiming("# Wider\n\nSetting A beats SOTA by 0.1. Setting B does not beat SOTA.\n")
    assert not disclaiming("# Record: wider (mean val_bpb 0.9)\n\nWithout the cache it does not beat SOTA.\n")


def test_a_log_of_two_launches_is_of_the_script_that_either_embeds() -> None:
    other = '"""Earlier."""\n' + "".join(f"def stage_{n}(x):\n    return x * {n}\n" for n in range(40))
    first = other + "exec('')\n" + "=" * 100 + "\n" + run_log(1, None)
    again = SCRIPT + "".join(f"def part_{n}(x):\n    return x + {n}\n" for n in range(30))
    second = again + "=" * 100 + "\n" + run_log(1)
    files = {"train_gpt.py": again, "train_seed1.log": first + second}
    assert not [f for f in found(case_of(files), "bogus-log") if "embeds" in f.message]
    alone = {"train_gpt.py": again, "train_seed1.log": first + run_log(1)}
    assert [f for f in found(case_of(alone), "bogus-log") if "embeds" in f.message]


def test_a_preparation_says_nothing_of_a_set_that_holds_its_own_documents_only() -> None:
    prepare = {
        "prepare.py": "import argparse\np = argparse.ArgumentParser()\n"
        'p.add_argument("--val-docs", type=int, default=10_000)\n'
    }
    data = "./data/datasets/fineweb10B_sp8192_caseops"
    for tokens, notes in ((47_851_520, 1), (9_662_464, 0)):
        files = record(1.0601, 1.0602, shards=80, data=data, tokens=tokens) | prepare
        assert len(found(case_of(files), "doc-overlap")) == notes


def test_the_score_of_what_is_built_on_and_planned_seeds_are_no_claims() -> None:
    text = b"# Deeper\n\nBase score: 1.1428 val_bpb\n\nAs in #338 (best so far, 1.1254 bpb).\n\n"
    text += b"Logs (seed 42, 1337, 2024) to be added after the run.\n"
    claims = read_readme("README.md", text)
    assert not claims.all("val_bpb")
    assert claims.seeds == ()


def test_bytes_of_the_model_alone_are_no_claimed_total() -> None:
    text = b"| Seed | BPB | Model bytes |\n|---|---|---|\n| 1 | 1.1002 | 15,977,659 |\n"
    assert not read_readme("README.md", text).all("artifact_bytes", per_seed=True)


def test_a_share_is_of_the_right_score() -> None:
    case = case_of(record(1.0345, 1.0346, 1.0347, scored_bytes=1.25 * 151_080_000))
    assert "so the score is 20.0% too low" in found(case, "wrong-denominator")[0].message


def test_who_claims_no_record_is_not_held_to_its_machine() -> None:
    files = record(1.2001, 1.2002, 1.2003, world_size=1)
    for readme, status in (("# Deeper\n", "violation"), ("# Deeper\n\nA non-record submission.\n", "hold")):
        assert found(case_of(files | {"README.md": readme}), "hardware")[0].status == status


def test_the_time_of_a_whole_run_is_not_its_evaluation_s() -> None:
    last = "seed=1 val_bpb=1.20010000 val_loss=2.0 steps=1227 elapsed_s=759.7\n"
    assert not found(case_of(record(1.2001, last=last)), "eval-wallclock")


def test_settings_of_what_is_switched_off_are_none() -> None:
    logs = [run_log(n, 1.2 + n / 1e3, settings=f"ttt_enabled: {{}}\nttt_epochs: {n}") for n in (1, 2, 3)]
    for off in ("True", "False"):
        files = package(*(text.format(off) for text in logs), val_bpb=1.202)
        assert len(found(case_of(files), "mixed-config")) == (off == "True")


def test_the_run_that_is_claimed_is_none_of_the_readme_s_others() -> None:
    table = "| Seed | val_bpb |\n|---|---|\n| 1 | 1.1197 |\n| 2 | 1.1211 |\n"
    files = {"a.log": log(1, 1.11966923), "b.log": log(2, 1.12106966), "final.log": log(1, 1.12242498)}
    files |= {"README.md": f"# Deeper\n\nOn other machines:\n\n{table}", "submission.json": metadata(1.1224)}
    assert logs_of(case_of(files)) == [("final.log", True)]


def test_a_goal_is_no_claim() -> None:
    assert not read_readme("README.md", b"# Deeper\n\nWin bar: <=1.0566 BPB.\n").all("val_bpb")


def test_a_log_of_a_script_of_another_size_may_be_of_another_version() -> None:
    script = {"train_gpt.py": SCRIPT + "".join(f"# line {n}\n" for n in range(100))}
    size = len(script["train_gpt.py"])
    for code, notes in ((size, 0), (size - 40, 1), (size // 3, 0)):
        findings = found(case_of(script | package(run_log(1, code=code), val_bpb=1.2)), "bogus-log")
        assert [f.message.split(":")[0] for f in findings] == [
            f"The log counts {code:,} bytes of code, and the submitted script has {size:,}"
        ] * notes


def test_a_log_pasted_behind_the_script_makes_no_other_version_of_it() -> None:
    script = {"train_gpt.py": SCRIPT + "====\nRunning Python 3.12 (main)\n"}
    assert not found(case_of(script | package(run_log(1, code=len(SCRIPT)), val_bpb=1.2)), "bogus-log")


def test_a_reserve_off_a_longer_limit_ends_nothing_earlier() -> None:
    lines = "gptq:reserving 18s, effective=600000ms\nGPTQ:collected 67 Hessians in 22.0s\n"
    (said,) = found(case_of(record(1.2001, stop=600.1, after_training=lines)), "gptq-reserve")
    assert "18.0 s are reserved, but training stops no earlier for it." in said.message
    assert said.advice.startswith("Take the reserve off the budget")


def test_an_evaluation_s_time_may_stand_in_the_lines_before_its_score() -> None:
    for between, over in (("", True), ("something else\n", False)):
        last = f"pre_quant_sliding val_bpb:1.2001 eval_time:700000ms\n{between}final_ngram val_bpb:1.20010000\n"
        last += "final_roundtrip val_bpb:3.65000000 eval_time:900ms\n"
        files = record(1.2001, last=last)
        files["train_seed1.log"] = files["train_seed1.log"].replace("final_int8_zlib_roundtrip", "diagnostic")
        assert bool(found(case_of(files), "eval-wallclock")) == over


def test_the_mean_of_runs_with_several_settings_is_offered_for_no_claim() -> None:
    script = catalogue.find("claim-mismatch")
    assert script is not None and script.fix is not None
    for lr, offered in (("0.02", True), ("0.0{}", False)):
        logs = [run_log(n, 1.2 + n / 1e4, settings=f"matrix_lr: {lr.format(n)}") for n in (1, 2, 3)]
        case = case_of(package(*logs, val_bpb=1.2001))
        assert [script.fix(case, f) is not None for f in script.check(case)] == [offered]


def test_a_packing_that_comes_later_and_is_smaller_is_the_artifact_s() -> None:
    first = "Serialized model int8+zlib: 17237203 bytes\nTotal submission size int8+zlib: 17329335 bytes\n"
    then = "int6_brotli: 14,622,509 bytes | code: 92,132 | total: 14,714,641 (14.71MB)\n"
    for text, over in ((first, 1), (first + then, 0)):
        files = {
            "train.log": f"seed:1\nstep:9/9 train_time:5000ms\nCode size: 92132 bytes\n{text}final val_bpb:1.2000\n"
        }
        case = case_of(files | {"submission.json": metadata(1.2, seeds=(1,))})
        assert len(found(case, "artifact-cap")) == over


def test_a_blank_score_is_shown_as_it_is_written() -> None:
    for blank, said in ((None, "null"), (0.0, "0.0"), ("TBD", '"TBD"')):
        files = package(run_log(1), val_bpb=blank) | {"README.md": "# Deeper\n\nThe score is 1.2000 bpb.\n"}
        (finding,) = found(case_of(files), "missing-files")
        assert finding.message == f"submission.json gives no val_bpb (it is {said} there)."


def test_the_seed_s_score_that_is_quoted_is_the_one_that_counts() -> None:
    files = package(run_log(1, 1.2, tail="final_val_bpb: 1.21234567\n"), val_bpb=1.2)
    (few,) = found(case_of(files), "too-few-seeds")
    assert files["train_seed1.log"].splitlines()[few.line - 1].endswith("val_bpb:1.20000000")


def test_a_row_of_the_day_that_is_stated_may_have_come_later() -> None:
    for day, same in (("2026-04-27", True), ("2026-04-28", False)):
        dated = {"submission.json": metadata(1.0802, seeds=(1, 2, 3), date=day)}
        (finding,) = found(case_of(record(1.0801, 1.0802, 1.0803) | dated, pr=1900), "not-significant")
        assert f"lower numbers and dates up to {day}, the day that it states" in finding.message
        assert ("of that same day" in finding.message) == same


def test_a_claim_that_is_no_plain_entry_is_told_with_its_place() -> None:
    stated = {"submission.json": json.dumps({"val_bpb": None, "trial": {"val_bpb": 1.2}}, indent=1)}
    prose = {"README.md": "# Deeper\n\nThe score is 1.1417 bpb, with artifact 15,900,000 bytes.\n"}
    for files, at in (
        ({"submission.json": metadata(1.2)}, ("", "")),
        (stated, ("submission.json:4", "")),
        (prose, ("README.md:3", "README.md:3")),
        (prose | {"submission.json": '{"val_loss": 1.1417}'}, ("submission.json:1 (val_loss)", "README.md:3")),
    ):
        claims = case_of(files).evidence.claims()
        assert (claims.score_at, claims.bytes_at) == at


def test_a_loss_and_a_score_of_other_names_imply_nothing() -> None:
    for name, said in (("val_bpb", 1), ("val_bound_bpb", 0)):
        text = log(1, 1.2001, scored_bytes=1.05 * 151_080_000).replace(" val_bpb:", f" {name}:")
        files = {"train_seed1.log": text, "submission.json": metadata(1.2001, seeds=(1,))}
        assert len(found(case_of(files), "wrong-denominator")) == said, name


def test_another_size_that_is_stated_stands_beside_the_log_s() -> None:
    for stated, said in ((15_953_743, 1), (16_200_000, 0)):
        files = package(run_log(1, model=16_190_000), val_bpb=1.2, bytes_total=stated)
        (finding,) = found(case_of(files), "artifact-cap")
        assert ("submission.json states 15,953,743 bytes, which this log does not total" in finding.message) == said


def test_one_score_has_no_spread_whatever_the_row_has() -> None:
    dated = {"submission.json": metadata(1.2001, seeds=(1,), date="2026-03-22")}
    (finding,) = found(case_of(record(1.2001) | dated, pr=600), "not-significant")
    assert "no test, for one score has no spread" in finding.message


def test_a_copy_of_the_audited_script_that_a_command_starts_is_no_other() -> None:
    readme = {"README.md": "# Deeper\n\n```bash\ntorchrun train_deeper.py\n```\n"}
    for text, notes in ((PLAIN, 0), (PLAIN + "x = 1\n", 1)):
        case = case_of(record(1.2001) | readme)
        beside = replace(case.submission, elsewhere=MemoryTree({"train_deeper.py": text.encode()}))
        assert len(found(structs.replace(case, submission=beside), "stale-command")) == notes


def test_the_score_of_an_artifact_over_the_cap_is_not_offered_as_the_claim() -> None:
    rule = catalogue.find("claim-mismatch")
    assert rule is not None
    assert rule.fix is not None
    for model, stated, offered in ((15_800_000, 15_900_000, True), (16_400_000, 15_900_000, False)):
        case = case_of(package(run_log(1337, 1.2, model=model), val_bpb=1.23, bytes_total=stated))
        (finding,) = found(case, "claim-mismatch")
        assert (rule.fix(case, finding) is not None) is offered
