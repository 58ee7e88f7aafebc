"""The harness's file is a stranger's: nothing in it may raise, mislead by type, or grow without bound."""

import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.smoke.results import MAX_BYTES, MAX_EVENTS, MAX_TEXT, read_events


def written(tmp_path, *lines):
    path = tmp_path / "results"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return read_events(path)


def test_an_event_keeps_its_known_fields(tmp_path):
    (event,) = written(tmp_path, {"event": "model", "at": 1.5, "kind": "GPT", "parameters": 17, "extra": "x"})
    assert (event.name, event.at, dict(event.facts)) == ("model", 1.5, {"kind": "GPT", "parameters": 17})


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[" * 100_000,
        b"[]",
        {"event": "anything", "at": 1},
        {"event": "model"},
        {"event": "model", "at": "now"},
        {"event": "model", "at": math.nan},
        {"event": "model", "at": -1},
        {"event": ["model"], "at": 1},
    ],
)
def test_what_is_malformed_is_passed_over(tmp_path, line):
    assert [e.name for e in written(tmp_path, line, {"event": "end", "at": 2})] == ["end"]


@pytest.mark.parametrize("parameters", ["17059912", True, -1, 1 << 60, 1.5, None, [17]])
def test_a_count_is_a_whole_number_within_reason(tmp_path, parameters):
    (event,) = written(tmp_path, {"event": "model", "at": 1, "parameters": parameters})
    assert "parameters" not in event.facts


def test_a_loss_may_be_no_number_at_all(tmp_path):
    values = [
        e.number("value")
        for e in written(tmp_path, *({"event": "loss", "at": 1, "value": v} for v in ("nan", "inf", "low")))
    ]
    assert math.isnan(values[0]) and values[1] == math.inf and values[2] is None


def test_text_events_and_bytes_are_capped(tmp_path):
    assert len(written(tmp_path, {"event": "stand-in", "at": 1, "name": "x" * 10_000})[0].text("name")) == MAX_TEXT
    assert len(written(tmp_path, *[{"event": "end", "at": 1}] * 1000)) == MAX_EVENTS
    late = json.dumps({"event": "end", "at": 1}).encode()
    assert written(tmp_path, b" " * MAX_BYTES, late) == ()


def test_only_a_regular_file_is_read(tmp_path):
    (tmp_path / "real").write_text('{"event": "end", "at": 1}')
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder", "missing"):
        assert read_events(tmp_path / name) == ()


@given(st.binary(max_size=400))
def test_no_bytes_raise(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    read_events(path)
