"""What logs print for settings, and which switch a value belongs to."""

from __future__ import annotations

import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_settings_documents import submission, values

from auditor.settings import lookup, settings_in_play
from auditor.settings.heard import beginnings
from auditor.settings.logs import printed_settings
from auditor.submission.discover import describe
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Override, Setting

RULE = "=" * 100
SOURCE = (
    "import os\nfrom x import y\nclass H:\n    ttt_enabled = 1\n"
    "def main():\n    a: 3\nif __name__ == '__main__':\n    main()\n"
)


def printed(text: str) -> dict[str, str]:
    return {name: override.value for name, override in printed_settings(text, "train.log").items()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ttt_enabled: True", {"ttt_enabled": "True"}),
        ("shard_order:ranking the shards...\nshard_order:ranked 80 shards by size", {}),
        ("  matrix_lr: 0.022", {"matrix_lr": "0.022"}),
        ('config: {\n  "ttt_enabled": true,\n}', {"ttt_enabled": "true"}),
        ("TTT_ENABLED=1 NGRAM_ORDER=7", {"ttt_enabled": "1", "ngram_order": "7"}),
        ("tie_embeddings:True embed_lr:0.035", {"tie_embeddings": "True", "embed_lr": "0.035"}),
        ("TTT: enabled=1 epochs=3", {"ttt_enabled": "1", "ttt_epochs": "3"}),
        ("ttt_sliding:start chunks=18 ttt_lr=0.002", {"ttt_sliding": "start", "ttt_lr": "0.002"}),
        ("cache:enabled orders=2-5", {"cache": "enabled", "cache_orders": "2-5"}),
        ("args: Namespace(ttt=True, name='x y', lr=0.1)", {"ttt": "True", "name": "x y", "lr": "0.1"}),
        ('{"ttt_enabled": false, "layers": [1, 2], "lr": 0.5}', {"ttt_enabled": "False", "lr": "0.5"}),
        ("{'ttt_enabled': False}", {"ttt_enabled": "False"}),
        ('  "ttt_enabled": true,', {"ttt_enabled": "true"}),
        ("[rank0]: INFO: ttt_enabled: False", {"ttt_enabled": "False"}),
        ("2026-04-01 10:00:00,123 - ttt_enabled=0", {"ttt_enabled": "0"}),
        ("[12:00:01] ttt_enabled=0", {"ttt_enabled": "0"}),
        ("\x1b[32mttt_enabled=0\x1b[0m", {"ttt_enabled": "0"}),
        ("XSA:last_4 active_layers:[7, 8]", {"xsa": "last_4", "active_layers": "[7, 8]"}),
    ],
)
def test_notations(line: str, expected: dict[str, str]) -> None:
    found = printed(line + "\n")
    assert expected.items() <= found.items()


@pytest.mark.parametrize(
    "line",
    [
        "step:100/2000 train_loss:2.1 ttt_on:1",
        "final val_bpb:1.09 val_loss:2.5 eval_time:100ms",
        "peak memory allocated: 21874 MiB",
        "ttp: b776/782 bl:2.26 bb:1.07",
        "W0326 14:53:54.182000 139653 torch/distributed/run.py:779] OMP=1",
        "=== Training === seed",
        "    ttt_enabled = bool(int(os.environ.get('TTT_ENABLED', '0')))",
        "| NVIDIA-SMI 560   Driver: 560 |",
    ],
)
def test_measurements_and_noise_are_not_settings(line: str) -> None:
    assert printed(line + "\n") == {}


def test_an_opening_bracket_is_no_value() -> None:
    assert printed("config: {\n") == {}


def test_nothing_is_taken_from_training_but_what_announces_itself() -> None:
    text = "a_one: 1\nstep:1/10 train_loss:2\nb_two: 2\nttt:start ttt_epochs=3\n"
    text += "Hyperparameters:\n  c_three: 3\nd_four: 4\n"
    assert printed(text) == {"a_one": "1", "ttt": "start", "ttt_epochs": "3", "c_three": "3"}


@pytest.mark.parametrize("embedded", [SOURCE + RULE + "\n", SOURCE])
def test_an_embedded_script_is_left_out(embedded: str) -> None:
    assert printed("before_it: 1\n" + embedded + "after_it: 2\n") == {"before_it": "1", "after_it": "2"}


def test_lines_are_counted_through_the_embedded_script() -> None:
    found = printed_settings(SOURCE + RULE + "\nafter_it: 2\n", "train.log")
    assert found["after_it"] == Override("after_it", "2", "train.log", 10)


def test_the_first_value_stands() -> None:
    assert printed("a_one: 1\na_one: 2\n") == {"a_one": "1"}


def logs(**files: str | bytes) -> list[Setting]:
    return [setting for setting in settings_in_play(submission(**files)) if setting.kind == "log"]


def test_a_packed_log_is_read_and_a_broken_one_is_none() -> None:
    packed = gzip.compress(b"seed:1\na_one: 1\n")
    found = describe(MemoryTree({"train.log.gz": packed, "broken.log.gz": packed[:20]}), given=".", name="x", place="x")
    (setting,) = [each for each in settings_in_play(found) if each.kind == "log"]
    assert (setting.label, setting.overrides["a_one"].value) == ("train.log.gz", "1")


def test_runs_that_differ_in_the_seed_are_one_setting() -> None:
    (setting,) = logs(train_seed1__log="seed:1\na_one: 1\n", train_seed2__log="seed:2\na_one: 1\n")
    assert setting.label == "train_seed1.log"


def test_reported_runs_come_before_side_experiments() -> None:
    found = logs(
        ablation_no_ttt__log="ttt_enabled: 0\n",
        train_seed42__log="ttt_enabled: 1\n",
        submission__json='{"seeds": [42]}',
    )
    assert [(setting.label, values(setting)) for setting in found] == [
        ("train_seed42.log", {"ttt_enabled": "1"}),
        ("ablation_no_ttt.log", {"ttt_enabled": "0"}),
    ]


def test_a_log_that_prints_no_setting_is_none() -> None:
    assert logs(train__log="step:1/2 train_loss:3\n") == []


def test_at_most_four_logs() -> None:
    files = {f"train_seed{number}__log": f"a_one: {number}\n" for number in range(7)}
    assert len(logs(**files)) == 4


def test_utf16_and_windows_line_ends() -> None:
    (setting,) = logs(train__log="ttt_enabled: 1\r\nb_two: 2\r\n".encode("utf-16"))
    assert values(setting) == {"ttt_enabled": "1", "b_two": "2"}


def setting(kind: str, **given: str) -> Setting:
    overrides = {name: Override(name, value, "f", 1) for name, value in given.items()}
    return Setting(kind, "x", overrides)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("command", {"TTT_ENABLED": "1"}, "1"),
        ("command", {"ttt_on": "0"}, "0"),
        ("command", {"no_ttt_on": "True"}, "False"),
        ("command", {"OTHER": "1"}, None),
        ("command", {"ttt": "1"}, None),
        ("log", {"ttt_enabled": "False"}, "False"),
        ("log", {"ttt_on": "1"}, "1"),
        ("log", {"ttt": "start"}, "1"),
        ("log", {"ttt": "False"}, "0"),
        ("log", {"ttt": "3.5"}, None),
        ("log", {"tt": "1"}, None),
        ("log", {"ttt": "start", "ttt_on": "False"}, "False"),
        ("log", {"ttt_enabled": "start"}, "1"),
        ("defaults", {}, None),
    ],
)
def test_lookup(kind: str, given: dict[str, str], expected: str | None) -> None:
    found = lookup(setting(kind, **given), "TTT_ENABLED", ["ttt_on"])
    assert (found.value if found else None) == expected


def test_lookup_of_an_option_and_of_an_attribute_alone() -> None:
    assert lookup(setting("command", ttt_epochs="3"), "--ttt-epochs").value == "3"  # type: ignore[union-attr]
    assert lookup(setting("log", ttt_epochs="3"), None, ["ttt_epochs"]).value == "3"  # type: ignore[union-attr]


@given(st.text(max_size=400))
def test_any_log_is_read(text: str) -> None:
    for name, override in printed_settings(text, "x.log").items():
        assert name == name.lower()
        assert 1 <= override.line <= text.count("\n") + 1


@pytest.mark.parametrize(
    "text",
    ["a" * 20_000, "a=" * 10_000, "a b " * 5000, "[" * 20_000, "{" * 20_000 + "}", '"' * 20_000, "=" * 79],
    ids=["word", "pairs", "blanks", "brackets", "braces", "quotes", "rules"],
)
def test_hostile_logs_take_bounded_time(text: str) -> None:
    before = time.process_time()
    printed_settings((text + "\n") * (400_000 // len(text)), "x.log")
    assert time.process_time() - before < 10


@pytest.mark.parametrize(
    "line",
    [
        '{"within_boost": 0.75, "env": {"WORD_BOOST": "0.5"}}',
        "hparams: {'within_boost': 0.75, 'word_boost': 0.5}",
        '"config": {"ngram": {"within_boost": 0.75}, "word_boost": 0.5},',
        "ngram:config within_boost=0.75 word_boost=0.5",
    ],
)
def test_dumps_within_dumps_and_under_a_title(line: str) -> None:
    found = printed_settings(line + "\n", "x.log")
    assert (found["within_boost"].value, found["word_boost"].value) == ("0.75", "0.5")


def test_a_phase_that_tells_what_it_measured_sets_nothing() -> None:
    text = (
        "lr: 0.02\nstep:10/10 train_loss:3.0\nadapt: start rounds=3\nadapt: start rounds_left=2 took=12.31s\n"
        "pack: config raw=18000000B packed=15300211B ratio=0.8502\n"
    )
    assert printed(text) == {"lr": "0.02", "adapt": "start", "adapt_rounds": "3"}


@pytest.mark.parametrize("mark", ["", "—", "①", "\ud800"])
def test_what_lines_begin_with_is_told_with_any_number_as_one_sign(mark: str) -> None:
    text = f"step {mark}1/20 loss\nstep {mark}310/9999 loss\n[rank7] seed:42 {mark}\n"
    assert beginnings(text) == {f"step {mark}#/# loss", f"[rank#] seed:# {mark}", f"seed:# {mark}", ""}
