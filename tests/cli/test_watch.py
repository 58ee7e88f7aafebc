"""``check --watch``: an audit for each change, on one screen."""

import io
from pathlib import Path

import pytest

from auditor.cli import _watch, run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_audits_first_and_after_each_change(capsys) -> None:
    codes = iter([0, 1, 0])

    def once(stream) -> int:
        stream.write("CLEAN  x\n")
        return next(codes)

    assert _watch.watch(["records/a"], once, [{"one"}, {"two"}]) == 0
    out = capsys.readouterr().out
    assert out.count("CLEAN  x\n") == 3
    assert "watching records/a, Ctrl-C ends it" in out


def test_a_screen_holds_what_fits_and_ends_with_the_verdict(monkeypatch) -> None:
    monkeypatch.setenv("LINES", "12")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(_watch.click, "clear", lambda: None)
    terminal = Terminal()
    screen = _watch.Screen(terminal)
    assert screen.isatty()
    screen.write("\n".join([*(f"line {n}" for n in range(50)), "verdict HOLD"]) + "\n")
    screen.show("now")
    lines = terminal.getvalue().split("\n")
    assert len(lines) <= 12
    assert lines[0] == "line 0"
    assert lines[-3:] == ["verdict HOLD", "", "now"]
    assert any("42 more lines" in line for line in lines)


def test_it_needs_files_and_a_screen(tmp_path: Path, capsys) -> None:
    assert run(["check", "--watch", "--format", "json", str(tmp_path)]) == 2
    assert run(["check", "--watch", "--repo", str(tmp_path), "--pr", "1"]) in (2,)
    assert "--watch" in capsys.readouterr().err


def test_what_changes_during_the_first_audit_is_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_watch, "_SETTLE", 20)
    monkeypatch.setattr(_watch, "_STEP", 10)
    file = tmp_path / "train_gpt.py"
    file.write_text("before")
    seen: list[str] = []

    def once(out: object) -> int:
        seen.append(file.read_text())
        if len(seen) == 2:
            raise KeyboardInterrupt
        file.write_text("after")  # while this audit is at work
        return 0

    with pytest.raises(KeyboardInterrupt):
        _watch.watch([str(tmp_path)], once)
    assert seen == ["before", "after"]
