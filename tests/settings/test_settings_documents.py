"""Documented commands: which count, which is the main one, and what they set."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from auditor.settings import settings_in_play
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Setting, Submission

NAME = "2026-04-01_Example"


def submission(**files: str | bytes) -> Submission:
    """Build a submission; ``__`` in a keyword stands for a dot, ``___`` for a slash."""
    named = {key.replace("___", "/").replace("__", "."): value for key, value in files.items()}
    named.setdefault("train_gpt.py", "import os\n")
    content = {path: text.encode() if isinstance(text, str) else text for path, text in named.items()}
    paths = sorted(content)
    return Submission(
        given=".",
        name=NAME,
        track="record",
        sha=None,
        tree=MemoryTree(content),
        script="train_gpt.py",
        helpers=tuple(path for path in paths if path.endswith(".py") and path != "train_gpt.py"),
        shells=tuple(path for path in paths if path.endswith((".sh", ".slurm"))),
        logs=tuple(path for path in paths if path.endswith((".log", ".txt"))),
        readme="README.md" if "README.md" in content else None,
        metadata="submission.json" if "submission.json" in content else None,
        outside=None,
    )


def commands(**files: str | bytes) -> list[Setting]:
    return [setting for setting in settings_in_play(submission(**files)) if setting.kind == "command"]


def values(setting: Setting) -> dict[str, str]:
    return {name: override.value for name, override in setting.overrides.items()}


def test_a_folder_that_does_not_exist_is_this_one_before_it_was_renamed() -> None:
    text = readme(
        ("Run", "A=1 torchrun records/track_10min_16mb/2026-03-01_Draft/train_gpt.py"),
        ("Compare", "A=2 torchrun records/track_10min_16mb/2026-02-01_There/train_gpt.py"),
    )
    beside = frozenset({NAME, "2026-02-01_There"})
    settings = settings_in_play(replace(submission(README__md=text), beside=beside))
    assert [values(s) for s in settings if s.kind == "command"] == [{"A": "1"}]
    assert commands(README__md=text) == []  # what exists is not known there


def readme(*blocks: tuple[str, str]) -> str:
    return "# Title\n\n" + "\n".join(f"## {heading}\n\n```bash\n{code}\n```\n" for heading, code in blocks)


def test_the_defaults_come_first_and_alone_when_nothing_is_documented() -> None:
    (defaults,) = settings_in_play(submission())
    assert (defaults.kind, dict(defaults.overrides)) == ("defaults", {})


def test_a_readme_command_with_its_place() -> None:
    text = readme(
        ("Run", "A=1 \\\nB=2 \\\ntorchrun --nproc_per_node=8 train_gpt.py --ttt-epochs 3 --x=-1 --no-foo --y")
    )
    (setting,) = commands(README__md=text)
    assert values(setting) == {
        "A": "1",
        "B": "2",
        "ttt_epochs": "3",
        "x": "-1",
        "no_foo": "True",
        "y": "True",
    }
    assert "Run" in setting.label
    assert setting.label.startswith("README.md:6")
    assert (setting.overrides["B"].path, setting.overrides["B"].line) == ("README.md", 7)


@pytest.mark.parametrize(
    "command",
    [
        "A=1 python data/download.py",
        "A=1 python prepare.py --script train_gpt.py",
        "A=1 torchrun ../../../train_gpt.py",
        "A=1 torchrun records/track_10min_16mb/2025-01-01_Other/train_gpt.py",
        "cp train_gpt.py elsewhere.py",
        "A=1 python helper_train_gpt.py",
        "pip install torch",
        "wc -c train_gpt.py",
    ],
)
def test_commands_of_other_programs_do_not_count(command: str) -> None:
    assert commands(README__md=readme(("Run", command)), helper_train_gpt__py="import os\n") == []


@pytest.mark.parametrize(
    "command",
    [
        f"A=1 torchrun records/track_10min_16mb/{NAME}/train_gpt.py",
        "A=1 python3 ./train_gpt.py",
        "$ A=1 python train_gpt.py",
        "A=1 python -m torch.distributed.run --nproc_per_node 8 train_gpt.py",
        '$env:A="1"; python train_gpt.py',
        '$env:A = "1"\npython `\n  train_gpt.py',
        "set A=1\npython train_gpt.py",
        "export A=1\npython train_gpt.py",
        "A\\_B=2 A=1 python train\\_gpt.py",
        "A=1 uv run train_gpt.py",
        "A=1 python train_gpt_working_name.py",
        "A=1 srun --ntasks 8 python train_gpt.py",
    ],
)
def test_ways_of_naming_the_script(command: str) -> None:
    (setting,) = commands(README__md=readme(("Run", command)))
    assert values(setting)["A"] == "1"


def test_seeds_and_places_do_not_make_a_command_distinct() -> None:
    code = "\n".join(f"SEED={seed} RUN_ID=r{seed} A=1 torchrun train_gpt.py" for seed in (1, 2, 3))
    (setting,) = commands(README__md=readme(("Reproduce", code)))
    assert values(setting) == {"SEED": "1", "RUN_ID": "r1", "A": "1"}


def test_the_main_command_comes_before_ablations() -> None:
    text = readme(
        ("Ablations", "A=0 torchrun train_gpt.py"),
        (
            "Reproduction",
            "# smoke test on one GPU\nA=2 torchrun train_gpt.py\n\n# full run\nA=1 torchrun train_gpt.py",
        ),
    )
    found = commands(README__md=text)
    assert [values(setting)["A"] for setting in found] == ["1", "0", "2"]
    assert "Ablations" in found[1].label
    assert "smoke" in found[2].label


def test_at_most_four_commands() -> None:
    code = "\n".join(f"A={value} torchrun train_gpt.py" for value in range(9))
    assert [values(setting)["A"] for setting in commands(README__md=readme(("Run", code)))] == list("0123")


def test_exports_of_an_earlier_block_hold_for_the_next() -> None:
    text = readme(("Setup", "export A=1"), ("Run", "torchrun train_gpt.py"))
    assert values(commands(README__md=text)[0]) == {"A": "1"}


def test_an_environment_listed_above_belongs_to_the_command_that_says_so() -> None:
    text = readme(("Config", "A_ONE=1\nB_TWO=2")) + (
        "\n## Run\n\nRun with the environment above:\n\n```bash\nB_TWO=3 torchrun train_gpt.py\n```\n"
    )
    assert values(commands(README__md=text)[0]) == {"A_ONE": "1", "B_TWO": "3"}


def test_commands_in_sentences_and_indented_blocks() -> None:
    (inline,) = commands(README__md="# T\n\nRun: `A=1 torchrun train_gpt.py` and wait.\n")
    assert values(inline) == {"A": "1"}
    (indented,) = commands(README__md="# Usage\n\n    A=1 \\\n    torchrun train_gpt.py\n\nDone.\n")
    assert values(indented) == {"A": "1"}


def test_a_bare_command_in_a_sentence_counts_only_when_nothing_else_does() -> None:
    sentence = "# T\n\nThen `torchrun train_gpt.py` starts.\n\n"
    assert [values(setting) for setting in commands(README__md=sentence)] == [{}]
    text = sentence + readme(("Run", "A=1 torchrun train_gpt.py"))
    assert [values(setting) for setting in commands(README__md=text)] == [{"A": "1"}]


def test_tables_and_other_languages_are_not_commands() -> None:
    text = "| A=1 torchrun train_gpt.py | 1.1 |\n\n```python\nA = 1  # python train_gpt.py\n```\n"
    assert commands(README__md=text) == []


def test_a_run_script_is_followed_from_the_readme() -> None:
    script = '#!/bin/bash\nset -e\nexport B="${B:-5}"\ntorchrun "$(dirname "$0")/train_gpt.py" > log_$SEED.txt\n'
    (setting,) = commands(README__md=readme(("Run", "A=1 B=2 bash run.sh")), run__sh=script)[:1]
    assert values(setting) == {"A": "1", "B": "2"}
    assert "run.sh" in setting.label


def test_a_run_script_by_itself() -> None:
    (setting,) = commands(run__sh="A=1 torchrun train_gpt.py\n", smoke__sh="A=1 SEED=2 torchrun train_gpt.py\n")
    assert values(setting) == {"A": "1"}
    assert setting.label == "run.sh:1"


def test_usage_in_the_scripts_own_header() -> None:
    source = '"""Train.\n\nFull run (8xH100):  A=1 torchrun train_gpt.py\n"""\nX = "B=2 python train_gpt.py"\n'
    (setting,) = commands(train_gpt__py=source)
    assert values(setting) == {"A": "1"}
    (commented,) = commands(train_gpt__py="# usage:\n# A=1 \\\n#   python train_gpt.py\nimport os\n")
    assert values(commented) == {"A": "1"}


def test_metadata_holds_a_command_or_an_environment() -> None:
    document = {"run_command": "A=1 torchrun train_gpt.py", "config": {"NUM_LAYERS": 11, "TTT": True, "x": 1}}
    found = commands(submission__json=json.dumps(document))
    assert [values(setting) for setting in found] == [{"A": "1"}, {"NUM_LAYERS": "11", "TTT": "1"}]


def test_metadata_that_is_no_json_gives_nothing() -> None:
    assert commands(submission__json="{" * 100_000) == []


def test_a_python_launcher() -> None:
    source = (
        "import subprocess, os\n"
        'env = {**os.environ, "A": "1", "B": 2, "C": compute()}\n'
        'env["D"] = "4"\n'
        'subprocess.run(["torchrun", f"--nproc_per_node={n}", "train_gpt.py"], env=env)\n'
    )
    (setting,) = commands(launch__py=source)
    assert values(setting) == {"A": "1", "B": "2", "D": "4"}


def test_what_a_launcher_is_told_to_pass_on() -> None:
    text = readme(("Run", 'modal run run_modal.py --mode full --extra-env "A=1;B=x,y;C="'))
    (setting,) = commands(README__md=text, run_modal__py="import modal\n")
    assert values(setting) == {"A": "1", "B": "x,y", "C": ""}


def test_the_file_that_an_entry_point_hands_over_to_counts() -> None:
    text = readme(("Run", "A=1 torchrun train_inner.py"))
    wrapper = "import runpy\nrunpy.run_path('train_inner.py')\n"
    (setting,) = commands(README__md=text, train_gpt__py=wrapper, train_inner__py="import os\n")
    assert values(setting) == {"A": "1"}
    assert commands(README__md=text, train_inner__py="import os\n") == []


def test_a_launcher_that_does_not_parse_gives_nothing() -> None:
    assert commands(launch__py="import subprocess\ntorchrun train_gpt.py(\n") == []


def test_undecodable_bytes_are_replaced() -> None:
    text = b"## Run\n\n```\nA=1 torchrun train_gpt.py # \xff\xfe\n```\n"
    assert values(commands(README__md=text)[0]) == {"A": "1"}
    assert values(commands(README__md=text.replace(b"# \xff\xfe", b"").decode().encode("utf-16"))[0]) == {"A": "1"}


def test_labels_carry_no_control_characters() -> None:
    text = readme(("Run \x1b[31m\u202e now", "A=1 torchrun train_gpt.py"))
    assert commands(README__md=text)[0].label.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "`" * 50000,
        "` " * 24000,
        "```\n" * 12000,
        "    sh " * 8000,
        "`" + "sh python " * 5000 + "`",
        "A=1 " * 12000,
        "```\n" + "A=1 python train_gpt.py\n" * 2000,
        "**a" * 16000,
        "\\\n" * 24000,
        "$env:A=" * 7000,
        "```\n" + "python train_gpt.py " + "--a " * 12000,
    ],
    ids=[
        "ticks",
        "open",
        "fences",
        "indent",
        "inline",
        "prose",
        "many",
        "bold",
        "joined",
        "powershell",
        "options",
    ],
)
def test_hostile_documents_take_bounded_time(text: str) -> None:
    before = time.process_time()
    commands(README__md=text, run__sh=text, train_gpt__py="# " + text, submission__json=json.dumps({"run": text}))
    assert time.process_time() - before < 5


def test_a_value_is_placed_at_the_line_that_gives_it() -> None:
    code = "A=1 \\\n  torchrun --nproc_per_node=8 train_gpt.py \\\n  --ttt-epochs 3 \\\n  --lr 0.1"
    (setting,) = commands(README__md=readme(("Run", code)))
    lines = {name: override.line for name, override in setting.overrides.items()}
    assert lines == {"A": 6, "ttt_epochs": 8, "lr": 9}


def test_a_command_that_lost_its_fence_is_read() -> None:
    for lines in ("bashSEED=42 \\\nA=1 \\\ntorchrun", "SEED=42\nA=1 \ntorchrun", "SEED=42 A=1 torchrun"):
        text = f"# Name\n\nReproduction\n{lines} train_gpt.py\nHardware: 8 cards\n"
        (setting,) = commands(README__md=text)
        assert values(setting) == {"SEED": "42", "A": "1"}
    assert not commands(README__md="# Name\n\nWith A=1\nthe script, python train_gpt.py, does more.\n")
    assert not commands(README__md="# Name\n\nA line that goes on \\\nand names python train_gpt.py.\n")


def test_a_list_of_files_starts_none_of_them() -> None:
    listing = "```\nREADME.md     — this\ntrain_gpt.py  — the script\nrun.sh - starts it\n```\n"
    assert not commands(README__md=f"# Name\n\n## Files\n\n{listing}")
    (setting,) = commands(README__md=f"# Name\n\n{listing}", run__sh="A=1 torchrun train_gpt.py\n")
    assert setting.label.startswith("run.sh:1")


def test_a_value_that_is_only_passed_on_stands_where_it_was_given() -> None:
    code = 'A=1\nB=2\nfor SEED in 1 2; do\n  A="$A" C=$B D="x$A" \\\n  torchrun train_gpt.py\ndone'
    (setting,) = commands(README__md=readme(("Run", code)))
    lines = {name: (override.value, override.line) for name, override in setting.overrides.items()}
    assert {name: lines[name] for name in "ACD"} == {"A": ("1", 6), "C": ("2", 7), "D": ("x1", 9)}


def test_what_a_function_is_called_with_stands_at_its_call() -> None:
    script = 'run_case() {\n  env SEED=1 "$@" \\\n    torchrun train_gpt.py\n}\n\nrun_case MODE=fast\n'
    (setting,) = commands(run__sh=script)
    assert {name: override.line for name, override in setting.overrides.items()} == {"SEED": 2, "MODE": 6}


def test_a_value_of_an_array_stands_where_the_array_is_given() -> None:
    script = 'VARS=(\n  A=1\n  MODE="fast"\n)\n\nenv "${VARS[@]}" \\\n  torchrun train_gpt.py\n'
    (setting,) = commands(run__sh=script)
    assert {name: override.line for name, override in setting.overrides.items()} == {"A": 2, "MODE": 3}


def elsewhere(readme_command: str, *, own: str = "") -> list[dict[str, str]]:
    """Return what commands set where a diff adds two ``run.sh`` elsewhere, one in ``trash/tries/second``."""
    others = {
        "tries/first/run.sh": b"A=1 torchrun train_gpt.py\n",
        "trash/tries/second/run.sh": b"A=2 torchrun train_gpt.py\n",
    }
    files = {"README__md": readme(("Reproduce", readme_command)), **({"run__sh": own} if own else {})}
    held = replace(submission(**files), elsewhere=MemoryTree(others))
    found = [setting for setting in settings_in_play(held) if setting.kind == "command"]
    return [{name: value.value for name, value in setting.overrides.items()} for setting in found]


@pytest.mark.parametrize(
    "command",
    [
        "cd tries/second && bash run.sh",
        "cd tries\ncd second\nbash run.sh",
        "bash tries/second/run.sh",
        "cd /workspace/golf/tries/second; sh ./run.sh",
    ],
)
def test_a_run_script_is_the_one_in_the_folder_that_the_command_goes_to(command: str) -> None:
    assert elsewhere(command) == [{"A": "2"}]
    assert elsewhere(command.replace("second", "first")) == [{"A": "1"}]


def test_a_run_script_of_another_folder_is_not_the_one_that_is_started() -> None:
    assert elsewhere("cd tries/third && bash run.sh") == [{}]  # a run of which nothing is known
    assert elsewhere("bash run.sh") == [{}]
    held = replace(
        submission(README__md=readme(("Reproduce", "cd tries/third && bash run.sh"))),
        elsewhere=MemoryTree({"tries/first/run.sh": b"A=1 torchrun train_gpt.py\n"}),
    )
    (run,) = (setting for setting in settings_in_play(held) if setting.lacking)
    assert [(lack.name, lack.line) for lack in run.lacking] == [("tries/third/run.sh", 6)]


def test_the_folders_own_run_script_stays_the_one_that_is_started() -> None:
    own = "A=3 torchrun train_gpt.py"
    assert elsewhere("bash run.sh", own=own)[0] == {"A": "3"}
    assert elsewhere(f"cd records/track_10min_16mb/{NAME} && bash run.sh", own=own)[0] == {"A": "3"}


TRAINER = "".join(f"step_{number} = {number}\n" for number in range(100))


@pytest.mark.parametrize(
    ("command", "trainers", "found"),
    [
        ("torchrun train_gpt.py", {}, [{"A": "1"}]),
        ("torchrun train_gpt.py", {"tries/train_gpt.py": TRAINER + "more = 1\n"}, [{"A": "1"}]),
        ("torchrun train_gpt.py", {"tries/train_gpt.py": TRAINER * 2}, []),
        ('torchrun "$HERE/train_gpt.py"', {"tries/train_gpt.py": TRAINER * 2}, []),
        ("torchrun other/train_gpt.py", {"other/train_gpt.py": TRAINER.replace("step", "stage")}, []),
        ('torchrun "$(pwd)/green/train_gpt.py"', {"old/green/train_gpt.py": TRAINER * 2}, []),
        ('torchrun "$(pwd)/green/train_gpt.py"', {"old/green/train_gpt.py": TRAINER}, [{"A": "1"}]),
        ("torchrun train_seven.py", {"tries/train_seven.py": TRAINER}, [{"A": "1"}]),
        ("torchrun train_seven.py", {}, []),
    ],
)
def test_a_run_script_outside_of_the_folder_counts_where_it_starts_this_program(
    command: str, trainers: dict[str, str], found: list[dict[str, str]]
) -> None:
    texts = {"tries/run.sh": f"HERE=$(dirname $0)\nA=1 {command}\n", **trainers}
    others = MemoryTree({path: text.encode() for path, text in texts.items()})
    held = replace(submission(train_gpt__py=TRAINER), elsewhere=others)
    settings = [setting for setting in settings_in_play(held) if setting.kind == "command"]
    assert [{n: v.value for n, v in s.overrides.items() if n != "HERE"} for s in settings] == found


def test_a_documented_run_script_counts_whatever_lies_beside_it() -> None:
    others = MemoryTree({"tries/run.sh": b"A=1 torchrun train_gpt.py\n", "tries/train_gpt.py": b"other = 1\n"})
    held = replace(submission(README__md=readme(("Reproduce", "bash tries/run.sh"))), elsewhere=others)
    (setting,) = [setting for setting in settings_in_play(held) if setting.kind == "command"]
    assert setting.overrides["A"].value == "1"


def test_a_helper_that_only_starts_the_script_is_how_it_is_run() -> None:
    text = readme(("Reproduce", "export STAGE=ce\ntorchrun --nproc_per_node=8 start.py"))
    (setting,) = commands(README__md=text, start__py='import runpy\nrunpy.run_path("./train_gpt.py")\n')
    assert {name: value.value for name, value in setting.overrides.items()} == {"STAGE": "ce"}
    assert not [s for s in commands(README__md=text, start__py="import train_gpt\n") if s.overrides]


SWEEP = """STAGE=${1:-help}
case $STAGE in
one) eval "A=1 torchrun train_gpt.py" ;;
two) eval "A=2 torchrun train_gpt.py" ;;
help) echo "one or two" ;;
esac
"""


def test_a_run_script_that_starts_nothing_by_itself_is_walked_for_what_it_may_be_given() -> None:
    assert [values(setting)["A"] for setting in commands(sweep__sh=SWEEP)] == ["1", "2"]
    assert [values(setting)["A"] for setting in commands(sweep__sh=SWEEP.replace("-help", "-two"))] == ["2"]


def test_a_file_named_like_the_script_is_none_where_the_script_itself_is_started() -> None:
    found = commands(train__sh="A=1 torchrun train_gpt.py", other__sh="A=2 torchrun train_gpt_wide.py")
    assert [values(setting)["A"] for setting in found] == ["1"]
    assert [values(setting)["A"] for setting in commands(other__sh="A=2 torchrun train_gpt_wide.py")] == ["2"]


def test_a_file_of_settings_is_a_run() -> None:
    """What ``config.json`` holds as variables is the environment of a run; a model's own configuration is none."""
    shown = submission(
        README__md="# A run\n",
        config__json=json.dumps({"seed": 3, "MIX_ENABLED": 1, "FIRST_TOKENS": 8000000, "NAMES": ["A", "B"]}),
        tokenizer_config__json=json.dumps({"vocab_size": 1024, "BOS": "<s>"}),
    )
    given = [setting.overrides for setting in settings_in_play(shown) if setting.kind == "command"]
    assert [{name: value.value for name, value in each.items()} for each in given] == [
        {"MIX_ENABLED": "1", "FIRST_TOKENS": "8000000"}
    ]
    assert given[0]["FIRST_TOKENS"].path == "config.json"
