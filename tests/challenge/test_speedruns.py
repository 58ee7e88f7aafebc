"""Samples of a speedrun's logs: which runs a record stands on, what they show, and the script that they carry."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.challenge import find
from auditor.check import audit
from auditor.cli import run as golf_audit
from auditor.evidence.read import read_evidence
from auditor.evidence.samples import claimed, p_below, samples
from auditor.evidence.speedrun import rows
from auditor.evidence.statistics import describe
from auditor.submission.discover import describe as submission_of
from auditor.submission.memory import MemoryTree
from auditor.submission.model import Submission
from rules.speedrun_examples import SOURCE, log, logs

SPEEDRUN = find("modded-nanogpt")
LOSSES = (3.2770, 3.2775, 3.2781, 3.2768, 3.2779)


def record(files: dict[str, str], name: str = "2026-04-01_Example", track: str = "track_1_short") -> Submission:
    tree = MemoryTree({path: text.encode() for path, text in files.items()})
    return submission_of(tree, given=name, name=name, place=f"records/{track}/{name}")


def test_the_test_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.ttest_1samp(LOSSES, 3.28, alternative="less").pvalue
    assert p_below(describe(LOSSES), 3.28) == pytest.approx(expected, rel=1e-9)
    assert p_below(describe([3.2]), 3.28) is None
    assert p_below(describe([3.2, 3.2]), 3.28) is None


def test_runs_of_one_script_in_one_folder_are_a_sample() -> None:
    other = SOURCE.replace("tokens", "ids")
    files = logs(*LOSSES) | {"baseline/a.txt": log(3.29), "b.txt": log(3.2, source=other), "c.txt": log(3.2, steps=9)}
    found = samples(read_evidence(record(files)))
    assert sorted(len(each.finals) for each in found) == [1, 1, 1, 5]
    assert [each.folder for each in found if each.aside] == ["baseline"]


@pytest.mark.parametrize(
    ("files", "name", "because", "count"),
    [
        (logs(*LOSSES), "a", "no other is there", 5),
        (logs(*LOSSES) | {"baseline/a.txt": log(3.2)}, "a", "the others are for comparison", 5),
        (
            {**logs(*LOSSES), "train_gpt.py": SOURCE + "\n", "z.txt": log(3.2, source=SOURCE.replace("tokens", "ids"))},
            "a",
            "it is of the",
            5,
        ),
        (logs(3.27) | {"z.txt": log(3.2, steps=9, minutes=1.0)}, "a", "it is the fastest of 2 samples", 1),
        ({"this_pr_v3/a.txt": log(3.27), "v1/a.txt": log(3.2)}, "2026-04-22_MuddFormer", "the table names a log", 1),
    ],
)
def test_which_sample_a_record_stands_on(files: dict[str, str], name: str, because: str, count: int) -> None:
    made = record(files, name)
    evidence = read_evidence(made)
    from auditor.evidence.model import EmbeddedSource
    from auditor.evidence.samples import digest

    script = digest(EmbeddedSource(1, 9, files["train_gpt.py"])) if "train_gpt.py" in files else ""
    found = claimed(evidence, SPEEDRUN, made.name, None, script)
    assert found is not None
    assert found.because.startswith(because)
    assert len(found.runs.finals) == count


def test_findings_cite_the_line_of_the_log_that_carries_the_script() -> None:
    flag = SOURCE.replace(
        "    return Model()", "    import torch\n    torch._inductor.config.freezing = True\n    return Model()"
    )
    kernels = f"\n\n{'-' * 40}\n# kernels.py\n{'-' * 40}\n\nimport torch\ntorch._inductor.config.debug = True\n"
    text = log(3.277, source=flag + kernels)
    report = audit(record({"run1.txt": text}), select=["compile-flags"])
    lines = text.split("\n")
    assert report.script == "run1.txt"
    assert [lines[(f.line or 0) - 1].strip() for f in report.findings] == ["torch._inductor.config.freezing = True"]
    used = audit(record({"run1.txt": log(3.277, source="import kernels\n" + flag + kernels)}), select=["compile-flags"])
    assert len(used.findings) == 2
    assert {f.path for f in used.findings} == {"run1.txt"}


def test_a_record_without_any_script_is_incomplete_with_the_reason() -> None:
    report = audit(record({"main.log": "s:0 tel:10.9\ns:1 trl:9.1\ns:2 tel:3.2759\n"}))
    told = {finding.rule: finding for finding in report.findings}
    assert told["log-source"].status == "incomplete"
    assert told["target-missed"].status == "incomplete"
    assert "3.2759" in told["target-missed"].message


def test_the_table_of_records() -> None:
    table = (
        "| # | Record time | Description | Date | Log | Contributors |\n| - | - | - | - | - | - |\n"
        "7 | 12.5 minutes | Newer torch | 10/18/24 | [log](records/track_1_short/2024-10-18_New/a.txt),"
        "[PR](https://github.com/KellerJordan/modded-nanogpt/pull/9) | @ada, @ben\n"
        "8 | 5.8 hours | none | 05/28/24 | - | @cy\n"
    )
    first, second = rows(table, SPEEDRUN, "README")
    assert (first.number, first.score, first.date, first.pr) == (7, 750.0, "2024-10-18", 9)
    assert (first.folder, first.log, first.author) == ("2024-10-18_New", "a.txt", "@ada, @ben")
    assert (second.score, second.folder, second.log) == (20880.0, None, None)


def test_the_page_knows_the_challenge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "records" / "track_1_short" / "2026-01-07_PairedHeadAttention"
    folder.mkdir(parents=True)
    for name, text in (logs(*LOSSES) | {"train_gpt.py": SOURCE}).items():
        (folder / name).write_text(text)
    assert golf_audit(["check", "--format", "html", "--exit-zero", str(folder)]) == 0
    page = capsys.readouterr().out
    assert "no cap is asked" in page
    assert "5 runs show a mean of 3.2775" in page
    assert "https://github.com/openai/" not in page
