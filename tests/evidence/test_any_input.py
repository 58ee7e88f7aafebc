"""No input crashes a parser, and time grows with the input and not faster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs_written import RULER, training

from auditor.evidence.formats import FORMATS, lowered, reads
from auditor.evidence.logs import read_log
from auditor.evidence.metadata import read_metadata
from auditor.evidence.metrics import ROLES, parse_metric
from auditor.evidence.model import Evidence
from auditor.evidence.readme import read_readme
from auditor.evidence.text import Unreadable

LINES = [row.example for row in FORMATS] + [row.example for row in ROLES] + [RULER, "import os", "def f():", ""]
pieces = st.one_of(
    st.sampled_from(LINES),
    st.text(max_size=60),
    st.from_regex(r"[a-z_ ]{0,12}(?:val_)?bpb[:= ]\d{1,25}\.?\d{0,25}(?:ms|s)?", fullmatch=True),
    st.builds(str.replace, st.sampled_from(LINES), st.sampled_from("0123456789:= "), st.text(max_size=3)),
)
texts = st.lists(pieces, max_size=30).map("\n".join)


@given(texts.map(str.encode) | st.binary(max_size=300) | texts.map(lambda t: b"\xff\xfe" + t.encode("utf-16-le")))
def test_any_log(data: bytes) -> None:
    try:
        log = read_log("train_seed1.log", data)
    except Unreadable as error:
        assert "\n" not in str(error)
        return
    for run in log.runs:
        run.measured()
        assert run.evaluations is not None
        assert 1 <= run.first_line <= run.last_line <= log.lines
        assert all(run.first_line <= m.line <= run.last_line for m in run.metrics)
        for values in run.readings.values():
            assert all(v.line is None or 1 <= v.line <= log.lines for v in values)


@given(pieces)
def test_any_line(text: str) -> None:
    low = lowered(text)
    assert len(low) == len(text)
    metric = parse_metric(text, low, "a", 1)
    assert metric is None or metric.val_bpb >= 0
    for row, found in reads(text):
        assert found
        assert row.cue in low


keys = st.sampled_from(
    ["val_bpb", "seeds", "seed_results", "42", "seed", "bytes_total", "artifact_size_mb", "mean", "x"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(["1.1", "TBD"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=20,
)


@given(
    values.map(lambda v: json.dumps(v, indent=1).encode())
    | st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
)
def test_any_metadata(data: bytes) -> None:
    found = read_metadata("submission.json", data)
    lines = data.count(b"\n") + 1
    assert all(c.line is None or 1 <= c.line <= lines for c in found.numbers)
    Evidence(metadata=found).claims()


markdown = st.lists(
    st.sampled_from(["| Seed | val_bpb |", "|---|---|", "| 42 | 1.1 |", "# T 1.0810 BPB", "val_bpb: 1.2", "seeds 1, 2"])
    | st.text(max_size=50),
    max_size=15,
).map("\n".join)


@given(markdown)
def test_any_readme(text: str) -> None:
    found = read_readme("README.md", text.encode("utf-8", "replace"))
    assert all(c.line is not None and c.line >= 1 for c in found.numbers)
    Evidence(readme=found).claims()


def _seconds(work: Callable[[bytes], object], data: bytes) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work(data)
        best = min(best, time.process_time() - start)
    return best


GROWING: dict[str, Callable[[int], bytes]] = {
    "one long line": lambda n: b"val_bpb: 1.5 step 3/4 " * n,
    "spaces": lambda n: b"val_bpb" + b" " * 20 * n + b"\n",
    "digits": lambda n: b"step:" + b"1" * 20 * n + b"\n",
    "rulers": lambda n: (RULER.encode() + b"\n") * n,
    "openers": lambda n: b"import os\n" * n + RULER.encode() + b"\n",
    "scripts": lambda n: (b"import os\ndef f():\n    return 1\n" + RULER.encode() + b"\n") * n,
    "carriage returns": lambda n: b"val_bpb:1.5\r" * n,
    "escapes": lambda n: b"\x1b[" + b"0;" * 10 * n + b"m val_bpb:1.5\n",
    "runs": lambda n: training(1).encode() * (n // 100),
    "settings": lambda n: b"".join(b"a%d: %d\n" % (i, i) for i in range(n)),
    "pipes": lambda n: b"| " * 10 * n + b"val_bpb 1.5\n",
}


@pytest.mark.parametrize("name", GROWING)
def test_time_is_linear(name: str) -> None:
    small, large = GROWING[name](400), GROWING[name](3_200)

    def all_parsers(data: bytes) -> None:
        read_log("a.log", data)
        read_readme("README.md", data)
        read_metadata("submission.json", b'{"name": ' + json.dumps(data.decode()).encode() + b"}")

    few, many = _seconds(all_parsers, small), _seconds(all_parsers, large)
    # Eight times the input; a quadratic parser would need sixty-four times as long.
    assert many < 24 * few + 0.05


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(LINES), st.integers(1, 400))
def test_a_catastrophic_pattern_would_show(line: str, times: int) -> None:
    start = time.process_time()
    read_log("a.log", (line * times).encode())
    assert time.process_time() - start < 2.0
