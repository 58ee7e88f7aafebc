"""The harness's file is a stranger's: nothing in it may raise, mislead by type, or grow without bound."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.smoke.results import MAX_BYTES, MAX_EVENTS, MAX_TEXT, read_events


def written(*lines):
    return read_events(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))


def test_an_event_keeps_its_known_fields():
    (event,) = written({"event": "model", "at": 1.5, "kind": "GPT", "parameters": 17, "extra": "x"})
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
def test_what_is_malformed_is_passed_over(line):
    assert [e.name for e in written(line, {"event": "end", "at": 2})] == ["end"]


@pytest.mark.parametrize("parameters", ["17059912", True, -1, 1 << 60, 1.5, None, [17]])
def test_a_count_is_a_whole_number_within_reason(parameters):
    (event,) = written({"event": "model", "at": 1, "parameters": parameters})
    assert "parameters" not in event.facts


def test_a_loss_may_be_no_number_at_all():
    values = [
        e.number("value") for e in written(*({"event": "loss", "at": 1, "value": v} for v in ("nan", "inf", "low")))
    ]
    assert math.isnan(values[0]) and values[1] == math.inf and values[2] is None


def test_text_events_and_bytes_are_capped():
    assert len(written({"event": "stand-in", "at": 1, "name": "x" * 10_000})[0].text("name")) == MAX_TEXT
    assert len(written(*[{"event": "end", "at": 1}] * 1000)) == MAX_EVENTS
    late = json.dumps({"event": "end", "at": 1}).encode()
    assert written(b" " * MAX_BYTES, late) == ()


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1" * 5000])
def test_a_time_that_is_no_finite_number_is_not_told(number):
    for event in read_events(b'{"event": "forward", "at": 1, "tokens": 3, "seconds": ' + number + b"}"):
        assert math.isfinite(event.number("seconds") or 0.0)


def test_nothing_was_written():
    assert read_events(None) == read_events(b"") == ()


@given(st.binary(max_size=400))
def test_no_bytes_raise(data):
    read_events(data)
