"""The queue: one row for each pull request, only what changed is audited, groups can be posted."""

import csv
import dataclasses
import io
import json
import subprocess
from datetime import date

import pytest

from auditor.cli import run
from auditor.finding import Finding
from auditor.program.source import Source
from auditor.sweep.code import marks
from auditor.sweep.latest import latest
from auditor.sweep.triage import triage
from reports.html.sweep import render_queue
from reports.queue import as_csv, as_json, as_text, ordered
from reports.schema import to_json
from reports.text import Style

TODAY = date(2026, 4, 20)
FLAG = Finding("target-in-key", "compliance", "violation", "The key holds it.", path="train_gpt.py", line=1)


@pytest.fixture
def row(flagged):
    def make(pr, finding=FLAG, text="key = hash(ctx, tok)\n", **changes):
        report = dataclasses.replace(
            flagged, findings=(finding,), sources={("train_gpt.py", 0): Source("train_gpt.py", text)}, pr=pr, **changes
        )
        plain = json.loads(json.dumps(to_json(report)))
        return {"pr": pr, "sha": "0" * 40, "when": 1_775_000_000, "report": plain, "code": marks(report)}

    return make


def test_one_row_for_each_pull_request_the_worst_first(row):
    calm = row(3, dataclasses.replace(FLAG, status="note"), verdict="CLEAN", recommendation="MERGE")
    rows = [calm, {**row(3), "pr": 3}, {**calm, "pr": 5}, {"pr": 9, "error": "hangs", "kind": "timeout"}]
    queue = triage(rows)
    assert [(item.entry.pr, item.entry.verdict, item.submissions) for item in queue.items] == [
        (3, "FLAG", 2),
        (5, "CLEAN", 1),
        (9, "ERROR", 1),
    ]
    assert queue.items[0].entry.reason == "The token being scored is part of the cache key (train_gpt.py:1)"
    assert queue.items[1].entry.reason == "Nothing was found against it"


def test_pull_requests_with_one_cause_are_a_group_that_can_be_posted(row):
    queue = triage([row(1), row(2), row(4, text="other = 1\n"), row(7)])
    (group,) = queue.groups
    assert (group.rule, group.prs) == ("target-in-key", (1, 2, 7))
    assert [item.group for item in ordered(queue.items, "pr")] == [1, None, 1, 1]
    text = as_text(queue.items, queue.groups, Style(), 120, TODAY, "my repo/.git")
    assert "golf-audit cluster target-in-key 1 2 7 --repo 'my repo/.git'" in text


def test_what_stands_last_in_the_file_counts(row):
    old, new = row(1), {**row(1, verdict="HOLD"), "sha": "1" * 40}
    assert [each["sha"][0] for each in latest([old, row(2), new])] == ["1", "0"]


def test_text_fits_its_columns(row):
    queue = triage([row(n, name="n" * 300) for n in range(1, 40)])
    lines = as_text(queue.items, (), Style(), 100, TODAY, "r").splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["PR", "verdict", "advice", "val_bpb", "bytes", "age", "reason"]
    assert lines[1].split()[:7] == ["#39", "FLAG", "CLOSE", "1.0925", "15,954,858", "20", "d"] or "d" in lines[1]


def test_csv_and_json_hold_the_same(row):
    queue = triage([row(1, name="=1+1"), row(2)])
    table = list(csv.DictReader(io.StringIO(as_csv(queue.items, TODAY))))
    document = json.loads(as_json(queue.items, queue.groups, TODAY, "r"))
    assert [int(each["pr"]) for each in table] == [each["pr"] for each in document["items"]] == [2, 1]
    assert table[1]["name"] == "'=1+1"
    assert document["items"][0]["age_days"] == (TODAY - date(2026, 3, 31)).days
    assert document["groups"][0]["prs"] == [1, 2]


def test_the_page_of_thousands_is_below_six_megabytes(row):
    base = row(1)
    queue = triage([{**base, "pr": n} for n in range(1, 2_101)])
    page = render_queue(queue.items, queue.groups, TODAY)
    assert len(page.encode()) < 6_000_000
    assert "queue of 2,100 pull requests" in page


@pytest.fixture
def clone(tmp_path):
    """Return a repository with the heads of two pull requests, and what pushes another head to one."""
    place = tmp_path / "repo"

    def git(*arguments):
        named = ("-c", "user.name=n", "-c", "user.email=e@x")
        done = subprocess.run(["git", "-C", str(place), *named, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    place.mkdir()
    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "start")

    def push(number, text):
        folder = place / "records" / "track_10min_16mb" / f"2026-04-0{number}_Name"
        git("checkout", "-q", "--detach", "main")
        folder.mkdir(parents=True)
        (folder / "train_gpt.py").write_text(text)
        git("add", ".")
        git("commit", "-q", "-m", text)
        git("update-ref", f"refs/pull/{number}/head", "HEAD")

    push(1, "x = 1\n")
    push(2, "x = 2\n")
    return place, push


def test_only_heads_that_changed_are_audited(clone, tmp_path, capsys):
    place, push = clone
    kept = tmp_path / "kept.jsonl"
    arguments = ["triage", "--repo", str(place), "--since", str(kept), "--jobs", "1", "--format", "json"]
    assert run(arguments) == 0
    first = capsys.readouterr()
    assert "2 of 2 heads are new or changed" in first.err
    assert [item["pr"] for item in json.loads(first.out)["items"]] == [2, 1]
    assert run(arguments) == 0
    again = capsys.readouterr()
    assert (again.err, again.out) == ("", first.out)
    push(2, "x = 3\n")
    assert run(arguments) == 0
    changed = capsys.readouterr()
    assert "1 of 2 heads are new or changed" in changed.err
    heads = [item["head"] for item in json.loads(changed.out)["items"]]
    assert heads[1] == json.loads(first.out)["items"][1]["head"]
    assert heads[0] != json.loads(first.out)["items"][0]["head"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--repo", "{repo}", "--prs", "9-"], "no pull request heads among 9-"),
        (["--repo", "{repo}", "--prs", "x"], "'x' is no number and no range"),
        (["--repo", "{repo}", "--since", "{repo}/records.txt"], "records.txt:1: not a result of a sweep"),
        (["--repo", "nowhere"], "nowhere"),
        (["--repo", "{repo}", "--sort", "name"], "'name' is not one of"),
    ],
)
def test_bad_input_is_one_line(arguments, line, clone, capsys):
    place, _ = clone
    (place / "records.txt").write_text("a list\nof records\n")
    assert run(["triage", *(each.format(repo=place) for each in arguments)]) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1
