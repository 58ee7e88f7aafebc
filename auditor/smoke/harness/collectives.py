"""Collectives with one process, made from what the installed ``torch.distributed`` exports.

Each version has more of them; what a function of a group does with one process follows from its parameters: what goes
in comes out, or stays where it is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any

import torch

_OUTPUT = re.compile(r"(?:\w+_)?output(?:_\w+)?$|tensor_list$|(?:object_)?gather_(?:list|tensor)$")
_INPUT = re.compile(r"(?:\w+_)?input(?:_\w+)?$|scatter_list$|obj$|tensor$")
_SIZES = re.compile(r"\w*split_sizes$")
# What has a group and is no collective: who is in it, new ones, and what torch needs of them itself.
ABOUT_GROUPS = re.compile(
    r"_?get_|_?is_|new_|split_group|shrink_group|init_|destroy_|_rank_not_in_group|_create_|_coalescing_manager"
    r"|_time_estimator|_verify_|_register_|_compute_|_broadcast_coalesced"
)


class Done:
    """The handle of a collective that has happened."""

    def wait(self, *_args: Any) -> bool:
        """Return that it has happened."""
        return True

    def is_completed(self) -> bool:
        """Return that it has happened."""
        return True

    def get_future(self) -> Done:
        """Return the future, which is this."""
        return self

    def then(self, function: Any) -> Any:
        """Return what follows, at once."""
        return function(self)

    def value(self) -> list[Any]:
        """Return no values."""
        return []


def names(module: ModuleType) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the collectives that ``module`` exports, each with the names of its parameters."""
    for name in dir(module):
        found = module.__dict__.get(name)
        if type(found) is not FunctionType or found.__module__.partition(".")[0] != "torch":
            continue
        parameters = tuple(inspect.signature(inspect.unwrap(found)).parameters)
        if is_collective(name, parameters):
            yield name, parameters


def is_collective(name: str, parameters: Sequence[str]) -> bool:
    """Tell whether a function does something in a group with its first arguments."""
    return "group" in parameters and ABOUT_GROUPS.match(name) is None


def stand_in(parameters: Sequence[str]) -> Callable[..., Done]:
    """Return what a collective with these parameters does where there is one process."""
    output, source = direction(parameters)

    def collective(*args: Any, **kwargs: Any) -> Done:
        given = {**dict(zip(parameters, args, strict=False)), **kwargs}
        if output is not None and source is not None:
            hand_over(given.get(output), given.get(source))
        return Done()

    return collective


def direction(parameters: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the parameters that a collective writes and reads; None, None where both are the same."""
    outputs = [p for p in parameters if _OUTPUT.match(p) and not _SIZES.match(p)]
    inputs = [p for p in parameters if _INPUT.match(p) and not _SIZES.match(p) and p not in outputs]
    if not outputs and "obj" in inputs and "object_list" in parameters:
        outputs = ["object_list"]
    if not outputs and len(inputs) == 2 and "tensor" in inputs:  # scatter: from the list to the tensor
        outputs, inputs = ["tensor"], [p for p in inputs if p != "tensor"]
    if len(outputs) == 1 and len(inputs) == 1:
        return outputs[0], inputs[0]
    return None, None


def hand_over(output: Any, source: Any) -> None:
    """Put what goes in where it comes out: tensors into tensors, lists item by item, objects into lists."""
    if output is None or source is None:
        return
    if isinstance(output, torch.Tensor):
        piece = source[0] if isinstance(source, (list, tuple)) else source
        output.copy_(piece.reshape(output.shape))
    elif isinstance(source, (list, tuple)) and len(source) == len(output):
        for place, (into, piece) in enumerate(zip(output, source, strict=True)):
            _one(output, place, into, piece)
    elif output:
        _one(output, 0, output[0], source)


def _one(output: list[Any], place: int, into: Any, piece: Any) -> None:
    if isinstance(into, (torch.Tensor, list)) and isinstance(piece, (torch.Tensor, list)):
        hand_over(into, piece)
    else:
        output[place] = piece
