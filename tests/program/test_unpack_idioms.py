"""Decoding idioms, alone and in each combination of two: what comes out is what Python itself would run."""

from __future__ import annotations

import pytest
from idioms import IDIOMS, IMPORTS

from auditor.program.unpack import unpack

SOURCE = b"import os\n\nSEED = 7  # \xc3\xbcn\xc3\xafcode\n\nclass Model:\n    pass\n\nprint('steps', SEED)\n"


def opened(expression: str, data: bytes) -> bytes:
    script = f"{IMPORTS}D = {data!r}\nexec({expression})\n"
    result = unpack(script.encode(), "train_gpt.py", lambda _: None)
    assert result.failure is None, (expression, str(result.failure))
    return result.layers[-1].data


@pytest.mark.parametrize("name", IDIOMS)
def test_an_idiom_alone(name: str) -> None:
    encode, expression = IDIOMS[name]
    assert opened(expression.replace("{}", "D"), encode(SOURCE)) == SOURCE


@pytest.mark.parametrize("outer", IDIOMS)
def test_each_pair_of_idioms(outer: str) -> None:
    encode, first = IDIOMS[outer]
    for inner, (encode_inner, second) in IDIOMS.items():
        data = encode(encode_inner(SOURCE))
        expression = second.replace("{}", first.replace("{}", "D"))
        assert opened(expression, data) == SOURCE, (outer, inner)
