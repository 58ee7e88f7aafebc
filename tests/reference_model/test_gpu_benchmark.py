"""The benchmark for a GPU, rehearsed on a CPU: every preset's step, and a script's own, small and in bfloat16."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from reference_model import presets

ROOT = Path(__file__).resolve().parents[2]
# One of every kind; all of them on request.
KINDS = ("baseline", "rec1453", "f1334", "f1855")
PRESETS = [name for name in presets.names() if name in KINDS or ("GOLF_AUDIT_EVERY" in os.environ and name != "demo")]

SCRIPT = """
import torch
from torch import nn

class Hyperparameters:
    vocab_size, model_dim, num_layers, num_heads, num_kv_heads, mlp_mult = 1024, 512, 1, 2, 1, 2
    tie_embeddings, tied_embed_init_std, logit_softcap, rope_base, qk_gain_init = True, 0.005, 30.0, 10000.0, 1.5
    train_seq_len = 1024

class CastedLinear(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, self.weight.to(x.dtype))

class GPT(nn.Module):
    def __init__(self, vocab_size, model_dim, **rest):
        super().__init__()
        self.table = nn.Embedding(vocab_size, model_dim)
        self.head = CastedLinear(model_dim, vocab_size, bias=False)
    def forward(self, tokens, targets):
        assert tokens.shape[1] == 16 and self.head.weight.dtype is torch.float32
        assert self.table.weight.dtype is torch.bfloat16
        return nn.functional.cross_entropy(self.head(self.table(tokens)).float().flatten(0, 1), targets.flatten())
"""


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_presets", ROOT / "benchmarks" / "gpu_presets.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "WARM", 0)
    return module


@pytest.mark.parametrize("name", PRESETS)
def test_every_presets_step_runs_forward_and_backward_in_bfloat16(benchmark: ModuleType, name: str) -> None:
    full = presets.load(name, "published").config
    assert benchmark.shaped(full, 0, 0) == full  # on a GPU: as wide and as long as it was published
    config = benchmark.shaped(full, 128, 16)
    found = benchmark.measured(benchmark.ours(config, "cpu"), config, "cpu", 1)
    assert math.isfinite(found["loss"]) and 4.0 < found["loss"] < 8.0  # of 256 tokens, drawn at random: log 256 = 5.5
    assert found["tokens_s"] == pytest.approx(1000 * 2 * 16 / found["ms"])


def test_a_script_is_measured_in_its_own_types_and_told_as_one_line(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "train_gpt.py"
    script.write_text(SCRIPT, "utf-8")
    monkeypatch.setattr(benchmark, "stand_ins", lambda _: None)  # they take CUDA's place in the whole process
    small = ["--steps", "2", "--device", "cpu", "--dim", "64", "--seq", "16"]
    monkeypatch.setattr(sys, "argv", ["gpu_presets.py", "--side", "baseline", str(script), *small])
    benchmark.main()
    found = json.loads(capsys.readouterr().out)
    assert found["loss"] == pytest.approx(math.log(256), rel=0.2) and found["mib"] == 0.0


def test_without_a_gpu_it_says_so(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_presets.py"])
    with pytest.raises(SystemExit, match="no CUDA GPU here; --device cpu"):
        benchmark.main()
