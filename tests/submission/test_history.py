"""Small repositories made by git itself, in the shapes that pull requests have."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditor.submission.git import open_repository
from auditor.submission.history import read_git
from auditor.submission.model import Unread
from auditor.submission.path import read_path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

OLD = "records/track_10min_16mb/2026-01-01_Old"
NEW = "records/track_10min_16mb/2026-02-02_New"
OTHER = "records/track_non_record_16mb/2026-02-03_Other"
TRAINER = (
    "MAX_WALLCLOCK_SECONDS = 600\nval_tokens = load('fineweb_val_*')\n"
    "loss.backward()\noptimizer.step()\nprint('val_bpb')\n"
)


class Repo:
    """A repository with a main branch that holds one old record folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = 1_700_000_000
        root.mkdir()
        self.git("init", "-q", "-b", "main")
        self.commit({"README.md": "# Challenge\n", "train_gpt.py": TRAINER, f"{OLD}/train_gpt.py": "old = 1\n"})

    def git(self, *arguments: str) -> str:
        self.clock += 60
        date = f"{self.clock} +0000"
        who = {
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@b",
        }
        env = os.environ | who | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(["git", *arguments], cwd=self.root, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, files: Mapping[str, str | None]) -> None:
        for path, text in files.items():
            place = self.root / path
            if text is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)

    def commit(self, files: Mapping[str, str | None]) -> str:
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def pull(self, number: int, files: Mapping[str, str | None], start: str = "main") -> str:
        """Make a pull request of one commit and go back to main."""
        self.git("checkout", "-q", "--detach", start)
        commit = self.commit(files)
        self.git("update-ref", f"refs/pull/{number}/head", commit)
        self.git("checkout", "-q", "main")
        return commit


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def package(folder: str, script: str = "new = 1\n") -> dict[str, str | None]:
    return {
        f"{folder}/train_gpt.py": script,
        f"{folder}/README.md": "# New\n",
        f"{folder}/submission.json": "{}",
        f"{folder}/train_seed1.log": "seed:1\n",
    }


def test_a_pull_request_adds_a_folder(repo: Repo) -> None:
    head = repo.pull(7, package(NEW) | {"README.md": "# edited\n"})
    repo.commit({"later.md": "main goes on\n"})
    (found,) = read_git(str(repo.root), pr=7)
    assert (found.given, found.pr, found.sha) == ("#7", 7, head)
    assert (found.name, found.track, found.script) == ("2026-02-02_New", "record", "train_gpt.py")
    assert found.outside == ("README.md",)
    assert found.logs == ("train_seed1.log",)
    assert found.tree.read("train_gpt.py", 100) == b"new = 1\n"
    assert found.tree.size("train_gpt.py") == 8
    with pytest.raises(Unread, match="more than the 3 read"):
        found.tree.read("train_gpt.py", 3)


def test_the_git_folder_and_a_bare_clone_read_the_same(repo: Repo, tmp_path: Path) -> None:
    repo.pull(7, package(NEW))
    repo.git("clone", "-q", "--mirror", ".", str(tmp_path / "bare"))
    names = {read_git(str(place), pr=7)[0].name for place in (repo.root, repo.root / ".git", tmp_path / "bare")}
    assert names == {"2026-02-02_New"}


def test_every_added_folder_is_a_submission_and_edited_ones_are_not(repo: Repo) -> None:
    repo.pull(8, package(NEW) | package(OTHER) | {f"{OLD}/train_gpt.py": "edited = 1\n"})
    first, second = read_git(str(repo.root), pr=8)
    assert (first.name, second.name) == ("2026-02-02_New", "2026-02-03_Other")
    assert second.track == "non-record"
    assert f"{OLD}/train_gpt.py" in (first.outside or ())
    assert f"{OTHER}/train_gpt.py" in (first.outside or ())


def test_an_edited_folder_counts_when_none_is_added(repo: Repo) -> None:
    repo.pull(9, {f"{OLD}/train_gpt.py": "edited = 1\n", f"{OLD}/extra.log": "x\n"})
    (found,) = read_git(str(repo.root), pr=9)
    assert (found.name, found.outside) == ("2026-01-01_Old", ())


def test_a_renamed_folder_counts_as_edited(repo: Repo) -> None:
    moved: dict[str, str | None] = {f"{OLD}/train_gpt.py": None, f"{OLD}_Renamed/train_gpt.py": "old = 1\n"}
    repo.pull(10, moved)
    assert [s.name for s in read_git(str(repo.root), pr=10)] == ["2026-01-01_Old_Renamed"]
    repo.pull(11, moved | package(NEW))
    assert [s.name for s in read_git(str(repo.root), pr=11)] == ["2026-02-02_New"]


def test_a_merged_pull_request_is_read_as_it_was(repo: Repo) -> None:
    head = repo.pull(12, package(NEW))
    repo.commit({"later.md": "main goes on\n"})
    repo.git("merge", "-q", "--no-ff", "-m", "merge", head)
    repo.commit(package(OTHER))
    (found,) = read_git(str(repo.root), pr=12)
    assert (found.name, found.outside) == ("2026-02-02_New", ())


def test_a_squashed_pull_request_is_read_as_it_was(repo: Repo) -> None:
    repo.pull(13, package(NEW))
    repo.commit(package(NEW))
    assert [s.name for s in read_git(str(repo.root), pr=13)] == ["2026-02-02_New"]


def test_folders_copied_from_main_are_not_the_pull_requests_own(repo: Repo) -> None:
    start = repo.git("rev-parse", "main")
    repo.commit(package(OTHER))
    repo.pull(14, package(OTHER) | package(NEW), start=start)
    assert [s.name for s in read_git(str(repo.root), pr=14)] == ["2026-02-02_New"]


def test_a_history_of_its_own_is_compared_with_main(repo: Repo) -> None:
    repo.git("checkout", "-q", "--orphan", "island")
    commit = repo.commit(package(NEW))
    repo.git("update-ref", "refs/pull/15/head", commit)
    repo.git("checkout", "-q", "main")
    assert [s.name for s in read_git(str(repo.root), pr=15)] == ["2026-02-02_New"]


def test_a_changed_script_without_a_folder(repo: Repo) -> None:
    repo.pull(16, {"train_gpt.py": TRAINER + "# better\n"})
    (found,) = read_git(str(repo.root), pr=16)
    assert (found.name, found.script, found.track) == ("PR 16", "train_gpt.py", "unknown")
    assert found.tree.paths() == ("train_gpt.py",)
    assert any("no train script in a record folder" in problem for problem in found.problems)


def test_two_folders_without_script_and_a_script_beside_them(repo: Repo) -> None:
    texts = {f"{NEW}/README.md": "# New\n", f"{OTHER}/README.md": "# Other\n"}
    repo.pull(17, texts | {"train_gpt.py": TRAINER + "# better\n"})
    *folders, script = read_git(str(repo.root), pr=17)
    assert [folder.script for folder in folders] == [None, None]
    assert script.script == "train_gpt.py"


def test_a_folder_outside_records(repo: Repo) -> None:
    repo.pull(18, {"submission/train_gpt.py": TRAINER, "submission/README.md": "# x\n"})
    (found,) = read_git(str(repo.root), pr=18)
    assert (found.name, found.script, found.track) == ("submission", "train_gpt.py", "unknown")


def test_nothing_to_audit_says_why(repo: Repo) -> None:
    repo.pull(19, {"README.md": "# edited\n"})
    repo.pull(25, {"tools/parse.py": "val_bpb = val_loss = train_loader = fineweb_val = optimizer = 0\n"})
    with pytest.raises(Unread, match="#25: no record folder and no train script"):
        read_git(str(repo.root), pr=25)
    with pytest.raises(Unread, match=r"#19: no record folder and no train script .*\(README\.md\)"):
        read_git(str(repo.root), pr=19)
    repo.git("update-ref", "refs/pull/20/head", "main")
    with pytest.raises(Unread, match=r"#20: .* changes nothing against the main branch"):
        read_git(str(repo.root), pr=20)


def test_revisions_and_older_heads(repo: Repo) -> None:
    older = repo.pull(21, package(NEW, "first = 1\n"))
    newer = repo.pull(21, package(NEW, "second = 2\n"), start=older)
    assert read_git(str(repo.root), pr=21)[0].tree.read("train_gpt.py", 99) == b"second = 2\n"
    assert read_git(str(repo.root), pr=21, sha=older[:10])[0].sha == older
    assert read_git(str(repo.root), rev="refs/pull/21/head")[0].sha == newer
    merged = repo.commit(package(OTHER))
    assert [s.name for s in read_git(str(repo.root), rev=merged)] == ["2026-02-03_Other"]


def test_links_in_a_commit(repo: Repo) -> None:
    repo.git("checkout", "-q", "--detach", "main")
    repo.write(package(NEW))
    (repo.root / NEW / "alias.py").symlink_to("train_gpt.py")
    (repo.root / NEW / "leaves.py").symlink_to("../../../../../etc/passwd")
    repo.git("update-ref", "refs/pull/22/head", repo.commit({}))
    repo.git("checkout", "-q", "main")
    (found,) = read_git(str(repo.root), pr=22)
    assert found.tree.read("alias.py", 99) == b"new = 1\n"
    assert "leaves.py" not in found.tree.paths()
    assert any(problem.startswith("leaves.py: a link") for problem in found.problems)


def test_an_absent_blob_is_a_problem_and_not_a_failure(repo: Repo) -> None:
    repo.pull(23, package(NEW, "lost = 1\n"))
    blob = repo.git("rev-parse", f"refs/pull/23/head:{NEW}/train_gpt.py")
    (repo.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    (found,) = read_git(str(repo.root), pr=23)
    assert found.script == "train_gpt.py"
    assert "train_gpt.py: its content is absent from the repository; not read" in found.problems
    with pytest.raises(Unread, match="absent"):
        found.tree.read("train_gpt.py", 99)
    assert found.tree.read("README.md", 99) == b"# New\n"


def test_heads_of_large_files_leave_the_reader_in_step(repo: Repo) -> None:
    big = "x = 1\n" * 100_000
    repo.pull(24, {**package(NEW), f"{NEW}/big.py": big, f"{NEW}/empty.py": ""})
    (found,) = read_git(str(repo.root), pr=24)
    repository = open_repository(str(repo.root))
    tree = found.tree
    for _ in range(3):
        assert repository.blob(repo.git("rev-parse", f"refs/pull/24/head:{NEW}/big.py"), 5) == b"x = 1"
        assert tree.read("empty.py", 10) == b""
        assert tree.read("big.py", 10**6) == big.encode()
    repository.close()
    assert tree.read("README.md", 99) == b"# New\n"


class TestCheckout:
    def test_the_branchs_own_folder_is_read(self, repo: Repo) -> None:
        head = repo.pull(1, package(NEW) | {"README.md": "# edited\n"})
        repo.git("checkout", "-q", head)
        for given in (repo.root, repo.root / "records", repo.root / NEW):
            (found,) = read_path(str(given))
            assert (found.name, found.sha, found.outside) == ("2026-02-02_New", head, ("README.md",))

    def test_uncommitted_work_counts(self, repo: Repo) -> None:
        repo.write(package(NEW))
        assert [s.name for s in read_path(str(repo.root))] == ["2026-02-02_New"]
        repo.git("add", "-A")
        assert [s.name for s in read_path(str(repo.root))] == ["2026-02-02_New"]

    def test_an_unchanged_folder_can_be_named(self, repo: Repo) -> None:
        (found,) = read_path(str(repo.root / OLD))
        assert (found.name, found.outside) == ("2026-01-01_Old", None)

    def test_a_branch_that_changes_no_folder_asks_for_one(self, repo: Repo) -> None:
        repo.commit(package(NEW))
        with pytest.raises(Unread, match="2 record folders, and its branch changes none of them; give one of"):
            read_path(str(repo.root))

    def test_a_changed_root_script_is_read(self, repo: Repo) -> None:
        repo.commit(package(NEW))
        repo.write({"train_gpt.py": TRAINER + "# better\n"})
        repo.git("add", "-A")
        (found,) = read_path(str(repo.root))
        assert (found.script, found.outside) == ("train_gpt.py", ("train_gpt.py",))

    def test_a_forks_main_is_compared_with_the_original(self, repo: Repo) -> None:
        repo.git("update-ref", "refs/remotes/upstream/main", "main")
        repo.commit(package(NEW))
        repo.git("update-ref", "refs/remotes/origin/main", "main")
        assert [s.name for s in read_path(str(repo.root))] == ["2026-02-02_New"]


def test_a_record_folder_whose_script_is_the_one_at_the_root_is_one_submission(repo: Repo) -> None:
    log = "step:1/10 train_loss:2.0\nfinal val_bpb:1.2\n"
    files = {f"{NEW}/README.md": "# New\n", f"{NEW}/submission.json": "{}", f"{NEW}/train.log": log}
    repo.pull(41, files | {"train_gpt.py": TRAINER + "more = 1\n"})
    (found,) = read_git(str(repo.root), pr=41)
    assert (found.name, found.script, found.folder) == ("2026-02-02_New", "train_gpt.py", "")
    assert (found.readme, found.metadata) == (f"{NEW}/README.md", f"{NEW}/submission.json")
    assert found.logs == (f"{NEW}/train.log",)
    assert found.outside == ("train_gpt.py",)
    assert not any("not at the top" in problem for problem in found.problems)
