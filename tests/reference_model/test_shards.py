from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_model.data.shards import HEADER_BYTES, MAGIC, BadShard, open_shard, split_shards, write_shard


@given(tokens=st.lists(st.integers(0, 65_535), max_size=200), data=st.data())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, tokens: list[int], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("shard") / "fineweb_train_000000.bin"
    write_shard(path, tokens)
    shard = open_shard(path)
    assert shard.tokens == len(tokens)
    assert path.stat().st_size == HEADER_BYTES + 2 * len(tokens)
    start = data.draw(st.integers(0, len(tokens)))
    stop = data.draw(st.integers(start, len(tokens)))
    assert list(shard.read(start, stop)) == tokens[start:stop]
    assert list(shard.read()) == tokens


def test_the_header_is_the_challenges(tmp_path: Path) -> None:
    path = tmp_path / "fineweb_val_000000.bin"
    write_shard(path, [1, 515])
    raw = path.read_bytes()
    assert struct.unpack_from("<4i", raw) == (MAGIC, 1, 2, 0)
    assert raw[HEADER_BYTES:] == b"\x01\x00\x03\x02"
    assert len(raw) == 1028


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "less than a shard's header"),
        (b"\0" * 1024, "not a token shard"),
        (struct.pack("<3i", MAGIC, 2, 0).ljust(1024, b"\0"), "shard version 2"),
        (struct.pack("<3i", MAGIC, 1, 3).ljust(1024, b"\0") + b"\0\0", "1026 bytes where 3 tokens need 1030"),
        (struct.pack("<3i", MAGIC, 1, -1).ljust(1024, b"\0"), "-1 tokens"),
    ],
)
def test_a_broken_shard_is_named(tmp_path: Path, raw: bytes, reason: str) -> None:
    path = tmp_path / "fineweb_train_000003.bin"
    path.write_bytes(raw)
    with pytest.raises(BadShard) as caught:
        open_shard(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadShard, match="No such file"):
        open_shard(tmp_path / "fineweb_train_000000.bin")
    with pytest.raises(BadShard, match="no fineweb_val"):
        split_shards(tmp_path, "val")


def test_shards_come_in_order_without_sidecars(tmp_path: Path) -> None:
    for name in ("fineweb_val_000001.bin", "fineweb_val_000000.bin", "fineweb_val_bytes_000000.bin"):
        write_shard(tmp_path / name, [1])
    names = [shard.path.name for shard in split_shards(tmp_path, "val")]
    assert names == ["fineweb_val_000000.bin", "fineweb_val_000001.bin"]


def test_a_token_that_does_not_fit_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "fineweb_train_000000.bin"
    with pytest.raises(ValueError, match="position 1"):
        write_shard(path, [1, 65_536])
    assert list(tmp_path.iterdir()) == []


def test_a_range_outside_the_shard_is_refused(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "fineweb_train_000000.bin", [1, 2, 3])
    with pytest.raises(IndexError):
        shard.read(2, 4)
    shard.path.write_bytes(shard.path.read_bytes()[:-2])
    with pytest.raises(BadShard, match="ends before token 3"):
        shard.read()
