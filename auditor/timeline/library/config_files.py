"""Configuration that a script reads from files: what lies in the submission is read, what doesn't is an open switch."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from auditor.program import ir
from auditor.timeline.engine import containers, parameters
from auditor.timeline.library import files, written
from auditor.timeline.values.atoms import TEXT_FILE, TRAIN, VAL
from auditor.timeline.values.payloads import SOME, UNKNOWN, Heap, Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

MAX_DEPTH: Final = 12
_OPEN: Final = "a configuration file that is not in the submission"


def reader(parse: Callable[[str], object] | None) -> Callable[[Machine, Args, ir.Node], Value]:
    """Return the handler of a library's function that reads configuration; ``parse`` reads a text (None: nobody can).

    A text of the submission becomes the objects that it spells. Anything else that isn't data is a switch that could
    not be evaluated: what hangs on it can't be told.
    """

    def read(machine: Machine, args: Args, node: ir.Node) -> Value:
        first = args.get(0) or UNKNOWN
        opened = first.p if isinstance(first.p, Heap) and first.p.kind in ("file", "buffer") else None
        held = files.content(machine, opened, first.m) if opened is not None else first
        text = held.p.v if isinstance(held.p, Known) else None
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        if isinstance(text, str) and parse is not None:
            try:
                return made(machine, parse(text), MAX_DEPTH)
            except (ValueError, RecursionError):  # both parsers' errors are ValueErrors
                pass
        if held.p is not None and not isinstance(held.p, Known) and held.p is not SOME:
            return held  # what the script itself wrote there
        if text is None and opened is None and not held.m & TEXT_FILE:
            return Value(SOME, parameters.settle(machine, args.origins()))
        if (first.m | held.m) & (VAL | TRAIN):
            return files.read_data(machine, "load", args, node)
        name = opened.name if opened is not None else written.TEXT
        said = _OPEN if written.is_form(name) else PurePosixPath(name).name
        return Value(SOME, machine.atoms.bit("setting", said))

    return read


def made(machine: Machine, held: object, depth: int) -> Value:
    """Return the value that parsed configuration is: dictionaries and lists of constants."""
    if isinstance(held, dict) and depth:
        heap = Heap("dict", made_at=machine.order)
        for key, value in held.items():
            containers.set_item(machine, heap, Value(Known(str(key))), made(machine, value, depth - 1))
        return Value(heap)
    if isinstance(held, list) and depth:
        return containers.new_list(machine, [made(machine, item, depth - 1) for item in held])
    if held is None or isinstance(held, str | int | float | bool):
        return Value(Known(held))
    return UNKNOWN


READERS: Final = {
    "json.load": reader(json.loads),
    "json.loads": reader(json.loads),
    "tomllib.load": reader(tomllib.loads),
    "tomllib.loads": reader(tomllib.loads),
    "tomli.load": reader(tomllib.loads),
    "tomli.loads": reader(tomllib.loads),
    "yaml.safe_load": reader(None),
    "yaml.load": reader(None),
    "yaml.full_load": reader(None),
}
