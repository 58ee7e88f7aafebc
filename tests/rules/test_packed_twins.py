"""Which file beside a packed script is called a version to read."""

import base64
import zlib

import pytest
from submissions import submission

from auditor.check import audit

_NAMES = [f"learning_rate_{number}" for number in range(40)]
_MINIFIED = "import math;" + ";".join(f"a=dict({name}={number})" for number, name in enumerate(_NAMES))
_PLAIN = "import math\n" + "".join(f"settings = dict(\n    {name}=0,\n)\n" for name in _NAMES)


@pytest.mark.parametrize(
    ("beside", "said"),
    [(_PLAIN, "train_gpt_human.py looks like a version to read"), ("import math\n", "no file beside it holds")],
    ids=["its words", "another file"],
)
def test_a_version_to_read_is_known_by_its_words_when_every_line_is_another(beside: str, said: str) -> None:
    """A minifier breaks up the lines and shortens local names; the library's names and the keys stay."""
    blob = base64.b64encode(zlib.compress(_MINIFIED.encode())).decode()
    packed = f"import base64, zlib\n\nexec(zlib.decompress(base64.b64decode('{blob}')))\n"
    report = audit(submission(packed, {"train_gpt_human.py": beside}), select=["packed-code"])
    assert [said in finding.message for finding in report.findings] == [True]
