"""Logs to runs: values with their lines, several runs in one file, odd encodings, embedded source."""

from __future__ import annotations

import gzip
import subprocess
import sys

import pytest
from logs_written import HEADER, RULER, SOURCE, embedded, training

from auditor.evidence.logs import name_seed, read_log
from auditor.evidence.run import Run
from auditor.evidence.text import Unreadable


def only(data: bytes | str, path: str = "train.log") -> Run:
    log = read_log(path, data.encode() if isinstance(data, str) else data)
    assert len(log.runs) == 1
    return log.runs[0]


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.split("\n"), start=1) if part in line)


def test_a_baseline_log_in_full() -> None:
    text = training(1337)
    run = only(text)
    measured = run.measured()
    assert measured.seed == 1337
    assert measured.val_bpb == 1.2243657
    assert measured.val_loss == 2.07269931
    assert measured.artifact_bytes == 15863489
    assert measured.train_seconds == pytest.approx(600.038)
    assert measured.eval_seconds == pytest.approx(1.401)
    assert measured.steps == 13780
    assert measured.world_size == 8
    assert run.score is not None
    assert run.score.line == line_of(text, "roundtrip_exact")
    assert run.score.decimals == 8
    assert run.artifact_bytes is not None
    assert run.artifact_bytes.line == line_of(text, "Total submission size int8")
    assert run.train_seconds is not None
    assert run.train_seconds.line == line_of(text, "stopping_early")
    shards = run.first("train_shards")
    assert shards is not None
    assert (shards.value, shards.line) == (80, line_of(text, "train_shards"))


def test_embedded_source_is_set_aside() -> None:
    text = embedded(42)
    log = read_log("a.log", text.encode())
    (source,) = log.sources
    assert (source.first_line, source.last_line) == (1, SOURCE.count("\n") + 1)
    assert source.text is not None
    assert source.text.rstrip() == SOURCE.rstrip()
    (run,) = log.runs
    assert run.measured().val_bpb == 1.2243657
    assert run.gpu is not None
    assert run.gpu.value == "NVIDIA H100 80GB HBM3"


def test_source_without_a_ruler_ends_with_its_guard() -> None:
    (source,) = read_log("a.log", (SOURCE + training(42)).encode()).sources
    assert source.last_line == SOURCE.count("\n")


def test_source_without_a_ruler_or_a_guard_ends_with_its_last_function() -> None:
    source = SOURCE.partition("if __name__")[0]
    assert source != SOURCE
    log = read_log("a.log", (source + training(42)).encode())
    (embedded_source,) = log.sources
    assert embedded_source.last_line <= source.count("\n")
    assert log.runs[0].measured().seed == 42


def test_sources_of_several_seeds_hide_no_run() -> None:
    log = read_log("a.log", (SOURCE + training(1) + SOURCE + training(2)).encode())
    assert len(log.sources) == 2
    assert [run.measured().seed for run in log.runs] == [1, 2]


def test_rulers_alone_hide_nothing() -> None:
    text = f"{RULER}\n{training(7)}{RULER}\nimport of nothing\n{RULER}\n"
    log = read_log("a.log", text.encode())
    assert log.sources == ()
    assert log.runs[0].measured().seed == 7


@pytest.mark.parametrize(
    ("encode", "encoding"),
    [
        (lambda t: b"\xef\xbb\xbf" + t.encode(), "utf-8-sig"),
        (lambda t: b"\xff\xfe" + t.encode("utf-16-le"), "utf-16"),
        (lambda t: b"\xfe\xff" + t.encode("utf-16-be"), "utf-16"),
        (lambda t: t.encode("utf-16-le"), "utf-16"),
        (lambda t: t.replace("\n", "\r\n").encode(), "utf-8"),
        (lambda t: gzip.compress(t.encode()), "gzip"),
        (lambda t: "".join(f"\x1b[32m{x}\x1b[0m\n" for x in t.splitlines()).encode(), "utf-8"),
        (lambda t: "".join(f"[2026-04-01 10:00:00] INFO: {x}\n" for x in t.splitlines()).encode(), "utf-8"),
        (lambda t: "".join(f"[rank0]: {x}\n" for x in t.splitlines()).encode(), "utf-8"),
        (lambda t: "".join(f"2026-04-01T10:00:00.123Z {x}\n" for x in t.splitlines()).encode(), "utf-8"),
    ],
)
def test_every_wrapping_reads_the_same(encode, encoding: str) -> None:  # type: ignore[no-untyped-def]
    plain = only(training(42)).measured()
    data = encode(training(42))
    log = read_log("train.log", data)
    assert log.encoding == encoding
    assert log.size == len(data)
    assert [r.measured() for r in log.runs] == [plain]


def test_a_progress_bar_is_one_line() -> None:
    bar = "".join(f"Training: {i}%|# | {i * 40}/4000 [00:10<00:20, 1.7step/s]\r" for i in range(1, 101))
    run = only(HEADER + "seed:1\n" + bar + "\nfinal val_bpb:1.5000\n")
    assert run.steps is not None
    assert (run.steps.value, run.steps.line) == (4000, 7)


def test_runs_follow_each_other_in_one_file() -> None:
    text = training(1337, 1.21) + training(42, 1.22) + training(7, 1.23)
    runs = read_log("all.log", text.encode()).runs
    assert [(r.measured().seed, r.measured().val_bpb) for r in runs] == [(1337, 1.21), (42, 1.22), (7, 1.23)]
    assert [r.first_line for r in runs[1:]] == [n for n, x in enumerate(text.split("\n"), 1) if "seed:" in x][1:]
    assert runs[0].last_line + 1 == runs[1].first_line


def test_a_run_printed_twice_is_one_run() -> None:
    tail = "\n".join(training(42).splitlines()[5:])
    assert len(read_log("a.log", (training(42) + tail).encode()).runs) == 1


def test_a_closing_summary_opens_no_run() -> None:
    text = training(42) + "===== SEED 42 DONE =====\n  seed: 42   mean of nothing\n"
    assert len(read_log("a.log", text.encode()).runs) == 1


def test_the_last_final_line_is_the_score() -> None:
    text = training(42) + (
        "final_int6_sliding_window_exact val_loss:2.01 val_bpb:1.19\n"
        "legal_ttt_exact val_loss:2.0 val_bpb:1.18000001\n"
        "quant_gap: 0.014 BPB (pre:1.16 post:1.18)\n"
        "Champion: 1.05 BPB\n"
    )
    run = only(text)
    assert run.score is not None
    assert (run.score.label, run.score.val_bpb) == ("legal_ttt_exact", 1.18000001)
    assert [m.label for m in run.scores][-2:] == ["final_int6_sliding_window_exact", "legal_ttt_exact"]


def test_a_remark_on_a_score_is_not_its_measurement() -> None:
    done = "ttt:done val_loss=1.902981 val_bpb=1.127995 elapsed=606.2s\n"
    run = only(training(1) + done + "ttt: val_loss=1.9030 val_bpb=1.1280 total_time=612167ms improvement:0.0663\n")
    assert run.score is not None
    assert (run.score.val_bpb, run.val_loss) == (1.127995, 1.902981)
    assert run.eval_seconds is not None
    assert run.eval_seconds.value == pytest.approx(612.167)
    for last in ("ttt: val_bpb=1.1281 improvement:0.0663\n", "ttt: val_loss=1.9030 val_bpb=1.1280\n"):
        run = only(training(1) + done + last)  # another score; no remark, the last line is the score as ever
        assert run.score is not None
        assert run.score.decimals == 4


def test_a_run_that_broke_off_is_known_by_its_last_step() -> None:
    text = training(42).split("peak memory")[0] + "DIAGNOSTIC post_ema val_loss:2.0500 val_bpb:1.2141 eval_time:2ms\n"
    run = only(text)
    assert run.score is not None
    assert (run.score.role, run.score.val_bpb) == ("step", 1.2172)


def test_a_summary_at_the_end_tells_of_the_runs_again() -> None:
    """A line for each seed at the end is no further run, in whichever order the seeds are named."""
    summary = "seed:42 val_bpb:1.2244 bytes_total=15863489\nseed:1337 val_bpb:1.22436570\n"
    runs = read_log("train.log", (training(1337) + training(42) + summary).encode()).runs
    assert [run.measured().seed for run in runs] == [1337, 42]
    assert all(run.measured().steps == 13780 for run in runs)


def test_a_banner_with_a_number_and_a_seed_opens_a_run() -> None:
    """The seed of a heading is of the run below it, with the script between them or without."""
    for number, text in (("1", training(1)), ("2/3", embedded(1))):
        plain = "".join(line + "\n" for line in text.splitlines() if not line.startswith("seed:"))
        log = f"=== RUN 1 (seed=1337) ===\n{plain}\n=== RUN {number} (seed=42) ===\n{plain.replace('1.224', '1.225')}"
        runs = read_log("train.log", log.encode()).runs
        assert [run.measured().seed for run in runs] == [1337, 42]
        assert [run.measured().val_bpb for run in runs] == [1.2243657, 1.2253657]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("========== SEED {} ==========", "========== SEED {} DONE =========="),
        ("  Running: control (seed={})", ""),
        ("=== EVAL SEED {} ===", "=== EVAL-ONLY COMPLETE rc=0 ==="),
        ("[19:23:20] RUN seed={}", "[19:35:17] DONE seed={} rc=0"),
    ],
)
def test_a_heading_gives_its_seed_to_what_follows_it(before: str, after: str) -> None:
    run = "load_checkpoint: final_model.pt\nseed: 42\nfinal_sliding val_loss:2.8 val_bpb:1.08{}2287\n"
    log = "".join(f"{before.format(seed)}\n{run.format(seed)}{after.format(seed)}\n" for seed in (42, 314))
    runs = read_log("eval.log", log.encode()).runs
    assert [(run.measured().seed, run.score and run.score.decimals) for run in runs] == [(42, 8), (314, 9)]


def test_the_seed_of_a_part_is_not_the_runs() -> None:
    """What a log says of an adapter goes behind the line that gives the seed, and so does its launcher's heading."""
    text = training(1337).replace(
        "world_size", "adapter kind:none rank:8 seed:20260331\n=== SEED 42 ===\nworld_size", 1
    )
    assert only(text).measured().seed == 1337
    assert only(text.replace("seed:1337\n", "")).measured().seed == 42


def test_a_table_of_all_seeds_sizes_gives_the_last_run_none_of_them() -> None:
    table = "Results\n  seed=1337: score=1.2 | size=15,100,000B\n  seed=42: score=1.2 | size=15,900,000B\n"
    log = read_log("train.log", (training(1337) + training(42, 1.23) + table).encode())
    assert [run.measured().artifact_bytes for run in log.runs] == [15863489, 15863489]


def test_an_evaluation_alone_is_of_the_seed_that_its_file_is_named_by() -> None:
    text = "seed: 42\nload_checkpoint: outputs/seed1337/final_model.pt\n"
    text += "final_sliding val_loss:2.80430163 val_bpb:1.08582287\n"
    assert only(text, "eval_seed1337.log").measured().seed == 1337
    assert only(text, "eval.log").measured().seed == 42


def test_a_validation_without_a_time_is_a_step() -> None:
    text = "seed:1\n5/360 train_loss: 8.3 train_time: 0.0m tok/s: 7265381\n360/360 val_loss: 3.3780 val_bpb: 1.3328\n"
    assert only(text).measured().steps == 360


def test_without_a_final_line_the_score_says_which_it_is() -> None:
    text = training(42).split("peak memory")[0]
    run = only(text)
    assert run.score is not None
    assert (run.score.role, run.score.val_bpb) == ("step", 1.2172)
    assert run.scores == ()


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ("Serialized model int6: 15000000 bytes\nCode size: 50000 bytes\n", 15050000),
        ("model:15900000 code:64000 total:15964000\n", 15964000),
        ("artifact: 15.9MB\n", 15900000),
        (
            "Code size: 87232 bytes\nSerialized model int8+zlib: 24650958 bytes\n"
            "Total submission size int8+zlib: 24738190 bytes\nSerialized model GPTQ+brotli: 15693944 bytes\n"
            "Total mixed submission: 15781176 bytes (FITS 16MB)\n",
            15781176,
        ),
        ("Total submission size: 67272625 bytes\nTotal submission size int6+lzma: 15887926 bytes\n", 15887926),
        ("total_bytes: 1200\n", None),
        ("Code size: 50000 bytes\n", None),
    ],
)
def test_the_artifact_is_the_packed_total(sizes: str, expected: int | None) -> None:
    assert only("seed:1\n" + sizes).measured().artifact_bytes == expected


def test_evaluation_time_prefers_the_printed_total() -> None:
    text = training(42) + "quantized_ttt val_loss:2.7 val_bpb:1.08 eval_time:368074ms\n"
    assert only(text).measured().eval_seconds == pytest.approx(368.074)
    assert only(text + "total_eval_time:497.5s\n").measured().eval_seconds == pytest.approx(497.5)
    assert [round(v.value, 3) for v in only(text).evaluations] == [1.401, 368.074]


def test_a_flood_of_one_shape_keeps_its_last_line() -> None:
    flood = "".join(f"step:{i}/90000 train_loss:2.0 train_time:{i * 7}ms step_avg:7.00ms\n" for i in range(1, 80001))
    run = only(HEADER + "seed:3\n" + flood)
    assert run.measured().steps == 80000
    assert run.measured().train_seconds == pytest.approx(560.0)
    assert len(run.all("step")) < 1000


def test_a_flood_behind_a_launchers_prefix_hides_no_score() -> None:
    prefix = "[2026-04-01 10:00:00] INFO: "
    flood = [f"step:{i}/900 train_loss:2.0 train_time:{i * 7}ms step_avg:7.00ms" for i in range(1, 801)]
    lines = [*training(4).splitlines()[:6], *flood, *training(4).splitlines()[9:]]
    plain, prefixed = only("\n".join(lines)), only("\n".join(prefix + line for line in lines))
    assert prefixed.measured() == plain.measured()
    assert prefixed.measured().val_bpb == 1.2243657


def test_a_log_that_says_too_much_is_read_at_both_ends() -> None:
    words = ("".join(chr(97 + int(d)) for d in str(i)) for i in range(30_000))
    text = training(3) + "".join(f"{word} eval of the seed\n" for word in words) + "late_exact val_bpb:1.1\n"
    log = read_log("a.log", text.encode())
    assert log.unread > 0
    assert log.runs[0].measured().val_bpb == 1.1
    assert log.runs[0].measured().seed == 3
    assert read_log("a.log", training(3).encode()).unread == 0


@pytest.mark.parametrize("ending", ["", "\n"])
def test_past_a_flood_of_noise_lines_keep_their_numbers(ending: str) -> None:
    noise = "".join("".join(chr(97 + int(d)) for d in str(i)) + " is odd\n" for i in range(90_000))
    routine = "".join(f"step:{i}/90000 train_loss:2.0 train_time:{i}ms step_avg:1.00ms\n" for i in range(1, 401))
    late = "step:500/90000 train_loss:2.0 train_time:500ms step_avg:1.00ms\n"
    text = routine + noise + late + f"{SOURCE}\n{RULER}\n" + noise[:30_000] + "late_exact val_bpb:1.1" + ending
    log = read_log("a.log", text.encode())
    run = log.runs[0]
    assert log.lines == len(text.splitlines())
    assert 0 < log.unread < 60_000
    assert run.score is not None
    assert (run.score.val_bpb, run.score.line) == (1.1, log.lines)
    assert run.steps is not None
    assert (run.steps.value, run.steps.line) == (500, line_of(text, "step:500/"))
    assert not any(m.val_bpb == 9.9999 for m in run.metrics)  # the script's own text


def test_settings_are_those_before_the_first_step() -> None:
    text = "Hyperparameters:\n  ttt_enabled: True\n  MATRIX_LR: 0.022\nx:1 y:2\n" + training(1) + "late_flag: 1\n"
    settings = only(text).settings
    assert settings["ttt_enabled"].value == "True"
    assert (settings["matrix_lr"].value, settings["matrix_lr"].line) == ("0.022", 3)
    assert (settings["x"].value, settings["y"].value) == ("1", "2")
    assert "late_flag" not in settings


def test_what_was_measured_is_no_setting() -> None:
    told = "weights raw=18000000B packer=zstd packed=15300211B ratio=0.8502\nload_wallclock:12.5s\nmax_wallclock:600s\n"
    run = only(f"seed:3\nlr:0.02\n{told}quantized val_loss:2.1 val_bpb:1.2001\nwrapper_wallclock:585s\nfound:7\n")
    assert set(run.settings) - {"val_loss", "val_bpb"} == {"seed", "lr", "max_wallclock"}  # up to the score


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Traceback (most recent call last):", "traceback"),
        ("RuntimeError: CUDA out of memory", "traceback"),
        ("ssh: connect to host 1.2.3.4 port 22: Connection timed out", "connection"),
        ("PLACEHOLDER TRAIN LOG", "placeholder"),
        ("Killed", "killed"),
    ],
)
def test_trouble_is_told_with_its_line(line: str, kind: str) -> None:
    log = read_log("a.log", f"seed:1\n{line}\n".encode())
    assert [(t.kind, t.line) for t in log.troubles] == [(kind, 2)]


def test_gates_of_the_tilt() -> None:
    run = only("ngram_tilt:hints total=10 token_gate=5 within_gate=7 word_gate=0 agree2plus=2\n")
    assert [run.all(n)[0].value for n in ("within_gate", "word_gate", "agree2plus")] == [7, 0, 2]


@pytest.mark.parametrize(
    ("path", "seed"),
    [
        ("train_seed1337.log", 1337),
        ("logs/seed_42.txt", 42),
        ("seed7/train.log", 7),
        ("ternary_log_42.txt", 42),
        ("train_20260401.log", None),
        ("train.log", None),
    ],
)
def test_the_seed_in_a_name(path: str, seed: int | None) -> None:
    assert name_seed(path) == seed


def test_a_printed_seed_goes_before_the_name() -> None:
    run = only(training(5), "train_seed42.log")
    assert run.measured().seed == 5
    assert run.logged_seed is not None
    assert run.name_seed is not None
    assert (run.logged_seed.value, run.name_seed.value, run.name_seed.line) == (5, 42, None)


def test_the_blob_is_gits_name_for_the_file() -> None:
    # git hash-object of "hello\n"
    assert read_log("a", b"hello\n").blob == "ce013625030ba8dba906f756967f9e9ca394464a"


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe", b"\x00" * 50, b"\x80\x81", "💥".encode()])
def test_nothing_in_it_is_no_run(data: bytes) -> None:
    assert read_log("a.log", data).runs == ()


def test_broken_or_bloated_gzip_is_one_line() -> None:
    with pytest.raises(Unreadable, match="gzip"):
        read_log("a.log.gz", b"\x1f\x8b\x08\x00broken")


def test_reading_imports_nothing_heavy() -> None:
    code = (
        "import sys, auditor.evidence, auditor.evidence.statistics, auditor.evidence.frontier;"
        "print(sorted({'torch', 'numpy', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_launched_runs_of_one_file_are_apart() -> None:
    text = "".join(
        f"[STAGE 1/2] run={name} | 8 GPUs | hparams: {{'layers': 10, 'seed': {seed}}}\n"
        f"[RESULT] run={name} | score={score} | size=15,100,000B | OK\n"
        for name, seed, score in (("a1", 1337, 1.19), ("b2", 42, 1.1908), ("c3", 7, 1.1888))
    )
    runs = read_log("train.log", text.encode()).runs
    assert [(r.seed.value, r.score.val_bpb) for r in runs if r.seed and r.score] == [
        (1337, 1.19),
        (42, 1.1908),
        (7, 1.1888),
    ]


def test_a_score_repeated_exactly_gives_both() -> None:
    (run,) = read_log("a.log", b"final_sliding val_loss:0.1952 val_bpb:0.1156 exact:0.11559195 stride:64\n").runs
    assert [m.val_bpb for m in run.scores] == [0.11559195, 0.1156]
    (run,) = read_log("a.log", b"final_sliding val_loss:0.1952 val_bpb:0.1156 exact:0.3\n").runs
    assert [m.val_bpb for m in run.scores] == [0.1156]


def test_a_run_that_only_evaluates_is_timed_as_a_whole() -> None:
    text = b"val_bpb: 1.257264\nTime:     6629s\n"
    assert read_log("eval.log", text).runs[0].measured().eval_seconds == 6629.0
    trained = b"step:10/10 train_loss:2.0 train_time:5000ms\n" + text
    assert read_log("train.log", trained).runs[0].measured().eval_seconds is None


def test_every_member_of_a_gzip_file_is_read() -> None:
    parts = gzip.compress(b"seed:7\n") + gzip.compress(b"final val_loss:2.0 val_bpb:1.19000000\n")
    (run,) = read_log("a.log.gz", parts).runs
    assert run.seed is not None
    assert run.score is not None
    with pytest.raises(Unreadable, match="ends early"):
        read_log("a.log.gz", parts[:-6])


@pytest.mark.parametrize(
    "line",
    [
        *("BPB improvement: 0.0114", "量化提升 bpb: 0.0114", "Verbesserung der BPB = 0.0114"),
        *("reduction in val_bpb: 0.0931", "bpb change: 0.0931", "BPB lift: 0.0931", "gains (bpb): 0.0931"),
    ],
)
def test_a_gain_is_no_score(line: str) -> None:
    run = only(training(1337) + line + "\n")
    assert run.score is not None
    assert run.score.val_bpb == 1.2243657


@pytest.mark.parametrize(
    "line",
    [
        "# val_bpb: 1.1000",
        "Average BPB across seeds = 1.1500",
        "log0(f'final val_bpb:1.0500')",
        "early_stop_bpb: 1.1000",
        "mix_bpb_weight: 0.5000",
        "doc 10 bpb: 1.3000",
        "expected to beat the earlier 1.364 by ~0.031 BPB",
        "missing/unexpected keys are none; forward pass works; sliding eval reads back 1.10952 BPB).",
    ],
)
def test_a_remark_is_no_score(line: str) -> None:
    run = only(training(1337) + line + "\n")
    assert run.score is not None
    assert run.score.val_bpb == 1.2243657


def test_a_tiny_value_of_the_scores_own_key_is_a_score() -> None:
    assert [m.val_bpb for m in only("seed:1\nfinal val_bpb:0.0049\n").scores] == [0.0049]


def test_nought_is_a_placeholder_and_no_score() -> None:
    log = read_log("train.log", b"seed:1\nstep:5/5 train_loss:2.0 train_time:5ms\nfinal val_bpb:0.0\n")
    assert [trouble.kind for trouble in log.troubles] == ["nought"]
    assert log.runs[0].scores == ()


def test_a_tiny_score_that_its_format_rounds_to_nought_is_no_placeholder() -> None:
    rounded = "seed:1\nfinal_mix val_loss:0.0000 val_bpb:0.0000 eval_time:9ms\n"
    told = read_log("train.log", (rounded + "final_mix_exact val_loss:0.00000052 val_bpb:0.00000031\n").encode())
    assert (told.runs[0].score.val_bpb, told.troubles) == (0.00000031, ())
    assert read_log("train.log", (rounded + "final_mix_exact val_bpb:1.1\n").encode()).troubles  # another score


def test_the_total_of_hints_is_no_size() -> None:
    run = only(training(1337) + "ngram_tilt:hints total=47851520 token_gate=628130 within_gate=0\n")
    assert run.measured().artifact_bytes == 15863489


def test_of_several_candidates_the_one_that_is_submitted_counts() -> None:
    text = (
        "seed:1\nCode size: 77358 bytes\nstrategy:A size:7428079 total:7505437\nstrategy:C size:4297865 total:4375223\n"
        "Serialized model A+zstd: 7428079 bytes\nTotal submission size: 7505437 bytes\nfinal val_bpb:1.2\n"
    )
    assert only(text).measured().artifact_bytes == 7505437


def test_an_evaluation_alone_belongs_to_the_training_before_it() -> None:
    again = "seed:1337\nfinal_ttt val_loss:2.01 val_bpb:1.1900 eval_time:5000ms\n"
    run = only(training(1337) + again)
    assert run.measured().steps == 13780
    assert run.score is not None
    assert run.score.val_bpb == 1.19


def test_a_published_score_is_no_run() -> None:
    text = "Published BPB: 1.07216564  |  Kill if > 1.07516564\n" + training(7)
    assert only(text).measured().val_bpb == 1.2243657
    assert only("Published BPB: 1.07216564\n").scores == ()


def test_what_a_launch_before_evaluated_is_no_time_of_this_one() -> None:
    before = "DIAGNOSTIC post_ema val_loss:1.77 val_bpb:1.0507 eval_time:41962ms\n"
    late = training(7).replace(
        "Serialized model: ", "DIAGNOSTIC post_ema val_loss:1.78 val_bpb:1.05 eval_time:2000ms\nSerialized model: "
    )
    run = only(late.replace("step:0/", before + "step:0/"))
    assert run.validation_seconds == pytest.approx(2.0 + 1.401)


def test_figures_that_are_lined_up_in_a_column_are_read() -> None:
    run = only(
        "  seed:                   1337\n"
        "  Code size:                                   54,046 bytes\n"
        "  Serialized model int6+lzma:              13,726,856 bytes\n"
        "  Total submission size int6+lzma:         13,780,902 bytes\n"
        "step:600/20000 val_bpb:1.7195 train_time:(partial run)\n"
        "artifact_size_bytes: 13726856\n"
    ).measured()
    assert (run.seed, run.artifact_bytes, run.steps) == (1337, 13780902, 600)
    assert only("Seed      1.2345 bpb\nstep:1/2 val_loss:2 val_bpb:1.2\n").logged_seed is None


def test_a_published_score_is_no_score_of_the_run():
    (run,) = read_log("train_seed0.log", b"Published BPB: 1.07216564\nstep:1/2 train_loss:3.0\nval_bpb:1.0721\n").runs
    assert [m.val_bpb for m in run.scores] == [1.0721]


def test_a_mean_with_its_spread_and_the_time_of_all_are_no_runs() -> None:
    table = "Seed 1: val_loss=2.10, BPB=1.2001\nSeed 2: val_loss=2.11, BPB=1.2065\n"
    runs = read_log("all.txt", (table + "Avg BPB: 1.2033 ± 0.0032\nTotal time: 24.5s\n").encode()).runs
    assert [(run.score.val_bpb, run.eval_seconds) for run in runs if run.score] == [(1.2001, None), (1.2065, None)]


def test_the_total_within_the_budget_goes_before_a_rounded_model() -> None:
    run = only(training(1).partition("Serialized")[0] + "artifact:14.36MB code:52345\nbudget:14412345/16000000 FITS\n")
    assert run.artifact_bytes is not None
    assert run.artifact_bytes.value == 14_412_345


@pytest.mark.parametrize("opening", ['"What this trains, in one line."', "'It\\'s one line.'", 'r"raw"'])
def test_a_script_that_a_log_embeds_begins_with_its_docstring(opening: str) -> None:
    log = read_log("train.log", f"{opening}\n\nimport os\n{SOURCE}\n{RULER}\nseed:1\n".encode())
    (found,) = log.sources
    assert found.first_line == 1
    assert (found.text or "").startswith(opening)


def test_a_score_that_is_said_to_be_about_is_no_loss() -> None:
    run = only("step 500 loss=3.1\n  [VAL] step 500: val_loss=2.4463 val_bpb≈3.5293\n")
    assert [metric.val_bpb for metric in run.metrics] == [3.5293]
