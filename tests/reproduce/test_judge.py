"""What runs may and may not say about a claim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import EIGHT, HERE, SCORES, a_claim, a_plan, a_run, runs_of
from scipy import stats

from auditor.evidence.statistics import describe
from auditor.reproduce.equivalence import MARGIN_SDS, equivalence
from auditor.reproduce.judge import judge
from auditor.reproduce.model import Bar, Budget

bpb = st.floats(0.5, 3.0)
samples = st.lists(bpb, min_size=2, max_size=6)


@given(samples, samples)
def test_the_two_one_sided_tests_are_welchs_shifted_by_the_margin(runs, claimed):
    margin = MARGIN_SDS * describe(claimed).sd
    if margin < 1e-4 or describe(runs).sd < 1e-4:
        return
    found = equivalence(runs, claimed)
    above = stats.ttest_ind([x - margin for x in runs], claimed, equal_var=False, alternative="less").pvalue
    below = stats.ttest_ind([x + margin for x in runs], claimed, equal_var=False, alternative="greater").pvalue
    assert found.p == pytest.approx(max(above, below), abs=1e-9)
    within = -margin < found.interval[0] and found.interval[1] < margin
    assert found.same == within
    assert not (found.same and found.other)


@pytest.mark.parametrize("claimed", [(1.08,), (1.08, 1.08), SCORES])
@pytest.mark.parametrize("score", [1.08, 1.2])
def test_runs_that_all_score_the_same_are_no_evidence(claimed, score):
    """SciPy gives p = 0 there, the strongest evidence of all."""
    found = equivalence([score] * 3, claimed)
    assert (found.p, found.interval, found.same, found.other) == (None, None, False, False)
    judged = judge(a_plan(), a_claim(claimed), runs_of([score] * len(SCORES)))
    assert judged.verdict == "INCONCLUSIVE"
    assert judged.p_equivalent is None
    assert f"{found.difference:+.6f} bpb" in judged.because
    assert "no evidence" in judged.because
    assert not any("p 0.0000" in check.text or "p 1.0000" in check.text for check in judged.checks)


def test_a_claim_of_equal_scores_gives_no_margin_of_zero():
    runs = [1.0801, 1.0799, 1.0803]
    assert equivalence(runs, [1.08] * 3).margin == pytest.approx(MARGIN_SDS * describe(runs).sd)
    assert judge(a_plan(), a_claim([1.08] * 3), runs_of(runs)).verdict == "REPRODUCED"


def test_the_claims_own_spread_decides_what_is_the_same_score():
    near, far = [score + 0.0001 for score in SCORES], [score + 0.01 for score in SCORES]
    assert judge(a_plan(), a_claim(), runs_of(near)).verdict == "REPRODUCED"
    assert judge(a_plan(), a_claim(), runs_of(far)).verdict == "NOT-REPRODUCED"
    better = judge(a_plan(), a_claim(), runs_of([score - 0.01 for score in SCORES]))
    assert (better.verdict, "below" in better.because) == ("NOT-REPRODUCED", True)
    between = judge(a_plan(), a_claim(), runs_of([score + 0.0009 for score in SCORES]))
    assert (between.verdict, "more seeds" in between.because) == ("INCONCLUSIVE", True)


@given(st.lists(bpb, min_size=1, max_size=5), samples)
def test_a_score_of_another_machine_is_never_held_against_the_claim(scores, claimed):
    found = judge(a_plan(HERE), a_claim(claimed), runs_of(scores))
    assert found.verdict == "INCONCLUSIVE"
    assert found.p_equivalent is None
    assert any("8xH100" in line for line in found.missing)


@pytest.mark.parametrize(
    ("plan", "runs", "missing"),
    [
        ({"changes": ("ITERATIONS=4",)}, runs_of(SCORES), "ITERATIONS=4"),
        ({"processes": 4}, runs_of(SCORES), "4 processes"),
        ({"stand_ins": True}, runs_of(SCORES, stand_ins=("torch.compile",)), "torch.compile"),
        ({}, runs_of(SCORES, val_tokens=51_456), "51,456"),
        ({}, runs_of(SCORES[:2]), "2 scored, the claim needs 3"),
        ({}, runs_of(SCORES, invalid=("calibration read training data",)), "calibration read training data"),
        (
            {},
            (*runs_of(SCORES), a_run(7, None, status="failed", reason="out of memory")),
            "seed 7: failed (out of memory",
        ),
    ],
)
def test_what_differs_from_the_claims_run_is_said_and_leaves_it_open(plan, runs, missing):
    found = judge(a_plan(**plan), a_claim(), runs)
    assert found.verdict == "INCONCLUSIVE"
    assert any(missing in line for line in found.missing)
    assert any("code path" in line for line in found.concluded)


def test_a_claim_about_a_cpu_is_held_against_a_cpu():
    on_cpu = a_claim(gpus=0, gpu="two slow cores")
    near = runs_of([score + 0.0001 for score in SCORES])
    assert judge(a_plan(HERE), on_cpu, near).verdict == "REPRODUCED"
    assert judge(a_plan(EIGHT), on_cpu, near).verdict == "INCONCLUSIVE"


def test_runs_that_all_fail_as_claimed_do_not_reproduce_it():
    failed = [a_run(seed, None, status="failed", reason="KeyError: 'x'") for seed in range(3)]
    assert judge(a_plan(), a_claim(), failed).verdict == "NOT-REPRODUCED"
    here = judge(a_plan(HERE, stand_ins=True), a_claim(), failed)
    assert (here.verdict, here.because) == ("INCONCLUSIVE", "no run finished: KeyError: 'x'")


def test_bytes_count_everywhere_and_seconds_on_the_claims_machine():
    fat, slow = runs_of(SCORES, model_bytes=15_950_000), runs_of(SCORES, eval_seconds=601.0)
    for machine in (EIGHT, HERE):
        assert judge(a_plan(machine), a_claim(), fat).verdict == "OVER-BUDGET"
    assert judge(a_plan(), a_claim(), slow).verdict == "OVER-BUDGET"
    assert judge(a_plan(HERE), a_claim(), slow).verdict == "INCONCLUSIVE"
    given_here = a_plan(HERE, budget=Budget(600, 600, given=True))
    assert judge(given_here, a_claim(), slow).verdict == "OVER-BUDGET"
    assert judge(a_plan(HERE, changes=("NUM_LAYERS=40",)), a_claim(), fat).verdict == "INCONCLUSIVE"


def test_the_records_bar_is_one_sided():
    bar = Bar("the best before", describe((1.0850, 1.0852, 1.0855)), 0.01)
    found = judge(a_plan(), a_claim(bar=bar), runs_of(SCORES))
    expected = stats.ttest_ind(SCORES, (1.0850, 1.0852, 1.0855), equal_var=False, alternative="less").pvalue
    assert found.p_bar == pytest.approx(expected)
    assert [check.status for check in found.checks if check.name == "record"] == ["met"]
    worse = judge(a_plan(), a_claim(bar=Bar("better", describe((1.07, 1.071, 1.0712)), 0.01)), runs_of(SCORES))
    assert [check.status for check in worse.checks if check.name == "record"] == ["missed"]


def test_a_log_that_prints_other_bytes_than_the_disk_holds_is_told():
    found = judge(a_plan(), a_claim(), runs_of(SCORES, printed_bytes=15_000_000))
    assert {check.status for check in found.checks if check.name == "artifact as printed"} == {"missed"}
