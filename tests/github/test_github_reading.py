"""A pull request read from GitHub is the submission that a clone gives, and no more of it is fetched than is read."""

import json

import pytest
from standin import BASE, FOLDER, HEAD, SCRIPT, Fault, Pull, blob_id

from auditor.check import audit
from auditor.cli import run
from auditor.github import objects
from auditor.github.client import connect
from auditor.github.name import is_name
from auditor.github.pull import read_changes, read_pull, read_submissions
from auditor.github.refused import Refused
from auditor.github.token import Token
from auditor.submission.model import Unread
from auditor.submission.scope import Change


@pytest.fixture
def api(github):
    return connect(github.url, Token(github.token, "a test"), lambda line: None)


def submissions(api, number=3):
    return read_submissions(api, read_pull(api, "octo/golf", number))


def test_the_submission_is_the_new_record_folder(api):
    (found,) = submissions(api)
    assert (found.name, found.track, found.pr) == ("2026-04-01_Name", "record", 3)
    assert (found.script, found.readme, found.folder) == ("train_gpt.py", "README.md", FOLDER)
    assert found.outside == ("notes.txt",)
    assert found.tree.read("train_gpt.py", 10_000) == SCRIPT


def test_the_files_come_from_the_head_not_from_the_diff(github, api):
    """A folder that was there before is read whole, with the files that the pull request leaves alone."""
    github.pull(4, {f"{FOLDER}/README.md": b"# Better\n"}, {f"{FOLDER}/train_gpt.py": SCRIPT, **BASE})
    (found,) = submissions(api, 4)
    assert found.tree.paths() == ("README.md", "train_gpt.py")
    assert found.outside == ()


def test_a_model_is_never_fetched_but_its_size_is_known(github, api):
    model = bytes(300_000)
    github.pull(4, {**HEAD, f"{FOLDER}/model.ptz": model}, BASE)
    (found,) = submissions(api, 4)
    audit(found)
    assert found.tree.size("model.ptz") == 300_000
    assert github.count("GET", f".*/git/blobs/{blob_id(model)}") == 0
    fetched = [path for method, path in github.seen if "/git/blobs/" in path]
    assert len(fetched) == len(set(fetched))  # and nothing twice


def test_changes_on_many_pages_with_renames_and_removals(github, api):
    many = {f"{FOLDER}/logs/{number:03}.txt": b"%d" % number for number in range(230)}
    head = {**HEAD, **many, "moved.py": b"a = 1\n"}
    github.pulls[4] = Pull({**BASE, "old.py": b"a = 1\n", "gone.py": b"b = 2\n"}, head, renamed={"old.py": "moved.py"})
    changes = read_changes(api, read_pull(api, "octo/golf", 4))
    assert sum("/logs/" in change.path for change in changes) == 230
    same = blob_id(b"a = 1\n")
    assert Change("old.py", same, None) in changes
    assert Change("moved.py", None, same) in changes
    assert Change("gone.py", blob_id(b"b = 2\n"), None) in changes
    assert github.count("GET", ".*/pulls/4/files") == 3


def test_a_pull_request_without_a_submission_says_what_it_touches(github, api):
    github.pull(4, {"docs/a.md": b"text\n"}, BASE)
    with pytest.raises(Unread, match=r"#4: no record folder and no train script among the changed files \(docs/a.md\)"):
        submissions(api, 4)


def test_what_is_too_much_is_unread_not_fetched(github, api, monkeypatch):
    monkeypatch.setattr(objects, "LARGEST_FILE", len(SCRIPT) - 1)
    (found,) = submissions(api)
    with pytest.raises(Unread, match="more than the"):
        found.tree.read("train_gpt.py", 10_000)
    monkeypatch.setattr(objects, "LARGEST_FILE", 10_000)
    monkeypatch.setattr(objects, "MOST_FILES", 1)
    found.tree.read("README.md", 100)
    with pytest.raises(Unread, match="not fetched, after 1 files of 11 bytes"):
        found.tree.read("train_gpt.py", 10_000)


def test_a_broken_line_does_not_make_a_file_unreadable(github, api, waits):
    (found,) = submissions(api)
    github.faults = [Fault("GET", r".*/git/blobs/.*", 500) for _ in range(99)]
    with pytest.raises(Refused, match="GitHub fails"):
        audit(found)


def test_what_comes_must_be_the_object_that_was_asked_for(github, api):
    (found,) = submissions(api)
    answer = {"content": "b3RoZXI=", "encoding": "base64"}
    github.faults = [Fault("GET", r".*/git/blobs/.*", 200, extra=answer)]
    with pytest.raises(Refused, match="what came isn't that object"):
        found.tree.read("train_gpt.py", 10_000)


def test_a_list_of_files_that_github_cuts_is_refused(github, api):
    github.faults = [Fault("GET", r".*/git/trees/.*", 200, extra={"sha": "0", "tree": [], "truncated": True})]
    with pytest.raises(Refused, match="read it from a clone"):
        submissions(api)


@pytest.mark.parametrize("name", ["golf", "a/b/c", "octo/..", "octo/.", "../x", "octo/a b", "octo/a?x", "-o/x", ""])
def test_what_is_no_repository(name):
    assert not is_name(name)


def test_check_reads_from_github_what_lies_nowhere_here(github, waits, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    assert run(["check", "--repo", "octo/golf", "--pr", "3", "--format", "json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert (report["name"], report["verdict"]) == ("2026-04-01_Name", "FLAG")
    assert run(["check", "--repo", "octo/golf", "--pr", "4"]) == 2
    assert capsys.readouterr().err == (
        "golf-audit: can't read pull request 4 of octo/golf: it isn't there (404), or the token may not see it\n"
    )
    assert run(["check", "--repo", "octo/golf", "--rev", "main"]) == 2
    assert "no such repository" in capsys.readouterr().err


def test_a_repository_that_lies_here_is_read_here(github, tmp_path, monkeypatch, capsys):
    (tmp_path / "octo" / "golf").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    assert run(["check", "--repo", "octo/golf", "--pr", "3"]) == 2
    assert "not a git repository" in capsys.readouterr().err
    assert not github.seen
