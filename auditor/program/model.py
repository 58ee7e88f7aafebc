"""A program: the readable layers of a submission's script and of the helper modules it may import."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct, field

from auditor.program import ir
from auditor.program.index import Body, Index, index_of
from auditor.program.source import Source


class Unparsed(Struct, frozen=True):
    """A layer that is not Python we can read: where and why, in one line."""

    path: str
    line: int | None
    reason: str
    layer: int = 0
    packed: bool = False  # it would run a layer that could not be opened


class Packing(Struct, frozen=True):
    """How one layer came out of the one around it: the decodings in order, and bytes on both sides.

    ``line`` is the line of the outer layer that runs it; ``left`` what of the packed data never runs.
    """

    how: tuple[str, ...]
    line: int | None
    packed: int
    unpacked: int
    left: tuple[str, ...] = ()


class Unit(Struct, frozen=True, dict=True):
    """One Python file: its readable layers, and the IR of the innermost one (None when it does not parse).

    ``sources[0]`` is the file as it lies there; ``sources[-1]`` what is analysed; ``packing[i]`` how
    ``sources[i + 1]`` came out of ``sources[i]``.
    """

    path: str
    sources: tuple[Source, ...]
    module: ir.Module | None
    failure: Unparsed | None = None
    packing: tuple[Packing, ...] = ()

    @property
    def source(self) -> Source:
        """Return the layer that is analysed."""
        return self.sources[-1]

    @cached_property
    def index(self) -> Index:
        """Return what the module holds by kind (nothing, where it does not parse)."""
        return index_of(self.module) if self.module is not None else Index(())

    @property
    def bodies(self) -> tuple[Body, ...]:
        """Return the nodes of every function, the module's top level first (nothing for what does not parse)."""
        return self.index.bodies if self.module is not None else ()


class Program(Struct, frozen=True, dict=True):
    """The train script and its helpers. ``units`` is keyed by path; ``native`` holds C, C++ and CUDA text.

    ``texts`` are the small configuration files that the Python names, by path.
    ``whole``: every module that is imported and lies in the submission is among the units.
    """

    script: str
    units: Mapping[str, Unit]
    native: Mapping[str, Source]
    whole: bool = True
    texts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def indexes(self) -> tuple[Index, ...]:
        """Return the index of every unit."""
        return tuple(unit.index for unit in self.units.values())

    @property
    def main(self) -> Unit:
        """Return the train script's unit."""
        return self.units[self.script]
