"""A small repository to sweep, and the command that sweeps it, in processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
FOLDER = "records/track_10min_16mb/2026-01-01_A"


def repository(root: Path) -> Path:
    """Make a repository with 25 pull requests, one of them without a submission, and return its folder."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgSign=false")
        subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)

    root.mkdir()
    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "start")
    git("checkout", "-q", "-b", "branch")
    (root / FOLDER).mkdir(parents=True)
    (root / FOLDER / "train_gpt.py").write_text("print('val_bpb')\n")
    (root / FOLDER / "README.md").write_text("# A\n")
    git("add", "-A")
    git("commit", "-q", "-m", "add")
    refs = "".join(f"create refs/pull/{n}/head refs/heads/branch\n" for n in range(1, 25))
    subprocess.run(["git", "update-ref", "--stdin"], cwd=root, check=True, input=refs, text=True)
    git("update-ref", "refs/pull/50/head", "main")
    return root


def command(repo: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "auditor", "sweep", "--repo", str(repo), "--out", str(out), *more]


def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(TOP),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "GOLF_AUDIT_NO_CACHE": "",
    }


def sweep(tmp_path: Path, repo: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(repo, out, *more),
        env=environment(tmp_path),
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=120,
    )


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()]
