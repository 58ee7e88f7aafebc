from typing import get_args

from auditor.timeline.events import MixtureKind
from auditor.timeline.rests import _TABLES


def test_every_kind_of_mixture_has_words() -> None:
    assert set(_TABLES) == set(get_args(MixtureKind))
