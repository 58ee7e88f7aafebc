"""The experiments as pure functions: places of values, bets, passes, what moved, what is printed."""

import numpy as np
import pytest

from auditor.evidence.claims import Claim, ClaimSet
from auditor.evidence.model import Evidence, Log
from auditor.evidence.printed import Metric
from auditor.evidence.run import Run
from auditor.probe.answer import BITS, as_nats, bet, least_nats
from auditor.probe.future import compared
from auditor.probe.locate import Index
from auditor.probe.passes import explaining
from auditor.probe.printed import claimed_kind, printed_score
from auditor.probe.reported import counted, least, ratio, reported, stays, uncounted, weighed
from auditor.probe.scores import Placed, placed
from auditor.probe.sizes import byte_counts
from auditor.probe.tokens import BOUNDARY, COUNT, DOCUMENT, Draw, drawn
from auditor.probe.trace import Site
from auditor.probe.weighed import candidates, divided

SIZE = 1024
TOKENS = Draw(1, 2).tokens(SIZE)
OTHER = Draw(1, 3, repeats=True).tokens(SIZE)
BYTES = byte_counts(TOKENS, SIZE)


def site(name, values, targets=None, at=1):
    return Site(name, np.asarray(values, float), targets, np.full(len(values), at))


def scored(values, tokens=TOKENS, name="t.py:1 loss"):
    return placed({name: site(name, values, tokens[1:].astype(np.int64))}, tokens)


def test_sets_share_a_prefix_and_its_documents_and_nothing_else_is_known():
    assert (TOKENS[:BOUNDARY] == OTHER[:BOUNDARY]).all() and TOKENS[BOUNDARY] != OTHER[BOUNDARY]
    assert (TOKENS[BOUNDARY:] == OTHER[BOUNDARY:]).mean() < 0.05
    assert ((TOKENS == 1) == (OTHER == 1)).all() and not drawn(TOKENS)[::DOCUMENT].any()
    assert (Draw(5, 2).tokens(SIZE)[:BOUNDARY] != TOKENS[:BOUNDARY]).mean() > 0.9


def test_values_find_their_tokens_by_content_in_rows_and_repeats():
    rows = np.concatenate([TOKENS[700:764], TOKENS[64:128], [3, 3, 3], TOKENS[9000:9064]]).astype(np.int64)
    found = Index(TOKENS).positions(rows)
    assert found[:64].tolist() == list(range(700, 764)) and found[64:128].tolist() == list(range(64, 128))
    assert (found[128:131] == -1).all() and found[-1] == 9063
    assert Index(OTHER).positions(OTHER[100:400].astype(np.int64)).tolist() == list(range(100, 400))


def test_a_short_run_that_stands_in_several_places_is_the_nearest():
    again = TOKENS.copy()
    again[5000:5008] = again[50:58]
    runs = np.concatenate([np.arange(4900, 5000), np.arange(5000, 5008), np.arange(40, 50), np.arange(50, 58)])
    assert (Index(again).positions(again[runs].astype(np.int64)) == runs).all()
    cut = np.concatenate([np.arange(4900, 4990), np.arange(5000, 5008)])
    assert (Index(again).positions(again[cut].astype(np.int64)) == cut).all()


def test_fair_predictions_never_win_the_bet_and_oracles_do():
    rng = np.random.default_rng(0)
    fair = rng.dirichlet(np.full(32, 0.3), 6000)
    truth = rng.integers(0, 32, 6000)
    own = -np.log(fair[np.arange(6000), truth])
    other = -np.log(rng.dirichlet(np.full(32, 0.3), 6000)[np.arange(6000), truth])
    assert bet(own, 32).bits < BITS and abs(bet(own, 32).total - 1) < 0.2
    oracle = bet(np.minimum(own, other), 32)
    assert oracle.bits > BITS and oracle.total > 1.2
    assert bet(own * 0.9, 32).bits > BITS  # a loss that a constant scales
    assert bet(np.full(6000, np.log(32)), 32).bits == pytest.approx(0, abs=1e-6)


def test_what_drawn_tokens_cost_at_least():
    assert least_nats(1000, 32) == pytest.approx(1000 * np.log(32) - 40 * np.log(2))
    assert [round(float(v[0]), 3) for v in as_nats(np.array([-1.0, -2.0]), "log")] == [1.0]
    assert any(np.allclose(v, [np.log(2), np.log(4)]) for v in as_nats(np.array([0.5, 0.25]), "gathered"))


def test_a_value_before_the_boundary_that_moved_is_told_and_one_after_it_is_not():
    base = np.full(COUNT - 1, 7.0)
    later, early = base.copy(), base.copy()
    later[BOUNDARY:] += 0.1
    early[41:50] += 0.01
    one = scored(base)
    assert compared(one, scored(later, OTHER))[0] == []
    (move,), count = compared(one, scored(early, OTHER))
    assert (move.position, move.tokens, move.spans) == (42, 9, ((41, 50),))
    assert move.before == 7.0 and move.after == pytest.approx(7.01) and not move.rescored
    assert count == BOUNDARY - 1


def test_a_token_whose_second_score_moves_is_rescored():
    twice = np.concatenate([TOKENS[1:], TOKENS[1:]]).astype(np.int64)
    there = np.concatenate([OTHER[1:], OTHER[1:]]).astype(np.int64)
    base = np.full(2 * (COUNT - 1), 7.0)
    late = base.copy()
    late[COUNT - 1 :] -= 0.5
    one = placed({"a": site("a", base, twice)}, TOKENS)
    other = placed({"a": site("a", late, there)}, OTHER)
    (move,), _ = compared(one, other)
    assert move.rescored and move.tokens == BOUNDARY - 1


def test_numbers_without_tokens_are_placed_by_their_order():
    base, early, late = (np.full(COUNT - 1, 7.0) for _ in range(3))
    early[3] = 6.0
    late[BOUNDARY - 5] = 6.0  # near the boundary: it may be beyond
    one = {"t.py:9 log": site("t.py:9 log", base)}
    assert compared(placed(one, TOKENS), placed({"t.py:9 log": site("t.py:9 log", late)}, OTHER))[0] == []
    moves, _ = compared(placed(one, TOKENS), placed({"t.py:9 log": site("t.py:9 log", early)}, OTHER))
    assert len(moves) == 1 and not placed(one, TOKENS)["t.py:9 log"].exact


def test_the_pass_that_adds_up_to_the_printed_score_is_found():
    rng = np.random.default_rng(1)
    first, last = rng.uniform(6, 8, COUNT - 1), rng.uniform(5, 7, COUNT - 1)
    targets = np.concatenate([TOKENS[1:], TOKENS[1:]]).astype(np.int64)
    sites = placed({"a": site("a", np.concatenate([first, last]), targets)}, TOKENS)
    bpb = last.sum() / np.log(2) / BYTES[1:].sum()
    found, _ = explaining(sites, printed_score(f"val_bpb:{bpb:.6f}"), BYTES)
    assert found is not None and found.span == (COUNT - 1, 2 * (COUNT - 1))
    told = reported(found, printed_score(f"val_bpb:{bpb:.6f}"), BYTES)
    assert told.status == "PASS" and told.tokens == COUNT - 1 and f"{BYTES[1:].sum():,} bytes" in told.reason
    assert explaining(sites, printed_score("val_bpb:1.0001"), BYTES)[0] is None


def test_losses_that_are_nothing_are_a_score_of_nothing():
    found, _ = explaining(scored(np.zeros(COUNT - 1)), printed_score("val_bpb:0.000000"), BYTES)
    assert found is not None and bet(found.nats, SIZE - 4).bits > BITS
    assert explaining(scored(np.full(COUNT - 1, 7.0)), printed_score("val_bpb:0.000000"), BYTES)[0] is None


def test_losses_over_too_many_bytes_are_not_taken_for_bits():
    nats = np.random.default_rng(1).uniform(6, 8, COUNT - 1)
    printed = printed_score(f"val_bpb:{nats.sum() / BYTES[1:].sum():.6f}")  # as if 1.44 times the bytes were counted
    assert explaining(placed({"n": site("t.py:9 summed", nats)}, TOKENS), printed, BYTES)[0] is None
    found, _ = explaining(placed({"n": site("t.py:9 log2", nats)}, TOKENS), printed, BYTES)
    assert found is not None and found.nats.sum() == pytest.approx(nats.sum() * np.log(2))


def test_of_several_scores_the_claimed_one_counts():
    output = "sliding_7gram val_loss:3.2 val_bpb:1.6\nlegal_ttt val_loss:6.9 val_bpb:3.4\n"
    metrics = tuple(
        Metric(label, "final", bpb, None, None, 4, "train.log", at, f"{label} val_loss:1.6265 val_bpb:{bpb}")
        for at, (label, bpb) in enumerate([("sliding_5gram", 0.9633), ("legal_ttt", 1.1216)])
    )
    run = Run("train.log", 1, 9, metrics)
    claim = Claim("val_bpb", 0.9633, "submission.json", 5, "val_bpb", None, 4)
    evidence = Evidence((Log("train.log", 1, "", "utf-8", 9, (run,)),), ClaimSet("submission.json", (claim,)))
    found = printed_score(output, claimed_kind(evidence))
    assert found is not None and found.bpb == 1.6 and printed_score(output, claimed_kind(Evidence())).bpb == 3.4
    assert printed_score("other val_bpb:2.5\n", claimed_kind(evidence)).bpb == 2.5


@pytest.mark.parametrize(
    ("line", "bpb", "loss"),
    [
        ("step:9/9 val_loss:2.0718 val_bpb:1.2270", 1.2270, 2.0718),
        ("final_int8_zlib_roundtrip_exact val_loss:2.07 val_bpb: 1.22696", 1.22696, 2.07),
        ("legal_ttt val_bpb=1.1 delta_bpb=-0.5", 1.1, None),
        ('{"val_bpb": 1.5}', 1.5, None),
        ("final val_bpb:1.5\ndiagnostic val_loss:2.1 val_bpb:1.2", 1.5, None),
        ("val_loss:3.25 train_time:12.5ms", None, 3.25),
    ],
)
def test_the_last_printed_score_counts(line, bpb, loss):
    printed = printed_score(f"val_bpb:9.9\n{line}\n" if bpb else line)
    assert (printed.bpb, printed.loss) == (bpb, loss)


def test_no_score_is_none():
    assert printed_score("train_loss:2.5\nbaseline_bpb:1.2\n") is None


def test_too_many_bytes_and_too_few_bits_fail_and_a_dropped_tail_does_not():
    whole = np.ones(COUNT, bool)
    bytes_per_token = BYTES[1:].mean()
    good = printed_score(f"val_loss:7.0 val_bpb:{7 / np.log(2) / bytes_per_token:.4f}")
    wrong = printed_score(f"val_loss:7.0 val_bpb:{7 / np.log(2) / (bytes_per_token * 1.17):.4f}")
    assert ratio(counted(good), BYTES) is None
    assert ratio(counted(wrong), BYTES).status == "FAIL"
    low = printed_score(f"val_bpb:{np.log2(SIZE - 4) / bytes_per_token * 0.9:.4f}")
    assert least(low, whole, BYTES, SIZE).status == "FAIL"
    whole[-1500:] = False
    assert least(low, whole, BYTES, SIZE) is None


def test_bits_per_token_are_no_bits_per_byte_where_a_vocabulary_is_not_of_bytes():
    printed = printed_score(f"val_loss:7.0 val_bpb:{7 / np.log(2):.6f}")
    assert uncounted(counted(printed), BYTES, SIZE).status == "SKIP"
    assert uncounted(counted(printed), BYTES, 260) is None and uncounted(2.4, BYTES, SIZE) is None
    assert counted(printed_score("val_bpb:3.5")) is None


@pytest.mark.parametrize(("factor", "status"), [(1.17, "FAIL"), (1.0, "PASS"), (0.85, "SKIP")])
def test_a_score_with_its_own_count_of_bytes_is_found_by_what_a_nat_makes_of_it(factor, status):
    nats = np.random.default_rng(1).uniform(6, 8, COUNT - 1)
    over = np.log(2) * BYTES[1:].sum() * factor
    printed = printed_score(f"val_bpb:{nats.sum() / over:.6f}")
    more = printed_score(f"val_bpb:{(nats.sum() + COUNT - 1) / over:.6f}")
    passes = explaining(scored(nats), printed, BYTES)[1]
    (asked,) = candidates(passes)
    found, each = divided(asked, passes, printed, more)
    assert found.placed.site.name == "t.py:1 loss" and each == pytest.approx(BYTES[1:].mean() * factor, rel=1e-3)
    assert weighed(found, each, printed, BYTES).status == status


def test_a_part_of_a_mixture_and_a_run_without_a_score_tell_nothing():
    nats = np.random.default_rng(1).uniform(6, 8, COUNT - 1)
    printed, more = printed_score("val_bpb:2.500000"), printed_score("val_bpb:2.700000")
    passes = explaining(scored(nats), printed, BYTES)[1]
    assert divided(passes[0], passes, printed, more) is None
    assert divided(passes[0], passes, printed, printed) is None and divided(passes[0], passes, printed, None) is None


def test_the_last_losses_without_gradients_are_asked_about_first():
    nats = np.full(COUNT - 1, 7.0)
    grad = site("t.py:1 loss grad", nats, TOKENS[1:].astype(np.int64), 9)
    early = site("t.py:1 loss", nats, TOKENS[1:].astype(np.int64), 2)
    later = site("t.py:2 loss", nats, TOKENS[1:].astype(np.int64), 3)
    mixed = site("t.py:4 summed", nats, None, 4)
    passes = explaining(
        placed({each.name: each for each in (grad, early, later, mixed)}, TOKENS), printed_score("val_bpb:9.0"), BYTES
    )[1]
    assert [each.placed.site.name for each in candidates(passes)] == [
        "t.py:2 loss", "t.py:4 summed", "t.py:1 loss grad"
    ]  # fmt: skip
    assert len(candidates(explaining(scored(nats), printed_score("val_bpb:9.0"), BYTES)[1])) == 1
    assert candidates([]) == []


def test_a_set_of_pieces_has_no_single_bytes_and_tells_a_constant_from_a_count():
    pieces = Draw(1, 2, pieces=True).tokens(SIZE)
    assert (np.delete(pieces, np.s_[::DOCUMENT]) >= 260).all() and (Draw(1, 2, pieces=True).tokens(260) < 260).any()
    here, there = BYTES[1:].mean(), byte_counts(pieces, SIZE)[1:].mean()
    assert stays(3.3, 3.3001) and not stays(here, there)


def test_places_are_kept_apart_by_kind():
    value = Placed(site("t.py:3 loss grad", [1.0]), np.ones(1), np.zeros(1, np.int64), True)
    assert value.site.place == "t.py:3" and value.site.learns


def windows(length, stride):
    """Return the tokens that windows score, each of them whole, and the places of these."""
    at = np.concatenate([np.arange(start, start + length) for start in range(1, COUNT - length, stride)])
    return TOKENS[at].astype(np.int64), at


def in_turns(name, values, targets, first, every=128):
    moments = np.repeat(np.arange(len(values) // every) * 2 + first, every)
    return Site(name, np.asarray(values, float), targets, moments)


def test_values_beside_ones_of_known_tokens_are_of_the_same_tokens():
    targets, at = windows(128, 64)
    known = in_turns("t.py:1 gathered", np.ones(len(at)), targets, 1)
    mixed = in_turns("t.py:2 log", np.ones(len(at)), None, 2)
    found = placed({each.name: each for each in (known, mixed)}, TOKENS)["t.py:2 log"]
    assert not found.exact and found.slack > 0 and (found.positions == at).all()


def test_twice_as_many_values_as_tokens_are_no_two_passes_where_windows_overlap():
    targets, at = windows(128, 64)
    known = in_turns("t.py:1 gathered", np.ones(len(at)), targets, 1)
    alone = site("t.py:2 log", np.ones(2 * (COUNT - 12)))
    assert "t.py:2 log" not in placed({each.name: each for each in (known, alone)}, TOKENS)
    plain = site("t.py:1 loss", np.ones(COUNT - 1), TOKENS[1:].astype(np.int64))
    assert "t.py:2 log" in placed({each.name: each for each in (plain, alone)}, TOKENS)
