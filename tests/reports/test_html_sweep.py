"""The page of a sweep: what belongs together, the counts, and data that can't leave its element."""

import dataclasses
import json
import random
import re

import pytest
from html_page import Page

from auditor.finding import Finding
from auditor.program.source import Source
from auditor.report import Claims
from auditor.sweep.clusters import lineages, patterns
from auditor.sweep.code import marks
from auditor.sweep.overview import overview
from reports.html.sweep import render
from reports.schema import to_json

WEEK = 7 * 24 * 3600


def script(seed, lines=600):
    chance = random.Random(seed)
    return "\n".join(f"value_{chance.random():.9f} = layer_{chance.random():.9f}(x)" for _ in range(lines))


@pytest.fixture
def row(flagged):
    def make(pr, text="", finding=None, when=1_775_000_000, **changes):
        found = (finding,) if finding is not None else flagged.findings
        sources = {("train_gpt.py", 0): Source("train_gpt.py", text)} if text else flagged.sources
        report = dataclasses.replace(flagged, findings=found, sources=sources, pr=pr, **changes)
        plain = json.loads(json.dumps(to_json(report)))
        return {"pr": pr, "sha": "0" * 40, "when": when, "report": plain, "code": marks(report)}

    return make


def test_copies_and_edited_copies_are_one_lineage_and_other_code_is_not(row):
    own = script(1)
    edited = "\n".join(own.split("\n")[:500]) + "\n" + script(2, 80)
    rows = [row(1, own), row(2, script(3)), row(3, edited), row(4, own)]
    assert [lineage.rows for lineage in lineages(rows)] == [(0, 2, 3)]


def test_lines_that_many_submissions_have_make_no_lineage(row):
    shared = script(5)
    rows = [row(number, shared + "\n" + script(100 + number, 300)) for number in range(24)]
    assert lineages(rows) == ()
    assert lineages([{"pr": 1, "error": "x"}]) == ()


def test_several_submissions_of_one_pull_request_are_no_lineage(row):
    assert lineages([row(1, script(1)), row(1, script(1))]) == ()


def flag(line, message="m"):
    return Finding("target-in-key", "compliance", "violation", message, path="train_gpt.py", line=line)


def test_one_rule_on_the_same_lines_is_one_pattern_whatever_its_spacing_and_numbers(row):
    rows = [
        row(1, "key = hash(ctx, tok, 31)\n", flag(1)),
        row(2, "\n\nkey  =  hash(ctx, tok, 1009)\n", flag(3)),
        row(3, "key = hash(ctx)\n", flag(1)),
        row(4, "key = hash(ctx, tok, 31)\n", dataclasses.replace(flag(1), active=False)),
    ]
    (pattern,) = patterns(rows)
    assert (pattern.rule, pattern.rows) == ("target-in-key", (0, 1))


def test_counts_by_verdict_rule_and_week(row):
    first = row(7)
    rows = [first, row(3, when=1_775_000_000 + WEEK), {"pr": 5, "error": "not done after 120 s", "kind": "timeout"}]
    found = overview(rows)
    assert [entry.pr for entry in found.entries] == [3, 5, 7]
    assert found.verdicts == {"FLAG": 2, "ERROR": 1}
    assert found.rules == {"prequant-ttt": 2, "too-few-seeds": 2}
    assert found.weeks == {"2026-03-30": {"FLAG": 1}, "2026-04-06": {"FLAG": 1}}
    assert found.entries[1].error == "timeout: not done after 120 s"
    entry = found.entries[0]
    assert (entry.val_bpb, entry.artifact_bytes, entry.day) == (1.0925, 15_954_858, "2026-04-07")


def data(text):
    return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)[1])


def test_the_table_holds_every_submission(row):
    table = data(render(overview([row(3), row(7, runs=(), claims=Claims())])))
    first, second = (dict(zip(table["fields"], each, strict=True)) for each in table["rows"])
    assert (first["pr"], first["bpb"], first["rules"]) == (3, 1.0925, ["prequant-ttt", "too-few-seeds"])
    assert (second["pr"], second["bpb"], second["bytes"]) == (7, None, None)


HOSTILE = "</script><script>alert(1)</script><!-- \u2028 \u202e @all"


def test_what_submissions_say_stays_data(row):
    finding = dataclasses.replace(flag(1, HOSTILE), rule=HOSTILE)
    rows = [row(n, "key = 1\n", finding, name=HOSTILE) for n in (1, 2)] + [
        {"pr": 3, "error": HOSTILE, "kind": "unread"}
    ]
    text = render(overview(rows))
    page = Page(text)
    assert page.tags.count("script") == 3  # the library, ours, and the data
    assert "\u202e" not in text
    assert "<U+202E>" in data(text)["rows"][0][2]
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name in ("style", "src")]


def test_every_control_names_something_that_the_page_has(row):
    page = Page(render(overview([row(1, "key = 1\n", flag(1)), row(2, "key = 2\n", flag(1))])))
    assert set(page.of("aria-labelledby")) <= set(page.of("id"))
    shown = page.of("data-prs")
    assert shown[0] == "1,2"
    assert page.of("data-rule") == ["target-in-key"]


def test_a_sweep_that_found_nothing_has_a_page():
    text = render(overview([{"pr": 1, "error": "no submission", "kind": "unread"}]))
    assert "sweep of 1 pull requests" in text
    assert render(overview([]))


def test_thousands_of_submissions_are_one_file_below_six_megabytes(row):
    base = row(1, script(1))
    rows = [{**base, "pr": number} for number in range(2_100)]
    assert len(render(overview(rows)).encode()) < 6_000_000
