"""``python -m reference_model.parity.harness FOLDER SCRIPT``, in the sandbox: the script's side of a comparison.

Reads ``case.json``, ``weights.npz`` and ``data.npz`` in FOLDER, writes ``results.npz`` and ``results.json`` there. What
comes back is a stranger's: the caller reads it as such.
"""

from __future__ import annotations

import io
import json
import math
import sys
import traceback
import types
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from reference_model.parity.names import Pairs, pair
from reference_model.parity.system import System


class Batches:
    """Calibration rows in the shapes in which the scripts ask for them."""

    def __init__(self, rows: torch.Tensor) -> None:
        self._rows = rows
        self.count, self.rows = len(rows), len(rows) * rows.shape[1]
        self._next = 0

    def next_batch(self, *_: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the next batch: tokens and targets (rows, seq)."""
        rows = self._rows[self._next]
        self._next += 1
        return rows[:, :-1], rows[:, 1:]

    def take(self, count: int) -> torch.Tensor:
        """Return the next row (count,)."""
        row = self._rows.flatten(0, 1)[self._next]
        self._next += 1
        assert len(row) == count
        return row


class Side:
    """The script's module, its model with the given weights, and what was asked of them."""

    def __init__(self, folder: Path, script: Path) -> None:
        case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        self.system = msgspec.convert(case["system"], System)
        self.layers, self.steps, self.clip = case["layers"], case["steps"], case["clip"]
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.facts: dict[str, Any] = {"missing": {}}
        with np.load(folder / "data.npz") as data:
            given = {name: torch.from_numpy(data[name]) for name in data.files}
        with np.load(folder / "weights.npz") as data:
            self.weights = {name: torch.from_numpy(data[name]) for name in data.files}
        self.rows = given["rows"]
        module = types.ModuleType("submission")
        module.__file__ = str(script)
        sys.modules["submission"] = module
        self.names = module.__dict__
        exec(compile(script.read_bytes(), str(script), "exec", dont_inherit=True), self.names)
        self.names |= {
            "device": torch.device("cpu"),
            "scratch": str(folder),
            "shards": case["shards"],
            "count": case["calibration_batches"],
            "saved": _saved,
            "tokens": self.rows[0, :, :-1],
            "targets": self.rows[0, :, 1:],
            "val_data": types.SimpleNamespace(
                val_tokens=given["val"], base_bytes_lut=given["base"], has_leading_space_lut=given["space"],
                is_boundary_token_lut=given["boundary"], caseops_enabled=case["sidecar"], val_bytes=given["bytes"],
            ),
        }  # fmt: skip
        self._build(case["settings"])

    def _build(self, settings: dict[str, Any]) -> None:
        names = self.names
        names["h"] = h = eval(self.system.settings, names)
        for name, value in settings.items():
            if hasattr(h, name):
                setattr(h, name, value)
        _quiet(names, h)
        torch.manual_seed(0)
        names["model"] = self.model = eval(self.system.model, names).float()
        for statement in self.system.prepare:
            names["batches"] = Batches(self.rows)
            exec(statement, names)
        state = dict(self.model.named_parameters())
        shapes = {name: tuple(weight.shape) for name, weight in self.weights.items()}
        self.pairs: Pairs = pair(shapes, state, self.system, self.layers)
        self.facts["by_order"] = list(self.pairs.by_order)
        self.facts["parameters"] = sum(parameter.numel() for parameter in state.values())
        self.load()

    @torch.no_grad()
    def load(self) -> None:
        """Set the model to the given weights."""
        state = dict(self.model.named_parameters())
        for name, weight in self.weights.items():
            places = self.pairs.places[name]
            for index, place in enumerate(places):
                there = place.of(state)
                there.copy_((weight if len(places) == 1 else weight[index]).reshape(there.shape))

    def ours(self, name: str, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return what lies in ``tensors`` (by their names) where our parameter ``name`` is."""
        return torch.cat([place.of(tensors).reshape(-1) for place in self.pairs.places[name]])

    def flat_names(self, name: str) -> list[str]:
        """Return what our parameter ``name`` is called where stacks are taken apart, as they are for the artifact."""
        places = self.pairs.places[name]
        return [place.name for place in places] if places[0].index is None else [self.system.theirs(name)]

    def ask(self, name: str, what: Any) -> None:
        """Run one part; what fails is told and costs no other part."""
        try:
            what()
        except Exception as error:
            traceback.print_exc()
            self.facts["missing"][name] = f"{type(error).__name__}: {error}"[:300]

    def forward(self) -> None:
        """Logits, the loss and its gradients."""
        system = self.system
        if system.logits:
            self.model.eval()
            with torch.no_grad():
                self.arrays["logits"] = eval(system.logits, self.names).float().numpy()
        self.model.train()
        self.model.zero_grad()
        loss = eval(system.loss, self.names)
        loss.backward()
        self.facts["loss"] = float(loss)
        gradients = {name: _grad(parameter) for name, parameter in self.model.named_parameters()}
        for name in self.weights:
            self.arrays[f"gradient/{name}"] = self.ours(name, gradients).numpy()

    def optimize(self) -> None:
        """Weights after some steps of the script's own optimizers, in float32."""
        system, names = self.system, self.names
        in_bfloat16 = torch.Tensor.bfloat16
        torch.Tensor.bfloat16 = lambda tensor, *_, **__: tensor.float()  # type: ignore[method-assign]
        try:
            names["optimizers"] = optimizers = eval(system.optimizers, names)
            for step in range(self.steps):
                self.model.zero_grad()
                names["tokens"], names["targets"] = self.rows[step, :, :-1], self.rows[step, :, 1:]
                eval(system.loss, names).backward()
                for optimizer in optimizers:
                    for group in optimizer.param_groups:
                        if "momentum" in group:
                            group["momentum"] = _momentum(names["h"], step)
                if self.clip > 0:
                    torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
                exec(system.step, names)
        finally:
            torch.Tensor.bfloat16 = in_bfloat16  # type: ignore[method-assign]
            names["tokens"], names["targets"] = self.rows[0, :, :-1], self.rows[0, :, 1:]
        state = {name: parameter.detach() for name, parameter in self.model.named_parameters()}
        for name in self.weights:
            self.arrays[f"moved/{name}"] = self.ours(name, state).numpy()
        self.load()

    def calibrate(self) -> None:
        """Keep the tokens that the script's own calibration hands to its model, as rank 0 of eight reads them."""
        h, seen = self.names["h"], []
        alone = {name: getattr(h, name) for name in ("rank", "world_size", "grad_accum_steps") if hasattr(h, name)}
        for name in alone:
            setattr(h, name, 0 if name == "rank" else 8 if name == "world_size" else 1)
        h.train_files = self.names["shards"]
        self.model.forward_logits = lambda tokens, *_, **__: seen.append(tokens.clone())
        try:
            eval(self.system.calibration, self.names)
        finally:
            del self.model.forward_logits
            for name, value in alone.items():
                setattr(h, name, value)
        self.arrays["calibration"] = torch.cat([tokens.flatten() for tokens in seen]).numpy()

    def quantise(self) -> None:
        """Hessians, integers, scales, kept values, restored weights and the bytes of the artifact."""
        system, names = self.system, self.names
        self.model.eval()
        names["state"] = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
        if system.hessians:
            names["batches"] = Batches(self.rows)
            names["hessians"] = eval(system.hessians, names)
            for name in self.weights:
                there = system.theirs(name)
                found = names["hessians"].get(there, names["hessians"].get(there.removesuffix(".weight")))
                if found is not None:
                    self.arrays[f"hessian/{name}"] = found.float().numpy()
        names["quantised"] = eval(system.quantised, names)
        found = names["quantised"]
        parts = found[0] if isinstance(found, tuple) else found
        if "quantized" in parts:
            parts = {f"{name}.q": tensor for name, tensor in parts["quantized"].items()} | {
                f"{name}.scale": tensor for name, tensor in parts["scales"].items()
            } | dict(parts["passthrough"])  # fmt: skip
        for name in self.weights:
            flat = self.flat_names(name)
            for kind, suffixes in (("integers", (".q", ".gq")), ("scale", (".scale", ".gs")), ("values", ("",))):
                tensors = [
                    parts[f"{each}{suffix}"] for each in flat for suffix in suffixes if f"{each}{suffix}" in parts
                ]
                if tensors:
                    self.arrays[f"{kind}/{name}"] = torch.cat([tensor.reshape(-1) for tensor in tensors]).numpy()
        restored = eval(system.restored, names)
        for name in self.weights:
            flat = self.flat_names(name)
            self.arrays[f"restored/{name}"] = torch.cat([restored[each].float().reshape(-1) for each in flat]).numpy()

    def pack(self) -> None:
        """Count the bytes of the artifact."""
        self.facts["bytes"] = len(eval(self.system.packed, self.names))

    def evaluate(self, name: str) -> None:
        """One of the script's evaluations, of the given weights."""
        self.load()
        torch.manual_seed(0)
        loss, bpb = eval(self.system.evaluations[name], self.names)
        self.facts[f"score/{name}"] = [float(loss), float(bpb)]


def _saved(value: Any) -> bytes:
    """Return ``value`` as the scripts write it before they compress it."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _grad(parameter: torch.nn.Parameter) -> torch.Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.detach()


def _momentum(h: Any, step: int) -> float:
    done = min(step / h.muon_momentum_warmup_steps, 1.0)
    return float((1 - done) * h.muon_momentum_warmup_start + done * h.muon_momentum)


def _quiet(names: dict[str, Any], h: Any) -> None:
    """Let the scripts' own log print: they keep their settings in a global for it."""
    if callable(tell := names.get("set_logging_hparams")):
        tell(h)
    names["log"] = lambda *_args, **_options: None


def _stand_ins(folder: Path) -> None:
    """Stand in for what only a GPU machine has; under autocast everything stays float32, so that sides compare."""
    from auditor.smoke.harness import cuda, devices, distributed, packages
    from auditor.smoke.harness.journal import Journal

    journal = Journal(str(folder / "journal"))
    packages.install(journal)
    cuda.install(journal)
    distributed.install(journal)
    devices.install(journal)
    autocast: Any = torch.amp.autocast_mode.autocast
    begin = autocast.__init__
    autocast.__init__ = lambda self, kind="cuda", *_, **__: begin(self, kind, enabled=False)


def main() -> None:
    """Run everything that the system names and write what came of it."""
    folder, script = Path(sys.argv[1]), Path(sys.argv[2])
    _stand_ins(folder)
    side = Side(folder, script)
    side.ask("forward", side.forward)
    if side.system.optimizers:
        side.ask("optimizers", side.optimize)
    if side.system.calibration:
        side.ask("calibration", side.calibrate)
    if side.system.quantised:
        side.ask("quantised", side.quantise)
    if side.system.packed:
        side.ask("bytes", side.pack)
    for name in side.system.evaluations:
        side.ask(f"score/{name}", lambda name=name: side.evaluate(name))
    facts = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in side.facts.items()
    }
    np.savez(folder / "results.npz", **side.arrays)  # type: ignore[arg-type]  # its stub takes no mapping
    (folder / "results.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
