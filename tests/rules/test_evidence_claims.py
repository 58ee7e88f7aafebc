"""How the evidence rules compare claims, runs and sizes: edges that the examples don't show."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submissions import submission

from auditor.check import audit
from auditor.finding import Finding
from rules import run_logs
from rules.run_logs import SCRIPT, package, run_log

EVIDENCE = (
    "claim-mismatch",
    "too-few-seeds",
    "artifact-cap",
    "uncounted-code",
    "bogus-log",
    "mixed-config",
    "best-of-k",
    "missing-files",
    "diff-scope",
    "late-edit",
)


def found(slug: str, files: dict[str, str], name: str = "2026-04-01_Example", code: str = SCRIPT) -> list[Finding]:
    return list(audit(submission(code, files, name), select=[slug]).findings)


scores = st.lists(st.integers(110_000_000, 114_000_000), min_size=3, max_size=3, unique=True)


@given(scores, st.integers(4, 8))
def test_a_rounded_mean_is_never_contradicted(units: list[int], decimals: int) -> None:
    values = [unit / 1e8 for unit in units]
    logs = [run_log(seed, value) for seed, value in zip((1, 2, 3), values, strict=True)]
    claim = round(sum(values) / 3, decimals)
    assert not [f for f in found("claim-mismatch", package(*logs, val_bpb=claim)) if f.status != "note"]


@given(scores, st.floats(0.0005, 0.01))
def test_a_figure_off_the_mean_and_off_every_seed_is_held(units: list[int], off: float) -> None:
    values = sorted(unit / 1e8 for unit in units)
    claim = round(values[0] - off, 8)
    logs = [run_log(seed, value, early=1.3) for seed, value in zip((1, 2, 3), values, strict=True)]
    (said,) = found("claim-mismatch", package(*logs, val_bpb=claim))
    assert said.status == "hold"
    assert said.path == "submission.json"


@pytest.mark.parametrize("digits", ["1.20150000", "1.2015", "~1.2015"])
def test_a_score_written_as_text_is_read(digits: str) -> None:
    logs = (run_log(1, 1.2), run_log(2, 1.201), run_log(3, 1.2035))
    assert not found("claim-mismatch", package(*logs, val_bpb=digits))


def test_a_claim_names_the_line_of_the_metadata_and_the_lines_of_the_logs() -> None:
    files = package(run_log(1, 1.20012345), run_log(2, 1.20112345), run_log(3, 1.2035), val_bpb=1.20012345)
    (said,) = found("claim-mismatch", files)
    lines = files["submission.json"].splitlines()
    assert said.line is not None
    assert '"val_bpb"' in lines[said.line - 1]
    assert [step.path for step in said.trace] == ["train_seed1.log", "train_seed2.log", "train_seed3.log"]
    assert "seed 1 alone" in said.message


def test_a_claim_is_no_subset_of_runs_by_its_last_digit() -> None:
    runs = (run_log(1, 0.2840529), run_log(2, 0.28401598), run_log(3, 0.28401911))
    assert not found("best-of-k", package(*runs, val_bpb=0.284))
    (said,) = found("claim-mismatch", package(*runs, val_bpb=0.2841))
    assert (said.status, "alone" in said.message) == ("note", False)
    thirds = (run_log(1, 1.05724), run_log(2, 1.05729), run_log(3, 1.05754))  # the mean is 1.05736
    assert not found("best-of-k", package(*thirds, val_bpb=1.0573))
    (left,) = found("best-of-k", package(run_log(1, 1.0572), run_log(2, 1.0573), run_log(3, 1.0584), val_bpb=1.0573))
    assert "2 of 3 runs" in left.message


def test_a_claim_near_the_mean_is_one_seeds_if_its_loss_is() -> None:
    scores = {1: (1.1321, 1.9116), 2: (1.1319, 1.9112), 3: (1.13205, 1.9113)}
    runs = [
        run_log(seed, bpb, tail=f"final_exact val_loss:{loss:.4f} val_bpb:{bpb:.5f}")
        for seed, (bpb, loss) in scores.items()
    ]
    (near,) = found("claim-mismatch", package(*runs, val_bpb=1.1321, val_loss=1.9114))
    assert (near.status, "alone" in near.message) == ("note", False)
    own = found("claim-mismatch", package(*runs, val_bpb=1.1321, val_loss=1.9116))
    assert any(said.status == "hold" and "seed 1 alone" in said.message for said in own)


@pytest.mark.parametrize(("step", "words"), [(13_000, "the last step"), (9_000, "the middle of training")])
def test_only_a_step_before_the_last_is_the_middle_of_training(step: int, words: str) -> None:
    last = "step:13000/20000 train_loss:2.9000 train_time:598000ms\nstopping_early: wallclock_cap step:13000/20000\n"
    text = run_log(1, 1.2, early=1.1812, steps=step).replace("Serialized", f"{last}Serialized", 1)
    (said,) = found("claim-mismatch", package(text, val_bpb=1.1812))
    assert words in said.message


def test_missing_logs_of_named_seeds_leave_the_claim_open() -> None:
    (said,) = found("claim-mismatch", package(run_log(1, 1.2), val_bpb=1.19712345, seeds=[1, 2, 3]))
    assert said.status == "incomplete"
    assert "seeds 2, 3 are missing" in said.message


@pytest.mark.parametrize("slug", EVIDENCE)
def test_a_lone_script_has_no_package_to_judge(slug: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    from auditor.submission.discover import lone_script
    from auditor.submission.memory import MemoryTree

    lone = lone_script(MemoryTree({"train_gpt.py": SCRIPT.encode()}), "train_gpt.py", given="train_gpt.py")
    assert not audit(lone, select=[slug]).findings


@pytest.mark.parametrize("slug", ["too-few-seeds", "best-of-k", "mixed-config", "late-edit"])
def test_non_record_work_is_not_held_to_the_records_rules(slug: str) -> None:
    settings = ("lr: 0.1", "lr: 0.2")
    logs = [run_log(seed, 1.2, settings=text) for seed, text in zip((1, 2), settings, strict=True)]
    files = package(*logs, val_bpb=1.2, track="non-record", date="2026-05-09")
    assert not found(slug, files)


def test_the_cap_holds_for_non_record_work_too() -> None:
    files = package(run_log(1, 1.2, model=16_400_000), val_bpb=1.2, track="non-record")
    assert [f.status for f in found("artifact-cap", files)] == ["violation"]


@given(st.integers(15_999_000, 16_001_000))
def test_the_cap_is_decimal_and_exact(total: int) -> None:
    files = package(run_log(1, 1.2, model=total - len(SCRIPT)), val_bpb=1.2)
    over = [f for f in found("artifact-cap", files) if f.status in ("violation", "hold")]
    assert bool(over) == (total > 16_000_000)


def test_a_run_that_does_not_carry_the_claim_is_held_not_flagged() -> None:
    files = package(run_log(1, 1.3, model=17_000_000), val_bpb=1.2)
    assert [f.status for f in found("artifact-cap", files)] == ["hold"]


@pytest.mark.parametrize(
    "metadata", ["", "[]", "{", "null", '{"val_bpb": NaN}', '{"val_bpb": {"1": []}}', '{"seeds": "many"}', "\ufeff{}"]
)
def test_metadata_of_any_shape_is_reported_in_one_line(metadata: str) -> None:
    files = package(run_log(1, 1.2)) | {"submission.json": metadata}
    for slug in EVIDENCE:
        for said in found(slug, files):
            assert said.message
            assert "\n" not in said.message


hostile = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300)


@given(hostile, hostile)
def test_no_log_or_readme_makes_a_rule_fail(log: str, readme: str) -> None:
    files = {"train_seed1.log": log, "README.md": readme, "submission.json": json.dumps({"val_bpb": 1.2, "x": log})}
    report = audit(submission(SCRIPT, files), select=EVIDENCE)
    assert all("\n" not in said.message for said in report.findings)


def test_the_example_log_is_read_as_it_is_meant() -> None:
    (run,) = audit(submission(SCRIPT, {"train.log": run_log(7, 1.2)}), select=[]).runs
    assert (run.seed, run.val_bpb, run.steps, run.world_size) == (7, 1.2, 13_000, 8)
    assert run.artifact_bytes == 15_800_000 + len(run_logs.SCRIPT)


@pytest.mark.parametrize(
    ("readme", "told"),
    [
        ("# Example, val_bpb 1.2015\n", []),
        ("# Example, val_bpb 1.20\n", []),
        ("# Example at 1.1999\n", ["title"]),
        ("# Example of 1.5x speed\n", []),
        ("# Example with EMA 1.210 and a longer warmdown\n", []),
        ("# Example\n\n| | val_bpb |\n|-|-|\n| mean | 1.1987 |\n", ["README"]),
        ("# Example\n\n| | val_bpb |\n|-|-|\n| mean | 1.2015 |\n", []),
        ("# Example\n\nThe baseline had 1.2244 bpb.\n", []),
    ],
)
def test_title_and_table_are_compared_with_the_metadata(readme: str, told: list[str]) -> None:
    logs = (run_log(1, 1.2), run_log(2, 1.201), run_log(3, 1.2035))
    files = package(*logs, val_bpb=1.2015) | {"README.md": readme}
    said = found("claim-mismatch", files)
    assert [f.status for f in said] == ["note"] * len(told)
    assert all(word in f.message for word, f in zip(told, said, strict=True))


def test_a_claim_is_held_against_the_scores_that_it_nearly_is_the_mean_of() -> None:
    mixed = (0.92917762, 0.92982823, 0.92987519)
    logs = [run_log(seed, 1.083).rstrip("\n") + "\n" for seed in (1, 2, 3)]
    files = package(*logs, val_bpb=0.9296755)
    for seed, value in zip((1, 2, 3), mixed, strict=True):
        path = f"train_seed{seed}.log"
        last = files[path].rstrip("\n").rpartition("\n")
        files[path] = f"{last[0]}\nfinal_mixed val_bpb:{value:.8f}\n{last[2]}\n"
    (said,) = found("claim-mismatch", files)
    assert "the final scores nearest to it are 0.92917762, 0.92982823, 0.92987519" in said.message
    report = audit(submission(SCRIPT, files, "2026-04-01_Example"), select=["claim-mismatch"])
    assert [run.claimed_bpb for run in report.runs] == list(mixed)


def test_a_script_in_no_record_folder_is_not_told_as_a_folder() -> None:
    given = submission(SCRIPT, package(run_log(1, 1.2), val_bpb=1.2), "PR 7")
    copies = ("junk/pr5/records/track_10min_16mb/2026-04-01_A/x.py", "records/track_10min_16mb/2026-04-02_B/y.py")
    outside = ("train_gpt.py", *copies, *(f"{'deep/' * 20}{name}/z.py" for name in ("a", "b")))
    (told,) = audit(replace(given, folder="", outside=outside), select=["diff-scope"]).findings
    assert "5 files, and this script lies in no record folder: " in told.message
    assert told.message.endswith("; among them a record folder.")
    assert "deep/a (1)" in told.message and "deep/b (1)" in told.message


def test_a_submission_that_lies_in_no_archive_is_told() -> None:
    given = submission(SCRIPT, package(run_log(1, 1.2), val_bpb=1.2), "Example")
    for folder, told in (("records/track_10min_16mb/Example", 0), ("copy/records/track_10min_16mb/Example", 1)):
        findings = audit(replace(given, folder=folder, outside=()), select=["diff-scope"]).findings
        assert [f.message for f in findings] == [f"The submission lies in {folder}/, not below records/."] * told


def test_a_further_blob_is_part_of_every_count_of_the_artifact() -> None:
    sizes = (
        "Serialized model int6+zstd: 11684730 bytes\nCode size: 67890 bytes\nPaid prefix blob: 4772268 bytes\n"
        "Total submission size int6+zstd: 16524888 bytes\n"
    )
    files = package(run_log(1, 1.2), val_bpb=1.2)
    lines = [line for line in files["train_seed1.log"].splitlines() if "bytes" not in line and "size" not in line]
    files["train_seed1.log"] = "\n".join([*lines[:-1], sizes + lines[-1], ""])
    (told,) = found("artifact-cap", files)
    assert told.status == "violation"
    assert "the log's total is 16,524,888, 16,457" in told.message


def test_of_two_logs_of_a_seed_the_one_with_its_claimed_score_counts() -> None:
    files = package(
        run_log(1, 1.2001), run_log(2, 1.201), run_log(3, 1.2035), val_bpb_3seed_mean=1.20153, seeds=[1, 2, 3],
        per_seed_results={"1": {"val_bpb": 1.2001}, "2": {"val_bpb": 1.201}, "3": {"val_bpb": 1.2035}},
    ) | {"check_seed1.log": run_log(1, 1.1982)}  # fmt: skip
    assert not found("claim-mismatch", files)
    assert found("claim-mismatch", files | {"train_seed3.log": run_log(3, 1.2075)})


def test_logs_of_two_vocabularies_have_no_mean_to_set() -> None:
    logs = {
        f"log_{n}.txt": run_log(5, bpb, settings=f"tokenizer_path=./words_{n}.model")
        for n, bpb in ((1792, 1.143), (1024, 1.147))
    }
    (said,) = found("claim-mismatch", package(val_bpb=1.18337608) | logs)
    assert said.message.endswith("1.1470, 1.1430; they are of different vocabularies.")
    assert said.fix is None


def test_a_total_of_something_larger_is_told_as_what_the_log_prints() -> None:
    log = run_log(5, 1.2, model=42_000_000).replace(
        f"Total submission size int8+zlib: {42_000_000 + len(SCRIPT)}", "Total submission size: 207000000"
    )
    runs = {
        "two.log": log
        + run_log(6, 1.21)
        .replace("Total", "Model")
        .replace("Serialized model", "Weights")
        .replace("Code size", "Lines")
    }
    (said,) = found("artifact-cap", package(val_bpb=1.2) | {"train.log": log})
    assert "207,000,000 bytes, is too far over the cap" in said.message
    assert found("artifact-cap", package(val_bpb=1.2) | runs)[0].message.count("two.log") == 1


def test_a_size_in_rounded_megabytes_corrects_no_exact_one() -> None:
    log = (
        run_log(5, 1.2).partition("Serialized")[0]
        + "artifact:14.36MB code:52345\nfinal val_loss:2.0256 val_bpb:1.2000\n"
    )
    files = package(val_bpb=1.2, bytes_total=14_499_999) | {"train.log": log}
    assert not found("stale-metadata", files)
    assert found("stale-metadata", files | {"train.log": log.replace("final", "budget:14412345/16000000\nfinal")})


def test_the_model_s_blob_is_the_model_and_nothing_beside_it() -> None:
    log = run_log(1337, 1.2, model=15_979_561, code=19_646).replace(
        "final", "Packed code: 19646 bytes\nModel blob : 15979561 bytes\nfinal", 1
    )
    assert "Model blob" in log
    assert not found("artifact-cap", package(val_bpb=1.2) | {"train_seed1337.log": log})
    more = log.replace("Model blob ", "Paid prefix blob")
    assert found("artifact-cap", package(val_bpb=1.2) | {"train_seed1337.log": more})
