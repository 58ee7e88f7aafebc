"""``golf-audit comment`` from the command line to a server, over HTTP."""

import io
import logging
import shutil
import subprocess
import sys
import time

import pytest
from standin import BASE, FOLDER, HEAD, SCRIPT, Fault, GitHub, commit_id

import auditor.check
from auditor.cli import run
from auditor.cli._install import install_hint
from auditor.github.body import is_ours

COMMENTS = r"/repos/octo/golf/issues/3/comments"


@pytest.fixture
def comment(github, waits, capfd):
    """Run the command against the stand-in; returns (exit code, standard output, standard error)."""

    def call(*options, repo="octo/golf", pr=3, url=None):
        code = run(["comment", "--repo", repo, "--pr", str(pr), "--base-url", url or github.url, *options])
        return code, *capfd.readouterr()

    return call


def test_without_post_the_comment_is_shown_and_nothing_is_written(github, comment):
    code, out, err = comment("--label", "--check-run")
    assert code == 1
    assert is_ours(out)
    assert "2026-04-01_Name" in out
    assert "train-on-val" in out
    assert {method for method, _ in github.seen} == {"GET"}
    assert "octo/golf#3 at " in err
    assert ": A record\n" in err
    assert "'golf-audit: FLAG'" in err
    assert "nothing was posted" in err


def test_post_creates_then_leaves_then_updates_the_one_comment(github, comment):
    code, out, _ = comment("--post")
    assert (code, out) == (1, "comment created: https://github.com/c/1\n")
    assert comment("--post")[1] == "comment unchanged: https://github.com/c/1\n"
    before = github.comments[0]["body"]
    github.pull(3, {**HEAD, f"{FOLDER}/train_gpt.py": b"\n" + SCRIPT}, BASE)
    assert comment("--post", "--exit-zero")[:2] == (0, "comment updated: https://github.com/c/1\n")
    assert len(github.comments) == 1
    assert github.comments[0]["body"] != before


def test_only_a_marked_comment_by_our_login_is_ours_on_whichever_page(github, comment):
    _, shown, _ = comment()
    github.comment(shown, login="impostor")
    github.comment(shown, login=None)  # of an account that is gone
    github.comment(f"> {shown}", login="auditor")
    for number in range(250):
        github.comment(f"comment {number}")
    ours = github.comment("<!-- golf-audit: review -->\nof old", login="auditor")
    assert comment("--post")[1] == f"comment updated: {ours['html_url']}\n"
    assert ours["body"] == shown
    assert len(github.comments) == 254


def test_an_app_that_may_not_ask_who_it_is_finds_its_comment(github, comment):
    github.app, github.login = True, "github-actions[bot]"
    comment("--post")
    assert comment("--post")[1].startswith("comment unchanged")
    assert len(github.comments) == 1


def test_labels_and_check_run(github, comment):
    github.labels = ["help wanted", "golf-audit: HOLD"]
    code, out, _ = comment("--post", "--label", "--check-run")
    assert code == 1
    assert github.labels == ["help wanted", "golf-audit: FLAG"]
    assert out.splitlines()[1:] == [
        "labelled: golf-audit: FLAG",
        "check run added (failure): https://github.com/run/7",
    ]
    (sent,) = github.check_runs
    assert sent["head_sha"] == commit_id(github.pulls[3].head)
    assert (sent["conclusion"], sent["status"]) == ("failure", "completed")
    worst = sent["output"]["annotations"][0]
    assert worst["path"] == f"{FOLDER}/train_gpt.py"
    assert worst["annotation_level"] == "failure"
    assert b"optimizer.step()" in SCRIPT.splitlines()[worst["start_line"] - 1]
    comment("--post", "--label")
    assert github.count("POST", r"/repos/octo/golf/issues/3/labels") == 1  # what is there isn't added again


@pytest.mark.parametrize("done", [False, True], ids=["it was not done", "it was done all the same"])
def test_a_failure_while_creating_leaves_one_comment(github, comment, waits, done):
    github.faults = [Fault("POST", COMMENTS, 502, done=done)]
    code, out, _ = comment("--post")
    assert (code, out) == (1, "comment created: https://github.com/c/1\n")
    assert len(github.comments) == 1


def test_failures_while_reading_are_tried_again_with_growing_pauses(github, comment, waits):
    github.faults = [Fault("GET", r"/repos/octo/golf/pulls/3", 503) for _ in range(3)]
    assert comment()[0] == 1
    assert waits == sorted(waits)
    assert len(waits) >= 2


def test_a_server_that_keeps_failing_is_one_line(github, comment):
    github.faults = [Fault("GET", r"/repos/octo/golf/pulls/3", 503, "no server") for _ in range(9)]
    code, out, err = comment()
    assert (code, out) == (2, "")
    assert err == "golf-audit: can't read pull request 3 of octo/golf: GitHub fails (503): no server; try again later\n"


SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        (Fault("POST", COMMENTS, 403, SECONDARY, {"Retry-After": "17"}), 17),
        (Fault("POST", COMMENTS, 403, SECONDARY), 60),
        (Fault("POST", COMMENTS, 429, "slow down"), 60),
        (Fault("GET", COMMENTS, 429, "slow down", {"Retry-After": "3"}), 3),
    ],
)
def test_a_rate_limit_is_waited_out(github, comment, waits, fault, wait):
    github.faults = [fault]
    code, out, err = comment("--post")
    assert (code, out) == (1, "comment created: https://github.com/c/1\n")
    assert wait in waits
    assert f"waiting {wait} s" in err
    assert len(github.comments) == 1


def test_a_rate_limit_is_waited_out_until_its_reset(github, comment, waits):
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 40)}
    github.faults = [Fault("GET", r"/repos/octo/golf", 403, "API rate limit exceeded for user ID 1.", reset)]
    assert comment()[0] == 1
    assert [wait for wait in waits if 35 <= wait <= 42]


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "3600"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}],
)
def test_a_rate_limit_that_lasts_is_told(github, comment, waits, headers):
    github.faults = [Fault("GET", r"/repos/octo/golf", 403, "API rate limit exceeded", headers)]
    code, _, err = comment()
    assert code == 2
    assert "rate limit is used up (403): try again after 2" in err
    assert err.count("\n") == 1
    assert not waits


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault("POST", COMMENTS, 403, "Unable to create comment because issue is locked."), "issue is locked"),
        (
            Fault("POST", COMMENTS, 422, "Validation Failed", extra={"errors": [{"message": "body is too long"}]}),
            "can't comment on octo/golf#3: GitHub takes it for invalid (422): Validation Failed; body is too long",
        ),
        (Fault("POST", COMMENTS, 404, "Not Found"), "isn't there (404), or the token may not see it"),
        (Fault("GET", COMMENTS, 410, "This issue was deleted"), "is gone (410)"),
        (Fault("GET", r"/repos/octo/golf/git/trees/.*", 404, "Not Found"), "can't list the files of"),
        (Fault("GET", r"/repos/octo/golf", 451, "Blocked \x1b[31m\nhere"), "GitHub answers 451"),
    ],
)
def test_what_github_refuses_is_one_line(github, comment, fault, says):
    github.faults = [fault]
    code, out, err = comment("--post")
    lines = [line for line in err.splitlines() if not line.startswith("golf-audit: octo/golf#3 at ")]
    assert (code, out) == (2, "")
    assert len(lines) == 1
    assert says in lines[0]
    assert "\x1b" not in err
    assert not github.comments


def test_a_wrong_token(github, comment, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_another")
    code, _, err = comment()
    assert code == 2
    assert "doesn't know the token (401)" in err
    assert "ghp_another" not in err


def test_a_pull_request_or_repository_that_is_not_there(comment):
    assert "can't read pull request 4 of octo/golf: it isn't there (404)" in comment(pr=4)[2]
    assert "can't find the repository octo/none: it isn't there (404)" in comment(repo="octo/none")[2]


def test_a_renamed_repository_is_followed_and_named(github, comment):
    github.former = {"octo/old": "octo/golf"}
    code, out, err = comment("--post", repo="octo/old")
    assert (code, out) == (1, "comment created: https://github.com/c/1\n")
    assert "octo/old is now called octo/golf" in err


def test_a_head_that_moves_during_the_audit_is_not_commented_on(github, comment, monkeypatch):
    audit = auditor.check.audit

    def moving(submission, **options):
        github.pull(3, {**HEAD, "more.txt": b"more\n"}, BASE)
        return audit(submission, **options)

    monkeypatch.setattr(auditor.check, "audit", moving)
    code, _, err = comment("--post")
    assert code == 2
    assert "while it was audited; run again" in err
    assert not github.comments


def test_enterprise_stands_under_a_path(comment):
    server = GitHub("/api/v3")
    server.pull(3, HEAD, BASE)
    server.app = True  # GraphQL stands beside that path
    try:
        assert comment("--post", url=server.url)[1] == "comment created: https://github.com/c/1\n"
    finally:
        server.close()


def test_an_answer_that_is_not_githubs_is_one_line(github, comment):
    github.faults = [Fault("GET", r"/repos/octo/golf", 200)]
    code, _, err = comment()
    assert code == 2
    assert "can't find the repository octo/golf: the answer isn't one of GitHub's API" in err
    assert err.count("\n") == 1


def test_a_server_that_is_not_there_is_one_line(comment):
    code, _, err = comment(url="http://127.0.0.1:9")
    assert code == 2
    assert "no answer from 127.0.0.1" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("options", [(), ("--post", "--label", "--check-run")])
def test_the_token_is_in_no_output_and_no_log(github, comment, monkeypatch, caplog, options):
    monkeypatch.setenv("GOLF_AUDIT_TRACEBACK", "1")
    everything = io.StringIO()
    handler = logging.StreamHandler(everything)
    logging.getLogger().addHandler(handler)
    caplog.set_level(logging.DEBUG)
    try:
        _, out, err = comment(*options)
        assert github.authorizations == {"token ghp_verysecret"}
        github.faults = [Fault("GET", ".*", status, f"your token {status}") for status in (403, 500, 302)]
        for _ in github.faults[:]:
            _, *more = comment(*options)
            out, err = out + more[0], err + more[1]
    finally:
        logging.getLogger().removeHandler(handler)
    assert "/repos/octo/golf" in everything.getvalue()  # the client does write a log
    for text in (out, err, everything.getvalue(), caplog.text):
        assert "verysecret" not in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--repo", "golf", "--pr", "3"], "OWNER/NAME"),
        (["--repo", "octo/golf/../..", "--pr", "3"], "OWNER/NAME"),
        (["--repo", "octo/..", "--pr", "3"], "OWNER/NAME"),
        (["--repo", "octo/golf"], "--pr"),
        (["--repo", "octo/golf", "--pr", "3", "--base-url", "http://example.com"], "without encryption"),
        (["--repo", "octo/golf", "--pr", "3", "--base-url", "https://me:ghp_x1@example.com"], "has a user"),
        (["--repo", "octo/golf", "--pr", "3", "--base-url", "example.com"], "isn't one of an API"),
    ],
)
def test_wrong_usage(github, capsys, arguments, says):
    assert run(["comment", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "ghp_" not in err


def test_posting_needs_a_token(github, comment, monkeypatch):
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setenv("PATH", "")
    code, _, err = comment("--post")
    assert code == 2
    assert "--post needs a token" in err
    assert not github.seen


def test_without_the_extra_the_line_says_how_to_get_it(github, comment, monkeypatch):
    monkeypatch.setitem(sys.modules, "github", None)
    code, _, err = comment()
    assert (code, err) == (2, f"golf-audit: reading from GitHub needs its client: {install_hint('github')}\n")


def test_a_clone_is_read_without_asking_github(github, comment, tmp_path):
    code, _, err = comment("--git-dir", str(tmp_path))
    assert code == 2
    assert "not a git repository" in err
    assert not github.seen


def test_a_title_can_not_steer_the_terminal(github, comment):
    github.pulls[3].title = "\x1b[2J\n\u202eA record"
    err = comment()[2]
    assert ": <U+001B>[2J<U+000A><U+202E>A record\n" in err


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_posting_what_a_clone_holds_of_the_head_that_github_has(github, comment, tmp_path):
    def git(*arguments):
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    def commit(files):
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
        git("add", "-A")
        git("commit", "-q", "-m", "change")
        return git("rev-parse", "HEAD")

    git("init", "-q", "-b", "main")
    commit(BASE)
    git("checkout", "-q", "-b", "work")
    head = commit(HEAD)
    code, _, err = comment("--post", "--git-dir", str(tmp_path))
    assert code == 2
    assert "fetch it with `git fetch origin pull/3/head:refs/pull/3/head`" in err
    github.pulls[3].sha = head
    assert comment("--post", "--git-dir", str(tmp_path))[:2] == (1, "comment created: https://github.com/c/1\n")
    assert f"/octo/golf/blob/{head}/{FOLDER}/train_gpt.py#L" in github.comments[0]["body"]
    assert github.count("GET", ".*/git/.*") == 0
