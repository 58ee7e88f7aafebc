"""GPTQ: round column by column and let later columns make up for the error (spec §4; Frantar et al. 2022).

The Hessian of a linear layer's output error is the second moment of its inputs. It is collected on *training* tokens
(or text that the model writes) inside the training budget: reading training shards after the clock is not allowed
(ruling on #1028), and validation tokens never (calibration-on-val).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from reference_model.errors import RunFailed
from reference_model.quantize.scales import round_rows


class NotPositiveDefinite(ArithmeticError):  # noqa: N818 (it says what the Hessian is)
    """A Hessian that has no Cholesky factor even when it is damped."""


BLOCK = 128
"""Columns whose corrections are applied to the rest at once."""


def gptq(weight: Tensor, hessian: Tensor, scale: Tensor, levels: int, damping: float) -> Tensor:
    """Return int8 (rows, cols) for ``weight`` (rows, cols) given ``hessian`` (cols, cols) and a scale per row.

    Columns go by descending diagonal. Inputs that never fire (zero diagonal) get weight 0. With the identity as
    Hessian this is plain rounding. Raises :class:`NotPositiveDefinite` when the damped Hessian is not.
    """
    hessian = hessian.to(torch.float32).clone()
    diagonal = hessian.diagonal()
    dead = diagonal == 0
    diagonal[dead] = 1.0
    order = torch.argsort(diagonal, descending=True, stable=True)
    diagonal += damping * diagonal.mean()
    rest = weight.detach().to(torch.float32).masked_fill(dead, 0.0)[:, order].clone()
    upper = _inverse_factor(hessian[order][:, order])
    out = torch.empty_like(rest, dtype=torch.int8)
    for start in range(0, rest.shape[1], BLOCK):
        stop = min(start + BLOCK, rest.shape[1])
        errors = _round_block(rest, out, upper, scale, levels, start, stop)
        rest[:, stop:] -= errors @ upper[start:stop, stop:]
    return out[:, torch.argsort(order)]


def _round_block(rest: Tensor, out: Tensor, upper: Tensor, scale: Tensor, levels: int, start: int, stop: int) -> Tensor:
    """Round columns ``start`` to ``stop`` in place; return their scaled errors (rows, stop - start)."""
    errors = torch.zeros_like(rest[:, start:stop])
    step = scale.float()
    for column in range(start, stop):
        current = rest[:, column]
        integers = round_rows(current.unsqueeze(1), scale, levels)
        out[:, column] = integers.squeeze(1)
        error = (current - integers.squeeze(1).float() * step) / upper[column, column]
        rest[:, column:stop] -= error.unsqueeze(1) * upper[column, column:stop].unsqueeze(0)
        errors[:, column - start] = error
    return errors


def _inverse_factor(hessian: Tensor) -> Tensor:
    """Return the upper Cholesky factor of the inverse (cols, cols)."""
    try:
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
        factor: Tensor = torch.linalg.cholesky(inverse, upper=True)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise NotPositiveDefinite(
            f"the Hessian of {hessian.shape[0]} inputs is not positive definite (quantize.damping would make it so)"
        ) from error
    return factor


def collect_hessians(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: Iterable[Tensor],
    wanted: Callable[[str], bool],
    sum_over_ranks: Callable[[Tensor], Tensor],
    embedding: str | None = None,
) -> dict[str, Tensor]:
    """Return for each linear weight that is ``wanted`` (by its name in the state) the mean of ``x^T x``.

    ``forward(tokens (batch, seq))`` runs the model up to the final norm and returns (batch, seq, dim); its output is
    the input of the tied head and counts for the weight called ``embedding``. Sums run over all ranks and are divided
    by the number of batches of all ranks; a rank may have none. No gradient is kept and no parameter changes. Raises
    :class:`RunFailed` when no rank has a batch.
    """
    linears = {
        f"{path}.weight": module
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) and wanted(f"{path}.weight")
    }
    # The same names in the same order on every rank, whatever it ran: sums over ranks need all of them.
    sums = {name: _square(module.in_features, module.weight) for name, module in linears.items()}
    if embedding is not None and wanted(embedding):
        head = dict(model.named_parameters())[embedding]
        sums[embedding] = _square(head.shape[1], head)
    count = 0
    with torch.no_grad(), _inputs_of(linears, sums):
        for tokens in batches:
            hidden = forward(tokens)
            if embedding in sums:
                _add(sums[embedding], hidden)
            count += 1
    out = {}
    for name, value in sums.items():
        batches_of_all = sum_over_ranks(torch.tensor(float(count), device=value.device))
        if not batches_of_all:
            raise RunFailed("GPTQ: no calibration batch was read")
        out[name] = sum_over_ranks(value) / batches_of_all
    return out


@contextmanager
def _inputs_of(linears: Mapping[str, nn.Linear], sums: Mapping[str, Tensor]) -> Iterator[None]:
    """Add ``x^T x`` of every layer's input to ``sums`` while the context lasts."""
    with ExitStack() as hooks:
        for name, module in linears.items():
            handle = module.register_forward_pre_hook(
                lambda _module, inputs, total=sums[name]: _add(total, inputs[0]),
            )
            hooks.callback(handle.remove)
        yield


def _square(width: int, like: Tensor) -> Tensor:
    return torch.zeros(width, width, dtype=torch.float32, device=like.device)


def _add(total: Tensor, inputs: Tensor) -> None:
    rows = inputs.detach().reshape(-1, inputs.shape[-1]).float()
    total.addmm_(rows.T, rows)
