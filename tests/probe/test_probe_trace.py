"""The trace is a stranger's file: what fits is read, what doesn't ends the reading."""

import json

import numpy as np
import pytest

from auditor.probe.harness.record import Record
from auditor.probe.trace import read_trace


def head(**fields):
    given = {"site": "t.py:1 loss", "lengths": [2, 1], "times": [1, 4], "targets": False, **fields}
    return json.dumps(given).encode() + b"\n"


def test_values_times_and_targets_come_back():
    body = np.array([1.0, 2.0, 3.0], "<f8").tobytes() + np.array([7, 8, 9], "<i4").tobytes()
    (site,) = read_trace(head(targets=True) + body).values()
    assert site.values.tolist() == [1, 2, 3] and site.targets.tolist() == [7, 8, 9] and site.times.tolist() == [1, 1, 4]


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"[" * 100_000 + b"\n",
        b"{}\n",
        head(lengths=[-1, 2]) + bytes(64),
        head(lengths=[1 << 40, 1]) + bytes(64),
        head(lengths=["a", 1]) + bytes(64),
        head(times=[1]) + bytes(64),
        head(site=5) + bytes(64),
        head() + bytes(8),
    ],
)
def test_what_is_malformed_is_nothing(data):
    assert read_trace(data) == {}


def test_what_the_harness_writes_is_read_and_moved_where_it_is_told(tmp_path):
    pytest.importorskip("torch", reason="the harness is torch's neighbour")
    path = tmp_path / "trace"
    name = f"{__file__.rsplit('/', 1)[-1]}:{note.__code__.co_firstlineno + 1} log"
    record = Record(str(path), {"amount": 0.5, "spans": {name: [(1, 3)]}})
    assert note(record, [1.0, 2.0]).tolist() == [0.0, 0.5]
    assert note(record, [3.0]).tolist() == [0.5]
    assert note(record, [4.0]) is None
    record.write()
    assert read_trace(path.read_bytes())[name].values.tolist() == [1, 2, 3, 4]


def note(record, values):
    return record.note("log", np.array(values), depth=1)
