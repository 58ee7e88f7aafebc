"""Results of operators that trackers hear of: what has plain origins only is left alone by who asks for more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from followed import followed

from auditor.timeline.engine.asking import KINDS, Heard
from auditor.timeline.engine.plain import FAMILIES, Plain
from auditor.timeline.values.atoms import BITS, SIZE, TRAIN, VAL, Atoms
from auditor.timeline.values.payloads import Value

EXAMPLES = Path(__file__).parents[2] / "examples" / "records" / "track_10min_16mb"


def test_plain_origins_are_those_of_sizes_settings_and_training_data() -> None:
    atoms = Atoms()
    plain = Plain(atoms)
    assert not plain.others() & (SIZE | TRAIN)
    assert plain.others() & VAL
    assert plain.others() & BITS
    bits = [atoms.bit(family, "one") for family in FAMILIES]
    gold = atoms.bit("gold", "")
    assert not any(bit & plain.others() for bit in bits)
    assert gold & plain.others()


def _asks_all(heard: Heard) -> Callable[..., Value]:
    """Pass on through all listeners; one that asks for more than plain origins has to leave plain ones as they are."""
    of: Any = heard[0]
    plain = Plain(of.__self__.machine.atoms)

    def tell(*args: Any) -> Value:
        out: Value = args[-1]
        for hear in heard:
            origins = out.m
            for value in args[:-1]:
                origins |= value.m if isinstance(value, Value) else 0
            made = hear(*args[:-1], out)
            if getattr(hear, "past_plain", False) and not origins & plain.others():
                assert made is out, hear
            out = made
        return out

    return tell


@pytest.mark.parametrize("example", ["HashedNgram", "ScoreFirstTTT"])
def test_plain_results_are_left_alone_by_who_asks_for_more(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (EXAMPLES / f"2026-03-19_SP1024_{example}" / "train_gpt.py").read_text("utf-8")
    plainly = followed(script, prelude="")
    for signal in ("combined", "compared", "subscripted"):
        monkeypatch.setitem(KINDS, signal, _asks_all)
    asked = followed(script, prelude="")
    assert [type(event) for event in asked.events] == [type(event) for event in plainly.events]
