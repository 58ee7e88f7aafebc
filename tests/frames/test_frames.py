"""Results as data frames: grouped, written as tables, drawn; and the notebook that does all of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from sweeps import ROOT, results

pd = pytest.importorskip("pandas")

import auditor  # noqa: E402
from auditor.cli import run as golf_audit  # noqa: E402
from auditor.frames.export import as_csv, as_parquet, as_xlsx, write_table  # noqa: E402
from auditor.frames.groups import BY, frontier, grouped  # noqa: E402
from auditor.frames.runs import runs_frame, seed_statistics  # noqa: E402

NOTEBOOK = ROOT / "docs" / "notebooks" / "challenge.ipynb"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return results(tmp_path_factory.mktemp("swept") / "results.jsonl")


@pytest.fixture(scope="module")
def frame(swept: Path) -> Any:
    return auditor.read_results(swept)


def test_groups_count_every_submission_once(frame: Any) -> None:
    assert frame.week.dropna().dt.day_of_week.eq(0).all()
    weeks, authors, tracks = (grouped(frame, by) for by in ("week", "author", "track"))
    verdicts = [name for name in weeks.columns if name.isupper()]
    assert weeks.submissions.sum() == weeks[verdicts].sum().sum() == 40
    assert weeks.week.is_monotonic_increasing
    assert authors.submissions.tolist() == [10, 10, 10] and set(authors.author) == {"ada", "barbara", "claude"}
    assert tracks.submissions.sum() == 40
    rules = grouped(frame, "rule")
    expected = frame.explode("rules").dropna(subset="rules").groupby("rules").pr.nunique()
    assert dict(zip(rules.rule, rules.pull_requests, strict=True)) == expected.to_dict()
    assert rules.submissions.is_monotonic_decreasing


def test_nobody_is_first_in_an_empty_sweep(frame: Any) -> None:
    for by in BY:
        assert grouped(frame[:0], by).empty
    assert frontier(frame[:0]).empty


def test_the_frontier_falls_and_nothing_flagged_holds_it(frame: Any) -> None:
    best = frontier(frame)
    assert len(best) > 2 and best.val_bpb.is_monotonic_decreasing and not best.verdict.eq("FLAG").any()
    assert len(frontier(frame, flagged=True)) >= len(best)


def test_tables_are_read_back_as_they_were(frame: Any, tmp_path: Path) -> None:
    hostile = frame.copy()
    hostile.loc[0, "name"] = "=1+1"
    hostile.loc[1, "name"] = "a\u202eb"
    again = pd.read_csv(io.BytesIO(as_csv(hostile)))
    assert again.name[0] == "'=1+1" and "\u202e" not in again.name[1] and len(again) == len(frame)
    pytest.importorskip("pyarrow")
    parquet = pd.read_parquet(io.BytesIO(as_parquet(frame)))
    assert parquet.rules.map(list).tolist() == frame.rules.tolist() and parquet.val_bpb.equals(frame.val_bpb)
    pytest.importorskip("openpyxl")
    excel = pd.read_excel(io.BytesIO(as_xlsx(hostile)))
    assert excel.name[0] == "'=1+1" and excel.pr.tolist() == frame.pr.tolist()
    write_table(frame, tmp_path / "t.xlsx")
    assert (tmp_path / "t.xlsx").read_bytes()[:2] == b"PK"


def test_seeds_and_their_spread() -> None:
    rows = [
        {"submission": "a", "seed": seed, "status": "done", "val_bpb": score, "artifact_bytes": 5, "invalid": ["x"]}
        for seed, score in ((1, 1.10), (2, 1.12), (3, 1.14))
    ]
    rows += [{"submission": "b", "seed": 1, "status": "failed", "val_bpb": None},
             {"submission": "b", "seed": 2, "status": "done", "val_bpb": 1.3}]  # fmt: skip
    runs = runs_frame(rows)
    assert runs.invalid.tolist()[0] == "x" and runs.seed.tolist() == [1, 2, 3, 1, 2]
    table = seed_statistics(runs).set_index("submission")
    assert table.loc["a", ["runs", "n"]].tolist() == [3, 3] and table.loc["b", ["runs", "n"]].tolist() == [2, 1]
    assert table.loc["a", "mean"] == pytest.approx(1.12) and table.loc["a", "sd"] == pytest.approx(0.02)
    assert table.loc["a", "low"] == pytest.approx(1.12 - 4.302653 * 0.02 / 3**0.5, abs=1e-6)
    assert table.loc["(all)", "sd"] == pytest.approx(0.02) and pd.isna(table.loc["b", "low"])


def test_the_notebook_answers_its_questions(swept: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every cell runs, in order, on other results than those it was written with."""
    pytest.importorskip("matplotlib").use("agg")
    monkeypatch.setenv("GOLF_AUDIT_RESULTS", str(swept))
    monkeypatch.delenv("GOLF_AUDIT_RUNS", raising=False)
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    names: dict[str, Any] = {"display": lambda *shown: None}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    asked = [cell for cell in cells if cell["cell_type"] == "markdown" and "".join(cell["source"]).startswith("## ")]
    assert len(asked) == 5
    assert names["share"].between(0, 1).all() and len(names["best"]) > 2
    import matplotlib.pyplot as plt

    assert plt.get_fignums()
    plt.close("all")


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_a_queue_as_a_table(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    class Repository:
        def heads(self) -> dict[int, str]:
            return {number + 1: f"{number:040d}" for number in range(40)}

    monkeypatch.setattr("auditor.submission.git.open_repository", lambda repo: Repository())
    out = tmp_path / f"queue.{form}"
    arguments = ["triage", "--repo", "x", "--since", str(swept), "--format", form, "--output", str(out), "--no-config"]
    assert golf_audit(arguments) == 0
    read = {"csv": pd.read_csv, "xlsx": pd.read_excel, "parquet": pd.read_parquet}[form]
    assert sorted(read(out).pr) == list(range(1, 41))
    assert out.stat().st_size > 1000
