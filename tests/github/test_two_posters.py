"""However posting is broken off or doubled, a pull request has one comment of ours, with what was said last."""

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from auditor.github.client import connect
from auditor.github.post import post_comment
from auditor.github.pull import read_pull
from auditor.github.token import check_base_url, find_token

TOP = Path(__file__).resolve().parents[2]
MARK = "<!-- golf-audit: review -->"


@pytest.fixture
def poster(github):
    def connected():
        address = check_base_url(github.url)
        return connect(address, find_token(address), lambda line: None)

    return connected


def test_two_that_create_at_the_same_time_leave_one(github, poster):
    github.meeting = threading.Barrier(2)
    done = []

    def post(body):
        api = poster()
        done.append(post_comment(api, read_pull(api, "octo/golf", 3), body))

    threads = [threading.Thread(target=post, args=(f"{MARK}\nfrom {name}",)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(github.comments) == 1
    assert len({each.url for each in done}) == 1
    assert github.comments[0]["id"] == 1
    assert github.comments[0]["body"] in (f"{MARK}\nfrom one", f"{MARK}\nfrom two")


def test_the_later_one_says_it_in_the_first(github, poster, monkeypatch):
    """Another's comment appears between looking and creating."""
    api = poster()
    pull = read_pull(api, "octo/golf", 3)
    answer, met = github.answer, []

    def meanwhile(method, path, query, content):
        if method == "POST" and path.endswith("/comments") and not met:
            met.append(github.comment(f"{MARK}\nan older report", "auditor"))
        return answer(method, path, query, content)

    monkeypatch.setattr(github, "answer", meanwhile)
    posted = post_comment(api, pull, f"{MARK}\nnow")
    assert (posted.done, posted.url) == ("updated", "https://github.com/c/1")
    assert [comment["body"] for comment in github.comments] == [f"{MARK}\nnow"]
    assert github.count("DELETE", r"/repos/octo/golf/issues/comments/2") == 1


def test_a_comment_of_someone_else_is_never_deleted(github, poster):
    github.comment(f"{MARK}\nan impostor's", "somebody")
    api = poster()
    assert post_comment(api, read_pull(api, "octo/golf", 3), f"{MARK}\nours").done == "created"
    assert len(github.comments) == 2
    assert github.count("DELETE", ".*") == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_at_any_moment_the_next_leaves_one_comment(github, moments):
    command = [
        sys.executable, "-m", "auditor", "comment", "--repo", "octo/golf", "--pr", "3", "--post",
        "--base-url", github.url, "--exit-zero",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    begun = time.monotonic()
    whole = subprocess.run(command, env=environment, cwd=TOP, capture_output=True, text=True, check=True)
    seconds = time.monotonic() - begun
    (expected,) = (comment["body"] for comment in github.comments)
    chance = random.Random(12)
    for _ in range(moments):
        github.comments.clear()
        with subprocess.Popen(command, env=environment, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            time.sleep(chance.uniform(0.3, 1.0) * seconds)
            run.kill()
        assert len(github.comments) <= 1
        again = subprocess.run(command, env=environment, cwd=TOP, capture_output=True, text=True, check=True)
        assert again.stdout.startswith("comment "), whole.stdout
        assert [comment["body"] for comment in github.comments] == [expected]
