from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cache import Cache
from auditor.finding import Recommendation, Verdict
from auditor.report import Report
from auditor.submission.discover import describe
from auditor.submission.fingerprint import fingerprint
from auditor.submission.git import Entry
from auditor.submission.history import Commit, NothingSubmitted
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission, Unread
from auditor.submission.scope import Change
from auditor.sweep.results import Results, read_rows, survey
from auditor.sweep.summary import summarise
from auditor.sweep.work import audit_pull_request


def submission(name: str, script: bytes = b"x = 1\n") -> Submission:
    return describe(MemoryTree({"train_gpt.py": script}), given="#1", name=name, pr=1)


def test_what_lies_around_a_submission_is_part_of_its_fingerprint() -> None:
    alone = submission("Example")
    around = [
        dataclasses.replace(alone, beside=frozenset()),
        dataclasses.replace(alone, beside=frozenset({"2026-04-01_Other"})),
        dataclasses.replace(alone, elsewhere=MemoryTree({})),
        dataclasses.replace(alone, elsewhere=MemoryTree({"run.sh": b"python train_gpt.py\n"})),
        dataclasses.replace(alone, elsewhere=MemoryTree({"run.sh": b"SEED=2 python train_gpt.py\n"})),
    ]
    assert len({fingerprint(each) for each in (alone, *around)}) == 6
    assert fingerprint(dataclasses.replace(around[3])) == fingerprint(around[3])


def clean(found: Submission) -> Report:
    verdict = Verdict.CLEAN
    return Report(
        found.given,
        found.name,
        found.track,
        found.sha,
        found.script,
        verdict,
        Recommendation.MERGE,
        verdict,
        verdict,
        verdict,
    )


def encode(report: Report) -> dict[str, Any]:
    return {"name": report.name, "verdict": report.verdict.value, "findings": []}


class TestOnePullRequest:
    def rows(self, found: Sequence[Submission] | Unread, cache: Cache, audit: Any = clean) -> list[dict[str, Any]]:
        def read(pr: int) -> Sequence[Submission]:
            if isinstance(found, Unread):
                raise found
            return found

        return audit_pull_request(1, read, audit, encode, cache)

    def test_every_submission_has_a_row(self) -> None:
        rows = self.rows([submission("a"), submission("b")], Cache(None, ""))
        assert [row["report"]["name"] for row in rows] == ["a", "b"]
        assert all(row["submissions"] == 2 and row["cached"] is False and row["seconds"] >= 0 for row in rows)

    def test_what_cannot_be_read_is_an_error_row(self) -> None:
        assert self.rows(Unread("no folder"), Cache(None, "")) == [
            {"pr": 1, "submissions": 1, "error": "no folder", "kind": "unread"}
        ]

    def test_a_failing_audit_spoils_its_own_submission_only(self) -> None:
        def audit(found: Submission) -> Report:
            if found.name == "bad":
                raise KeyError("lost")
            return clean(found)

        bad, good = self.rows([submission("bad"), submission("good")], Cache(None, ""), audit)
        assert (bad["kind"], bad["name"]) == ("internal", "bad")
        assert bad["error"].startswith("KeyError: 'lost' (in audit, test_sweep.py:")
        assert good["report"]["verdict"] == "CLEAN"

    def test_the_same_content_is_audited_once(self, tmp_path: Path) -> None:
        audited: list[str] = []

        def audit(found: Submission) -> Report:
            audited.append(found.name)
            return clean(found)

        cache = Cache(tmp_path / "results.sqlite", "v1")
        first = self.rows([submission("a")], cache, audit)[0]
        second = self.rows([submission("a")], cache, audit)[0]
        assert (first["cached"], second["cached"]) == (False, True)
        assert first["report"] == second["report"]
        self.rows([submission("a", b"x = 2\n")], cache, audit)
        self.rows([submission("b")], cache, audit)
        assert audited == ["a", "a", "b"]
        cache.close()

    def test_a_pull_request_that_is_as_it_was_is_not_read_again(self, tmp_path: Path) -> None:
        def never(pr: int) -> Sequence[Submission]:
            raise AssertionError

        cache = Cache(tmp_path / "results.sqlite", "v1")
        found = [submission("a"), submission("b")]

        def rows(read: Any, whole: str) -> list[dict[str, Any]]:
            return audit_pull_request(1, read, clean, encode, cache, whole=whole)

        first = rows(lambda _: found, "head 1")
        again = rows(never, "head 1")
        assert [row["cached"] for row in again] == [True, True]
        assert [list(row) for row in again] == [list(row) for row in first]
        assert [row["report"] for row in again] == [row["report"] for row in first]
        with pytest.raises(AssertionError):
            rows(never, "head 2")
        cache.put(fingerprint(found[1]), b"not JSON")
        assert [row["cached"] for row in rows(lambda _: found, "head 1")] == [True, False]
        cache.put("head 1", b"[{}]")
        assert [row["cached"] for row in rows(lambda _: found, "head 1")] == [True, True]
        cache.close()

    @pytest.mark.parametrize(("size", "again"), [(5, 1), (None, 2)])
    def test_that_nothing_is_submitted_is_kept_unless_a_file_is_missing(
        self, tmp_path: Path, size: int | None, again: int
    ) -> None:
        class Held:
            def files(self, commit: str) -> dict[str, Entry]:
                return {"notes.md": Entry("a" * 40, size, "100644")}

        asked: list[int] = []

        def read(pr: int) -> Sequence[Submission]:
            asked.append(pr)
            change = Change("notes.md", None, "added")
            raise NothingSubmitted("#1: nothing", Commit(Held(), "b" * 40, "#1", 1, (change,)))  # type: ignore[arg-type]

        cache = Cache(tmp_path / "results.sqlite", "v1")
        twice = [audit_pull_request(1, read, clean, encode, cache, whole="head 1") for _ in range(2)]
        assert twice[0] == twice[1] == [{"pr": 1, "submissions": 1, "error": "#1: nothing", "kind": "unread"}]
        assert len(asked) == again
        cache.close()

    @pytest.mark.parametrize(
        "stored",
        [b"", b"not JSON", b"[]", b"7", b'{"report": {}}', b'{"report": [], "code": {}}', b"[" * 100_000,
         b'{"report": {"verdict": "CLEAN"}, "code": {"sketch": ["x"], "lines": []}}'],
    )  # fmt: skip
    def test_what_the_cache_holds_in_another_form_is_audited_again(self, tmp_path: Path, stored: bytes) -> None:
        cache = Cache(tmp_path / "results.sqlite", "v1")
        found = submission("a")
        cache.put(fingerprint(found), stored)
        (row,) = self.rows([found], cache)
        assert (row["cached"], row["report"]["verdict"]) == (False, "CLEAN")
        assert self.rows([found], cache)[0]["cached"] is True
        cache.close()


def row(pr: int, count: int = 1, **more: Any) -> dict[str, Any]:
    return {"pr": pr, "submissions": count, "seconds": 1.0, "cached": False} | more


class TestResults:
    def write(self, path: Path, *prs: list[dict[str, Any]]) -> None:
        results = Results(path, survey(path))
        for rows in prs:
            results.add(rows)
        results.close()

    def test_a_new_file(self, tmp_path: Path) -> None:
        path = tmp_path / "results.jsonl"
        assert survey(path).finished == frozenset()
        self.write(path, [row(1)], [row(2, 2), row(2, 2)])
        assert survey(path).finished == {1, 2}
        self.write(path, [row(3)])
        assert [r["pr"] for r in read_rows(path)] == [1, 2, 2, 3]

    def test_a_cut_off_line_is_repaired(self, tmp_path: Path) -> None:
        path = tmp_path / "results.jsonl"
        self.write(path, [row(1)], [row(2)])
        whole = path.read_bytes()
        for cut in range(len(whole) // 2 + 1, len(whole)):
            path.write_bytes(whole[:cut])
            assert survey(path).finished == {1}
            self.write(path, [row(2)])
            assert path.read_bytes() == whole

    def test_a_pull_request_without_all_its_rows_is_done_again(self, tmp_path: Path) -> None:
        path = tmp_path / "results.jsonl"
        self.write(path, [row(1)], [row(2, 3), row(2, 3)])
        assert survey(path).finished == {1}
        self.write(path, [row(2, 1)])
        assert [r["pr"] for r in read_rows(path)] == [1, 2]

    @pytest.mark.parametrize("text", ["pr,verdict\n1,CLEAN\n", '{"pr": 1}\nrubbish\n{"pr": 2}\n', "[1]\n[2]\n"])
    def test_another_kind_of_file_is_not_touched(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "notes.csv"
        path.write_text(text)
        with pytest.raises(Unread, match="not a result of a sweep"):
            survey(path)
        assert path.read_text() == text

    def test_places_that_cannot_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(Unread, match="cannot be read"):
            survey(tmp_path)
        missing = tmp_path / "no" / "folder.jsonl"
        with pytest.raises(Unread, match="cannot be written"):
            Results(missing, survey(missing))

    def test_two_sweeps_do_not_share_a_file(self, tmp_path: Path) -> None:
        pytest.importorskip("fcntl")
        path = tmp_path / "results.jsonl"
        self.write(path, [row(1)])
        kept = survey(path)
        first = Results(path, kept)
        with pytest.raises(Unread, match="another sweep"):
            Results(path, kept)
        first.add([row(2)])
        first.close()
        with pytest.raises(Unread, match="start again"):
            Results(path, kept)

    @settings(max_examples=50, deadline=None)
    @given(counts=st.lists(st.integers(1, 3), max_size=5), data=st.data())
    def test_any_cut_loses_at_most_the_last_pull_request(
        self, tmp_path_factory: pytest.TempPathFactory, counts: list[int], data: st.DataObject
    ) -> None:
        path = tmp_path_factory.mktemp("cut") / "results.jsonl"
        groups = [[row(pr, count)] * count for pr, count in enumerate(counts)]
        self.write(path, *groups)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        finished = survey(path).finished
        assert finished == set(range(len(finished)))
        self.write(path, *groups[len(finished) :])
        assert path.read_bytes() == whole


def test_summary_counts_what_was_found() -> None:
    def report(verdict: str, *rules: tuple[str, str]) -> dict[str, Any]:
        return {"verdict": verdict, "findings": [{"rule": rule, "status": status} for rule, status in rules]}

    rows = [
        row(1, report=report("CLEAN", ("score-first-ttt", "note"))),
        row(2, 2, report=report("FLAG", ("prequant-ttt", "violation"), ("prequant-ttt", "violation"))),
        row(
            2,
            2,
            report=report("FLAG", ("prequant-ttt", "violation"), ("missing-files", "incomplete")),
            cached=True,
        ),
        {"pr": 3, "submissions": 1, "error": "x", "kind": "timeout"},
    ]
    rows[1]["seconds"] = 3.0
    summary = summarise(json.loads(json.dumps(rows)))
    assert (summary.pull_requests, summary.submissions, summary.cached) == (3, 3, 1)
    assert summary.verdicts == {"FLAG": 2, "CLEAN": 1}
    assert list(summary.rules.items()) == [("prequant-ttt", 2), ("missing-files", 1)]
    assert summary.errors == {"timeout": 1}
    assert (summary.seconds_total, summary.seconds_median, summary.seconds_max) == (4.0, 2.0, 3.0)
    assert summarise([]).submissions == 0
