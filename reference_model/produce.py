"""From trained weights to the artifact on disk, and back: calibrate, quantise, pack, reload (spec section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from reference_model.artifact import container
from reference_model.artifact.total import CAP_BYTES, counted_code
from reference_model.config import Config
from reference_model.data.loader import Batch, Loader
from reference_model.model import GPT, stages
from reference_model.quantize import dequantize, group_of, quantize
from reference_model.quantize.gptq import collect_hessians
from reference_model.quantize.prune import ENTRIES_PER_BYTE, prune_ones
from reference_model.train.ranks import Ranks

ARTIFACT = "final_model.golf"
EMBEDDING = "tok_emb.weight"
_TEMPERATURE = 0.8  # of self-generated calibration text (#1019)
_PRUNING_ROUNDS = 4  # packing is not linear in the entries: what eight for a byte leave over is pruned again


def packing(config: Config, coder: str) -> str:
    """Return how log lines name the artifact's form, as in ``int8+zlib``: the fewest bits that a group has."""
    levels = [group.levels for group in config.quantize.groups if group.levels]
    bits = min((quantity.bit_length() + 1 for quantity in levels), default=16)
    return f"int{bits}+{coder}" if levels else f"fp16+{coder}"


def hessians(config: Config, model: GPT, loader: Loader, step: int, ranks: Ranks) -> dict[str, Tensor]:
    """Return the second moments of linear inputs over the calibration text, the same on all ranks.

    The text is training batches (:meth:`Loader.calibration`), or what the model writes itself; reading training data
    is only allowed within the training budget, so the caller's clock runs.
    """
    scheme = config.quantize

    def forward(tokens: Tensor) -> Tensor:
        return model.hidden(tokens, stage=stages(config.model)[-1])

    def wanted(name: str) -> bool:
        group = group_of(name, scheme)
        return group is not None and group.gptq

    model.eval()
    texts = _written(config, model, ranks) if scheme.self_generated else training_rows(config, loader, step, ranks)
    return collect_hessians(model, forward, texts, wanted, ranks.sum_, embedding=EMBEDDING)


def row_gradients(config: Config, model: GPT, batch: Batch, ranks: Ranks) -> dict[str, Tensor]:
    """Return the gradient norm of every row of every matrix on one training batch (#167, which took validation)."""
    model.zero_grad(set_to_none=True)
    loss = model.loss(batch.tokens.to(ranks.device), batch.targets.to(ranks.device), stage=stages(config.model)[-1])
    loss.backward()  # type: ignore[no-untyped-call]
    norms = {
        name: parameter.grad.float().norm(dim=1).cpu()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.ndim == 2
    }
    model.zero_grad(set_to_none=True)
    return norms


def pack(
    config: Config,
    state: Mapping[str, Tensor],
    path: Path,
    *,
    controls: frozenset[str],
    moments: Mapping[str, Tensor] | None,
    gradients: Mapping[str, Tensor] | None,
    note: Callable[[str], object] = lambda _: None,
) -> tuple[int, str]:
    """Quantise ``state``, write the artifact to ``path`` and return its bytes and the name of its coder.

    ``controls`` are names of scales, gates and mixes, ``moments`` the Hessians, ``gradients`` norms by row. Where the
    configuration says so, the cheapest entries are zeroed until code and model fit the cap. ``note`` hears of a
    tensor that its Hessian could not round, and which coder was taken and why.
    """
    scheme = config.quantize
    tensors = quantize(config, state, moments, controls=controls, row_gradients=gradients, note=note)

    def may(name: str) -> bool:
        group = group_of(name, scheme)
        return group is not None and group.prune

    artifact = container.encode(tensors, config)
    if scheme.prune_to_fit:
        code = counted_code()
        for _ in range(_PRUNING_ROUNDS):
            excess = len(artifact.data) + code - CAP_BYTES
            if excess <= 0:
                break
            tensors = prune_ones(tensors, ENTRIES_PER_BYTE * excess, may)
            artifact = container.encode(tensors, config)
    note(artifact.why())
    return container.save(path, artifact), artifact.coder


def reload(model: GPT, path: Path) -> None:
    """Load the artifact at ``path`` into ``model``: from here on nothing but the file on disk counts."""
    model.load_state_dict(dequantize(container.load(path)), strict=True)
    model.eval()


def training_rows(config: Config, loader: Loader, step: int, ranks: Ranks) -> Iterator[Tensor]:
    """Yield this rank's share of the calibration pieces, as rows of training length: the same pieces for any number."""
    scheme = config.quantize
    source, first = loader.calibration(step)
    pieces = [
        (first + index, piece)
        for index in range(scheme.calibration_batches)
        for piece in range(scheme.calibration_pieces)
    ]
    for at, piece in pieces[ranks.rank :: ranks.world]:
        # A packed piece is one long row; rows of training length cost less and say the same.
        yield source.batch(at, piece).tokens.reshape(-1, config.data.seq_len).to(ranks.device)


def _written(config: Config, model: GPT, ranks: Ranks) -> Iterator[Tensor]:
    """Yield batches of one row each that the model writes, a share of them on each rank."""
    generator = torch.Generator(device=ranks.device)
    for row in range(ranks.rank, config.quantize.calibration_batches, ranks.world):
        generator.manual_seed(row)
        yield write_text(model, config.data.seq_len, generator, ranks.device)


@torch.no_grad()
def write_text(model: GPT, length: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Return (1, length) tokens that ``model`` writes from a document's start at temperature .8."""
    tokens = torch.ones((1, length), dtype=torch.int64, device=device)  # id 1 begins a document
    for place in range(1, length):
        # Later places hold anything: the model is causal. One shape for all keeps it at one compiled graph.
        logits = model(tokens)[0, place - 1] / _TEMPERATURE
        tokens[0, place] = torch.multinomial(logits.softmax(-1), 1, generator=generator)
    return tokens
