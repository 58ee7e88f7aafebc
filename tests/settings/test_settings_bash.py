"""What tree-sitter's grammar makes of Bash as people write it, and what we make of that."""

from __future__ import annotations

import time

import pytest

from auditor.settings.files import FileStep
from auditor.settings.shell import walk
from auditor.settings.tidy import as_shell
from auditor.settings.walked import Launch, Shell


def launched(text: str) -> Launch:
    (launch,) = walk(Shell(text, "run.sh")).launches
    return launch


def environment(launch: Launch) -> dict[str, str]:
    return {name: given.value for name, given in launch.environment.items()}


@pytest.mark.parametrize(
    "prompt",
    ["$ ", "% ", "> ", "ada@box:~/golf$ ", "root@pod:/workspace# ", "[ada@node golf]$ ", "(venv) $ ", "PS C:\\golf> "],
)
def test_a_pasted_prompt_is_no_command(prompt: str) -> None:
    assert launched(as_shell(f"{prompt}torchrun train_gpt.py --a 1")).words == ("torchrun", "train_gpt.py", "--a", "1")


def test_a_prompt_inside_a_line_is_no_variable() -> None:
    assert launched("cd x; $ torchrun train_gpt.py").words == ("torchrun", "train_gpt.py")


def test_words_after_a_redirection_are_the_commands() -> None:
    launch = launched("python t.py > log.txt --seed 7 2>&1 | tee -a second.log\n")
    assert launch.words == ("python", "t.py", "--seed", "7")
    assert launch.logs == ("log.txt", "second.log")


def test_a_version_that_reads_like_a_redirection_leaves_the_next_command_alone() -> None:
    assert launched("pip install torch>=2.0 sentencepiece\nA=1 python t.py").words == ("python", "t.py")


@pytest.mark.parametrize("text", ["python t.py --seed <SEED> --lr 1", "python t.py --lr 1 --seed <SEED>"])
def test_a_placeholder_is_a_value_to_fill_in(text: str) -> None:
    words = launched(text).words
    assert words[:2] == ("python", "t.py")
    assert sorted(words[2:]) == sorted(["--seed", "\0", "--lr", "1"])


def test_a_redirection_from_a_file_is_no_placeholder() -> None:
    assert launched("python t.py <in.txt >out.txt").logs == ("out.txt",)


@pytest.mark.parametrize("end", ["\\\r\n", "\\ \n", "\\\t \n", "\\\n# a remark\n", "\\\n  # one \\\n# two\n"])
def test_a_line_goes_on_where_its_author_meant_it_to(end: str) -> None:
    launch = launched(f"A=1 {end}B=2 python t.py\r\n")
    assert environment(launch) == {"A": "1", "B": "2"}


def test_a_here_document_without_end_goes_to_the_end_of_the_text() -> None:
    assert environment(launched("bash <<'EOF'\nexport A=1\npython t.py\n")) == {"A": "1"}


def test_assignments_with_a_remark_do_not_swallow_the_lines_below() -> None:
    text = "A=1 B=2  # one\nC=3   D=4  # two\nE=5\nexport A B \\\n  C D E\n\npython t.py\n"
    assert environment(launched(text)) == {"A": "1", "B": "2", "C": "3", "D": "4", "E": "5"}


def test_a_line_that_is_no_shell_costs_itself_only() -> None:
    text = "A=1 python t.py\nif you (like) that's fine\n[OPT] X=1 Y=2\nB=2 python t.py\n"
    assert [environment(launch) for launch in walk(Shell(text, "x.sh")).launches] == [{"A": "1"}, {"B": "2"}]


def test_a_dash_is_a_word() -> None:
    assert launched("python - --x 1 <<'EOF'\nprint()\nEOF\n").words == ("python", "-", "--x", "1")


def test_a_script_that_is_written_out_is_the_one_that_runs() -> None:
    text = "cat > go.sh <<'EOF'\nexport A=$1\npython t.py\nEOF\nbash go.sh 7\n"
    launch = launched(text)
    assert environment(launch) == {"A": "7"}
    assert launch.line == 3


def test_files_that_commands_make() -> None:
    text = "mkdir -p d\nln -s $PWD/x/a.bin d/b.bin\ncp one.txt two.txt d/\nmv e f\ntar xf g.tar\n"
    steps = [(s.kind, s.source, s.target) for s in walk(Shell(text, "x.sh")).steps if isinstance(s, FileStep)]
    assert steps == [
        ("folder", "", "d"),
        ("link", "x/a.bin", "d/b.bin"),
        ("copy", "one.txt", "d/one.txt"),
        ("copy", "two.txt", "d/two.txt"),
        ("move", "e", "f"),
        ("unpack", "g.tar", ""),
    ]


def test_a_script_that_was_copied_is_the_one_that_was_copied() -> None:
    assert launched("cp other.py train_gpt.py\npython ./train_gpt.py").words == ("python", "other.py")


def test_a_makefile_target_with_its_variables() -> None:
    makefile = "SEED ?= 1\nexport MODE := full\n\nall: train\n\ntrain:\n\t@A=$(SEED) python t.py\n\nother:\n\tpip x\n"
    scripts = {"Makefile": ("Makefile", makefile)}
    (launch,) = walk(Shell("make train SEED=5", "README.md", scripts=scripts)).launches
    assert environment(launch) == {"A": "5", "MODE": "full", "SEED": "5"}
    assert (launch.path, launch.line) == ("Makefile", 7)
    (alone,) = walk(Shell(makefile, "Makefile")).launches
    assert environment(alone) == {"A": "1", "MODE": "full"}


def test_a_batch_header_gives_an_environment() -> None:
    assert environment(launched("#!/bin/bash\n#SBATCH --export=ALL,A=1,B=x\nsrun python t.py\n")) == {
        "A": "1",
        "B": "x",
    }


def test_an_environment_file_is_read_where_it_lies_and_missed_where_it_does_not() -> None:
    scripts = {"run.env": ("run.env", "A=1\nB=2\n")}
    (launch,) = walk(Shell("set -a; source run.env; set +a\npython t.py", "x.sh", scripts=scripts)).launches
    assert environment(launch) == {"A": "1", "B": "2"}
    walked = walk(Shell("set -a\n. ./other.env\npython t.py", "x.sh", scripts=scripts))
    assert [(lack.value, lack.line) for lack in walked.missing] == [("./other.env", 2)]


@pytest.mark.parametrize(
    "text",
    [
        "<" * 50_000,
        "<<A\n" * 10_000,
        "((a) " * 20_000,
        "a() " * 20_000,
        "a=(" * 20_000,
        "\0" * 20_000,
        "# x \\\n" * 9000,
    ],
)
def test_text_from_which_the_grammar_recovers_slowly_is_given_up(text: str) -> None:
    before = time.process_time()
    walk(Shell(text, "x.sh"))
    assert time.process_time() - before < 5
