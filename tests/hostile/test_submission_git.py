"""Repositories that are none, and repositories whose configuration would like to run something."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.submission.git import open_repository
from auditor.submission.history import read_git
from auditor.submission.model import Unread
from auditor.submission.path import read_path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgSign=false"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    folder = root / "records" / "track_10min_16mb" / "2026-01-01_A"
    folder.mkdir(parents=True)
    (folder / "train_gpt.py").write_text("x = 1\n")
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    git(root, "commit", "-q", "--allow-empty", "-m", "start")
    git(root, "checkout", "-q", "-b", "branch")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "add")
    git(root, "update-ref", "refs/pull/1/head", "branch")
    return root


def fails(*arguments: object, **options: object) -> str:
    with pytest.raises(Unread) as caught:
        read_git(*arguments, **options)  # type: ignore[arg-type]
    line = str(caught.value)
    assert line.isprintable()
    return line


def test_not_a_repository(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert "not a git repository" in fails(str(tmp_path / "plain"), pr=1)
    assert "no such repository" in fails(str(tmp_path / "nothing\x1b"), pr=1)
    (tmp_path / "plain" / ".git").write_text("gitdir: /nowhere\n")
    assert "not a git repository that git can open" in fails(str(tmp_path / "plain"), pr=1)
    (tmp_path / "plain" / ".git").unlink()
    (tmp_path / "plain" / "objects").mkdir()
    (tmp_path / "plain" / "HEAD").write_text("rubbish")
    assert "not a git repository that git can open" in fails(str(tmp_path / "plain"), pr=1)


def test_a_folder_inside_a_repository_is_not_taken_for_it(root: Path) -> None:
    assert "not a git repository" in fails(str(root / "records"), pr=1)


def test_unknown_pull_request_revision_and_commit(root: Path) -> None:
    assert "#5: no such pull request" in fails(str(root), pr=5)
    assert "git fetch origin pull/5/head" in fails(str(root), pr=5)
    for revision in ("no-such-branch", "--upload-pack=touch x", "-n", "", "a\nb", "main\0x", "main:records"):
        assert "no such revision" in fails(str(root), rev=revision)
    for sha in ("0" * 40, "branch", "zz", "--all"):
        assert "no such commit" in fails(str(root), pr=1, sha=sha)
    assert "say which pull request" in fails(str(root))


def test_no_main_branch(root: Path) -> None:
    git(root, "branch", "-D", "main")
    assert "no main branch to compare with; fetch main" in fails(str(root), pr=1)
    (found,) = read_path(str(root))
    assert found.outside is None


def test_no_git_program(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in fails(str(root), pr=1)


def test_a_missing_tree_is_one_line(root: Path) -> None:
    show = subprocess.run(["git", "rev-parse", "branch:records"], cwd=root, check=True, capture_output=True, text=True)
    oid = show.stdout.strip()
    (root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    assert "git diff-tree failed" in fails(str(root), pr=1)


def test_the_repositorys_configuration_starts_nothing(root: Path, tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{bait}'\nexit 1\n")
    trap.chmod(0o755)
    settings = {
        "core.fsmonitor": str(trap),
        "core.pager": str(trap),
        "core.sshCommand": str(trap),
        "diff.external": str(trap),
        "gpg.program": str(trap),
        "log.showSignature": "true",
        "filter.x.clean": str(trap),
        "filter.x.smudge": str(trap),
        "diff.x.textconv": str(trap),
        "diff.x.command": str(trap),
        "remote.origin.url": f"ext::{trap}",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
        "alias.diff-tree": f"!{trap}",
        "core.repositoryFormatVersion": "1",
    }
    for name, value in settings.items():
        git(root, "config", name, value)
    (root / ".gitattributes").write_text("* filter=x diff=x\n")
    hooks = root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "post-checkout", "fsmonitor-watchman"):
        shutil.copy(trap, hooks / hook)
    (found,) = read_git(str(root), pr=1)
    assert found.tree.read("train_gpt.py", 99) == b"x = 1\n"
    (found,) = read_path(str(root))
    assert found.outside == (".gitattributes",)
    repository = open_repository(str(root))
    with pytest.raises(Unread, match="absent"):
        repository.blob("1" * 40, 10)
    assert not bait.exists()


def test_settings_from_the_environment_are_ignored(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_WORK_TREE", "/nowhere")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", "/nowhere")
    (found,) = read_git(str(root), pr=1)
    assert found.name == "2026-01-01_A"
