"""Of each pull request in a results file, the rows that were written last."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from auditor.sweep.work import Row


def latest(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of each pull request that stand together last, in the order of their numbers.

    A head that was audited again is added at the end of a file; its earlier rows are then out of date.
    """
    found = {pr: list(group) for pr, group in groupby(rows, key=lambda row: row["pr"])}
    return [row for pr in sorted(found) for row in found[pr]]
