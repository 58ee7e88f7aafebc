"""What a campaign says before and after its runs, without running anything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toys import toys

from auditor.campaign.model import Campaign, CampaignPlan, Cost, Entry, Planned, Refused
from auditor.campaign.read import read_campaign
from auditor.campaign.select import best
from auditor.campaign.standing import not_run, report, standing
from auditor.campaign.verify import look_at, read_runs, verify
from auditor.cli import run as golf_audit
from auditor.executors.here import HereExecutor
from auditor.reproduce.judge import judge
from auditor.reproduce.model import CannotReproduce, Commit, Reproduction
from auditor.reproduce.place import DataPlace, obtain
from auditor.reproduce.remote import Node
from auditor.sweep.overview import Entry as Swept
from auditor.toml import Malformed
from reports.campaign import as_json, plan_lines, report_lines
from reports.html.campaign import render

sys.path.insert(0, str(Path(__file__).parents[1] / "reproduce"))

from planned import EIGHT, SCORES, a_claim, a_plan, a_run, runs_of

NODE = Node(EIGHT, "bubblewrap")
HOSTILE = "<script>alert(1)</script>\u202e"


def found(scores: tuple[float, ...], claimed: tuple[float, ...], **more: Any) -> Reproduction:
    plan, claim = replace(a_plan(), subject=more.pop("name", "a submission")), a_claim(claimed)
    runs = (*runs_of(scores, **more), *(() if len(scores) == 3 else (a_run(9, None, status="failed", reason=HOSTILE),)))
    return Reproduction(plan, claim, runs, judge(plan, claim, runs), Commit("a" * 40, False))


def made(*each: Reproduction) -> Any:
    class Afar:
        def __init__(self, it: Reproduction) -> None:
            self.job = self
            self.plan = it.plan

    planned = [Planned(Entry(path="x"), Afar(it), 7, 1.0) for it in each]  # type: ignore[arg-type]
    plan = CampaignPlan(Campaign("toys", (), Path("out")), NODE, (), (), Cost(1, 2.0, 3.0, 1.0))
    refused = Refused(Entry(pr=5), f"can't {HOSTILE}")
    return report(plan, [*(standing(p, it, ()) for p, it in zip(planned, each, strict=True)), not_run(refused)])


def test_ranks_before_and_after() -> None:
    apart = tuple(score + 0.05 for score in SCORES)
    told = made(
        found(SCORES, SCORES, name="honest"), found(apart, tuple(s - 0.01 for s in SCORES), name="paper"),
        found(SCORES, SCORES, name="large", model_bytes=17_000_000), found(SCORES[:2], SCORES, name="broken"),
    )  # fmt: skip
    ranks = {each.name: (each.verdict, each.rank_claimed, each.rank_reproduced) for each in told.standings}
    assert ranks["honest"] == ("REPRODUCED", 2, 2)
    assert ranks["paper"] == ("NOT-REPRODUCED", 1, 3)
    assert ranks["large"] == ("OVER-BUDGET", 2, None)
    assert ranks["broken"][2] == 1 and ranks["broken"][0] == "INCONCLUSIVE"
    assert ranks["#5"] == ("NOT-RUN", None, None)
    assert [each.name for each in told.standings][:3] == ["broken", "honest", "paper"]


def test_the_page_tells_all_of_it_and_is_safe() -> None:
    told = made(found(SCORES, SCORES, name=f"one {HOSTILE}"), found(SCORES[:2], SCORES, name="two"))
    page = render(told)
    assert "<script>alert" not in page and "\u202e" not in page
    for text in (
        "Ranking before and after",
        "1.08130<",
        "[1.08055, 1.08205]",
        "3/3",
        "2/3",
        "15,960,000",
        "590.0",
        "NOT-RUN",
    ):
        assert text in page, text
    assert page.count('class="strips"') == 1
    content = json.loads(as_json(told))
    assert [each["verdict"] for each in content["submissions"]].count("REPRODUCED") == 1
    assert content["submissions"][-1]["reproduction"] is None
    lines = list(report_lines(told))
    assert len(lines) == 5 and "\u202e" not in "".join(lines)


def test_the_best_claims_that_nothing_speaks_against() -> None:
    def swept(pr: int, score: float | None, verdict: str, name: str = "n") -> Swept:
        return Swept(pr, name, "", "", "record", verdict, "", "", "", "", (), score, None)

    queue = [
        swept(1, 1.08, "CLEAN"), swept(2, 1.01, "FLAG"), swept(3, 1.07, "HOLD"), swept(3, 1.06, "HOLD", "better"),
        swept(4, None, "CLEAN"), swept(5, 1.2, "INCOMPLETE"), swept(6, float("nan"), "CLEAN"),
    ]  # fmt: skip
    entries, passed = best(queue, 2)
    assert [(each.pr, each.name) for each in entries] == [(3, "better"), (1, "n")] and passed == 1
    assert [each.pr for each in best(queue, 1, every=True)[0]] == [2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "submission must be given"),
        ("submission = []", "no [[submission]]"),
        ("[[submission]]\npath = 'a'\npr = 5", "give one of path, pr and preset, not path and pr"),
        ("[[submission]]\nname = 'a'", "not none"),
        ("[[submission]]\npr = 5", "repo must be given"),
        ("[[submission]]\npaht = 'a'", "paht"),
        ("seeds = 0\n[[submission]]\npath = 'a'", "seeds"),
        ("budget = 'much'\n[[submission]]\npath = 'a'", "budget: 'much' is no budget"),
        ("[data]\npath = 'here'\n[[submission]]\npath = 'a'", "isn't absolute"),
        ("[resources]\nmemory = 'some'\n[[submission]]\npath = 'a'", "is no size"),
    ],
)
def test_a_file_that_says_something_else(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(Malformed) as caught:
        read_campaign(file)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_with_everything(tmp_path: Path) -> None:
    file = tmp_path / "april.toml"
    file.write_text(
        """
seeds = 2
repo = "clone/.git"
budget = "train=10min"
timeout = 1500
[data]
path = "/data"
from = "sp1024"
[resources]
gpus = 8
memory = "64GiB"
custom = {h100 = 1}
[[submission]]
pr = 7
[[submission]]
path = "records/a"
seeds = 3
set = ["ITERATIONS=20"]
"""
    )
    campaign = read_campaign(file)
    assert campaign.repo == str(tmp_path / "clone" / ".git") and campaign.name == "april"
    assert (campaign.resources.gpus, campaign.resources.memory, campaign.wall) == (8, 64 << 30, 1500)
    assert campaign.entries[1] == Entry(path=str(tmp_path / "records/a"), seeds=3, changes=("ITERATIONS=20",))
    assert campaign.data == DataPlace("/data", "sp1024")


def test_what_it_costs_is_said_and_asked_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from auditor.reproduce.remote import Runs

    monkeypatch.setattr("auditor.cli.campaign.opened", _opened)
    monkeypatch.setattr(Runs, "__call__", lambda self, order: {"machine": vars(EIGHT), "held_by": "bubblewrap"})
    file = toys(tmp_path)
    assert golf_audit(["campaign", str(file), "--dry-run"]) == 0
    told = capsys.readouterr().err
    assert "6 submissions, 12 runs, on nodes like 8xNVIDIA H100" in told
    assert "cost: 12 runs are left" in told and "node-hours" in told
    assert golf_audit(["campaign", str(file)]) == 2
    assert "--yes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert golf_audit(["campaign"]) == 2
    assert golf_audit(["campaign", str(file), "--export", "x.doc"]) == 2


def _opened(task: Any, limits: Any, **options: Any) -> Any:
    from contextlib import closing

    return closing(HereExecutor(task))


def test_runs_come_back_and_are_judged_and_failures_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two seeds one comes back and one is lost; the next command only asks for the lost one."""
    pytest.importorskip("torch")
    import zlib

    from auditor.campaign.plan import make_plan
    from auditor.executors.model import Lost

    asked: list[int] = []
    lost = True

    class Sent:
        def prepare(self) -> None: ...

        def __call__(self, order: Any) -> Any:
            asked.append(order.seed)
            if lost and order.seed == 12:
                raise Lost("power cut")
            log = b"final_int8_zlib_roundtrip_exact val_loss:3.30000000 val_bpb:1.10000000\n"
            record = {
                "schema_version": 1, "status": "done", "reason": "", "wall_seconds": 3.5, "code_bytes": 100,
                "machine": {**vars(EIGHT), "packages": {}},
                "artifact": {"path": "../../model.ptz", "bytes": 4, "sha256": "x"},
            }  # fmt: skip
            return {"record": record, "log": zlib.compress(log), "artifact": b"abcd"}

    campaign = replace(read_campaign(toys(tmp_path)), seeds=2)
    campaign = replace(campaign, entries=campaign.entries[:1], output=tmp_path / "out")
    plan = make_plan(campaign, NODE)
    verify(plan, HereExecutor(Sent()), lambda end: None)
    first = look_at(plan).standings[0]
    assert [run.status for run in first.found.runs] == ["done", "interrupted"] if first.found else False
    assert sorted(asked) == [11, 12]
    lost = False
    verify(make_plan(campaign, NODE), HereExecutor(Sent()), lambda end: None)
    assert asked == [11, 12, 12]
    second = look_at(plan).standings[0]
    assert second.found is not None
    assert [(run.status, run.val_bpb, run.artifact_bytes) for run in second.found.runs] == [("done", 1.1, 104)] * 2
    assert (campaign.output / "2026-04-01_AsClaimed" / "seed_11" / "model.ptz").read_bytes() == b"abcd"
    assert not (tmp_path / "model.ptz").exists()
    rows = read_runs(campaign.output / "runs.jsonl")
    assert [(row["seed"], row["status"]) for row in rows] == [(11, "done"), (12, "done")]
    assert "nothing is left" in list(plan_lines(make_plan(campaign, NODE)))[-1]
    other = replace(campaign, entries=(replace(campaign.entries[0], changes=("ITERATIONS=3",)),))
    with pytest.raises(CannotReproduce, match="another command"):
        make_plan(other, NODE)


def test_data_are_fetched_once_and_checked(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from auditor.reproduce.data import file_hash, hashes

    shared, here = tmp_path / "shared", tmp_path / "node" / "data"
    shared.mkdir()
    (shared / "fineweb_val_000000.bin").write_bytes(b"tokens")
    with pytest.raises(CannotReproduce, match="no such folder"):
        obtain(DataPlace(str(here)))
    good = {"fineweb_val_000000.bin": file_hash(shared / "fineweb_val_000000.bin")}
    assert obtain(DataPlace(str(here), str(shared), sha256=good, known=hashes(shared))) == here
    (here / "mark.txt").write_text("fetched once")
    assert obtain(DataPlace(str(here), str(shared), sha256=good)) == here
    assert (here / "mark.txt").exists()
    with pytest.raises(CannotReproduce, match="not the file whose hash"):
        obtain(DataPlace(str(here), sha256={"fineweb_val_000000.bin": "0" * 64}))
    (here / "fineweb_val_000000.bin").write_bytes(b"Tokens")
    with pytest.raises(CannotReproduce, match="not the same as where"):
        obtain(DataPlace(str(here), known=hashes(shared)))
    with pytest.raises(CannotReproduce, match="not the file whose hash"):
        obtain(DataPlace(str(tmp_path / "bad"), str(shared), sha256={"fineweb_val_000000.bin": "0" * 64}))
    assert not (tmp_path / "bad").exists()


def test_the_files_of_the_documentation_can_be_used() -> None:
    folder = Path(__file__).parents[2] / "docs" / "cluster"
    campaign = read_campaign(folder / "campaign.toml")
    assert len(campaign.entries) == 3 and campaign.resources.gpus == 8 and campaign.data is not None
    if shutil.which("bash"):
        subprocess.run(["bash", "-n", str(folder / "slurm.sh")], check=True)
    yaml = pytest.importorskip("yaml")
    made = yaml.safe_load((folder / "raycluster.yaml").read_text("utf-8"))
    assert made["spec"]["workerGroupSpecs"][0]["maxReplicas"] == 64
    assert json.loads(json.loads(made["spec"]["workerGroupSpecs"][0]["rayStartParams"]["resources"])) == {"h100": 1}
