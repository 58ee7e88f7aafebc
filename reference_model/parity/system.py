"""What a published script calls its parts: read from ``systems/*.toml``.

Expressions and statements in those files are in the script's own names. They are evaluated in the sandbox, in the
script's module, beside ``h`` (its settings), ``model``, ``tokens`` and ``targets`` (batch, seq), ``batches`` (a loader
of calibration rows), ``shards`` (a pattern of training shards) and ``count`` (of calibration batches), ``val_data``,
``state`` (its weights by name), ``hessians``, ``quantised`` and ``device``.
"""

from __future__ import annotations

import re
from importlib.resources import files

import msgspec

from reference_model.config import Frozen
from reference_model.errors import BadInput

_SYSTEMS = "reference_model.parity"


class System(Frozen, frozen=True):
    """One published script. An empty text means that the script has no such part, or only inside its ``main``."""

    about: str
    environment: dict[str, str] = msgspec.field(default_factory=dict)  # of the published command
    names: tuple[tuple[str, str], ...] = ()  # a pattern in our names and what stands there in theirs, in turn
    banks: dict[str, tuple[str, int]] = msgspec.field(default_factory=dict)  # block tensor: the stack, its part of it
    one_by_one: tuple[str, ...] = ()  # our vectors whose entries are parameters of their own there
    settings: str = "Hyperparameters()"
    model: str = "GPT(h)"
    prepare: tuple[str, ...] = ()  # statements after the model is built
    logits: str = "model.forward_logits(tokens)"
    loss: str = "model(tokens, targets)"
    optimizers: str = ""
    step: str = ""  # statement
    calibration: str = ""  # the script's own calibration, on its own loader of ``shards``
    hessians: str = ""
    quantised: str = ""
    restored: str = ""  # weights by name as they come back from the artifact
    packed: str = ""  # bytes of the artifact
    evaluations: dict[str, str] = msgspec.field(default_factory=dict)  # our score's name: (val_loss, val_bpb)
    changed: dict[str, float] = msgspec.field(default_factory=dict)  # of our configuration, and so of their settings

    def theirs(self, name: str) -> str:
        """Return what the script calls our parameter ``name``, stacks aside."""
        for pattern, there in self.names:
            name = re.sub(pattern, there, name)
        return name


def load(preset: str, chain: tuple[str, ...]) -> System:
    """Return the system of ``preset``, or of the nearest preset in the ``chain`` that it is based on.

    Raises :class:`BadInput` when there is none.
    """
    folder = files(_SYSTEMS).joinpath("systems")
    for name in (preset, *chain):
        entry = folder.joinpath(f"{name}.toml")
        if entry.is_file():
            return msgspec.toml.decode(entry.read_bytes(), type=System)
    known = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    raise BadInput(f"{preset}: no names of a published script are known for it; there are {', '.join(known)}")
