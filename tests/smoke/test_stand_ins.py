"""The stand-ins mean what they stand for."""

import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from auditor.smoke.harness import packages, processes, shards  # noqa: E402
from auditor.smoke.harness.attention import flash_attn_func, flash_attn_varlen_func  # noqa: E402
from auditor.smoke.harness.files import Files  # noqa: E402
from auditor.smoke.harness.journal import Journal  # noqa: E402
from auditor.smoke.harness.tokenizer import SentencePieceProcessor  # noqa: E402


def heads(time, count):
    return torch.randn(1, time, count, 8, dtype=torch.float64).float()


def test_flash_attention_is_attention_with_grouped_heads():
    torch.manual_seed(0)
    q, k, v = heads(12, 4), heads(12, 2), heads(12, 2)
    expected = torch.nn.functional.scaled_dot_product_attention(
        *(x.transpose(1, 2) for x in (q, k, v)), is_causal=True, enable_gqa=True
    ).transpose(1, 2)
    assert torch.allclose(flash_attn_func(q, k, v, causal=True), expected, atol=1e-5)


def test_a_window_hides_what_is_farther_back():
    q, k, v = heads(12, 2), heads(12, 2), heads(12, 2)
    far = v.clone()
    far[:, :4] += 100
    one, other = (flash_attn_func(q, k, x, causal=True, window_size=(3, 0)) for x in (v, far))
    assert torch.equal(one[:, 8:], other[:, 8:]) and not torch.equal(one[:, :4], other[:, :4])


def test_segments_don_t_see_each_other():
    q, k, v = (heads(12, 2)[0] for _ in range(3))
    bounds = torch.tensor([0, 5, 12], dtype=torch.int32)
    whole = flash_attn_varlen_func(q, k, v, bounds, bounds, 7, 7, causal=True)
    parts = [flash_attn_func(q[None, a:b], k[None, a:b], v[None, a:b], causal=True)[0] for a, b in ((0, 5), (5, 12))]
    assert torch.allclose(whole, torch.cat(parts), atol=1e-5)


def test_segments_whose_keys_lie_elsewhere_and_bounds_that_repeat():
    q, k, v = heads(12, 2)[0], heads(9, 2)[0], heads(9, 2)[0]
    to, of = torch.tensor([0, 5, 12, 12], dtype=torch.int32), torch.tensor([0, 4, 9, 9], dtype=torch.int32)
    parts = [
        flash_attn_func(q[None, a:b], k[None, c:d], v[None, c:d])[0] for a, b, c, d in ((0, 5, 0, 4), (5, 12, 4, 9))
    ]
    assert torch.allclose(flash_attn_varlen_func(q, k, v, to, of, 7, 7), torch.cat(parts), atol=1e-5)
    same = flash_attn_varlen_func(q, q, q, to, to, 7, 7, causal=True, window_size=(2, 0))
    parts = [flash_attn_func(*[q[None, a:b]] * 3, causal=True, window_size=(2, 0))[0] for a, b in ((0, 5), (5, 12))]
    assert torch.allclose(same, torch.cat(parts), atol=1e-5)


def test_tools_that_make_things_smaller_leave_them_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(processes.shutil, "which", lambda _name: None)
    done = processes._kept(["pyminify", "--no-rename-locals", "-"], b"x = 1")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"x = 1", b"")
    minifier = packages._Package("python_minifier")
    assert minifier.minify("x = 1  # one", rename_locals=False).encode() == b"x = 1  # one"
    (tmp_path / "in").write_bytes(b"weights")
    assert processes._kept(["lrzip", "-o", str(tmp_path / "out"), str(tmp_path / "in")], None).returncode == 0
    assert (tmp_path / "out").read_bytes() == b"weights"
    assert processes._kept(["gcc", "-"], b"") is processes._kept(["lrzip", "--version"], None) is None


def test_a_file_that_is_renamed_in_its_folder_stays_there(tmp_path):
    files = Files(str(tmp_path / "overlay"), Journal(str(tmp_path / "results")))
    (tmp_path / "lib.tmp").write_bytes(b"code")
    files._two(os.replace)(tmp_path / "lib.tmp", str(tmp_path / "lib.so"))
    assert (tmp_path / "lib.so").read_bytes() == b"code"


def test_what_a_script_writes_to_tmp_lies_where_a_compiler_looks_and_data_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    files = Files(str(tmp_path / "overlay"), Journal(str(tmp_path / "results")))
    files._opener = open
    name = f"/tmp/golf-{os.getpid()}"
    source, folder = Path(f"{name}.c"), Path(name)
    try:
        with files._one(open)(str(source), "w") as out:
            out.write("int main;")
        files._one(os.mkdir)(name)
        assert source.is_file() and folder.is_dir() and files.place(f"{name}/x.c") == f"{name}/x.c"
    finally:
        source.unlink(missing_ok=True)
        if folder.is_dir():
            folder.rmdir()
    made = Path(files.place(f"{name}.model"))
    assert made == Path(f"{tmp_path}/overlay{name}.model") and made.exists() and not Path(f"{name}.model").exists()
    assert files.place("/nowhere/x.c") == f"{tmp_path}/overlay/nowhere/x.c"


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("data/datasets/fineweb10B_sp8192", 8192),
        ("tokenizers/fineweb_4096_bpe.model", 4096),
        ("x/fineweb10B_byte260", 260),
        ("x/sp8k/fineweb", 8192),
        ("fineweb10B", 1024),
    ],
)
def test_a_name_tells_the_vocabulary(path, size, monkeypatch):
    monkeypatch.delenv("VOCAB_SIZE", raising=False)
    assert shards.vocabulary(path) == size


def test_the_name_of_the_run_s_own_folder_tells_no_vocabulary(monkeypatch):
    monkeypatch.delenv("VOCAB_SIZE", raising=False)
    monkeypatch.setenv("HOME", "/tmp/golf-audit-run-xv381_ab")
    assert shards.vocabulary("/tmp/golf-audit-run-xv381_ab/repository/data") == 1024
    assert shards.vocabulary("/tmp/golf-audit-run-xv381_ab/overlay/root/data/sp4096") == 4096


def test_a_command_that_sets_the_vocabulary_is_believed(monkeypatch):
    monkeypatch.setenv("VOCAB_SIZE", "4096")
    assert shards.vocabulary("data/datasets/fineweb10B_sp1024") == 4096


def test_a_shard_is_in_the_challenges_format(tmp_path):
    import numpy as np

    path = tmp_path / "fineweb_val_000000.bin"
    shards.Sets().write_shard(str(path), sidecar=False, val=True, size=1024)
    header = np.fromfile(path, "<i4", 256)
    tokens = np.fromfile(path, "<u2", offset=1024)
    assert list(header[:3]) == [20240520, 1, shards.VAL_TOKENS] and len(tokens) == shards.VAL_TOKENS
    assert tokens[0] == 1 and tokens.max() < 1024 and (tokens[1:500] >= 4).all()


def test_validation_tokens_can_be_given_and_headers_left_out(tmp_path):
    import numpy as np

    given = np.arange(4, 700)
    shards.Sets(lambda size: given, bare=True).write(str(tmp_path))
    assert np.fromfile(tmp_path / "fineweb_val_000000.bin", "<u2").tolist() == given.tolist()
    assert len(np.fromfile(tmp_path / "fineweb_train_000001.bin", "<u2")) == shards.TRAIN_TOKENS


def test_training_shards_can_be_small(tmp_path):
    shards.Sets(train=2048).write(str(tmp_path))
    assert (tmp_path / "fineweb_train_000001.bin").stat().st_size == 1024 + 2 * 2048


def test_a_table_of_bytes_that_is_not_there_is_the_tokenizer_s(tmp_path, monkeypatch):
    import numpy as np

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    files = Files(str(tmp_path / "overlay"), Journal(str(tmp_path / "results")))
    files._opener = open
    path = files.place(str(tmp_path / "data" / "bytes_per_token.npy"))
    table, pieces = np.load(path), SentencePieceProcessor()
    assert table.shape == (1024,) and (table[4:260] == 1).all() and not table[:4].any()
    assert table[1001] == len(" 3e9") and pieces.id_to_piece(1001) == "\u25813e9"
    assert not (tmp_path / "data" / "weights.npy").exists()


def test_the_tokenizer_s_tables_are_whole():
    tokenizer = SentencePieceProcessor(model_file="fineweb_1024_bpe.model")
    pieces = [tokenizer.id_to_piece(i) for i in range(tokenizer.vocab_size())]
    assert len(pieces) == 1024 and "\u2581" in pieces and all(pieces)
    assert [i for i in range(1024) if tokenizer.is_byte(i)] == list(range(4, 260))
    assert tokenizer.piece_to_id("\u2581") == pieces.index("\u2581")
    assert tokenizer.decode(tokenizer.encode("ab")) == "<0x61><0x62>"
