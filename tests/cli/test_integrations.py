"""What others call us by: the action, the pre-commit hook, shells, and the commands in docs/integrations.md."""

import re
import shlex
from pathlib import Path

import click
import pytest

from auditor.cli import cli, run

TOP = Path(__file__).parents[2]
FILES = ("action.yml", ".pre-commit-hooks.yaml", "docs/integrations.md")
CALL = re.compile(r"(?:golf-audit/bin/|^|`|entry: |\$ )golf-audit (?P<rest>[a-z][^`|>\n]*)", re.MULTILINE)


def calls():
    for file in FILES:
        text = (TOP / file).read_text("utf-8").replace("\\\n", " ")
        for found in CALL.finditer(text):
            words = [word for word in shlex.split(found["rest"].rstrip("; }")) if word not in ("$@", "||")]
            yield pytest.param(words, id=f"{file}: {' '.join(words)[:50]}")


@pytest.mark.parametrize("words", list(calls()))
def test_every_call_of_ours_has_a_command_and_options_that_exist(words):
    context = click.Context(cli)
    command = cli.get_command(context, words[0])
    assert command is not None, words[0]
    asked = {word for word in words[1:] if word.startswith("-")}
    known = {option for param in command.get_params(click.Context(command)) for option in param.opts}
    assert asked <= known


def test_the_calls_are_found():
    found = [call.values[0] for call in calls()]
    assert ["check"] in [words[:1] for words in found]
    assert any("--base-url" in words for words in found)
    assert len(found) >= 8


def complete(monkeypatch, capsys, *words):
    monkeypatch.setenv("_GOLF_AUDIT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(("golf-audit", *words)))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    with pytest.raises(SystemExit):
        run([])
    return [line.split(",", 1)[1] for line in capsys.readouterr().out.splitlines()]


def test_shells_complete_commands_formats_and_rules(monkeypatch, capsys):
    assert complete(monkeypatch, capsys, "che") == ["check"]
    assert complete(monkeypatch, capsys, "check", "--format", "s") == ["sarif"]
    assert complete(monkeypatch, capsys, "explain", "prequant") == ["prequant-ttt"]
    assert complete(monkeypatch, capsys, "check", "--ignore", "bogus-log,paid") == ["bogus-log,paid-prefix"]
