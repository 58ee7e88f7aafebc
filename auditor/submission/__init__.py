"""Reading what is in a pull request: record folders, their files' roles, and what the diff touches."""

from auditor.submission.history import read_git
from auditor.submission.path import read_path

__all__ = ["read_git", "read_path"]
