"""What other commits tell of a submission: logs that were there before, and changes after the cutoff."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.case import Case
from auditor.evidence.read import read_evidence
from auditor.submission.history import read_git
from auditor.submission.model import Submission
from rules import bogus_log, late_edit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

TRACK = "records/track_10min_16mb"
SCRIPT = (
    "MAX_WALLCLOCK_SECONDS = 600\nval_tokens = load('fineweb_val_*')\n"
    "loss.backward()\noptimizer.step()\nprint('val_bpb')\n"
)
BEFORE, AFTER = "2026-04-28T12:00:00Z", "2026-05-03T12:00:00Z"


def log(seed: int, bpb: float) -> str:
    return f"seed:{seed}\nstep:100/100 train_loss:2.0 train_time:59000ms\nfinal val_loss:2.0 val_bpb:{bpb:.8f}\n"


def folder(name: str, author: str, *scores: float) -> dict[str, str]:
    files = {f"train_seed{n}.log": log(n, score) for n, score in enumerate(scores, 1)}
    claims = {"author": author, "val_bpb": round(sum(scores) / len(scores), 8)}
    files |= {"submission.json": json.dumps(claims), "train_gpt.py": SCRIPT}
    return {f"{TRACK}/{name}/{path}": text for path, text in files.items()}


class Repo:
    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "-q", "-b", "main")
        self.commit({"README.md": "# Challenge\n"})

    def git(self, *arguments: str, date: str = BEFORE) -> None:
        who = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"), "a@b")
        when = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", *arguments], cwd=self.root, env=os.environ | who | when, check=True, capture_output=True)

    def commit(self, files: dict[str, str], date: str = BEFORE) -> None:
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change", date=date)

    def pull(self, number: int, *commits: tuple[dict[str, str], str]) -> None:
        self.git("checkout", "-q", "--detach", "main")
        for files, date in commits:
            self.commit(files, date)
        self.git("update-ref", f"refs/pull/{number}/head", "HEAD")

    def read(self, number: int) -> Submission:
        return read_git(str(self.root), pr=number)[0]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setenv("GOLF_AUDIT_NO_CACHE", "1")
    return Repo(tmp_path / "repository")


def case_of(submission: Submission) -> Case:
    return Case(submission, None, None, read_evidence(submission))


def test_anothers_logs_hold_and_ones_own_are_noted(repo: Repo) -> None:
    first, second = (1.2, 1.201, 1.202), (1.1, 1.101, 1.102)
    repo.pull(10, (folder("2026-04-01_First", "Ada", *first), BEFORE))
    repo.pull(11, (folder("2026-04-02_Copy", "Eve", *first), BEFORE))
    repo.pull(12, (folder("2026-04-03_Again", "ada", *first), BEFORE))
    repo.pull(13, (folder("2026-04-04_Other", "Eve", *second), BEFORE))
    found = {n: list(bogus_log.check(case_of(repo.read(n)))) for n in (10, 11, 12, 13)}
    assert found[10] == found[13] == []
    assert [f.status for f in found[11]] == ["hold"]
    assert "2026-04-01_First/train_seed1.log" in found[11][0].message
    assert "#10" in found[11][0].message
    assert len(found[11][0].trace) == 3
    assert [f.status for f in found[12]] == ["note"]


def test_a_lower_number_that_holds_a_younger_folder_is_not_earlier(repo: Repo) -> None:
    # A head that was rebased holds what came to main after its own pull request was opened.
    scores = (1.2, 1.201, 1.202)
    repo.pull(21, (folder("2026-04-05_Original", "Ada", *scores), BEFORE))
    younger = folder("2026-04-09_Copy", "Eve", *scores)
    repo.pull(20, (younger | folder("2026-04-01_Mine", "Joe", 1.3), BEFORE))
    assert read_evidence(repo.read(21)).reused == ()


def test_a_log_is_of_the_pull_request_that_holds_it_and_not_of_its_folder_s_first(repo: Repo) -> None:
    scores = (1.2, 1.201, 1.202)
    repo.pull(40, (folder("2026-04-01_First", "Ada", 1.3), BEFORE))
    repo.pull(41, (folder("2026-04-01_First", "Ada", *scores), BEFORE))
    repo.pull(42, (folder("2026-04-02_Copy", "Eve", *scores), BEFORE))
    assert {copy.pr for copy in read_evidence(repo.read(42)).reused} == {41}


def test_logs_of_main_that_a_later_submission_brings_again(repo: Repo) -> None:
    repo.commit(folder("2026-03-18_Baseline", "Ada", 1.22))
    repo.pull(30, (folder("2026-04-01_Mine", "Eve", 1.22), AFTER))
    (again,) = read_evidence(repo.read(30)).reused
    assert again.pr is None
    assert again.same_author is False


def test_what_was_changed_after_the_cutoff(repo: Repo) -> None:
    files = folder("2026-04-30_Mine", "Ada", 1.2)
    at = f"{TRACK}/2026-04-30_Mine"
    repo.pull(1, (files, BEFORE))
    repo.pull(2, (files, BEFORE), ({f"{at}/train_gpt.py": SCRIPT + "\n"}, AFTER))
    repo.pull(3, (files, BEFORE), ({f"{at}/submission.json": '{"val_bpb": 1.1}'}, AFTER))
    repo.pull(4, (files, BEFORE), ({f"{at}/submission.json": '{"val_bpb": 1.2}', f"{at}/b.log": log(2, 1.2)}, AFTER))
    repo.pull(5, (files, AFTER))
    found = {n: [f.status for f in late_edit.check(case_of(repo.read(n)))] for n in range(1, 6)}
    assert found == {1: [], 2: ["hold"], 3: ["hold"], 4: ["note"], 5: ["hold"]}
