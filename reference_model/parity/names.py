"""Our parameters in a published script's state: by name, within stacks, and what is left by shape and order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from reference_model.parity.system import System


@dataclass(frozen=True)
class Place:
    """Where a parameter lies in their state: all of ``name``, or entry ``index`` of its stack."""

    name: str
    index: int | None = None

    def of(self, state: Mapping[str, Tensor]) -> Tensor:
        """Return the tensor there: a view."""
        return state[self.name] if self.index is None else state[self.name][self.index]


@dataclass(frozen=True)
class Pairs:
    """For each of our names its places (several where a vector's entries are theirs one by one)."""

    places: dict[str, tuple[Place, ...]]
    by_order: tuple[str, ...]  # of ours that no name led to


def pair(ours: Mapping[str, tuple[int, ...]], theirs: Mapping[str, Tensor], system: System, layers: int) -> Pairs:
    """Return where each of ``ours`` (name to shape) lies in ``theirs``; raises ValueError with what has no partner."""
    places: dict[str, tuple[Place, ...]] = {}
    for name, shape in ours.items():
        found = _places(name, shape, system, layers)
        if all(place.name in theirs for place in found):
            places[name] = found
    taken = {place.name for found in places.values() for place in found}
    left = [name for name in ours if name not in places]
    free = [name for name in theirs if name not in taken]
    by_order = []
    for name in left:
        fitting = next((other for other in free if tuple(theirs[other].shape) == ours[name]), None)
        if fitting is None:
            raise ValueError(f"no partner for {name} {ours[name]} among {free or 'nothing left'}")
        free.remove(fitting)
        places[name] = (Place(fitting),)
        by_order.append(name)
    if free:
        raise ValueError(f"the script has parameters that the preset lacks: {', '.join(free)}")
    for name, found in places.items():
        size = sum(place.of(theirs).numel() for place in found)
        if (len(found) == 1 and tuple(found[0].of(theirs).shape) != ours[name] and ours[name] != ()) or size != _numel(
            ours[name]
        ):
            raise ValueError(f"{name} is {ours[name]} here and {tuple(found[0].of(theirs).shape)} there")
    return Pairs(places, tuple(by_order))


def _places(name: str, shape: tuple[int, ...], system: System, layers: int) -> tuple[Place, ...]:
    if name.startswith("blocks."):
        _, block, part = name.split(".", 2)
        if part in system.banks:
            stack, half = system.banks[part]
            return (Place(stack, half * layers + int(block)),)
    if name in system.one_by_one:
        return tuple(Place(f"{system.theirs(name)}.{index}") for index in range(shape[0]))
    return (Place(system.theirs(name)),)


def _numel(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count
