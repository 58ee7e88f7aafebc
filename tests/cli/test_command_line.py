"""The command line as a whole: what is there, what it costs to start, and the small commands."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from auditor import __version__, catalogue
from auditor.cli import cli, run

ROOT = Path(__file__).parents[2]


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"golf-audit {__version__}\n"
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"] == __version__


def test_starting_imports_nothing_costly():
    program = (
        "import sys, auditor.cli as c; c.run(['--version']); "
        "costly = {'libcst', 'jinja2', 'msgspec', 'rich', 'rules', 'torch', 'numpy', 'pandas', 'scipy'}; "
        "print(sorted(costly & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_is_registered_and_documented(capsys):
    names = cli.list_commands(None)
    assert {"check", "explain", "rules"} <= set(names)
    for name in names:
        assert run([name, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"Usage: golf-audit {name}")


@pytest.mark.parametrize("arguments", [["no-such-command"], ["--no-such-option"], ["_options"]])
def test_wrong_usage(arguments, capsys):
    assert run(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_without_a_command_the_help_is_shown(capsys):
    assert run([]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("Usage: golf-audit [OPTIONS] COMMAND")
    assert err == ""


def test_rules_lists_the_catalogue(capsys):
    assert run(["rules", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)["rules"]
    assert [rule["slug"] for rule in listed] == [rule.slug for rule in catalogue.load()]
    assert run(["rules"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {rule.slug} " in text for rule in catalogue.load())


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (["--group", "package"], lambda rule: rule.group == "package"),
        (["--condition", "c1,C2"], lambda rule: rule.condition in ("C1", "C2")),
        (["--group", "evidence,package", "--condition", "budget"], lambda rule: rule.condition == "budget"),
    ],
)
def test_rules_by_group_and_condition(options, kept, capsys):
    assert run(["rules", *options, "--format", "json"]) == 0
    listed = [rule["slug"] for rule in json.loads(capsys.readouterr().out)["rules"]]
    groups = options[1].split(",") if options[0] == "--group" else ("compliance", "evidence", "package")
    assert listed == [rule.slug for rule in catalogue.load() if kept(rule) and rule.group in groups]
    assert listed


@pytest.mark.parametrize("options", [["--group", "C1"], ["--condition", "C5"], ["--condition", " "]])
def test_rules_of_unknown_groups_and_conditions(options, capsys):
    assert run(["rules", *options]) == 2
    assert " is none of " in capsys.readouterr().err


def test_explain_every_rule(capsys):
    for rule in catalogue.load():
        assert run(["explain", rule.slug, "--full"]) == 0
        page = capsys.readouterr().out
        assert page.startswith(f"{rule.slug}: {rule.title}\n")
        for source in rule.authority:
            assert f"\n  {source.weight:<9}  {source.ref} (" in page
        flat = " ".join(page.split())
        for text in (rule.summary, rule.why, rule.counterpart, rule.advice):
            assert " ".join(text.split()) in flat
        marked = [line for line in page.splitlines() if line.startswith("  > ")]
        assert len(marked) == (rule.invalid[0].line is not None), rule.slug


def test_explain_fits_a_screen(capsys):
    for rule in catalogue.load():
        assert run(["explain", rule.slug]) == 0
        page = capsys.readouterr().out
        assert page.count("\n") <= 30, rule.slug
        flat = " ".join(page.split())
        assert " ".join(rule.advice.split()) in flat
        assert page.count("\n  > ") == (rule.invalid[0].line is not None), rule.slug
        assert page.index("What to do" if not rule.legal_reference else "Nothing to do") < page.index("For example")


def test_explain_all_examples(capsys):
    for rule in catalogue.load():
        assert run(["explain", rule.slug, "--examples"]) == 0
        page = capsys.readouterr().out
        assert all(f": {example.title}\n" in page for example in (*rule.invalid, *rule.valid))
        marked = [line for line in page.splitlines() if line.startswith("  > ")]
        assert len(marked) == sum(example.line is not None for example in rule.invalid), rule.slug


def test_explain_names_near_slugs(capsys, monkeypatch):
    class Near:
        slug = "prequant-ttt"

    monkeypatch.setattr(catalogue, "load", lambda: (Near(),))
    assert run(["explain", "prequant-tt"]) == 2
    assert "did you mean prequant-ttt?" in capsys.readouterr().err


def test_a_closed_pipe_is_quiet():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "auditor", "rules", "--format", "json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
