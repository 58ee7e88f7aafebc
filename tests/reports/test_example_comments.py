"""docs/examples holds comments as they come out, unedited. ``make docs`` brings them up to date."""

import dataclasses
from pathlib import Path

import pytest

from auditor.check import audit
from auditor.reaudit.compare import re_audit
from auditor.submission import read_path
from reports.comment import Form
from reports.markdown import render as review
from reports.reaudit import render as reaudit

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "examples" / "records" / "track_10min_16mb"
PAGES = ROOT / "docs" / "examples"
# The examples are no pull requests; in the comments they are told as if they were.
FORM = Form(repository="https://github.com/owner/name")


def report(name, sha):
    """Return the report on one example as if it were read from a pull request's head."""
    folder = RECORDS / f"2026-03-19_SP1024_{name}"
    (found,) = read_path(str(folder))
    return dataclasses.replace(audit(found), sha=sha * 40, pr=1, folder=f"records/{folder.parent.name}/{folder.name}")


COMMENTS = {
    "review.md": lambda: review(report("HashedNgram", "a"), form=FORM),
    "re-audit.md": lambda: reaudit(re_audit(report("TTTOff", "b"), report("PreQuantTTT", "a")), FORM),
}


@pytest.mark.parametrize("name", COMMENTS)
def test_the_comment_is_real(name):
    assert (PAGES / name).read_text("utf-8") == COMMENTS[name](), (
        f"docs/examples/{name} is out of date: run `make docs`"
    )


if __name__ == "__main__":
    for name, make in COMMENTS.items():
        (PAGES / name).write_text(make(), "utf-8")
