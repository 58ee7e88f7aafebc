"""Statistics: the published p-values, scipy as the referee, and the command."""

from __future__ import annotations

import json
import math
import warnings

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cli.significance import command
from auditor.evidence.frontier import load
from auditor.evidence.statistics import (
    NoSpread,
    Sample,
    TooFew,
    confidence_interval,
    describe,
    nats_per_byte,
    nats_per_token,
    welch_one_sided,
)

V1493 = (1.08079, 1.08103, 1.08118)
V1514 = (1.07928348, 1.07996676, 1.08024795)
V1529 = (1.07506048, 1.07645101, 1.07585093)
V1736 = (1.0661, 1.06473, 1.06563)
V1769 = (1.06356801, 1.0641313, 1.06466993, 1.06509678, 1.06516558)
V1855 = (1.05989454, 1.06124613, 1.06208695)
V1868_FIRST = (1.06128183, 1.06086831, 1.06220261)
V1868_RERUN = (1.06083288, 1.06090748, 1.06248776)
V1945 = (1.058675, 1.059394, 1.060243)
V1953 = (1.0582472, 1.05846113, 1.05895276)
V2014 = (1.05740567, 1.05730104, 1.05807084)
V2135 = (1.05662016, 1.05610947, 1.05679341)
POOLED_1855 = Sample(1.060755, 0.000933, 6)

# New, old, the published p, and ours with the sample standard deviation.
PUBLISHED = [
    (describe(V1514), V1493, 0.020, 0.0204),
    (describe(V1529), V1514, 0.001, 0.0009),
    (describe(V1769), V1736, 0.063, 0.0625),
    (POOLED_1855, V1868_RERUN, 0.188, 0.1884),
    (POOLED_1855, V1868_FIRST, 0.127, 0.1275),
    (describe(V2135), V2014, 0.014, 0.0138),
]

# Published with the population standard deviation: ours with the sample's is larger.
MISTAKEN = [
    (V1945, V1855, 0.034, 0.0560),
    (V1953, V1945, 0.063, 0.0904),
    (V2014, V1953, 0.011, 0.0202),
]

# The summary figures behind the first two of those: rounding moves p in its third decimal.
SUMMARY_1945 = Sample(1.059434, 0.000642, 3)


@pytest.mark.parametrize(("new", "old", "published", "ours"), PUBLISHED)
def test_published_p_values(new: Sample, old: tuple[float, ...], published: float, ours: float) -> None:
    p = welch_one_sided(new, describe(old)).p
    assert round(p, 4) == ours
    assert p == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize(("new", "old", "published", "ours"), MISTAKEN)
def test_published_with_the_population_deviation(
    new: tuple[float, ...], old: tuple[float, ...], published: float, ours: float
) -> None:
    p = welch_one_sided(describe(new), describe(old)).p
    assert round(p, 4) == ours
    assert p - published > 0.008
    mistaken = welch_one_sided(describe(new, population=True), describe(old, population=True)).p
    assert mistaken == pytest.approx(published, abs=8e-4)


def test_the_mistaken_values_to_the_last_digit() -> None:
    def population(values: tuple[float, ...]) -> Sample:
        return describe(values, population=True)

    assert round(welch_one_sided(SUMMARY_1945, population(V1855)).p, 4) == 0.0344
    assert round(welch_one_sided(population(V1953), SUMMARY_1945).p, 4) == 0.0630
    assert round(welch_one_sided(population(V2014), population(V1953)).p, 4) == 0.0109


samples = st.lists(st.floats(0.5, 3.0), min_size=2, max_size=8)


@settings(deadline=None)  # the first call imports scipy
@given(new=samples, old=samples)
def test_scipy_agrees(new: list[float], old: list[float]) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    a, b = describe(new), describe(old)
    if (a.sd or 0) < 1e-6 or (b.sd or 0) < 1e-6:
        return  # scipy itself warns of cancellation there
    theirs = scipy_stats.ttest_ind(new, old, equal_var=False, alternative="less")
    ours = welch_one_sided(a, b)
    assert ours.p == pytest.approx(float(theirs.pvalue), rel=1e-8, abs=1e-12)
    assert ours.t == pytest.approx(float(theirs.statistic), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_scipys_interval(level: float, n: int) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    sample = Sample(1.1, 0.003, n)
    low, high = confidence_interval(sample, level)
    want = scipy_stats.t.interval(level, n - 1, loc=1.1, scale=0.003 / math.sqrt(n))
    assert (low, high) == pytest.approx(tuple(map(float, want)), rel=1e-9)


def test_sample_and_population_deviation_differ() -> None:
    assert describe([1.0, 2.0]).sd == pytest.approx(math.sqrt(0.5))
    assert describe([1.0, 2.0], population=True).sd == pytest.approx(0.5)


def test_equal_scores_are_no_evidence() -> None:
    """SciPy answers the same question with p = 0 and one degree of freedom, and a single seed with nan."""
    scipy_stats = pytest.importorskip("scipy.stats")
    same, others = describe([1.0, 1.0, 1.0]), describe([1.1, 1.1])
    for new, old in ((same, same), (same, others), (others, same), (describe([1.0, 1.0 + 2e-16]), others)):
        with pytest.raises(NoSpread, match="a spread of zero is no evidence"):
            welch_one_sided(new, old)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = scipy_stats.ttest_ind([1.0] * 3, [1.1] * 2, equal_var=False, alternative="less")
        single = scipy_stats.ttest_ind([1.0], [1.1, 1.2], equal_var=False, alternative="less")
    assert (float(theirs.pvalue), float(theirs.df)) == (0.0, 1.0)
    assert math.isnan(float(single.pvalue))


def test_one_side_without_a_spread_is_still_tested_and_told() -> None:
    spread = describe([1.1, 1.2, 1.3])
    assert describe([1.0, 1.0, 1.0]).equal and not spread.equal and not describe([1.0]).equal
    test = welch_one_sided(describe([1.0, 1.0, 1.0]), spread)
    assert test.df == pytest.approx(2.0)
    assert 0 < test.p < 0.5
    done = CliRunner().invoke(command, ["--new", "1.0,1.0,1.0", "--old", "1.1,1.2,1.3"])
    assert "the new scores are all equal" in done.output
    assert done.exit_code == 0


def test_the_command_on_equal_scores() -> None:
    arguments = ["--new", "1.0,1.0,1.0", "--old", "1.1,1.1,1.1"]
    said = CliRunner().invoke(command, arguments).output
    assert "p = " not in said
    assert ": met" not in said
    assert "no bar is met" in said
    result = json.loads(CliRunner().invoke(command, [*arguments, "--format", "json"], standalone_mode=False).output)
    assert result["p_one_sided"] is None and result["t"] is None
    assert result["delta_bpb"] == pytest.approx(-0.1)
    assert len(result["notes"]) == 3


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], "nats per token: p is met; --bytes-per-token tells whether the gain is\n"),
        (["--bytes-per-token", "2.436"], "nats per token: not met, the gain is 0.0028\n"),
        (["--bytes-per-token", "5"], "nats per token: met\n"),
    ],
)
def test_a_bar_is_met_by_p_and_by_the_gain(more: list[str], told: str) -> None:
    arguments = ["--new", "1.0811,1.0814,1.0809", "--old", "1.0828,1.0831,1.0825", *more]
    said = CliRunner().invoke(command, arguments).output
    assert told in said
    assert "p < 0.25: met\n" in said


def test_the_command_on_a_single_score() -> None:
    done = CliRunner().invoke(command, ["--new", "1.0", "--old", "1.1,1.2"])
    assert done.exit_code == 2
    assert "has no spread, and is no evidence" in done.output


def test_too_small_a_sample() -> None:
    with pytest.raises(TooFew):
        describe([])
    one = describe([1.0])
    assert one.sd is None
    with pytest.raises(TooFew):
        welch_one_sided(one, describe([1.0, 2.0]))
    with pytest.raises(TooFew):
        confidence_interval(one)
    with pytest.raises(ValueError, match="level"):
        confidence_interval(describe([1.0, 2.0]), 1.5)


def test_nats() -> None:
    assert nats_per_byte(1.0) == pytest.approx(0.693147, abs=1e-6)
    # The baseline: 2.07269931 nats per token at 1.2243657 bits per byte with 2.4423 bytes per token.
    assert nats_per_token(1.2243657, 2.44229) == pytest.approx(2.0727, abs=1e-4)


def test_the_command_in_json() -> None:
    done = CliRunner().invoke(
        command, ["--new", "1.1,1.2,1.3", "--old", "1.2,1.3,1.4", "--format", "json"], standalone_mode=False
    )
    result = json.loads(done.output)
    assert result["p_one_sided"] == pytest.approx(0.1439, abs=1e-4)
    assert result["delta_bpb"] == pytest.approx(-0.1)
    assert result["delta_nats"] == pytest.approx(-0.0693147, abs=1e-6)
    assert result["sd"] == "sample"


def test_the_command_in_words() -> None:
    done = CliRunner().invoke(command, ["--new", "1.1,1.2,1.3", "--old", "1.2,1.3,1.4", "--bytes-per-token", "2.436"])
    assert done.exit_code == 0
    assert "p = 0.1439" in done.output
    assert "nats per token" in done.output
    assert "p < 0.25: met" in done.output
    assert "p < 0.01 and a gain of 0.005 nats per token: not met" in done.output


@pytest.mark.parametrize("new", ["1.1", "", "1.1,x", "1.1,nan", "1.1,inf"])
def test_the_command_refuses_what_is_no_sample(new: str) -> None:
    done = CliRunner().invoke(command, ["--new", new, "--old", "1.2,1.3"])
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_the_frontier_is_whole_and_in_order() -> None:
    frontier = load()
    assert [r.score for r in frontier.rows] == sorted((r.score for r in frontier.rows), reverse=True)
    assert [r.name for r in frontier.rows if r.pr is None] == ["Naive Baseline"]  # it came with the challenge
    for row in frontier.rows:
        assert 1.0 < row.score < 1.3
        if len(row.scores) > 1 and row.pr is not None:
            assert describe(row.scores).mean == pytest.approx(row.score, abs=1e-4)


def test_which_row_is_to_be_beaten() -> None:
    frontier = load()
    assert frontier.current.pr == 1855
    before = frontier.before(1514)
    assert before is not None
    assert before.pr == 1493
    row = frontier.row(1855)
    assert row is not None
    assert row.sample == POOLED_1855
    assert frontier.row(1) is None
    assert frontier.before(2146) == frontier.row(2135)


def test_published_p_values_follow_from_the_frontiers_own_scores() -> None:
    frontier = load()
    for pr, old in ((1514, 1493), (1529, 1514), (1769, 1736), (1855, 1851), (2135, 2014)):
        new_row, old_row = frontier.row(pr), frontier.row(old)
        assert new_row is not None
        assert old_row is not None
        assert new_row.sample is not None
        assert old_row.sample is not None
        p = welch_one_sided(new_row.sample, old_row.sample).p
        assert p == pytest.approx(new_row.published_p, abs=6e-4)


def test_the_bar_changed_once() -> None:
    frontier = load()
    assert (frontier.bar("2026-04-27").p, frontier.bar("2026-04-27").nats) == (0.01, 0.005)
    assert frontier.bar("2026-04-28").p == 0.25
    assert frontier.bar("2020-01-01").p == 0.01
