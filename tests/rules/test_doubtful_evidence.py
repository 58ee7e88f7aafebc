"""Scores that a run may not have printed, and logs of another version: what is told of them, and what isn't."""

from __future__ import annotations

import pytest
from test_evidence_runs import case_of, found

from auditor.check import audit
from auditor.evidence.counted import measured_runs
from auditor.finding import Finding
from auditor.report import Report
from rules.evidence_examples import metadata, record
from rules.run_logs import SCRIPT, package, run_log


def told(files: dict[str, str], slug: str = "bogus-log", track: str = "track_10min_16mb") -> list[Finding]:
    return found(case_of(files, track=track), slug)


def audited(files: dict[str, str]) -> Report:
    return audit(case_of(files).submission, select=("artifact-cap",))


def summed_up(bpb: float) -> str:
    return f"=====\n  DONE Deep (4+2) seed=9\n  steps:   13000\n  roundtrip_bpb:  {bpb:.8f}\n=====\n"


def three(second: float) -> dict[str, str]:
    """Return logs of three seeds that a launcher sums up, the second with a score of its own."""
    logs = [
        run_log(1, 1.20012345, tail=summed_up(1.20012345)),
        run_log(2, 1.20112345, tail=summed_up(second)),
        run_log(3, 1.20212345, tail=summed_up(1.20212345)),
    ]
    return package(*logs, val_bpb=1.2001, seed_results={"1": {"val_bpb": 1.20012345}, "2": {"val_bpb": second}})


def test_a_summary_of_another_run_is_not_the_score() -> None:
    case = case_of(three(1.19812345))
    assert [run.score.val_bpb for run in case.evidence.runs if run.score] == [1.20012345, 1.20112345, 1.20212345]
    (finding,) = [f for f in found(case, "bogus-log") if "summary" in f.message]
    assert finding.status == "hold"
    assert finding.path == "train_seed2.log"
    assert "gives 1.19812345, which the run above it doesn't print: its last score is 1.20112345" in finding.message


def test_a_summary_that_repeats_the_score_is_one() -> None:
    assert not [f for f in told(three(1.20112345)) if "summary" in f.message]
    # A line that no log repeats is an evaluation of its own.
    alone = {"train_seed2.log": run_log(2, 1.20112345, tail="table_bpb: 0.98765432\n")}
    (run,) = case_of(alone).evidence.runs
    assert run.score is not None
    assert run.score.val_bpb == 0.98765432


def test_a_seed_whose_log_contradicts_its_claim_is_in_the_mean_all_the_same() -> None:
    files = record(1.20012345, 1.20112345, 1.20212345)
    each = {"1": {"val_bpb": 1.20012345}, "2": {"val_bpb": 1.19812345}, "3": {"val_bpb": 1.20212345}}
    files["submission.json"] = metadata(1.20012345, seeds=(1, 2, 3), seed_results=each)
    claimed = [run.claimed_bpb for run in measured_runs(case_of(files).evidence)]
    assert claimed == [1.20012345, 1.20112345, 1.20212345]


TYPED = "final_adapted_exact val_loss:0.94350000 val_bpb:0.55880000\n"


@pytest.mark.parametrize(
    ("tail", "count"),
    [
        (TYPED, 1),
        ("final_adapted_exact val_loss:0.94351873 val_bpb:0.55880000\n", 0),
        ("final_adapted val_loss:0.9435 val_bpb:0.5588\n", 0),
    ],
)
def test_digits_that_no_measurement_has_look_typed_in(tail: str, count: int) -> None:
    log = run_log(1, 1.20012345, tail=tail)
    assert len([f for f in told({"train_seed1.log": log}) if "typed in" in f.message]) == count


def test_a_script_that_rounds_all_it_prints_types_nothing_in() -> None:
    log = run_log(1, None) + TYPED
    assert not [f for f in told({"train_seed1.log": log}) if "typed in" in f.message]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("**Estimated val_bpb: ~1.2001** (see below)", 1),
        ("The reported `val_bpb: 1.2001` is an **estimate** from the last batch.", 1),
        ("| **this one (projected)** | **1.2001** | pending |", 1),
        ("val_bpb: 1.2001 (one H100) | estimated on eight: ~1.18", 0),
        ("Estimated val_bpb: 1.19, measured 1.2001", 0),
        ("Expected output: `val_bpb: 1.2001`", 0),
    ],
)
def test_a_claim_that_is_called_an_estimate_is_none(line: str, count: int) -> None:
    files = {**package(run_log(1, 1.2001), val_bpb=1.2001), "README.md": f"# Deep\n\n{line}\n"}
    findings = [f for f in told(files, "claim-mismatch") if "estimate" in f.message]
    assert [f.line for f in findings] == [3] * count
    assert {f.status for f in findings} <= {"note"}  # a log prints it all the same
    unlogged = {path: text for path, text in files.items() if not path.endswith(".log")}
    for track, status in (("track_10min_16mb", "hold"), ("track_non_record_16mb", "note")):
        findings = [f for f in told(unlogged, "claim-mismatch", track) if "estimate" in f.message]
        assert [f.status for f in findings] == [status] * count


LARGE = SCRIPT + "".join(f"def part_{n}(x):\n    return x + {n}\n" for n in range(200))


@pytest.mark.parametrize(
    ("submitted", "line"),
    [
        (LARGE.replace("return x + 17\n", "return x + 18\n"), 3 + 2 * 17 + 2),
        (LARGE, None),
        ("\ufeff" + LARGE, None),
        (LARGE.replace("return x + 17\n", "return x + 17  # as before\n"), None),
    ],
)
def test_one_line_makes_another_version(submitted: str, line: int | None) -> None:
    log = LARGE + "=" * 100 + "\n" + run_log(1)
    findings = [f for f in told({"train_gpt.py": submitted, "train_seed1.log": log}) if "embeds" in f.message]
    assert [(f.status, f.line) for f in findings] == ([] if line is None else [("note", line)])
    if line is not None:
        assert "1 is not in what was submitted, which has 1 that it doesn't embed" in findings[0].message


def shown_by(*changes: tuple[str, int]) -> list[Finding]:
    """Return what is told of logs whose hyper-parameters and bytes of code are these."""
    logs = [run_log(n, 1.2 + n * n / 1e4, settings=text, code=code) for n, (text, code) in enumerate(changes, start=1)]
    return told(package(*logs, val_bpb=1.200467), "mixed-config")


SHORT = "lr:embed=0.035 batch:786432 wall:600s seed:1"


def test_another_cap_on_the_training_time_is_another_configuration() -> None:
    (finding,) = shown_by((SHORT, 500), (SHORT.replace("600s", "590s"), 700), (SHORT, 500))
    assert finding.status == "hold"
    assert "the cap on training seconds is 600 for 1 and 3, 590 for 2." in finding.message
    assert finding.message.endswith("the same bytes of code: 500 for 1 and 3, 700 for 2.")
    assert not shown_by((SHORT, 500), (SHORT, 500), (SHORT, 500))


def test_other_bytes_of_code_are_a_note() -> None:
    (finding,) = shown_by((SHORT, 149_201), (SHORT, 149_201), (SHORT, 149_600))
    assert (finding.status, finding.path) == ("note", "train_seed3.log")
    assert "are 149,201 for 1 and 2, 149,600 for 3." in finding.message


CODER = "try:\n    import zstandard\nexcept ImportError:\n    zstandard = None\n"


@pytest.mark.parametrize(
    ("script", "coder", "first"),
    [(CODER, "zlib", "The log's artifact is packed with zlib, and the script imports zstandard"), (CODER, "zstd", "")],
)
def test_the_coder_at_hand_goes_before_all_other_advice(script: str, coder: str, first: str) -> None:
    log = run_log(1, 1.2, model=16_500_000).replace("int8+zlib", f"int5+{coder}")
    files = {"train_gpt.py": script, **package(log, val_bpb=1.2)}
    (over,) = [f for f in audited(files).findings if f.rule == "artifact-cap"]
    assert over.advice.startswith(first or "Compress or prune harder")
    assert "int6" not in over.advice


def test_of_logs_that_print_one_seed_the_large_one_is_named() -> None:
    files = package(run_log(1, 1.2), val_bpb=1.2)
    files["again_seed1.log"] = run_log(1, 1.2002, model=16_500_000)
    assert "artifact of seed 1 (again_seed1.log) is over" in told(files, "artifact-cap")[0].message
    assert "artifact of seed 1 is over" in told({"a.log": run_log(1, model=16_500_000)}, "artifact-cap")[0].message


def test_a_loss_that_rounds_to_what_the_log_prints_is_the_logs() -> None:
    log = run_log(1, None) + "final_roundtrip val_loss:2.1240 val_bpb:1.2583\n"
    for loss, count in ((2.12404399, 0), (2.12436399, 1)):
        files = package(log, val_bpb=1.2583, val_loss=loss)
        assert len([f for f in told(files, "stale-metadata") if "val_loss" in f.message]) == count


def test_seeds_that_the_files_are_named_by_are_not_told_as_others() -> None:
    files = {"train_seed42.log": run_log(1337, 1.2), "submission.json": metadata(1.2, seeds=(42,))}
    assert not [f for f in told(files, "stale-metadata") if "names seed" in f.message]
    files["run.log"] = files.pop("train_seed42.log")
    assert [f for f in told(files, "stale-metadata") if "names seed" in f.message]


def test_bytes_of_a_seed_with_packed_code_are_the_logs() -> None:
    log = run_log(1, 1.20012345, model=15_967_032, code=81_600)
    for size, count in ((15_967_032 + 23_652, 0), (15_967_032 + 81_000, 1)):
        each = {"1": {"val_bpb": 1.20012345, "artifact_bytes": size}}
        files = package(log, val_bpb=1.20012345, seed_results=each)
        assert len([f for f in told(files, "stale-metadata") if "seed 1" in f.message]) == count


def test_of_several_evaluations_the_nearest_is_not_told_as_the_final_score() -> None:
    middle = "adapt_chunk [9/9] bpb=1.188810 time=5.6s\n"
    log = run_log(1, 1.2, tail=middle + "adapted_exact val_bpb:1.18801000\nwarmer_exact val_bpb:1.18479156\n")
    (finding,) = told(package(log, val_bpb=1.1888), "claim-mismatch")
    assert finding.message.endswith("; the nearest of the final scores is 1.18801.")
    (finding,) = told(package(run_log(1, 1.2, tail=middle), val_bpb=1.1888), "claim-mismatch")
    assert finding.message.endswith("; the final score of the artifact is 1.2000.")


def test_who_ships_smaller_code_than_the_log_counts_has_to_count_it() -> None:
    log = run_log(1, 1.2, model=15_971_234, code=105_237)
    files = package(log, val_bpb=1.2, bytes_total=15_971_234 + len(SCRIPT)) | {"train_gpt.py": SCRIPT}
    (finding,) = told(files, "artifact-cap")
    assert finding.status == "hold"
    assert "which this log does not total" not in finding.message
    assert finding.advice.startswith("Run what is shipped, and let it count its code as it lies there")


def test_a_trial_before_the_run_is_no_other_configuration() -> None:
    cap = "train_seq_len:1024 iterations:20000 max_wallclock_seconds:{}.000"
    trial = run_log(2, 2.8, settings=cap.format(60))
    logs = [run_log(n, 1.2 + n * n / 1e4, settings=cap.format(600)) for n in (1, 2, 3)]
    assert not told(package(logs[0], trial + logs[1], logs[2], val_bpb=1.200467), "mixed-config")
    logs[1] = logs[1].replace("600.000", "60.000")
    assert told(package(*logs, val_bpb=1.200467), "mixed-config")


def test_runs_named_by_hexadecimal_digits_are_of_one_kind() -> None:
    ids = {7: "d5282d0d", 42: "77197662", 1337: "1a2b3c4d"}
    scores = {7: 1.175, 42: 1.1732, 1337: 1.1773}
    files = {f"train_seed{seed}.log": f"[RESULT] run={ids[seed]} | score={scores[seed]:.4f} | OK\n" for seed in ids}
    files["submission.json"] = metadata(1.1752, seeds=tuple(ids))
    assert sorted(run.claimed_bpb for run in measured_runs(case_of(files).evidence)) == [1.1732, 1.175, 1.1773]


def test_what_differs_by_less_than_any_evaluation_is_no_seeds_loss() -> None:
    scores = (0.11300056, 0.11300055, 0.11300057)
    files = package(*(run_log(n, bpb) for n, bpb in enumerate(scores, start=1)), val_bpb=0.11300056)
    loss = round(0.11300057 * 1.688, 8)
    files["submission.json"] = metadata(0.11300056, seeds=(1, 2, 3), val_loss=loss)
    assert not [f for f in told(files, "claim-mismatch") if "val_loss" in f.message]


def test_a_score_to_compare_with_is_no_claim() -> None:
    text = metadata(1.2, validation={"control_bpb_mean": 1.3217, "variant_bpb_mean": 1.32}).replace(
        '"val_bpb": 1.2,', ""
    )
    lead = case_of({"submission.json": text}).evidence.leading()
    assert lead is not None
    assert (lead.key, lead.value) == ("validation.variant_bpb_mean", 1.32)


@pytest.mark.parametrize(("key", "value"), [("val_bpb_long_run", 1.92771333), ("val_bpb_mean", 1.6073)])
def test_a_longer_run_beside_the_scores_of_the_seeds_is_not_their_mean(key: str, value: float) -> None:
    text = '{"val_bpb": {"42": 1.93128, "1337": 1.90791, "2024": 1.94395}, "' + key + '": 1.6073}'
    lead = case_of({"submission.json": text}).evidence.leading()
    assert lead is not None
    assert lead.value == pytest.approx(value, abs=1e-6)


def test_names_that_count_the_runs_are_no_seeds() -> None:
    files = {"h_seed1.txt": run_log(1337, 1.2), "h_seed2.txt": run_log(42, 1.2002), "h_seed3.txt": run_log(7, 1.2001)}
    assert [f for f in told(files) if "is named by seed" in f.message]
    files["submission.json"] = metadata(1.2001, seeds=(1337, 42, 7))
    assert not [f for f in told(files) if "is named by seed" in f.message]


def test_a_loss_of_the_run_whose_score_is_claimed_is_no_other_fault() -> None:
    logs = [run_log(n, 1.2003 + n / 100) for n in (1, 2)]
    of_both = package(*logs, val_bpb=1.2153, val_loss=round(1.2103 * 1.688, 5))
    assert [f for f in told(of_both, "claim-mismatch") if "val_loss" in f.message]
    of_one = package(*logs, val_bpb=1.2103, val_loss=round(1.2103 * 1.688, 5))
    assert not [f for f in told(of_one, "claim-mismatch") if "val_loss" in f.message]
