"""GitHub as a place that submissions are read from, as a folder or a clone is."""

from __future__ import annotations

import os
from collections.abc import Callable

from auditor.github.client import connect
from auditor.github.pull import read_pull, read_submissions
from auditor.github.token import DEFAULT_BASE_URL, check_base_url, find_token
from auditor.submission.model import Submission


def read_github(repository: str, number: int, tell: Callable[[str], None]) -> tuple[Submission, ...]:
    """Return the submissions of a pull request of ``OWNER/NAME``, at least one, read from GitHub.

    The API is at GITHUB_API_URL, else GitHub's own. ``tell`` gets a line for each long wait. Raises Unread when
    there is nothing to read, :class:`~auditor.github.refused.Refused` when GitHub doesn't give it.
    """
    address = check_base_url(os.environ.get("GITHUB_API_URL") or DEFAULT_BASE_URL)
    api = connect(address, find_token(address), tell)
    return read_submissions(api, read_pull(api, repository, number))
