"""The comparison with a published script: its names, its sandboxed side, and that a difference is seen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from auditor.sandbox import mechanism
from reference_model import presets
from reference_model.config import Config, Data, Evaluate, Group, Model, Optim, Quantize, Recurrence
from reference_model.errors import BadInput
from reference_model.model import GPT
from reference_model.parity import case, compare, system, theirs
from reference_model.parity.command import parity
from reference_model.parity.names import Place, pair
from reference_model.parity.readable import readable
from reference_model.parity.system import System

ALL = ("baseline", "rec1384", "rec1453", "f1334", "f1421", "f1413", "f1493", "f1855", "sp8192")


@pytest.mark.parametrize("name", ALL)
def test_every_published_system_has_names_and_settings(name: str) -> None:
    found = system.load(name, presets.bases(name))
    assert found.quantised and found.restored and found.packed
    config = presets.load(name, "published").config
    made = case.make(config, case.Shape(), found.changed, 1)
    settings = made.settings()
    assert settings["model_dim"] == 384 and settings["vocab_size"] == 1024
    quantised = [n for n, p in made.model.named_parameters() if n.endswith("c_k.weight") and p.numel() <= 65_536]
    assert not quantised  # the scripts keep up to so many values as they are: nothing would be compared
    assert all((parameter != 0).any() for parameter in made.model.parameters())
    assert made.val.documents[0] == 0 and len(made.val.documents) > 2


def test_a_preset_of_ones_own_has_no_script() -> None:
    with pytest.raises(BadInput, match="demo: no names of a published script are known for it; there are baseline"):
        system.load("demo", presets.bases("demo"))
    assert presets.bases("f1421") == ("f1334",)
    assert presets.bases("f1855") == ("f1493", "f1413", "f1334")


def test_parameters_are_found_by_name_in_stacks_one_by_one_and_by_order() -> None:
    names = System(
        about="", names=(("^inner\\.", ""),), banks={"w": ("stack", 1)}, one_by_one=("inner.each",)
    )  # fmt: skip
    there = {
        "stack": torch.zeros(4, 2, 3), "gain": torch.zeros(5), "each.0": torch.zeros(1), "each.1": torch.zeros(1),
        "odd": torch.zeros(7),
    }  # fmt: skip
    ours = {"blocks.0.w": (2, 3), "blocks.1.w": (2, 3), "inner.gain": (5,), "inner.each": (2,), "other": (7,)}
    there["stack"] = there["stack"][:4]
    found = pair(ours, there, names, layers=2)
    assert found.places["blocks.1.w"] == (Place("stack", 3),)
    assert found.places["inner.gain"] == (Place("gain"),)
    assert found.places["inner.each"] == (Place("each.0"), Place("each.1"))
    assert found.by_order == ("other",)
    with pytest.raises(ValueError, match="no partner for more"):
        pair({**ours, "more": (9,)}, there, names, layers=2)
    with pytest.raises(ValueError, match="the preset lacks: extra"):
        pair(ours, {**there, "extra": torch.zeros(1, 2)}, names, layers=2)
    with pytest.raises(ValueError, match=r"inner.gain is \(6,\) here and \(5,\) there"):
        pair({**ours, "inner.gain": (6,)}, there, names, layers=2)


def test_newer_f_strings_are_written_the_older_way(tmp_path: Path) -> None:
    script = tmp_path / "train_gpt.py"
    script.write_text('names = [\'a\', \'b\']\ntold = f"{", ".join(names)} {names[0]!r}"\nplain = "it\'s"\n', "utf-8")
    found: dict[str, object] = {}
    exec(readable(script), found)
    assert found["told"] == "a, b 'a'"
    assert found["plain"] == "it's"
    script.write_text("def f(:\n", "utf-8")
    with pytest.raises(BadInput, match="can't parse it"):
        readable(script)
    with pytest.raises(BadInput, match="No such file"):
        readable(tmp_path / "none.py")


SCRIPT = '''
"""A script of our own that keeps its model under other names."""
import glob, io, zlib, torch
import numpy as np
from reference_model.config import Config, Data, Group, Model, Quantize, Recurrence
from reference_model.model import GPT as Inner
from reference_model.quantize import dequantize, quantize
from reference_model.quantize.gptq import collect_hessians as collect

class Hyperparameters:
    vocab_size, model_dim, num_heads, num_kv_heads, train_seq_len = 4, 8, 2, 2, 4
    embedding_dim = 8
    muon_momentum_warmup_steps, muon_momentum_warmup_start, muon_momentum = 500, 0.85, 0.95

class GPT(torch.nn.Module):
    def __init__(self, h):
        super().__init__()
        shape = Model(vocab_size=h.vocab_size, layers=2, dim=h.model_dim, heads=h.num_heads, kv_heads=h.num_kv_heads)
        self.core = Inner(shape, h.train_seq_len)
    def forward_logits(self, tokens):
        return self.core(tokens)
    def forward(self, tokens, targets):
        return self.core.loss(tokens, targets)

def quantised(state, hessians, spread):
    named = {name.removeprefix("core."): tensor * spread for name, tensor in state.items()}
    groups = (Group(levels=31, clip_sd=6.0, gptq=True),)
    scheme = Config(quantize=Quantize(groups=groups, keep_numel=100))
    controls = frozenset(name for name in named if not name.endswith(".weight"))
    found = quantize(scheme, named, {n.removeprefix("core."): h for n, h in hessians.items()}, controls=controls)
    parts = {}
    for name, tensor in found.items():
        if tensor.values is not None:
            parts["core." + name] = tensor.values
        else:
            parts[f"core.{name}.q"], parts[f"core.{name}.scale"] = tensor.integers, tensor.scale
    return parts, {"core." + name: tensor for name, tensor in dequantize(found).items()}

def hessians(model, batches):
    rows = [batches.next_batch()[0] for _ in range(batches.count)]
    found = collect(model.core, model.core.hidden, rows, lambda name: True, lambda t: t, embedding="tok_emb.weight")
    return {"core." + name: value for name, value in found.items()}

def calibrated(model, pattern, count, start):
    text = np.concatenate([np.fromfile(path, dtype="<u2", offset=1024) for path in sorted(glob.glob(pattern))])
    for batch in range(count):
        first = batch * 8 * 513 + start
        model.forward_logits(torch.from_numpy(text[first : first + 512].astype("int64")).view(8, 64))

if __name__ == "__main__":
    raise SystemExit("never run")
'''


def shaped() -> Config:
    return Config(
        model=Model(vocab_size=64, layers=2, dim=32, heads=4, kv_heads=2, recurrence=Recurrence()),
        data=Data(tokenizer="own"),
        optim=Optim(clip=0.0),
        quantize=Quantize(
            groups=(Group(levels=31, clip_sd=6.0, gptq=True),),
            keep_numel=100,
            calibration_batches=2,
            calibration_pieces=1,
            calibration_restarts=True,
        ),
        evaluate=Evaluate(),
    )


def names(spread: str = "1.0", start: int = 0) -> System:
    return System(
        about="ours",
        names=(("^", "core."),),
        calibration=f"calibrated(model, shards, count, {start})",
        hessians="hessians(model, batches)",
        quantised=f"quantised(state, hessians, {spread})",
        restored="quantised[1]",
        packed="zlib.compress(saved(quantised[0]))",
        evaluations={"roundtrip": "(1.0, 2.0)", "sliding": "no_such_name"},
    )


@pytest.mark.skipif(mechanism() == "none", reason="nothing here can hold a script")
def test_equal_sides_are_equal_and_a_difference_is_seen() -> None:
    made = case.make(shaped(), case.Shape(32, 64, 2), {}, 1)
    script = Path("train_gpt.py")
    found = theirs.run(script, SCRIPT, made, names(), 600.0)
    table = {row.part: row for row in compare.rows(made, found)}
    assert table["parameters"].difference == "equal"
    for part in ("logits", "loss", "integers up to 31", "scales", "what stays float", "rounded by one side only"):
        if part in table:
            assert table[part].value == pytest.approx(0.0, abs=1e-6), part
    assert table["gradients"].value == pytest.approx(0.0, abs=1e-5)
    assert table["weights from the artifact"].value == 0.0
    assert table["optimizers"].value is None
    assert table["calibration rows"].compared == "16 of 64 tokens"
    assert table["calibration rows"].difference == "equal, in order"
    assert table["bytes of the artifact"].value is not None
    assert table["score roundtrip"].value == pytest.approx(3.0, abs=3.0)  # the script's is made up: told, not hidden
    assert "no_such_name" in table["sliding"].difference
    assert not any(row.part == "rounded by one side only" for row in table.values())
    found = theirs.run(script, SCRIPT, made, names(spread="1.01", start=1), 600.0)
    off = {row.part: row for row in compare.rows(made, found)}
    assert off["calibration rows"].difference == "16 rows differ"
    assert off["scales"].value == pytest.approx(0.01, rel=0.1)
    assert off["weights from the artifact"].value > 1e-3  # type: ignore[operator]


@pytest.mark.parametrize("name", ["f1334", "f1855"])
def test_rows_of_calibration_are_read_from_short_shards(name: str) -> None:
    """#1855 trains on packed steps, which such shards can't fill, and calibrates on rows, which they can."""
    made = case.make(presets.load(name, "published").config, case.Shape(64, 64, 1), {}, 1)
    there = theirs.Theirs({"calibration": torch.zeros(48 * 64, dtype=torch.int64).numpy()}, {"missing": {}})
    (row,) = compare._calibration(made, there)
    assert (row.compared, row.difference) == ("48 of 64 tokens", "48 rows differ")


@pytest.mark.skipif(mechanism() == "none", reason="nothing here can hold a script")
def test_a_script_that_fails_is_one_line(tmp_path: Path) -> None:
    script = tmp_path / "train_gpt.py"
    script.write_text("raise RuntimeError('no data here')\n", "utf-8")
    result = CliRunner().invoke(parity, [str(script), "--preset", "baseline", "--dim", "32", "--vocab", "64"])
    assert result.exit_code == 1
    assert result.output.strip().endswith("ended with 1: RuntimeError: no data here")
    assert len(result.output.strip().splitlines()) == 1


def test_the_packed_trainer_leaves_the_comparison_out() -> None:
    from reference_model.artifact.bundle import sources

    assert not any("parity" in path.parts for path in sources())
    assert any(path.name == "gptq.py" for path in sources())
    assert GPT.__name__ == "GPT" and sys.version_info >= (3, 11)


def test_only_what_a_script_evaluates_is_evaluated_here() -> None:
    config = presets.load("sp8192", "published").config
    assert config.evaluate.stride and config.evaluate.score_first.kind == "lora"
    plain = compare._evaluated(config, ["roundtrip"]).evaluate
    assert (plain.stride, plain.score_first.kind, plain.hedge, plain.ngram_order) == (0, "none", "none", 0)
    assert compare._evaluated(config, ["sliding"]).evaluate.stride == config.evaluate.stride
    assert compare._evaluated(config, ["score_first"]).evaluate.score_first == config.evaluate.score_first
