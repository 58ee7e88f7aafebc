"""Predictions of bytes that were made of predictions of tokens, and which of them a byte model may be blended with.

Added up over the tokens that begin with a byte, the network's probabilities are a distribution over bytes, and a
blend with another one adds up. What is left of a token's prediction, its first byte given, is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.payloads import Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

PICKS = frozenset({"gather", "take_along_dim", "take_along_axis"})


def called(machine: Machine, name: str, given: Sequence[Value], out: Value) -> Value:
    """Return what a call outside the program gives: it may pick a byte's share."""
    return picked(machine, given[0].m, given[-1].m, out) if name in PICKS and len(given) > 1 else out


def picked(machine: Machine, base: int, index: int, out: Value) -> Value:
    """Return what a byte (``index``) picks from the network's predictions ``base``."""
    keys = machine.of(Keys)
    shares = base & machine.atoms.family("forward") and not base & keys.gold and index & keys.bytes
    return Value(out.p, out.m | keys.marginal) if shares else out


def divided(keys: Keys, op: str, left: int, right: int, origins: int) -> int:
    """Return the origins of a token's prediction that is divided by its first byte's share: one of tokens again."""
    of_token = op in ("/", "-") and right & keys.marginal and not left & keys.marginal
    return origins & ~keys.marginal if of_token else origins


def meets(keys: Keys, left: int, right: int) -> bool:
    """Return whether the true token's prediction on one side meets what is made from its bytes only on the other."""
    return any(
        one & keys.gold and not one & keys.marginal and other & keys.bytes and not other & keys.gold
        for one, other in ((left, right), (right, left))
    )
