"""Identities of the evaluations: what is scored, when, and that a score is a probability's."""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import replace as replaced
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from reference_model.config import Config, Data, Evaluate, Model, ScoreFirst
from reference_model.config_check import check
from reference_model.data.documents import document_starts
from reference_model.data.valset import Val
from reference_model.data.variants import VARIANTS
from reference_model.errors import BadInput
from reference_model.evaluate import Score, evaluate_all
from reference_model.evaluate.hedge import Hedge, hedge
from reference_model.evaluate.learn import Learner, cosine
from reference_model.evaluate.lora import EVERYWHERE, Document, DocumentScorer, batches, documents, lora_documents
from reference_model.evaluate.ngram import Cache, mixture, ngram, published_nats
from reference_model.evaluate.phased import phased, phases
from reference_model.evaluate.predictions import Prediction
from reference_model.evaluate.roundtrip import roundtrip
from reference_model.evaluate.score import tensor_of
from reference_model.evaluate.score_first import by_chunks, chunk_count, chunk_nats, chunks, score_first
from reference_model.evaluate.sliding import Batch, Windows, sliding, window_starts, windows
from reference_model.model import GPT
from reference_model.train.ranks import Ranks

VOCAB, SEQ = 64, 32
ONE = Ranks.single("cpu")


def make_config(loader: str = "sequential", mode: str = "legal", **evaluate: Any) -> Config:
    model = Model(vocab_size=VOCAB, layers=2, dim=32, heads=4, kv_heads=2)
    data = Data(tokenizer="own", seq_len=SEQ, batch_tokens=8 * SEQ, eval_batch_tokens=8 * 3 * SEQ, loader=loader)  # type: ignore[arg-type]
    return Config(mode=mode, model=model, data=data, evaluate=Evaluate(**evaluate))  # type: ignore[arg-type]


def make_val(tokens: int = 321, seed: int = 0) -> Val:
    """Return validation text with documents of some twenty tokens; each token is as many bytes as its id mod 4."""
    random = np.random.default_rng(seed)
    found = random.integers(4, VOCAB, tokens).astype(np.uint16)
    found[random.random(tokens) < 0.05] = 1
    found[0] = 1
    return val_of(found)


def val_of(tokens: np.ndarray[Any, Any]) -> Val:
    counts = (tokens % 4).astype(np.uint16)
    counts[tokens == 1] = 0
    counts[0] = 0
    return Val(tokens, counts, document_starts(tokens))


@pytest.fixture(scope="module")
def model() -> GPT:
    """Return a model with something to say: its outputs don't start at zero."""
    torch.manual_seed(0)
    found = GPT(make_config().model, SEQ)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return found.eval()


# Windows and chunks


def test_the_windows_of_the_published_evaluations_are_counted() -> None:
    targets = {variant.name: variant.val_targets for variant in VARIANTS}
    assert len(window_starts(targets["sp1024"], 1024, 256)) == 242_269
    assert len(window_starts(targets["sp4096"], 2048, 64)) == 711_041
    assert len(window_starts(targets["sp8192"], 2048, 64)) == 633_409
    assert len(window_starts(targets["sp1024"], 1024, 256, "tails-again")) == 242_269 + 3
    assert len(window_starts(targets["sp4096"], 2048, 64, "tails-again")) == 711_041 + 31
    assert chunk_count(targets["sp8192"], 32_768) == 1238


@pytest.mark.parametrize("rest", [0, 1, 7])
@pytest.mark.parametrize("stride", [8, 32])
def test_every_target_is_scored_once(rest: int, stride: int) -> None:
    targets = 96 + 8 * 5 + rest
    found = windows(targets, SEQ, stride)
    assert len(found) == -(-(targets - SEQ + stride) // stride)
    counts = np.zeros(targets, dtype=int)
    for window in found:
        assert window.start <= window.first < window.stop <= window.start + SEQ
        assert window.start == 0 or window.first - window.start == SEQ - stride
        counts[window.first : window.stop] += 1
    assert (counts == 1).all()


def test_the_published_forms_leave_out_or_repeat_some() -> None:
    def counts(scored: str) -> list[int]:
        found = np.zeros(100, dtype=int)
        for window in windows(100, 32, 8, scored):  # type: ignore[arg-type]
            found[window.first : window.stop] += 1
        return found.tolist()

    assert counts("tails-again")[:92] == [1] * 92
    assert sum(counts("tails-again")) > 100
    assert counts("first-unscored") == [0] * 24 + [1] * 76
    assert counts("tail-dropped") == [1] * 96 + [0] * 4


def test_chunks_hold_each_window_and_their_own_targets() -> None:
    found = windows(300, SEQ, 8)
    parts = chunks(300, 64, found)
    assert len(parts) == 5
    assert [window for part in parts for window in part.windows] == list(found)
    for part in parts:
        assert all(part.start <= window.first < part.stop for window in part.windows)
    assert parts[-1].stop == 300


# Scores


def test_a_score_is_nats_over_targets_and_bits_over_bytes(model: GPT) -> None:
    val = make_val()
    score = roundtrip(model, val, make_config(), ONE)
    tokens = torch.from_numpy(val.tokens.astype(np.int64))
    with torch.no_grad():
        nats = sum(
            float(model.loss(tokens[None, i : i + SEQ], tokens[None, i + 1 : i + SEQ + 1], reduction="none").sum())
            for i in range(0, val.targets, SEQ)
        )
    size = int(val.byte_counts.sum())
    assert (score.tokens, score.bytes, score.invalid) == (320, size, "")
    assert score.val_loss == pytest.approx(nats / 320, rel=1e-6)
    assert score.val_bpb == pytest.approx(nats / math.log(2) / size, rel=1e-6)


def test_sliding_by_whole_windows_is_the_roundtrip(model: GPT) -> None:
    val = make_val()
    found, plain = sliding(model, val, make_config(stride=SEQ), ONE), roundtrip(model, val, make_config(), ONE)
    assert (found.val_loss, found.tokens, found.bytes) == (plain.val_loss, plain.tokens, plain.bytes)


def test_one_window_over_all_is_one_forward_pass(model: GPT) -> None:
    val = make_val(97)
    tokens = tensor_of(val, ONE.device)
    with torch.no_grad():
        whole = model.loss(tokens[None, :-1], tokens[None, 1:], reduction="none").double().mean()
    found = sliding(model, val, make_config(stride=16, window=128), ONE)
    assert found.val_loss == pytest.approx(float(whole), rel=1e-6)


def test_a_score_over_part_of_the_targets_is_tagged(model: GPT) -> None:
    found = sliding(model, make_val(), make_config(stride=8, scored="first-unscored"), ONE)
    assert found.tokens == 320 - 24
    assert "left out" in found.invalid


def test_documents_of_a_packed_model_do_not_see_each_other(model: GPT) -> None:
    val = make_val()
    config = make_config("packed")
    starts = [*val.documents.tolist(), val.targets]
    tokens = tensor_of(val, ONE.device)
    nats = 0.0
    for first, stop in itertools.pairwise(starts):
        for cut in [first, *(edge for edge in range(96, 320, 96) if first < edge < stop)]:
            # A batch of 96 tokens cuts the document that straddles it.
            end = min([stop, *(edge for edge in range(96, 320, 96) if edge > cut)])
            for begin in range(cut, end, SEQ):
                span = tokens[begin : min(begin + SEQ, end) + 1]
                with torch.no_grad():
                    nats += float(model.loss(span[None, :-1], span[None, 1:], reduction="none").sum())
    assert roundtrip(model, val, config, ONE).val_loss == pytest.approx(nats / 320, rel=1e-5)


def test_text_without_bytes_has_no_score(model: GPT) -> None:
    with pytest.raises(BadInput, match="of 0 bytes"):
        roundtrip(model, val_of(np.full(65, 1, dtype=np.uint16)), make_config(), ONE)


# Score first, then learn


def chunked(chunk_tokens: int = 64, lr: float = 0.1) -> Config:
    return make_config(stride=8, score_first=ScoreFirst(kind="chunks", chunk_tokens=chunk_tokens, lr=lr, batch_rows=2))


def nats_by_chunk(model: GPT, val: Val, config: Config) -> list[float]:
    return list(chunk_nats(model, val, Windows.of(config, val.targets), ONE))


def test_without_learning_chunks_are_sliding_windows(model: GPT) -> None:
    val = make_val()
    plain = sliding(model, val, chunked(), ONE)
    assert by_chunks(model, val, chunked(lr=0.0), ONE).val_loss == pytest.approx(plain.val_loss, rel=1e-6)
    # One chunk: scored, and nothing is left to learn for.
    assert by_chunks(model, val, chunked(chunk_tokens=1000), ONE).val_loss == plain.val_loss


def test_the_first_chunk_is_scored_by_the_model_as_it_is(model: GPT) -> None:
    val = make_val()
    still, learning = nats_by_chunk(model, val, chunked(lr=0.0)), nats_by_chunk(model, val, chunked())
    assert learning[0] == still[0]
    assert all(abs(a - b) > 1e-3 for a, b in zip(learning[1:], still[1:], strict=True))


@pytest.mark.parametrize("chunk", range(4))
def test_what_comes_after_a_chunk_does_not_touch_its_score(model: GPT, chunk: int) -> None:
    val = make_val()
    tokens = val.tokens.copy()
    after = (chunk + 1) * 64 + 1
    tokens[after:] = make_val(seed=1).tokens[after:]
    before, changed = (nats_by_chunk(model, found, chunked()) for found in (val, val_of(tokens)))
    assert before[: chunk + 1] == changed[: chunk + 1]
    assert before[chunk + 1] != changed[chunk + 1]


def test_learning_leaves_the_model_itself_alone(model: GPT) -> None:
    before = copy.deepcopy(model.state_dict())
    for scheme in (
        ScoreFirst(kind="chunks", chunk_tokens=64),
        ScoreFirst(kind="lora", document_chunk=8, document_batch=4),
        ScoreFirst(kind="phased", document_chunk=8, document_batch=4, phases=(6,), chunk_tokens=64, epochs=1),
    ):
        score_first(model, make_val(), make_config(stride=8, score_first=scheme), ONE)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_step_averages_rows_then_clips_then_moves(model: GPT) -> None:
    tokens = tensor_of(make_val(), ONE.device)
    rows, targets = tokens[:96].view(3, SEQ), tokens[1:97].view(3, SEQ)
    learned, expected = copy.deepcopy(model), copy.deepcopy(model)
    Learner(learned, ScoreFirst(epochs=1, clip=0.5, momentum=0.0), ONE).learn(rows, targets, None, lr=0.1)
    expected.loss(rows, targets).backward()
    assert torch.nn.utils.clip_grad_norm_(expected.parameters(), 0.5) > 0.5
    for ours, theirs in zip(learned.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs - 0.1 * theirs.grad)


def test_the_rate_falls_to_zero_by_half_a_cosine() -> None:
    assert [round(cosine(2.0, index, 5), 4) for index in range(5)] == [2.0, 1.7071, 1.0, 0.2929, 0.0]
    assert cosine(2.0, 0, 1) == 2.0


# Adapters by document


def by_document(**scheme: Any) -> Config:
    values: dict[str, Any] = {"kind": "lora", "document_chunk": 8, "document_batch": 3, "lora_lr": 0.05, **scheme}
    return make_config(score_first=ScoreFirst(**values))


def test_every_target_belongs_to_one_document() -> None:
    val = make_val()
    found = documents(val)
    assert sum(document.targets for document in found) == val.targets
    assert [document.start for document in found] == val.documents.tolist()
    lengths = [[document.targets for document in batch] for batch in batches(found, 3)]
    assert max(lengths[-1]) <= min(lengths[0])


def test_an_adapter_that_does_not_learn_changes_nothing(model: GPT) -> None:
    val = make_val()
    found = lora_documents(model, val, by_document(lora_lr=0.0), ONE)
    tokens = tensor_of(val, ONE.device)
    with torch.no_grad():
        nats = sum(
            float(model.loss(tokens[None, d.start : d.stop], tokens[None, d.start + 1 : d.stop + 1]) * d.targets)
            for d in documents(val)
            if d.targets <= SEQ
        )
    short = sum(d.targets for d in documents(val) if d.targets <= SEQ)
    config = by_document(lora_lr=0.0)
    scorer = DocumentScorer(copy.deepcopy(model), config, EVERYWHERE, ONE.device)
    ours = sum(float(scorer.score(tokens, [d])) for d in documents(val) if d.targets <= SEQ)
    assert ours / short == pytest.approx(nats / short, rel=1e-5)
    assert found.tokens == val.targets


def test_a_document_is_scored_alike_whatever_stands_beside_it(model: GPT) -> None:
    tokens = tensor_of(make_val(), ONE.device)
    some = [Document(0, 0, 50), Document(1, 100, 120), Document(2, 200, 245)]
    for sites in (("q", "v"), EVERYWHERE):
        scorer = DocumentScorer(copy.deepcopy(model), by_document(), sites, ONE.device)  # type: ignore[arg-type]
        together = scorer.score(tokens, some)
        alone = torch.cat([scorer.score(tokens, [document]) for document in some])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sites", [("q", "v"), EVERYWHERE])
def test_a_document_learns_from_what_is_scored_only(model: GPT, sites: Any) -> None:
    tokens = tensor_of(make_val(), ONE.device)
    changed = tokens.clone()
    changed[100 + 17 :] = tensor_of(make_val(seed=1), ONE.device)[100 + 17 :]
    chunk_nats = [
        list(DocumentScorer(copy.deepcopy(model), config, sites, ONE.device).chunk_nats(text, [Document(0, 100, 180)]))
        for text, config in ((tokens, by_document()), (changed, by_document()), (tokens, by_document(lora_lr=0.0)))
    ]
    learned, other, still = (torch.cat(found).tolist() for found in chunk_nats)
    assert len(learned) == 10
    assert learned[:2] == other[:2]
    assert learned[2] != other[2]
    assert learned[0] == still[0]
    assert all(a != b for a, b in zip(learned[1:], still[1:], strict=True))


def test_windows_of_an_adapter_that_does_not_learn_are_sliding_windows(model: GPT) -> None:
    val = make_val()
    scheme = ScoreFirst(kind="lora", lora_lr=0.0, batch_rows=4, reset_batches=2)
    config = make_config(mode="published", stride=8, score_first=scheme)
    found = score_first(model, val, config, ONE)
    assert found.val_loss == pytest.approx(sliding(model, val, config, ONE).val_loss, rel=1e-6)
    warm = msgspec.structs.replace(scheme, lora_lr=0.05, temperature=0.98)
    learned = score_first(model, val, make_config(mode="published", stride=8, score_first=warm), ONE)
    assert learned.val_loss != found.val_loss


def test_phases_end_at_their_boundaries() -> None:
    some = [[Document(0, 0, 1)] * size for size in (3, 3, 3, 1)]
    assert [(len(group), boundary) for group, boundary in phases(some, (4, 7))] == [(2, 4), (1, 7), (1, 0)]
    # A boundary in the last batch leaves nothing to learn for.
    assert [(len(group), boundary) for group, boundary in phases(some, (4, 10))] == [(2, 4), (2, 0)]
    assert [(len(group), boundary) for group, boundary in phases(some, ())] == [(4, 0)]


def test_phases_change_the_model_for_later_documents_only(model: GPT) -> None:
    val = make_val()
    scheme = {"kind": "phased", "epochs": 1, "chunk_tokens": SEQ, "batch_rows": 2, "lora_lr": 0.0}
    none, some, still = (
        phased(model, val, by_document(**scheme, phases=bounds, phase_lr=lr), ONE).val_loss
        for bounds, lr in (((), 0.1), ((5,), 0.1), ((5,), 0.0))
    )
    assert none == pytest.approx(still, rel=1e-6)
    assert none != pytest.approx(some, rel=1e-5)


# Mixtures


def sure(value: float) -> Prediction:
    """Return a prediction of one position after the tokens 5, 6, whose target is each token of the vocabulary."""
    tokens = torch.tensor([[5, 6]] * VOCAB)
    targets = torch.stack([torch.full((VOCAB,), 6), torch.arange(VOCAB)], 1)
    logs = torch.randn(VOCAB, generator=torch.Generator().manual_seed(1)).mul(value).log_softmax(0)
    nats = torch.stack([torch.zeros(VOCAB), -logs], 1)
    entropy = torch.full((VOCAB, 2), float(-(logs.exp() * logs).sum()))
    scored = torch.tensor([[False, True]]).expand(VOCAB, 2)
    return Prediction(Batch(tokens, targets, None, torch.ones_like(scored), scored), nats, entropy)


def trained_hedge(published: bool) -> Hedge:
    mixer = Hedge(VOCAB, 0.1, ONE.device, published=published)
    random = torch.Generator().manual_seed(0)
    for _ in range(3):
        text = torch.randint(0, VOCAB, (40, 101), generator=random)
        real = torch.ones(40, 100, dtype=torch.bool)
        batch = Batch(text[:, :-1], text[:, 1:], None, real, real)
        mixer.learn(Prediction(batch, torch.full((40, 100), 3.0), torch.full((40, 100), 2.0)))
    return mixer


@pytest.mark.parametrize(("published", "is_one"), [(False, True), (True, False)])
def test_the_hedge_sums_to_one_over_the_vocabulary_unless_published(published: bool, is_one: bool) -> None:
    mixer = trained_hedge(published)
    for spread in (0.5, 3.0):
        mass = float((-mixer.nats(sure(spread))[:, 1]).exp().sum())
        assert (abs(mass - 1.0) < 1e-5) == is_one, mass


def test_the_hedge_learns_from_scored_targets_after_scoring(model: GPT) -> None:
    mixer = trained_hedge(published=False)
    prediction = sure(1.0)
    before = mixer.nats(prediction)
    assert torch.equal(before, mixer.nats(prediction))
    mixer.learn(prediction)
    assert not torch.equal(before, mixer.nats(prediction))
    config = make_config(stride=8, hedge="legal")
    # Fewer than 10,000 targets: the model alone.
    plain = sliding(model, make_val(), config, ONE)
    assert hedge(model, make_val(), config, ONE).val_loss == pytest.approx(plain.val_loss, rel=1e-6)
    assert "no probability" in hedge(model, make_val(), make_config(stride=8, hedge="published"), ONE).invalid


def test_the_cache_sums_to_one_over_the_vocabulary_unless_published() -> None:
    cache = Cache(4)
    text = [5, 6, 7, 5, 6, 8, 5, 6, 7, 9]
    cache.add(text, 0, len(text) - 1)
    following = cache.after([3, 5, 6], 2)
    assert following == {7: 2, 8: 1}
    random = np.random.default_rng(0)
    for spread in (0.5, 3.0):
        model = np.exp(spread * random.standard_normal(VOCAB))
        model /= model.sum()
        mixed = mixture(model, following, 0.2, float(-(model * np.log(model)).sum()))
        assert mixed.sum() == pytest.approx(1.0, abs=1e-9)
        assert mixed[7] > model[7]
        published = [math.exp(-published_nats(-math.log(p), v, following, 0.2)) for v, p in enumerate(model)]
        assert abs(sum(published) - 1.0) > 1e-3


def test_the_cache_backs_off_to_the_longest_context_seen() -> None:
    cache = Cache(3)
    cache.add([5, 6, 7, 9, 6, 8], 0, 5)
    assert cache.after([5, 6], 1) == {7: 1}
    assert cache.after([4, 6], 1) == {7: 1, 8: 1}
    assert cache.after([4, 4], 1) is None
    with pytest.raises(BadInput, match="ngram_order 1"):
        Cache(1)


def test_the_cache_helps_on_text_that_repeats_and_counts_scored_targets_only(model: GPT) -> None:
    repeated = val_of(np.tile(make_val(65).tokens[:64], 6)[:321])
    config = make_config(stride=8, ngram_order=4)
    assert ngram(model, repeated, config, ONE).val_loss < sliding(model, repeated, config, ONE).val_loss - 0.3
    # Of the first window nothing has been counted yet: no matter what it is, it is the model's own.
    first = val_of(np.tile(make_val(9).tokens[:8], 5)[:33])
    assert ngram(model, first, config, ONE).val_loss == pytest.approx(
        sliding(model, first, config, ONE).val_loss, rel=1e-6
    )


def test_the_published_cache_needs_training_text_and_is_tagged(model: GPT) -> None:
    config = make_config(stride=8, ngram_order=4, ngram_published=True)
    with pytest.raises(BadInput, match="training tokens"):
        ngram(model, make_val(), config, ONE)
    assert "target's own loss" in ngram(model, make_val(), config, ONE, prefill=make_val(100).tokens).invalid


# Before anything is evaluated


@pytest.mark.parametrize(
    ("evaluate", "reason"),
    [
        ({"stride": SEQ + 1}, "unscored"),
        ({"ngram_order": 1}, "no context"),
        ({"score_first": ScoreFirst(kind="phased", chunk_tokens=SEQ - 1)}, "no row"),
        ({"score_first": ScoreFirst(kind="lora", document_chunk=SEQ + 1)}, "unscored"),
        ({"score_first": ScoreFirst(kind="lora", rank=0)}, "rank 0"),
        ({"score_first": ScoreFirst(kind="phased", document_chunk=8, phases=(5, 5))}, "must rise"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(evaluate: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        check(make_config(**evaluate))
    check(make_config(stride=8, ngram_order=4))


# All together


def test_scores_come_in_order_and_are_reported_at_once(model: GPT) -> None:
    config = make_config(stride=8, score_first=ScoreFirst(kind="chunks", chunk_tokens=64), ngram_order=3, hedge="legal")
    seen: list[Score] = []
    scores = evaluate_all(model, make_val(), config, ONE, seen.append)
    assert [score.name for score in scores] == ["roundtrip", "sliding", "score_first", "ngram", "hedge"]
    assert list(scores) == seen
    assert {score.tokens for score in scores} == {320}
    assert [replaced(s, seconds=0.0) for s in evaluate_all(model, make_val(), make_config(), ONE, seen.append)] == [
        replaced(scores[0], seconds=0.0)
    ]
