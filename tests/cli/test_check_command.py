"""``golf-audit check``: forms, exit codes and clear lines, with the audit itself replaced by a double."""

import dataclasses
import io
import json
import sys
from types import ModuleType

import pytest

import auditor.submission
from auditor.cli import run
from auditor.finding import Finding, Recommendation, Verdict
from auditor.report import Report
from auditor.submission.model import Unread

CLEAN = Report(
    submission="folder",
    name="2026-04-01_Name",
    track="record",
    sha=None,
    script="train_gpt.py",
    verdict=Verdict.CLEAN,
    recommendation=Recommendation.MERGE,
    compliance=Verdict.CLEAN,
    evidence=Verdict.CLEAN,
    package=Verdict.CLEAN,
    timeline=("Load val", "Score val"),
)
FLAG = dataclasses.replace(
    CLEAN,
    name="2026-04-02_Other",
    verdict=Verdict.FLAG,
    compliance=Verdict.FLAG,
    recommendation=Recommendation.CLOSE,
    findings=(Finding("some-rule", "compliance", "violation", "It is wrong."),),
)


@pytest.fixture(autouse=True)
def double(monkeypatch):
    """Stand in for the audit: a PATH names the report that comes out of it; returns the calls made."""
    calls = []

    def read_path(path):
        if path.startswith("missing"):
            raise Unread(f"{path}: no such file or folder")
        return (path,)

    def read_git(repo, *, pr=None, rev=None, sha=None):
        calls.append((repo, pr, rev, sha))
        return ("clean",)

    def audit(submission, select=None, ignore=(), rulings=()):
        calls.append((submission, select, ignore))
        if submission == "broken":
            raise ZeroDivisionError("a rule divided by zero")
        return dataclasses.replace(FLAG if submission == "flag" else CLEAN, submission=submission)

    monkeypatch.setattr(auditor.submission, "read_path", read_path, raising=False)
    monkeypatch.setattr(auditor.submission, "read_git", read_git, raising=False)
    module = ModuleType("auditor.check")
    module.audit = audit
    monkeypatch.setitem(sys.modules, "auditor.check", module)
    monkeypatch.setattr(auditor, "check", module, raising=False)
    monkeypatch.delenv("GOLF_AUDIT_TRACEBACK", raising=False)
    return calls


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["clean"], 0),
        (["flag"], 1),
        (["clean", "flag"], 1),
        (["flag", "--exit-zero"], 0),
        (["missing"], 2),
        (["missing", "--exit-zero"], 2),
        (["flag", "missing"], 2),
        (["broken"], 3),
        (["broken", "missing", "clean"], 3),
        ([], 2),
        (["clean", "--repo", "x"], 2),
        (["--repo", "x"], 2),
        (["clean", "--pr", "3"], 2),
        (["--repo", "x", "--pr", "0"], 2),
        (["clean", "--format", "yaml"], 2),
        (["clean", "--select", "no-such-rule"], 2),
        (["clean", "--select", " , "], 2),
        (["clean", "--no-such-option"], 2),
    ],
)
def test_exit_codes(arguments, code, capsys):
    assert run(["check", *arguments]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_one_unreadable_path_spoils_no_other(capsys):
    run(["check", "clean", "missing/path", "flag", "--format", "json"])
    out, err = capsys.readouterr()
    assert [report["submission"] for report in json.loads(out)["reports"]] == ["clean", "flag"]
    assert err == "golf-audit: missing/path: no such file or folder\n"


def test_an_internal_error_is_one_line_that_says_how_to_report_it(capsys):
    run(["check", "clean", "broken", "flag", "--format", "json"])
    out, err = capsys.readouterr()
    assert len(json.loads(out)["reports"]) == 2
    assert err.count("\n") == 1
    assert err.startswith("golf-audit: internal error on broken: ZeroDivisionError: a rule divided by zero; ")
    assert "GOLF_AUDIT_TRACEBACK=1" in err


def test_traceback_on_request(capsys, monkeypatch):
    monkeypatch.setenv("GOLF_AUDIT_TRACEBACK", "1")
    run(["check", "broken"])
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_error_lines_show_hostile_names_harmlessly(capsys):
    run(["check", "missing\x1b[2J\nclean"])
    assert capsys.readouterr().err == ("golf-audit: missing<U+001B>[2J<U+000A>clean: no such file or folder\n")


def test_reading_from_git(double, capsys):
    assert run(["check", "--repo", "x.git", "--pr", "12", "--sha", "abc"]) == 0
    assert double[0] == ("x.git", 12, None, "abc")
    assert run(["check", "--repo", "x.git", "--rev", "main"]) == 0
    assert double[2] == ("x.git", None, "main", None)


def test_text_is_the_default(capsys):
    run(["check", "clean", "flag"])
    out = capsys.readouterr().out
    assert out.startswith("CLEAN  2026-04-01_Name  MERGE")
    assert "\n\nFLAG  2026-04-02_Other\n" in out
    assert "\x1b" not in out


def test_markdown(capsys):
    run(["check", "clean", "flag", "--format", "markdown"])
    out = capsys.readouterr().out
    assert out.startswith("**CLEAN**: ")
    assert out.count("<sub>golf-audit") == 2
    assert "\n---\n" in out


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_timeline(form, capsys):
    run(["check", "clean", "--timeline", "--format", form])
    assert "Score val" in capsys.readouterr().out
    run(["check", "clean", "--format", form])
    assert "Score val" not in capsys.readouterr().out


def test_output_goes_to_a_file(tmp_path, capsys):
    target = tmp_path / "report.json"
    assert run(["check", "flag", "--format", "json", "--output", str(target)]) == 1
    assert json.loads(target.read_text("utf-8"))["reports"][0]["verdict"] == "FLAG"
    assert capsys.readouterr().out == ""


def test_an_output_that_cannot_be_written(tmp_path, capsys):
    assert run(["check", "clean", "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"golf-audit: can't write {tmp_path}: ")


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("option", "environment", "terminal", "coloured"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {}, True, False),
    ],
)
def test_colour(option, environment, terminal, coloured, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = _Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    run(["check", "flag", "--color", option])
    assert ("\x1b[" in out.getvalue()) is coloured


def test_interrupted(monkeypatch, capsys):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(auditor.submission, "read_path", interrupt, raising=False)
    assert run(["check", "clean"]) == 130
    assert capsys.readouterr().err.strip() == "golf-audit: interrupted"


@pytest.fixture
def earlier(tmp_path, capsys):
    """Return the path of the report on the flagged submission, as check wrote it."""
    path = tmp_path / "earlier.json"
    run(["check", "flag", "--format", "json", "--output", str(path)])
    capsys.readouterr()
    return path


def test_since_a_report(earlier, capsys):
    renamed = earlier.with_name("renamed.json")
    renamed.write_text(earlier.read_text("utf-8").replace("2026-04-02_Other", "2026-04-01_Name"), "utf-8")
    assert run(["check", "clean", "--since", str(renamed)]) == 0
    assert "since the earlier report (FLAG): 1 gone, 0 remaining, 0 new" in capsys.readouterr().out
    assert run(["check", "flag", "--since", str(earlier), "--format", "json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert [each["rule"] for each in report["since"]["remaining"]] == ["some-rule"]
    assert report["since"]["wrong"] is None
    run(["check", "flag", "--since", str(earlier), "--format", "markdown"])
    assert "Re-audit: since the earlier report, which was **FLAG**: 0 gone" in capsys.readouterr().out


def test_a_report_about_another_submission_is_refused(earlier, capsys):
    assert run(["check", "clean", "--since", str(earlier)]) == 2
    said = f"--since {earlier}: it is about another submission than 2026-04-01_Name; there: 2026-04-02_Other"
    assert capsys.readouterr().err == f"golf-audit: {said}\n"


def test_since_a_commit_reads_that_head(double, capsys):
    assert run(["check", "--repo", "x", "--pr", "3", "--since", "abcdef1"]) == 0
    assert ("x", 3, None, "abcdef1") in double
    assert "0 gone, 0 remaining, 0 new" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--since", "no-such-thing"], "--since no-such-thing: neither a file nor a commit; give a report in JSON"),
        (["--since", "abcdef1"], "--since abcdef1: clean lies in no git checkout; give --repo, or a report"),
        (["--format", "markdown", "--repo-url", "not one"], "--repo-url not one: is no repository's address"),
        (["--format", "markdown", "--wording", "none.toml"], "none.toml: cannot be read: No such file or directory"),
    ],
)
def test_what_comments_need_is_told_in_one_line(arguments, line, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(["check", "clean", *arguments]) == 2
    assert line in capsys.readouterr().err


def test_since_a_file_that_is_no_report(tmp_path, capsys):
    path = tmp_path / "x.json"
    path.write_text("{}")
    assert run(["check", "clean", "--since", str(path)]) == 2
    assert f"golf-audit: --since {path}: is no report: " in capsys.readouterr().err


def test_since_goes_with_forms_that_can_tell_it(earlier, capsys):
    assert run(["check", "clean", "--since", str(earlier), "--format", "sarif"]) == 2
    assert "--since goes with --format text, json, markdown, not sarif" in capsys.readouterr().err


def test_a_smoke_test_is_told_in_the_comment(tmp_path, capsys):
    path = tmp_path / "smoke.json"
    steps = [{"step": "import", "status": "FAIL", "reason": "no module", "seconds": None, "cause": "package"}]
    path.write_text(json.dumps({"schema_version": 1, "reports": [{"name": "2026-04-01_Name", "steps": steps}]}))
    assert run(["check", "clean", "flag", "--format", "markdown", "--smoke", str(path)]) == 1
    assert capsys.readouterr().out.count("- import: **FAIL**: no module\n") == 1
    path.write_text("[]")
    assert run(["check", "clean", "--format", "markdown", "--smoke", str(path)]) == 2
    assert f"{path}: is no smoke test: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        (["--pr", "1499"], [1499]),
        (["--pr", "#1499"], [1499]),
        (["--pr", "1499, #7,1499"], [1499, 7]),
        (["--pr", "3", "--pr", "4,5"], [3, 4, 5]),
        (["--pr", "https://github.com/openai/parameter-golf/pull/12/files?w=1"], [12]),
    ],
)
def test_pull_requests_as_people_write_them(given, numbers, double):
    assert run(["check", "--repo", "x.git", *given]) == 0
    assert [call[1] for call in double if call[0] == "x.git"] == numbers


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--repo", "x", "--pr", "one"],
        ["check", "--repo", "x", "--pr", "0"],
        ["check", "--repo", "x", "--pr", ""],
        ["check", "--repo", "x", "--pr", "1,2", "--sha", "abc"],
        ["check", "--repo", "o/n", "--pr", "https://github.com/a/b/pull/3"],
        ["check", "--pr", "https://github.com/a/b/pull/3,https://github.com/c/d/pull/3"],
        ["check", "clean", "-q", "-v"],
        ["check", "clean", "-q", "--format", "json"],
        ["check", "clean", "--min-severity", "severe"],
        ["check", "--all", "-"],
        ["check", "clean", "--formt", "json"],
        ["chek", "clean"],
        ["data", "fech"],
        ["explain", "prequnat-ttt"],
        ["triage"],
        ["comment", "--pr", "1,2", "--repo", "o/n"],
        ["significance", "--new", "x"],
        ["reproduce", "--seeds", "0"],
        ["reproduce", "--seeds", "three"],
        ["check", "--repo"],
        ["fix"],
        ["fix", "--write", "--repo", "x", "--pr", "1"],
        ["fix", "--select", "prequnat-ttt", "clean"],
        ["fix", "--nonsuch"],
        ["probe"],
        ["probe", "clean", "--timeout", "0"],
        ["smoke"],
        ["campaign"],
        ["campaign", "."],
        ["challenge"],
        ["challenge", "shwo"],
        ["challenge", "show"],
        ["challenge", "show", "modded-nanogtp"],
        ["challenge", "list", "x"],
        ["lsp", "x"],
        ["triage", "--repo", "x", "--sort", "size"],
        ["triage", "--repo", "x", "--jobs", "many"],
        ["triage", "--repo", "x", "--since", "."],
        ["data"],
        ["frontier"],
    ],
)
def test_every_usage_error_is_one_line(arguments, capsys):
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("golf-audit: ")
    assert err.count("\n") == 1
    assert "--help" in err


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (["chek"], "did you mean check"),
        (["data", "fech"], "did you mean fetch"),
        (["explain", "prequnat-ttt"], "did you mean prequant-ttt"),
        (["check", "clean", "--select", "to-few-seeds"], "did you mean too-few-seeds"),
        (["triage", "--repo", "x", "--verdict", "FLAGG"], "did you mean FLAG"),
    ],
)
def test_what_is_misspelt_gets_the_nearest_name(arguments, nearest, capsys):
    assert run(arguments) == 2
    assert nearest in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "--repo"], "Option '--repo' requires an argument. See golf-audit check --help"),
        (["data", "fetch", "--variant"], "Option '--variant' requires an argument. See golf-audit data fetch --help"),
        (["lsp", "x"], "Got unexpected extra argument (x); see golf-audit lsp --help"),
        (["challenge"], "no command is given; there are list, show; see golf-audit challenge --help"),
        (
            ["triage", "--repo", "x", "--jobs", "many"],
            "'--jobs': 'many' is no whole number. See golf-audit triage --help",
        ),
        (["fix", "--write", "-"], "--write needs a PATH: what is read otherwise can only be shown. See golf-audit fix"),
    ],
)
def test_a_usage_error_names_the_command_that_was_meant(arguments, said, capsys):
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


def test_quiet_is_a_line_for_each_submission_and_statistics_count_them(capsys):
    assert run(["check", "clean", "flag", "-q", "--statistics"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "CLEAN  2026-04-01_Name  MERGE"
    assert lines[1].startswith("FLAG  2026-04-02_Other  ")
    assert lines[2:5] == ["     2  submissions", "     1  FLAG", "     1  CLEAN"]
    assert lines[-1].split() == ["1", "1", "FLAG", "some-rule"]


def test_verbose_tells_grades_and_times(capsys):
    run(["check", "flag", "-v"])
    out, err = capsys.readouterr()
    assert "graded     medium severity, medium confidence" in out
    assert "timeline of" in out
    assert "2026-04-02_Other: audited in " in err


def test_what_is_asked_not_to_be_shown_stays_in_the_verdict(capsys):
    assert run(["check", "flag", "--min-severity", "high", "--format", "json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert (report["verdict"], report["findings"], report["hidden"]) == ("FLAG", [], 1)
    assert run(["check", "flag", "--confidence", "medium"]) == 1
    run(["check", "flag", "--min-severity", "high"])
    assert "1 finding is below what was asked for and not shown; the verdict counts all." in capsys.readouterr().out


def test_rules_are_links_on_a_terminal_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("GOLF_AUDIT_DOCS", "https://docs.example/golf/")
    seen = {}
    for terminal in (True, False):
        out = _Terminal() if terminal else io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        run(["check", "flag"])
        seen[terminal] = out.getvalue()
    assert "\x1b]8;;" not in seen[False]
    assert "\x1b]8;;" not in seen[True]  # some-rule is no rule, and has no page
    from reports.text import Style

    linked = Style(pages=lambda slug: f"https://docs.example/golf/rules/{slug}/").rule("x")
    assert linked == "\x1b]8;;https://docs.example/golf/rules/x/\x1b\\x\x1b]8;;\x1b\\"
