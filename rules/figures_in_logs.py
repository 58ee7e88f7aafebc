"""Where a log writes a figure anywhere at all: in a table, in a summary, in a remark."""

from __future__ import annotations

import re

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.logs import LARGEST_LOG
from auditor.evidence.text import Unreadable, decode
from auditor.submission.model import Unread

_TELLING = 4  # decimals from which a figure is not met by chance


def written(case: Case, claim: Claim[float]) -> tuple[str, int] | None:
    """Return the first place where a log writes a claimed score digit by digit, None where none does."""
    if claim.decimals < _TELLING:
        return None
    figure = re.compile(rb"(?<![\d.])%b(?![\d])" % re.escape(f"{claim.value:.{claim.decimals}f}").encode())
    for log in case.evidence.logs:
        try:
            data = decode(case.submission.tree.read(log.path, LARGEST_LOG), LARGEST_LOG).data
        except (Unread, Unreadable):
            continue  # the reader of the submission has noted it as a problem
        found = figure.search(data)
        if found is not None:
            return log.path, data.count(b"\n", 0, found.start()) + 1
    return None
