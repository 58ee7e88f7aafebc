"""The same on scripts of others, on request: a clone with the heads of pull requests, and a list of numbers.

``make transforms CLONE=… PRS=…`` sets what is needed (see ``scripts.py``). Nothing of the scripts is run.
"""

import os

import pytest
from audited import drawn, of_pull_request
from compared import compared
from transformations import TRANSFORMATIONS

NAMES = list(TRANSFORMATIONS)
EACH = int(os.environ.get("GOLF_AUDIT_EACH", len(NAMES)))  # of the transformations, in turn


@pytest.mark.skipif(not drawn(), reason="GOLF_AUDIT_CLONE and GOLF_AUDIT_PRS name no scripts")
@pytest.mark.parametrize("number", drawn())
def test_a_script_is_judged_as_before(number: int) -> None:
    script = of_pull_request(number)
    if script is None:
        pytest.skip("it can't be read")
    start = drawn().index(number) * EACH
    names = [NAMES[(start + n) % len(NAMES)] for n in range(min(EACH, len(NAMES)))]
    rows = compared(script.submission, script.source, names, None)
    assert not [row for row in rows if row.outcome == "differs"]
