"""golf-audit from Python: an audit as a call, and the results of a sweep as a data frame.

Everything here is also an attribute of :mod:`auditor`, which imports it when it is first used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.check import audit as audit_submission
from auditor.report import Report
from auditor.submission import read_git, read_path
from auditor.submission.model import Unread

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Report", "Unread", "audit", "audit_pull_request", "read_results"]


def audit(path: str | os.PathLike[str]) -> Report:
    """Return the report on the submission at a path: a record folder, a checkout that contains one, or a script.

    Nothing of it is run. Raises :class:`Unread`, with one line that says why, where there is no submission, and where
    there are several: audit their folders one by one.
    """
    found = read_path(os.fspath(path))
    if len(found) > 1:
        names = ", ".join(submission.name for submission in found[:5])
        raise Unread(f"{os.fspath(path)}: {len(found)} submissions ({names}); give the folder of one")
    return audit_submission(found[0])


def audit_pull_request(repo: str | os.PathLike[str], n: int) -> tuple[Report, ...]:
    """Return a report for each submission in pull request ``n`` of a clone whose pull request heads were fetched.

    ``repo`` is its folder or git directory; nothing is checked out. Raises :class:`Unread` where there is no such
    head, or no submission in it.
    """
    return tuple(audit_submission(submission) for submission in read_git(os.fspath(repo), pr=n))


def read_results(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the results of ``golf-audit sweep`` or ``triage`` as a data frame, a row for each submission.

    Columns: ``pr``, ``name``, ``sha``, ``day`` (date of the head), ``week`` (its Monday), ``author``, ``track``,
    ``verdict``, ``recommendation``, ``compliance``, ``evidence``, ``package``, ``reason``, ``rules`` (a list of slugs),
    ``val_bpb`` (bits per byte), ``artifact_bytes``, ``error``. What isn't known is missing. Of a head that was audited
    twice the last rows count. :mod:`auditor.frames` groups, writes and draws it.
    Raises :class:`Unread` for a file that is something else, and ``ModuleNotFoundError`` without pandas.
    """
    from auditor.frames.results import results_frame

    return results_frame(Path(path))
