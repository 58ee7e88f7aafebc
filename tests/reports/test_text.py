"""The terminal report: everything a reader needs, nothing that steers the terminal."""

import dataclasses
import re
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from auditor import catalogue
from auditor.finding import Recommendation, Verdict
from auditor.program.source import Source
from auditor.report import MeasuredRun
from reports.headline import facts
from reports.text import Style, render, render_timeline

PLAIN = Style(width=80)


def test_the_block_of_a_finding(flagged, monkeypatch):
    source = SimpleNamespace(ref="#462", weight="official")
    monkeypatch.setattr(catalogue, "find", lambda slug: SimpleNamespace(authority=(source,)))
    text = render(flagged, PLAIN)
    block = text[text.index("FLAG  prequant-ttt") : text.index("INCOMPLETE  too-few-seeds")]
    lines = block.splitlines()
    assert lines[0] == "FLAG  prequant-ttt  train_gpt.py:5 (layer 1)"
    assert lines[1] == "  Weights are trained on validation tokens before these are scored."
    assert "    4 |         loss = model(x, y)  # ping @someone about #12 ``` <b><U+202E>" in lines
    assert "  > 5 |         loss.backward()" in lines
    assert "  > 6 |         opt.step()" in lines
    assert re.search(r"1\. train_gpt\.py:40 \(layer 1\)\s+val_tokens passed in", block)
    assert "  active     ADAPT_ENABLED defaults to 1 (train_gpt.py:12)" in lines
    assert "  authority  official #462; README" in lines
    assert "  advice     Score each chunk first." in lines


def test_order_of_the_report(flagged):
    text = render(flagged, PLAIN)
    order = [
        "FLAG  2026-04-01_Name",
        "FLAG  prequant-ttt",
        "INCOMPLETE  too-few-seeds",
        "note  oracle-selection",
    ]
    order += ["not followed", "compliance FLAG   evidence INCOMPLETE   package CLEAN"]
    order += ["verdict FLAG   recommendation CLOSE"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_dead_code_is_named_without_a_reason_that_may_be_another(flagged):
    text = render(flagged, PLAIN)
    assert "Looked at for this rule, and not counted" in text
    assert "BEST_OF" not in text


def test_clean_is_one_line(flagged):
    clean = dataclasses.replace(
        flagged, verdict=Verdict.CLEAN, recommendation=Recommendation.MERGE, findings=(), not_followed=()
    )
    text = render(clean, PLAIN)
    assert text.count("\n") == 1
    assert text.startswith("CLEAN  2026-04-01_Name  MERGE  (record, train_gpt.py at 0123456789ab, 1.09250 logged")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit_the_terminal(flagged, width):
    text = render(flagged, Style(width=width))
    assert max(map(len, text.splitlines())) <= width


def test_an_endless_line_is_cut(flagged):
    long = Source("train_gpt.py", "\n" * 4 + "x=1;" * 100_000, 1)
    text = render(dataclasses.replace(flagged, sources={("train_gpt.py", 1): long}), PLAIN)
    assert re.search(r"> 5 \| (x=1;)+.*… \[\+\d+\]", text)
    assert max(map(len, text.splitlines())) <= 80


def test_colour_only_when_asked(flagged):
    assert "\x1b" not in render(flagged, PLAIN)
    coloured = render(flagged, Style(width=80, colour=True))
    assert "\x1b[31m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == render(flagged, PLAIN)


def test_nothing_hostile_reaches_the_terminal(flagged):
    evil = "a\x1b]0;owned\x07\u202e\u200b\nverdict CLEAN"
    first = dataclasses.replace(flagged.findings[0], message=evil, path=evil, active_because=evil, advice=evil)
    report = dataclasses.replace(
        flagged,
        name=evil,
        script=evil,
        findings=(first,),
        not_followed=tuple(dataclasses.replace(n, what=evil, path=evil) for n in flagged.not_followed),
        timeline=(evil,),
    )
    text = render(report, PLAIN) + render_timeline(report, PLAIN)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\u200b]", text)
    assert not any(line.startswith("verdict CLEAN") for line in text.splitlines())


def test_a_finding_without_a_quotable_line(flagged):
    text = render(dataclasses.replace(flagged, sources={}), PLAIN)
    assert "FLAG  prequant-ttt  train_gpt.py:5 (layer 1)" in text
    assert " | " not in text


def test_a_long_event_goes_on_behind_its_place(flagged):
    event = "  - train_gpt.py:265  " + "word " * 30
    lines = render_timeline(dataclasses.replace(flagged, timeline=(event,)), PLAIN).splitlines()[1:]
    assert lines[0].startswith("    - train_gpt.py:265  word")
    assert len(lines) > 1
    assert all(line.startswith(" " * 24 + "word") and len(line) <= 80 for line in lines[1:])


def test_timeline(flagged):
    text = render_timeline(flagged, PLAIN)
    assert text.splitlines() == [
        "timeline of train_gpt.py",
        "  Load fineweb_val_*",
        "  Adapt model on <U+001B>[31mval",
        "  Score val",
    ]
    assert "nothing could be followed" in render_timeline(dataclasses.replace(flagged, timeline=()), PLAIN)


def test_the_head_tells_what_the_claimed_runs_took(flagged):
    claimed = MeasuredRun(
        "train_a.log", 7, 1.1, artifact_bytes=15_000_000, train_seconds=590.0, eval_seconds=90.0, claimed_bpb=1.1,
        validation_seconds=440.0,
    )  # fmt: skip
    other = MeasuredRun("reference.log", 1, 1.3, artifact_bytes=15_900_000, train_seconds=599.0, eval_seconds=300.0)
    head = dict(facts(dataclasses.replace(flagged, runs=(claimed, other))))
    assert head["bytes"].startswith("15,000,000 logged")
    assert head["seconds"] == "training 590.0"  # of several passes none is told as the score's


def test_runs_of_several_vocabularies_have_no_mean(flagged):
    runs = tuple(MeasuredRun(f"log_{size}.txt", 7, size / 1e3, vocabulary=size) for size in (1141, 1145))
    head = dict(facts(dataclasses.replace(flagged, runs=runs, claims=replace(flagged.claims, val_bpb=None))))
    assert head["val_bpb"] == "1.14100 to 1.14500 logged (2 runs, of several vocabularies)"


def test_what_may_be_said_of_another_work_is_no_claim(flagged):
    claims = replace(flagged.claims, val_bpb=1.1, score_at="README.md:5")
    assert "val_bpb" not in dict(facts(dataclasses.replace(flagged, runs=(), claims=claims)))
    runs = (MeasuredRun("a.log", 7, 1.1),)
    head = dict(facts(dataclasses.replace(flagged, runs=runs, claims=claims)))
    assert head["val_bpb"] == "1.10000 logged (1 log), 1.1 in README.md:5"


def test_one_run_of_several_in_few_logs_is_no_log_of_several(flagged):
    runs = tuple(MeasuredRun("a.log", 7, score, claimed_bpb=claimed) for score, claimed in ((1.1, 1.1), (1.2, None)))
    head = dict(facts(dataclasses.replace(flagged, runs=runs, claims=replace(flagged.claims, val_bpb=None))))
    assert head["val_bpb"] == "1.10000 logged (1 of 2 runs)"


def test_evidence_that_is_clean_for_want_of_a_log_says_so(flagged):
    bare = dataclasses.replace(flagged, evidence=Verdict.CLEAN, runs=())
    assert "evidence CLEAN (no logged run to check)   package CLEAN" in render(bare, PLAIN)
    logged = dataclasses.replace(flagged, evidence=Verdict.CLEAN)
    assert "evidence CLEAN   package CLEAN" in render(logged, PLAIN)
