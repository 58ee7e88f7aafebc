from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from random import Random

import numpy as np
import pytest

from auditor.cli import run
from reference_model.config import Config, Data, Model
from reference_model.data import demo as demo_module
from reference_model.data import pack as pack_module
from reference_model.data.folder import locate
from reference_model.data.pack import Scheme, pack, read_documents
from reference_model.data.shards import write_shard
from reference_model.data.tokenizer import BOS, load_tokenizer
from reference_model.data.valset import open_val, trimmed
from reference_model.data.variants import VARIANTS
from reference_model.errors import BadInput

DOCUMENTS = [
    f"Document {n}: The Quick brown fox, naïve as NASA, jumps  over\nthe lazy dog {n * n} times." for n in range(40)
]


def make_prose(words: int = 4000) -> list[str]:
    """Return documents of words enough for a vocabulary of 1,024."""
    random = Random(0)
    syllables = ["".join(pair) for pair in itertools.product("bdfgklmnprst", "aeiou")]
    text = ["".join(random.choices(syllables, k=random.randint(1, 4))) for _ in range(words)]
    return [" ".join(text[start : start + 100]) for start in range(0, words, 100)]


def make_config(vocab_size: int, seq_len: int = 8, tokenizer: str = "demo") -> Config:
    data = Data(tokenizer=tokenizer, seq_len=seq_len, batch_tokens=8 * seq_len)  # type: ignore[arg-type]
    return Config(model=Model(vocab_size=vocab_size), data=data)


@pytest.mark.parametrize(("tokenizer", "vocab_size"), [("bpe", 330), ("bytes", 260), ("caseops", 330)])
def test_a_packed_folder_is_read_and_counts_the_bytes_of_its_text(
    tmp_path: Path, tokenizer: str, vocab_size: int
) -> None:
    scheme = Scheme(vocab_size=vocab_size, tokenizer=tokenizer, val_share=0.2)  # type: ignore[arg-type]
    packed = pack(DOCUMENTS, tmp_path / "a", scheme)
    val = open_val(make_config(vocab_size, seq_len=1), tmp_path / "a")
    assert val.targets == packed.val_tokens - 1
    assert len(val.documents) == packed.val_documents == 9
    assert (val.tokens[val.documents] == BOS).all()
    assert (val.byte_counts[val.documents] == 0).all()
    assert val.bytes_between(0, val.targets) == packed.val_text_bytes
    if tokenizer != "bpe":  # nothing was normalised away
        assert packed.val_text_bytes == sum(len(text.encode()) for text in DOCUMENTS[:9])
    assert (tmp_path / "a" / "val.txt").stat().st_size == packed.val_text_bytes + 8
    assert json.loads((tmp_path / "a" / "packed.json").read_text())["sha256"] == packed.sha256
    assert pack(DOCUMENTS, tmp_path / "b", scheme) == packed


def test_shards_are_cut_and_documents_straddle_them(tmp_path: Path) -> None:
    whole = pack(DOCUMENTS, tmp_path / "a", Scheme(vocab_size=260, tokenizer="bytes"))
    cut = pack(DOCUMENTS, tmp_path / "b", Scheme(vocab_size=260, tokenizer="bytes", shard_tokens=100))
    assert len(list((tmp_path / "b").glob("fineweb_val_*.bin"))) == -(-whole.val_tokens // 100)
    config = make_config(260)
    assert cut.val_tokens == whole.val_tokens
    np.testing.assert_array_equal(open_val(config, tmp_path / "a").tokens, open_val(config, tmp_path / "b").tokens)


def test_val_is_trimmed_to_whole_rows(tmp_path: Path) -> None:
    assert [trimmed(n, 8) for n in (8, 9, 10, 17)] == [1, 9, 9, 17]
    packed = pack(DOCUMENTS, tmp_path, Scheme(vocab_size=260, tokenizer="bytes"))
    val = open_val(make_config(260, seq_len=64), tmp_path)
    assert val.targets % 64 == 0
    assert packed.val_tokens - 64 <= len(val.tokens) <= packed.val_tokens
    with pytest.raises(BadInput, match="fewer than one row of 100000"):
        open_val(make_config(260, seq_len=100_000), tmp_path)


def test_the_canonical_totals_are_whole_rows_of_the_same_text() -> None:
    totals = {variant.name: (variant.val_targets, variant.val_bytes) for variant in VARIANTS}
    assert totals == {
        "sp1024": (62_021_632, 151_080_363),
        "sp4096": (45_508_608, 151_074_053),
        "sp8192": (40_540_160, 151_078_222),
        "caseops": (47_851_520, 151_074_498),
    }
    assert all(variant.val_targets % variant.val_row == 0 for variant in VARIANTS)
    # An untrained model is about uniform: the first score of every published run.
    uniform = [math.log2(v.vocab_size) * v.val_targets / v.val_bytes for v in VARIANTS[:3]]
    assert uniform == pytest.approx([4.105, 3.615, 3.488], abs=0.001)


def test_a_score_over_other_than_the_canonical_split_is_refused(tmp_path: Path) -> None:
    # Shards of our own under a published variant's name: the tokenizer fits, the totals don't.
    pack(make_prose(), tmp_path, Scheme(vocab_size=1024))
    with pytest.raises(BadInput, match="62,021,632 of 151,080,363: a score over it can't be compared"):
        open_val(make_config(1024, tokenizer="sp1024"), tmp_path)


def test_the_challenges_layout_is_found(tmp_path: Path) -> None:
    shards = tmp_path / "datasets" / "fineweb10B_sp1024"
    shards.mkdir(parents=True)
    write_shard(shards / "fineweb_val_000000.bin", [1])
    with pytest.raises(BadInput, match=r"no tokenizer for the shards .* data fetch --variant sp1024"):
        locate(tmp_path, "sp1024")
    model = tmp_path / "tokenizers" / "fineweb_1024_bpe.model"
    model.parent.mkdir()
    model.write_bytes(b"")
    assert locate(tmp_path, "sp1024") == locate(shards, "sp1024")
    assert locate(tmp_path, "sp1024").tokenizer == model


def test_text_files_become_documents(tmp_path: Path) -> None:
    lines, plain = tmp_path / "a.jsonl", tmp_path / "b.txt"
    lines.write_text('{"text": "one"}\n"two"\n\n')
    plain.write_text("three\n\nfour\nfive\n")
    assert read_documents([lines, plain]) == ["one", "two", "three\n\nfour\nfive\n"]
    assert read_documents([plain], "paragraph") == ["three", "four\nfive\n"]
    assert read_documents([plain], "line") == ["three", "four", "five"]


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\xff", "not UTF-8"), (b"[1", "line 1: not JSON"), (b"7", "neither"), (b"", "no text")]
)
def test_text_that_cannot_be_packed_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, reason: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    assert run(["data", "pack", str(path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_packing_by_command_and_not_over_other_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "a.txt"
    text.write_text("\n".join(DOCUMENTS))
    words = ["data", "pack", str(text), "--documents", "line", "--vocab", "330", "--out", str(tmp_path / "out")]
    assert run(words) == 0
    assert "330 ids" in capsys.readouterr().out
    assert load_tokenizer(tmp_path / "out" / "tokenizer.model").vocab_size == 330
    assert run(words) == 2
    assert "holds shards already" in capsys.readouterr().err
    assert run(["data", "pack", str(text), "--out", str(tmp_path / "one")]) == 2
    assert "--documents paragraph" in capsys.readouterr().err


def test_the_demo_takes_docstrings_once_in_the_order_of_their_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "lib"
    (library / "test").mkdir(parents=True)
    (library / "a.py").write_text('"""Module a."""\ndef f():\n    """Does f.\n\n    Shared."""\n')
    (library / "b.py").write_text('class B:\n    """Shared."""\n    def g(self):\n        """Does g."""\n')
    (library / "broken.py").write_text("def")
    (library / "test" / "c.py").write_text('"""A test."""')
    monkeypatch.setattr(demo_module.sysconfig, "get_paths", lambda: {"stdlib": str(library)})
    documents = demo_module.collect_documents()
    assert {"Module a.\n\nDoes f.\n\nShared.", "Does g."} <= set(documents)
    assert not any("A test" in text for text in documents)
    assert documents == demo_module.collect_documents()


def test_the_demo_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_module, "collect_documents", lambda: make_prose(words=90_000))
    out = tmp_path / "demo"
    assert run(["data", "demo", "--out", str(out)]) == 0
    assert "1,024 ids" in capsys.readouterr().out
    assert open_val(make_config(1024), out).targets > 100
    assert run(["data", "demo", "--out", str(out)]) == 0
    assert "there already" in capsys.readouterr().out
    monkeypatch.setattr(demo_module, "collect_documents", lambda: ["too little"])
    with pytest.raises(BadInput, match="only 10 bytes of text"):
        demo_module.demo(tmp_path / "other")


def test_packing_that_was_interrupted_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = Scheme(vocab_size=260, tokenizer="bytes")

    def interrupt(folder: Path) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(pack_module, "_hash", interrupt)
        pack(DOCUMENTS, tmp_path / "out", scheme)
    assert not (tmp_path / "out").exists()
    pack(DOCUMENTS, tmp_path / "out", scheme)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_tokenizer_than_that_of_the_shards_is_refused(tmp_path: Path) -> None:
    pack(DOCUMENTS, tmp_path / "a", Scheme(vocab_size=330))
    pack(make_prose(), tmp_path / "b", Scheme(vocab_size=330))
    open_val(make_config(330), tmp_path / "a")
    (tmp_path / "b" / "tokenizer.model").replace(tmp_path / "a" / "tokenizer.model")
    with pytest.raises(BadInput, match=r"tokenizer\.model or the shards are not those packed here"):
        open_val(make_config(330), tmp_path / "a")
    (tmp_path / "a" / "packed.json").write_text("{}")
    with pytest.raises(BadInput, match="not the record"):
        open_val(make_config(330), tmp_path / "a")
