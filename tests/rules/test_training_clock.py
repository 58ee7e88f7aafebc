"""What the training clock, the reserve and the logs together say about a calibration on training data."""

import pytest
from submissions import submission

from auditor import catalogue
from auditor.check import audit
from auditor.finding import Finding
from auditor.timeline import follow
from auditor.timeline.trackers.calibration.found import calibrations, deadlines
from rules.calibration_after_budget import RULE
from rules.torch_scripts import ADAPT

SCRIPT = RULE.invalid[0].code


def log(stop: float, took: float, cap: float = 600.0) -> str:
    return (
        f"max_wallclock_seconds: {cap}\nseed:42\n"
        f"step:6000/20000 train_loss:2.1 train_time:{stop * 1000:.0f}ms step_avg:97.50ms\n"
        f"stopping_early: wallclock_cap train_time:{stop * 1000:.0f}ms step:6000/20000\n"
        f"GPTQ:collected 66 Hessians in {took}s\nfinal_roundtrip_exact val_loss:2.0 val_bpb:1.18\n"
    )


def found(code: str, *logs: str) -> list[Finding]:
    files = {f"train_seed{n}.log": text for n, text in enumerate(logs, start=42)}
    return list(audit(submission(code, files), select=[RULE.slug]).findings)


def reserved(seconds: float) -> str:
    return SCRIPT.replace("read(shards), SECONDS)", f"read(shards), SECONDS - {seconds})")


@pytest.mark.parametrize("reserve", [0.0, 0.5, 12.0])
def test_the_deadline_is_what_the_code_compares_the_clock_with(reserve: float) -> None:
    from auditor.program.load import load_program
    from auditor.settings import settings_in_play

    case = submission(reserved(reserve))
    timeline = follow(load_program(case), settings_in_play(case))
    (calibration,) = calibrations(timeline, "train")
    stops, site = deadlines(timeline, calibration.apply)
    assert stops == [600.0 - reserve]
    assert site is not None
    assert "elapsed_ms >= " in SCRIPT.split("\n")[site.line - 1]


def test_without_a_reserve_it_is_a_violation_with_or_without_logs() -> None:
    assert [f.status for f in found(SCRIPT)] == ["violation"]
    (finding,) = found(SCRIPT, log(600.1, 3.6))
    assert finding.status == "violation"
    assert "3.7 s beyond" in finding.message


@pytest.mark.parametrize(("took", "status"), [(0.4, None), (7.1, "note"), (14.0, "note"), (37.5, "hold")])
def test_with_a_reserve_the_overshoot_decides(took: float, status: str | None) -> None:
    assert [f.status for f in found(reserved(0.5), log(599.55, took, 600.0))] == ([status] if status else [])


def test_the_slowest_run_counts() -> None:
    (finding,) = found(reserved(0.5), log(599.55, 0.3), log(599.6, 40.0))
    assert finding.status == "hold"


def test_a_documented_cap_goes_before_the_default() -> None:
    readme = "# Run\n```bash\nMAX_WALLCLOCK_SECONDS=560 torchrun --nproc_per_node=8 train_gpt.py\n```\n"
    assert not audit(submission(SCRIPT, {"README.md": readme}), select=[RULE.slug]).findings


def test_the_rule_is_in_the_catalogue() -> None:
    assert catalogue.find(RULE.slug) is RULE


def test_a_reserve_is_used_up_by_an_adaptation_before_the_calibration() -> None:
    def script(tokens: str) -> str:
        adapted = f'{ADAPT}\nadapt(model, read("data/fineweb_{tokens}_*.bin"), 3)\nsums ='
        return reserved(12.0).replace("\nsums =", adapted)

    (finding,) = found(script("val"))
    assert (finding.status, "could not be shown" in finding.message) == ("hold", True)
    timed = log(588.0, 3.6).replace("GPTQ:", "prequant_ttt:done total_time=301.0s\nGPTQ:")
    (finding,) = found(script("val"), timed)
    assert (finding.status, "289.0 s beyond the 600 s" in finding.message) == ("violation", True)
    assert found(script("train")) == [] == found(reserved(12.0))
