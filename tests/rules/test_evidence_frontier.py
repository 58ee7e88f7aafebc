"""Scores against the rows that stood, and the rows from the README."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from test_evidence_runs import case_of, found

from auditor.challenge import default
from auditor.cli import run as golf_audit
from auditor.cli.frontier import command
from auditor.evidence.frontier import Row, data_file, load
from auditor.evidence.leaderboard import NoLeaderboard, merge, numbered, parse, scores_in, to_json
from rules.evidence_examples import metadata, record

HEAD = "| Run | Score | Author | Summary | Date | Info |\n|---|---:|---|---|---|---|\n"
TABLE = (
    "# Challenge\n\n## Leaderboard\n\n"
    + HEAD
    + "| Newest | 1.0501 | ann | On PR #3001: more of it (p=0.021 vs #3000) | 2026-05-04 |"
    + " [info](records/track_10min_16mb/2026-05-04_Newest/README.md) |\n"
    + "| Second | 1.0550 | bob | On PR #3000: less | 2026-05-03 |"
    + " [info](https://github.com/openai/parameter-golf/pull/3000) |\n"
    + "| Third | 1.1500 | cal | no number | 2026-03-20 |"
    + " [info](records/track_10min_16mb/2026-03-20_Third/README.md) |\n"
    + "\n#### Unlimited\n\n"
    + HEAD
    + "| Slow | 0.9 | dee | x | 2026-05-01 | [info](x) |\n"
)

# Pull request, its scores by seed, and the p against the row before it; rulebook and README.
ACCEPTED = [
    (1514, (1.07928348, 1.07996676, 1.08024795), "2026-04-09", "0.0204"),
    (1529, (1.07506048, 1.07645101, 1.07585093), "2026-04-11", "0.0009"),
    (1769, (1.06356801, 1.0641313, 1.06466993, 1.06509678, 1.06516558), "2026-04-22", "0.0625"),
    (1855, (1.05989454, 1.06124613, 1.06208695), "2026-04-27", "0.3554"),
    (1953, (1.0582472, 1.05846113, 1.05895276), "2026-04-30", "0.0904"),
    (2014, (1.05740567, 1.05730104, 1.05807084), "2026-04-30", "0.0202"),
    (2135, (1.05662016, 1.05610947, 1.05679341), "2026-05-01", "0.0138"),
]


def submitted(scores: tuple[float, ...], date: str, pr: int | None = None):  # type: ignore[no-untyped-def]
    mean = round(sum(scores) / len(scores), 8)
    files = record(*scores) | {"submission.json": metadata(mean, seeds=tuple(range(1, len(scores) + 1)), date=date)}
    return found(case_of(files, pr=pr), "not-significant")


@pytest.mark.parametrize(("pr", "scores", "date", "p"), ACCEPTED)
def test_accepted_rows_are_noted_with_the_p_that_we_find(pr: int, scores: tuple[float, ...], date: str, p: str) -> None:
    findings = submitted(scores, date, pr)
    if pr == 1529:  # the one of these rows that meets the README's bar too
        assert not findings
        return
    (finding,) = findings
    assert finding.status == "note"
    assert f"p = {p}" in finding.message


def test_the_pooled_sample_is_told_beside_the_own_seeds() -> None:
    (finding,) = submitted((1.05989454, 1.06124613, 1.06208695), "2026-04-27", 1855)
    assert "pooled" in finding.message
    assert finding.message.count("p = ") == 2


def test_a_score_far_above_the_row_that_stood_is_no_record_and_told_the_row_of_today() -> None:
    (finding,) = submitted((1.0801, 1.0802, 1.0803), "2026-04-25")
    assert finding.status == "incomplete"
    assert "#1787 (1.0634; 1.063350 over its 3 seeds)" in finding.message
    assert f"#{load().current.pr}" in finding.message


def test_the_bar_of_the_day_decides() -> None:
    # Below #1787 by a p between the two bars.
    (before,) = submitted((1.0619, 1.0628, 1.0631), "2026-04-26")
    assert before.status == "hold"
    (after,) = submitted((1.0600, 1.0602, 1.0598), "2026-04-28")
    assert after.status == "note"


def test_without_day_and_number_nothing_is_compared() -> None:
    files = record(1.3, 1.3) | {"submission.json": json.dumps({"val_bpb": 1.3})}
    case = case_of(files)
    assert not found(replace(case, submission=dataclasses.replace(case.submission, name="Example")), "not-significant")


def test_a_row_is_not_compared_with_itself() -> None:
    row = load().row(1530)
    assert row is not None
    assert row.folder is not None
    case = case_of(record(*row.scores))
    own = replace(case, submission=dataclasses.replace(case.submission, name=row.folder))
    assert all("#1530" not in finding.message for finding in found(own, "not-significant"))


def test_rows_of_the_readme() -> None:
    newest, second, third = parse(TABLE)
    assert (newest.pr, newest.named, newest.folder) == (None, 3001, "2026-05-04_Newest")
    assert (newest.score, newest.published_p) == (1.0501, 0.021)
    assert (second.pr, second.folder) == (3000, None)
    assert (third.pr, third.folder, third.date) == (None, "2026-03-20_Third", "2026-03-20")


def test_a_number_that_two_rows_build_on_is_neithers() -> None:
    twice = TABLE.replace("On PR #3001", "On PR #3000").replace("/pull/3000", "/issues")
    assert [entry.likely for entry in parse(twice)] == [None, None, None]


def test_a_row_is_of_the_pull_request_that_brought_its_folder() -> None:
    merged = {"2026-05-04_Newest": 3005, "2026-03-20_Third": 41}
    assert [entry.likely for entry in numbered(parse(TABLE), merged)] == [3005, 3000, 41]
    assert [entry.likely for entry in numbered(parse(TABLE), {})] == [3001, 3000, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no leaderboard"),
        ("| Run | Score |\n|---|---|\n| a | 1 |\n", "holds no leaderboard"),
        (TABLE.replace("1.0550", "soon"), "no score that can be read: 'soon'"),
        (TABLE.replace("2026-05-03", "May"), "no date that can be read: 'May'"),
    ],
)
def test_readmes_without_rows(text: str, message: str) -> None:
    with pytest.raises(NoLeaderboard, match=message):
        parse(text)


def test_what_is_known_of_a_row_stays_until_its_score_changes() -> None:
    old = Row(3000, "Second", "bob", "2026-05-03", 1.0550, (1.0549, 1.0551), "leaderboard", "by hand", folder="f")
    gone = Row(2999, "Gone", "eve", "2026-05-01", 1.06, (), "leaderboard", "README")
    proposed = Row(3002, "Soon", "fay", "2026-05-05", 1.04, (1.04,), "proposed", "#1")
    known = replace(load(), rows=(gone, old, proposed))
    rows, changes = merge(known, parse(TABLE), lambda entry: ((1.05, 1.0502), "logs", "folder"))
    by_name = {row.name: row for row in rows}
    assert by_name["Second"] == old
    assert by_name["Newest"].scores == (1.05, 1.0502)
    assert by_name["Soon"] == proposed
    assert changes.removed == ("Gone",)
    assert set(changes.added) == {"Newest", "Third"}
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
    again, nothing = merge(replace(known, rows=rows), parse(TABLE), lambda entry: ((), "", None))
    assert again == rows
    assert nothing.changed == nothing.added == nothing.removed == ()
    changed, told = merge(known, parse(TABLE.replace("1.0550", "1.0551")), lambda entry: ((), "", None))
    assert {row.name: row.scores for row in changed}["Second"] == ()
    assert "Second" in told.changed


def test_the_data_file_is_what_is_read() -> None:
    frontier = load()
    text = to_json(frontier.rows, frontier.source, frontier.updated)
    data = json.loads(text)
    assert [row["score"] for row in data["rows"]] == [row.score for row in frontier.rows]
    path = data_file(default())
    assert path.read_text("utf-8") == text


def test_scores_by_seed_are_taken_where_their_mean_is_the_rows() -> None:
    case = case_of(record(1.0500, 1.0502))
    assert scores_in(case.evidence, 1.0501) == ((1.05, 1.0502), "logs")
    assert scores_in(case.evidence, 1.0601) == ((), "")


def git(place: Path, *arguments: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": "2026-05-04T12:00:00Z",
        "GIT_COMMITTER_DATE": "2026-05-04T12:00:00Z",
    }
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=place, env=environment, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository whose main holds a leaderboard and the folder of its newest row."""
    place = tmp_path / "challenge"
    folder = place / "records" / "track_10min_16mb" / "2026-05-04_Newest"
    folder.mkdir(parents=True)
    (place / "README.md").write_text(TABLE, "utf-8")
    for name, text in (record(1.0500, 1.0502) | {"train_gpt.py": "print()\n"}).items():
        (folder / name).write_text(text, "utf-8")
    git(place, "init", "-q", "-b", "main")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "Newest (#3005)")
    return place


def test_update_reads_main_and_the_rows_folders(repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "frontier.json"
    done = CliRunner().invoke(command, ["update", "--repo", str(repository), "-o", str(out)])
    assert done.exit_code == 0, done.output
    data = json.loads(out.read_text("utf-8"))
    rows = {row["name"]: row for row in data["rows"]}
    assert data["updated"] == "2026-05-04"
    assert rows["Newest"]["scores"] == [1.05, 1.0502]
    assert rows["Newest"]["source"] == "README; scores: logs"
    assert rows["Newest"]["pr"] == 3005  # not what its summary says that it is on
    assert rows["Second"]["scores"] == []
    assert "added  Newest" in done.output
    assert "#3000" in done.output  # its pull request is not in this repository


def test_update_tells_what_it_cannot_read(repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert golf_audit(["frontier", "update", "--repo", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    out = str(tmp_path / "no" / "such" / "folder.json")
    assert golf_audit(["frontier", "update", "--repo", str(repository), "-o", out]) == 2
    assert "can't write" in capsys.readouterr().err


def test_a_mean_has_the_digits_that_the_logs_print_and_not_those_of_a_rounded_claim() -> None:
    exact = (1.14276196, 1.14443534, 1.14273175)
    lines = "final_int8_zlib_roundtrip_exact val_loss:1.9 val_bpb:{:.8f}\n"
    files = {
        path: text.replace(f"val_bpb:{score:.8f}", f"val_bpb:{score:.4f}") + lines.format(score)
        for score, (path, text) in zip(exact, record(*exact).items(), strict=False)
    }
    claims = {str(seed): round(score, 4) for seed, score in enumerate(exact, start=1)}
    told = metadata(1.1433, seeds=(1, 2, 3), date="2026-04-01", seed_results=claims)
    (finding,) = found(case_of({**files, "submission.json": told}), "not-significant")
    assert "1.143310, " in finding.message
