from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reference_model.config import Config, Data, Model
from reference_model.data.coprime import path_seed
from reference_model.data.loader import open_loader
from reference_model.data.shards import write_shard
from reference_model.data.tokenizer import describe_bytes
from reference_model.errors import BadInput, RunFailed

SEQ, ROWS = 4, 2  # a piece is 2 rows of 4: a step takes 64 tokens


def make_config(loader: str, mode: str = "legal", vocab_size: int = 260) -> Config:
    data: dict[str, Any] = {"tokenizer": "demo", "seq_len": SEQ, "batch_tokens": 8 * ROWS * SEQ, "loader": loader}
    return Config(mode=mode, model=Model(vocab_size=vocab_size), data=Data(**data))  # type: ignore[arg-type]


def make_shards(folder: Path, sizes: tuple[int, ...], bos_every: int = 11) -> np.ndarray[Any, Any]:
    """Write training shards whose tokens tell their position, a bos now and then; return all tokens."""
    position = np.arange(sum(sizes))
    tokens = np.where(position % bos_every == 3, 1, 4 + position % 256)
    for number, stop in enumerate(np.cumsum(sizes)):
        write_shard(folder / f"fineweb_train_{number:06d}.bin", tokens[stop - sizes[number] : stop].tolist())
    (folder / "tokenizer.json").write_bytes(describe_bytes())
    return tokens


def test_the_sequential_stream_gives_a_piece_one_token_more_and_wraps(tmp_path: Path) -> None:
    tokens = make_shards(tmp_path, (50, 33))
    loader = open_loader(make_config("sequential"), tmp_path, seed=0)
    endless = np.tile(tokens, 4)
    for step in range(3):
        for piece in range(8):
            start = (step * 8 + piece) * 9
            batch = loader.batch(step, piece)
            assert batch.segments is None
            assert batch.tokens.dtype == torch.int64
            np.testing.assert_array_equal(batch.tokens.flatten(), endless[start : start + 8])
            np.testing.assert_array_equal(batch.targets.flatten(), endless[start + 1 : start + 9])
            assert batch.tokens.shape == (ROWS, SEQ)


@pytest.mark.parametrize(
    ("loader", "mode"),
    [
        ("sequential", "legal"),
        ("shuffled", "legal"),
        ("shuffled", "published"),
        ("coprime", "legal"),
        ("packed", "legal"),
    ],
)
def test_a_batch_is_a_function_of_seed_step_and_piece(tmp_path: Path, loader: str, mode: str) -> None:
    make_shards(tmp_path, (200,) * 9)
    config = make_config(loader, mode)
    asked = [(step, piece) for step in range(4) for piece in range(8)]
    first = open_loader(config, tmp_path, seed=5)
    expected = {key: first.batch(*key) for key in asked}
    again = open_loader(config, tmp_path, seed=5)
    for key in [*reversed(asked), (2, 3), (3, 0), (2, 3)]:
        batch = again.batch(*key)
        assert torch.equal(batch.tokens, expected[key].tokens)
        assert torch.equal(batch.targets, expected[key].targets)


def taken_rows(folder: Path, config: Config, steps: int, seed: int = 0) -> list[tuple[int, ...]]:
    loader = open_loader(config, folder, seed)
    pieces = [loader.batch(step, piece) for step in range(steps) for piece in range(8)]
    for batch in pieces:
        assert torch.equal(batch.tokens[:, 1:], batch.targets[:, :-1])
    return [tuple(row) for batch in pieces for row in batch.tokens.tolist()]


@pytest.mark.parametrize("loader", ["shuffled", "coprime"])
def test_rows_come_once_an_epoch_in_an_order_of_the_seed(tmp_path: Path, loader: str) -> None:
    make_shards(tmp_path, (72,) * 3, bos_every=10_000)  # of each shard 17 rows or 16, hence at least 48 before a repeat
    config = make_config(loader)
    rows = taken_rows(tmp_path, config, steps=3)
    assert len(set(rows)) == len(rows) == 48 if loader == "shuffled" else len(set(rows)) > 40
    assert rows != taken_rows(tmp_path, config, steps=3, seed=1)


def test_the_published_shuffle_ignores_the_seed_and_splits_shards_by_rank(tmp_path: Path) -> None:
    make_shards(tmp_path, (64,) * 9, bos_every=10_000)
    config = make_config("shuffled", "published")
    assert taken_rows(tmp_path, config, 3, seed=0) == taken_rows(tmp_path, config, 3, seed=1)
    batch = open_loader(config, tmp_path, 0).batch(0, 1)
    assert ((batch.tokens - 4 >= 64) & (batch.tokens - 4 < 128)).all()  # rank 1 owns the second shard only


def test_the_published_shuffle_needs_a_shard_for_each_rank(tmp_path: Path) -> None:
    make_shards(tmp_path, (64,) * 7)
    with pytest.raises(BadInput, match="7 training shards"):
        open_loader(make_config("shuffled", "published"), tmp_path, 0)


def test_the_published_stride_is_seeded_by_the_paths() -> None:
    assert path_seed(["a"]) == (97 * 1099511628211) % 2**64
    assert path_seed(["ab"]) == (((97 * 1099511628211) % 2**64 ^ 98) * 1099511628211) % 2**64


def test_packed_steps_begin_at_bos_drop_the_tail_and_cut_segments(tmp_path: Path) -> None:
    tokens = make_shards(tmp_path, (3 + 72 + 20, 160), bos_every=6)
    loader = open_loader(make_config("packed"), tmp_path, 0)
    batch = loader.batch(0, 1)
    assert batch.tokens.shape == (1, 8)
    np.testing.assert_array_equal(batch.tokens[0], tokens[12:20])
    assert batch.segments is not None
    # Documents of 6 are cut after 4; the piece begins inside one.
    assert batch.tokens[0].tolist().index(1) == 3
    assert batch.segments[0].tolist() == [0, 0, 0, 1, 1, 1, 1, 2]
    second = loader.batch(1, 0).tokens[0]
    assert second[0] == 1
    np.testing.assert_array_equal(
        second, tokens[99:107]
    )  # the second shard's first bos; the first shard's rest is gone
    assert torch.equal(loader.batch(3, 0).tokens, loader.batch(0, 0).tokens)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="golf-audit data demo"):
        open_loader(make_config("sequential"), tmp_path, 0)
    make_shards(tmp_path, (30,))
    with pytest.raises(BadInput, match=r"a vocabulary of 260, but model.vocab_size is 64"):
        open_loader(make_config("sequential", vocab_size=64), tmp_path, 0)
    with pytest.raises(BadInput, match="no training shard holds the 72 tokens of one step"):
        open_loader(make_config("packed"), tmp_path, 0)
    write_shard(tmp_path / "fineweb_train_000001.bin", [700])
    with pytest.raises(BadInput, match=r"token id 700 is beyond model.vocab_size 260"):
        open_loader(make_config("sequential"), tmp_path, 0)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(BadInput, match="no tokenizer for the shards"):
        open_loader(make_config("sequential"), tmp_path, 0)


def test_an_id_beyond_the_vocabulary_deep_in_a_shard_ends_the_run(tmp_path: Path) -> None:
    make_shards(tmp_path, (30,))
    write_shard(tmp_path / "fineweb_train_000001.bin", [5] * (1 << 18) + [700] * 100)
    loader = open_loader(make_config("sequential"), tmp_path, 0)
    step, piece = divmod((30 + (1 << 18)) // 9 + 1, 8)
    with pytest.raises(RunFailed, match="token id 700"):
        loader.batch(step, piece)
