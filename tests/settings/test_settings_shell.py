"""What shell text starts, with which environment."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.settings.shell import launches, walk
from auditor.settings.walked import Launch, Shell


def started(text: str, **options: object) -> list[Launch]:
    return list(launches(Shell(text, "run.sh", **options)))  # type: ignore[arg-type]


def environment(launch: Launch) -> dict[str, str]:
    return {name: given.value for name, given in launch.environment.items()}


def only(text: str, **options: object) -> dict[str, str]:
    found = started(text, **options)
    assert len(found) == 1
    return environment(found[0])


def test_assignments_before_the_command_over_continued_lines() -> None:
    text = 'A=1 B="two words" \\\n  C=x,y \\\ntorchrun --nproc_per_node=8 train_gpt.py\n'
    assert only(text) == {"A": "1", "B": "two words", "C": "x,y"}


def test_only_exported_variables_reach_the_program_in_a_script() -> None:
    text = "A=1\nexport B=2\nC=3\nexport C\ndeclare -x D=4\npython train_gpt.py\n"
    assert only(text) == {"B": "2", "C": "3", "D": "4"}


def test_a_readme_means_plain_assignments_as_environment() -> None:
    assert only("A=1\npython train_gpt.py\n", exports_all=True) == {"A": "1"}


def test_set_a_exports_what_follows_until_it_is_turned_off() -> None:
    assert only("A=0\nset -a\nB=1\nset +a\nC=2\npython train_gpt.py") == {"B": "1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("export A=${A:-7}; python t.py", {"A": "7"}),
        ('export A="${A:-${B:-7}}"; python t.py', {"A": "7"}),
        (': "${A:=5}"; A="$A" python t.py', {"A": "5"}),
        ("B=3; A=$B python t.py", {"A": "3"}),
        ("B=3; A=${B:?must be set} python t.py", {"A": "3"}),
        ("env -u X A=1 timeout 900 nohup python -u t.py", {"A": "1"}),
        ("cd somewhere && A=1 python t.py | tee log", {"A": "1"}),
        ("(export A=1; python t.py) 2>&1", {"A": "1"}),
        ("A='x' # a comment with don't\nexport A; python t.py > out.txt", {"A": "x"}),
        ("EXTRA='A=1 B=2'; env $EXTRA python t.py", {"A": "1", "B": "2"}),
        ('ENVS=(A=1\n B="2 3"\n)\nenv "${ENVS[@]}" python t.py', {"A": "1", "B": "2 3"}),
        ("bash -c 'A=1 python t.py'", {"A": "1"}),
        ("bash <<'EOF'\nexport A=1\npython t.py\nEOF\n", {"A": "1"}),
        ("if [ -z \"${A:-}\" ]; then export A=1; else export A=2; fi; python t.py", {"A": "1"}),
        ('MODE="${1:-full}"; case $MODE in quick) A=0;; full) A=1;; esac; export A; python t.py', {"A": "1"}),
        ("[[ yes == yes ]] && export A=1\npython t.py", {"A": "1"}),
        ("false_alarm || true\nunset A\nA=1 python t.py", {"A": "1"}),
        ("A=1 bash -c 'python t.py'", {"A": "1"}),
        ("CMD='python t.py'\nA=1 eval $CMD", {"A": "1"}),
        ("tmux new-session -d -s x 'A=1 python t.py'", {"A": "1"}),
        ("screen -dmS x bash -c 'A=1 python t.py'", {"A": "1"}),
        ("docker run --gpus all -e A=1 --rm image:tag torchrun t.py", {"A": "1"}),
        ("docker exec box bash -c 'A=1 python t.py'", {"A": "1"}),
    ],
)  # fmt: skip
def test_ways_of_giving_an_environment(text: str, expected: dict[str, str]) -> None:
    assert only(text) == expected


def test_what_the_machine_decides_stays_unknown() -> None:
    values = only('A="$(date)" B=$HOME_GROWN C=1 D=x$Y python t.py')
    assert values["C"] == "1"
    assert all("\0" in values[name] for name in "ABD")


def test_branches_that_cannot_be_decided_leave_what_they_agree_on() -> None:
    text = "if nvidia-smi; then A=1; B=1; else A=2; B=1; fi\nexport A B\npython t.py"
    values = only(text)
    assert values["B"] == "1"
    assert "\0" in values["A"]


def test_a_branch_that_leaves_does_not_count() -> None:
    assert only("export A=1\nif missing; then A=2; exit 1; fi\npython t.py") == {"A": "1"}


def test_a_loop_runs_for_its_first_value() -> None:
    text = "for SEED in 42 1337; do\n  SEED=$SEED X=1 torchrun train_gpt.py\ndone\n"
    assert only(text) == {"SEED": "42", "X": "1"}
    (launch,) = started(text)
    assert [launch.environment[name].line for name in ("SEED", "X")] == [1, 2]


def test_functions_pass_on_their_arguments() -> None:
    text = 'go() {\n  local name="$1"; shift\n  if "$@"; then echo $name; fi\n}\ngo first env A=1 python t.py\n'
    assert only(text) == {"A": "1"}


@pytest.mark.parametrize(
    "text",
    [
        "export $(grep -v '^#' settings.env | xargs)\npython t.py",
        'export "$(cat ./settings.env)"\npython t.py',
        "env $(cat settings.env | xargs) python t.py",
        "docker run --env-file settings.env image python t.py",
        "docker run --env-file=settings.env image python t.py",
    ],
)
def test_an_environment_is_read_from_the_file_that_a_command_names(text: str) -> None:
    scripts = {"settings.env": ("settings.env", "# what we ran\nA='1'\nexport B=2\n")}
    assert only(text, scripts=scripts) == {"A": "1", "B": "2"}
    assert [lack.value.removeprefix("./") for lack in walk(Shell(text, "run.sh")).missing] == ["settings.env"]


def test_what_a_repeating_command_puts_in_is_unknown() -> None:
    for text in (
        "seq 3 | xargs -I{} env SEED={} A=1 python t.py --seed {}",
        "parallel SEED={} A=1 python t.py --seed {} ::: 1 2 3",
    ):
        (launch,) = started(text)
        assert environment(launch) == {"SEED": "\0", "A": "1"}
        assert launch.words == ("python", "t.py", "--seed", "\0")


def test_what_a_job_is_submitted_with() -> None:
    scripts = {"job.sbatch": ("job.sbatch", "#!/bin/bash\n#SBATCH --export=ALL,A=3,B=4\nsrun python t.py\n")}
    assert only("A=1 sbatch --export=ALL,B=2 job.sbatch", scripts=scripts) == {"A": "1", "B": "2"}


def test_what_is_typed_into_another_shell_keeps_its_line() -> None:
    assert [launch.line for launch in started("cd x\nbash -c 'A=1 python t.py'\ntmux send-keys 'python t.py' C-m")] == [
        2,
        3,
    ]


def test_a_function_that_nothing_calls_is_still_read() -> None:
    assert only("go() { A=1 python t.py; }\n") == {"A": "1"}


def test_scripts_that_are_called_get_the_environment() -> None:
    scripts = {"run.sh": ("scripts/run.sh", 'export B="${B:-2}" A="${A:-9}"\npython t.py\n')}
    (launch,) = started("A=1 bash scripts/run.sh", scripts=scripts)
    assert environment(launch) == {"A": "1", "B": "2"}
    assert (launch.path, launch.line) == ("scripts/run.sh", 2)


def test_lines_are_counted() -> None:
    (launch,) = started("echo 'a\nb'\n\nA=1 \\\n python t.py")
    assert launch.line == 4
    assert launch.environment["A"].line == 4


def test_a_placeholder_is_not_a_redirection() -> None:
    (launch,) = started("SEED=<seed> A=1 python train_gpt.py")
    assert launch.words == ("python", "train_gpt.py")
    assert launch.environment["A"].value == "1"


@pytest.mark.parametrize(
    "text",
    [
        "A='",
        'A="',
        "echo $(",
        "${",
        "if",
        "for",
        "case x in",
        "f() {",
        "done fi esac }",
        ")",
        "cat <<EOF\nx",
        "`",
        "\\",
    ],
)
def test_unfinished_text_is_read_as_far_as_it_goes(text: str) -> None:
    assert only("A=1 python t.py\n" + text) == {"A": "1"}


@given(st.text(st.sampled_from("A=1 \n\"'`$(){}[]<>|&;\\#if thendofor esac!*@0"), max_size=200))
def test_any_text_is_read(text: str) -> None:
    launches(Shell(text, "x.sh"))


@pytest.mark.parametrize(
    "text",
    [
        "A=x\n" + "A=$A$A$A$A\n" * 800,
        "A=(x y)\n" + 'A=(${A[@]} ${A[@]})\n' * 800,
        "f() { f; f; }\nf\n",
        "g() { " + "if true; then " * 60 + "g; g" + "; fi" * 60 + "; }\ng\n",
        "$(\n" * 10_000,
        "${" * 5000,
        '"$(' * 10_000,
        "if x; then A=1; fi\n" * 2000,
        "((((" * 5000,
    ],
    ids=["doubling", "array", "recursion", "nesting", "open", "brace", "quote", "forks", "parens"],
)  # fmt: skip
def test_hostile_text_takes_bounded_time(text: str) -> None:
    before = time.process_time()
    launches(Shell(text, "x.sh"))
    assert time.process_time() - before < 5
