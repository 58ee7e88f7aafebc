"""Ours beside what a script came to, part by part: the largest difference of each."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor

from reference_model.artifact import container
from reference_model.config import Config
from reference_model.data.loader import Loader
from reference_model.data.shards import write_shard
from reference_model.data.stream import open_stream
from reference_model.evaluate import evaluate_all
from reference_model.optim.groups import Optimizers
from reference_model.parity.case import STEPS, Case
from reference_model.parity.theirs import Theirs
from reference_model.produce import EMBEDDING, training_rows
from reference_model.quantize import dequantize, group_of, quantize
from reference_model.quantize.gptq import collect_hessians
from reference_model.quantize.qtensor import QTensor
from reference_model.train.ranks import Ranks

ONE = Ranks.single("cpu")
Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Row:
    """One part: what was compared, over how many values, and the largest difference as a sentence says it.

    ``value`` is that difference as a number, None where the part could not be compared.
    """

    part: str
    compared: str
    difference: str
    value: float | None


def rows(case: Case, theirs: Theirs) -> Iterator[Row]:
    """Yield a row for each part, cheapest first; computed on one thread, as the script's side is."""
    with _one_thread():
        yield from _rows(case, theirs)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Other numbers of threads sum in another order: of #1855, one code at an edge moved, and with it its row's."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rows(case: Case, theirs: Theirs) -> Iterator[Row]:
    count = sum(parameter.numel() for parameter in case.model.parameters())
    there = theirs.facts.get("parameters")
    yield Row(
        "parameters", f"{count:,} here, {there:,} there", "equal" if count == there else "differ", float(count != there)
    )
    parts: tuple[tuple[str, Callable[[Case, Theirs], Iterator[Row]]], ...] = (
        ("forward", _forward), ("optimizers", _optimizers),
        ("calibration", _calibration), ("quantised", _quantised),
    )  # fmt: skip
    for name, part in parts:
        missing = theirs.facts["missing"].get(name)
        if missing is not None:
            yield Row(name, "the script's side failed", str(missing), None)
        else:
            yield from part(case, theirs)
    yield from _scores(case, theirs)


def _forward(case: Case, theirs: Theirs) -> Iterator[Row]:
    tokens, targets = case.rows[0, :, :-1], case.rows[0, :, 1:]
    model = case.model
    model.eval()
    if "logits" in theirs.arrays:
        with torch.no_grad():
            ours = model(tokens).numpy()
        yield _largest("logits", ours, theirs.arrays["logits"], f"{ours.size:,} values, up to {np.abs(ours).max():.1f}")
    model.train()
    model.zero_grad()
    loss = model.loss(tokens, targets)
    loss.backward()  # type: ignore[no-untyped-call]
    difference = abs(float(loss.detach()) - float(theirs.facts["loss"]))
    yield Row("loss", f"{float(loss.detach()):.6f} nats", f"{difference:.1e}", difference)
    gradients = {name: _gradient(parameter) for name, parameter in model.named_parameters()}
    yield _relative("gradients", gradients, _kind(theirs.arrays, "gradient/"))


def _optimizers(case: Case, theirs: Theirs) -> Iterator[Row]:
    found = _kind(theirs.arrays, "moved/")
    if not found:
        yield Row("optimizers", "built inside the script's main", "not compared", None)
        return
    before = {name: parameter.detach().numpy().copy() for name, parameter in case.model.named_parameters()}
    model = copy.deepcopy(case.model).train()
    optimizers = Optimizers(model, case.config.optim, ONE, dtype=torch.float32)
    for step in range(STEPS):
        optimizers.zero_grad()
        model.loss(case.rows[step, :, :-1], case.rows[step, :, 1:]).backward()  # type: ignore[no-untyped-call]
        optimizers.step(step, 1.0)
    ours = {name: parameter.detach().numpy() - before[name] for name, parameter in model.named_parameters()}
    moved = {name: array.reshape(before[name].shape) - before[name] for name, array in found.items()}
    # By norm: where a gradient is next to nothing, Adam makes a whole step of its rounding.
    yield _relative(f"{STEPS} optimizer steps", ours, moved, what="of the move of its tensor, by norm", by_norm=True)


def _calibration(case: Case, theirs: Theirs) -> Iterator[Row]:
    """Compare the tokens that each side calibrates on, as rank 0 of eight reads them after training."""
    found = theirs.arrays.get("calibration")
    if found is None:
        return
    data = case.config.data
    # The order that calibration reads in, from the start: a step of packed training doesn't fit shards this short.
    config = replace(case.config, data=replace(data, loader=case.config.quantize.calibration_loader or data.loader))
    with tempfile.TemporaryDirectory(prefix="golf-parity-") as folder:
        for number, tokens in enumerate(case.shards):
            write_shard(Path(folder, f"fineweb_train_{number:06d}.bin"), tokens.tolist())
        loader = Loader(config, open_stream(folder, "train"), seed=0)
        ours = torch.cat([*training_rows(config, loader, STEPS, ONE)]).numpy()
    there = found.reshape(-1, data.seq_len)
    if len(ours) != len(there):
        yield Row("calibration rows", f"{len(ours)} here, {len(there)} there", "differ", 1.0)
        return
    apart = int((ours != there).any(axis=1).sum())
    text = f"{apart} rows differ" if apart else "equal, in order"
    yield Row("calibration rows", f"{len(ours)} of {data.seq_len} tokens", text, apart / len(ours))


def _quantised(case: Case, theirs: Theirs) -> Iterator[Row]:
    config, model = case.config, case.model
    state = {name: parameter.detach() for name, parameter in model.named_parameters()}
    moments = {name: torch.from_numpy(array) for name, array in _kind(theirs.arrays, "hessian/").items()}
    if moments:
        yield _hessians(case, moments)
    controls = frozenset(name for name, role in model.roles().items() if role == "scalar")
    tensors = quantize(config, state, moments, controls=controls)
    yield from _codes(config, tensors, theirs.arrays)
    yield _floats(tensors, theirs.arrays)
    restored = {
        name: torch.from_numpy(array).view(state[name].shape)
        for name, array in _kind(theirs.arrays, "restored/").items()
    }
    ours = dequantize(tensors)
    yield _relative(
        "weights from the artifact", {name: tensor.numpy() for name, tensor in ours.items()},
        {name: tensor.numpy() for name, tensor in restored.items()}, what="of the largest of its tensor",
    )  # fmt: skip
    losses = [_loss_with(case, weights) for weights in (ours, restored)]
    difference = losses[0] - losses[1]
    yield Row("loss after quantising", f"{losses[0]:.6f} nats here", f"{difference:+.1e}", abs(difference))
    there = theirs.facts.get("bytes")
    if there is None:
        reason = theirs.facts["missing"].get("bytes", "not packed")
        yield Row("bytes of the artifact", "the script's side failed", str(reason), None)
        return
    here = len(container.encode(tensors, config).data)
    share = here / there - 1
    yield Row("bytes of the artifact", f"{here:,} here, {there:,} there", f"{share:+.2%}", share)


def _hessians(case: Case, moments: Mapping[str, Tensor]) -> Row:
    """Compare second moments, each over its mean diagonal: some scripts divide by rows where others do by batches."""
    scheme = case.config.quantize

    def wanted(name: str) -> bool:
        group = group_of(name, scheme)
        return group is not None and group.gptq

    case.model.eval()
    batches = [batch[:, :-1] for batch in case.rows]
    ours = collect_hessians(case.model, case.model.hidden, batches, wanted, ONE.sum_, embedding=EMBEDDING)
    shared = sorted(ours.keys() & moments.keys())
    here, there = (
        {name: (found[name] / found[name].diagonal().mean()).numpy() for name in shared} for found in (ours, moments)
    )
    return _relative(f"Hessians of {len(shared)} matrices", here, there, what="of the largest of its matrix")


def _codes(config: Config, tensors: Mapping[str, QTensor], arrays: Arrays) -> Iterator[Row]:
    """Compare integers by the levels of their group, then scales; tensors that only one side rounds are named."""
    found = _kind(arrays, "integers/")
    scales = _kind(arrays, "scale/")
    differ: dict[int, int] = {}
    total: dict[int, int] = {}
    apart, largest = [], 0.0
    for name, tensor in tensors.items():
        if (tensor.integers is None) != (name not in found):
            apart.append(name)
            continue
        if tensor.integers is None or tensor.scale is None:
            continue
        here, there = tensor.integers.numpy().reshape(-1), found[name].reshape(-1)
        group = group_of(name, config.quantize)
        levels = group.levels if group is not None else 0
        differ[levels] = differ.get(levels, 0) + int((here != there).sum())
        total[levels] = total.get(levels, 0) + here.size
        one, other = tensor.scale.float().numpy().reshape(-1), scales[name].astype(np.float32).reshape(-1)
        largest = max(largest, float(np.abs(one / other - 1).max()))
    for levels in sorted(total):
        share = differ[levels] / total[levels]
        yield Row(f"integers up to {levels}", f"{total[levels]:,}", f"{differ[levels]:,} differ ({share:.1e})", share)
    if total:
        yield Row("scales", "of rows", f"{largest:.1e} of the scale", largest)
    if apart:
        yield Row("rounded by one side only", f"{len(apart)} tensors", ", ".join(apart)[:200], float(len(apart)))


def _floats(tensors: Mapping[str, QTensor], arrays: Arrays) -> Row:
    found = _kind(arrays, "values/")
    kept = {name: tensor.values for name, tensor in tensors.items() if tensor.values is not None}
    wrong = [
        name for name, values in kept.items()
        if name in found and (str(found[name].dtype) != str(values.dtype).removeprefix("torch.")
        or not np.array_equal(found[name].reshape(-1), values.numpy().reshape(-1)))
    ]  # fmt: skip
    size = sum(values.numel() for values in kept.values())
    text = f"{len(wrong)} tensors differ: {', '.join(wrong)}"[:200] if wrong else "equal, type and value"
    return Row("what stays float", f"{size:,} values in {len(kept)} tensors", text, float(len(wrong)))


def _loss_with(case: Case, weights: Mapping[str, Tensor]) -> float:
    model = copy.deepcopy(case.model)
    model.load_state_dict(dict(weights))
    model.eval()
    with torch.no_grad():
        return float(model.loss(case.rows[:, :, :-1].flatten(0, 1), case.rows[:, :, 1:].flatten(0, 1)))


def _scores(case: Case, theirs: Theirs) -> Iterator[Row]:
    asked = [key.removeprefix("score/") for key in theirs.facts if key.startswith("score/")]
    for key, reason in theirs.facts["missing"].items():
        if key.startswith("score/"):
            yield Row(key.removeprefix("score/"), "the script's side failed", str(reason), None)
    if not asked:
        return
    case.model.eval()
    for score in evaluate_all(case.model, case.val, _evaluated(case.config, asked), ONE, lambda _: None):
        if score.name in asked:
            loss, bpb = theirs.facts[f"score/{score.name}"]
            difference = max(abs(score.val_loss - loss), abs(score.val_bpb - bpb))
            yield Row(
                f"score {score.name}",
                f"{score.val_loss:.6f} nats, {score.val_bpb:.6f} bpb",
                f"{difference:.1e}",
                difference,
            )


def _evaluated(config: Config, asked: Collection[str]) -> Config:
    """Return ``config`` with the evaluations that were ``asked`` for, as far as they can be left out."""
    # An n-gram cache and calibration text would need training shards: those parts are compared by hand.
    scheme = replace(config.evaluate, ngram_order=0, ngram_published=False)
    if "hedge" not in asked:
        scheme = replace(scheme, hedge="none")
    if "score_first" not in asked:
        scheme = replace(scheme, score_first=replace(scheme.score_first, kind="none"))
    if not {"sliding", "hedge", "score_first"} & set(asked):  # the last two score by the same windows
        scheme = replace(scheme, stride=0)
    return replace(config, evaluate=scheme)


def _kind(arrays: Arrays, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _gradient(parameter: torch.nn.Parameter) -> np.ndarray[Any, Any]:
    return (torch.zeros_like(parameter) if parameter.grad is None else parameter.grad).numpy()


def _largest(part: str, ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any], compared: str) -> Row:
    difference = float(np.abs(ours.reshape(-1) - theirs.reshape(-1)).max())
    return Row(part, compared, f"{difference:.1e}", difference)


def _relative(
    part: str, ours: Arrays, theirs: Arrays, what: str = "of the largest of its tensor", *, by_norm: bool = False
) -> Row:
    """Compare tensor by tensor: the largest difference over the largest magnitude, or norm over norm."""
    worst, at = 0.0, ""
    size = 0
    for name in sorted(ours.keys() & theirs.keys()):
        here, there = ours[name].reshape(-1), theirs[name].reshape(-1)
        size += here.size
        size_of = np.linalg.norm if by_norm else lambda array: np.abs(array).max()
        difference = float(size_of(here - there)) / (float(size_of(there)) or 1.0)
        if difference > worst:
            worst, at = difference, name
    return Row(part, f"{size:,} values", f"{worst:.1e} {what}" + (f" ({at})" if at else ""), worst)
