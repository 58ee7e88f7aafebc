"""Pull requests whose way of scoring a maintainer ruled out, by the rule that it broke.

Only faults of the method are listed: what was wrong with a package, a size or a data set is not inherited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType


def _each(slug: str, numbers: Iterable[int]) -> dict[int, str]:
    return dict.fromkeys(numbers, slug)


RULED_OUT: Mapping[int, str] = MappingProxyType(
    _each("train-on-val", (44, 64))
    | _each("prequant-ttt", (152, 1972))
    | _each("paid-prefix", (168, 262, 275))
    | _each("score-after-adapt", (417, 442, 462, 486, 512, 518, 548, 555, 568, 581, 595, 620, 642, 684, 771))
    | _each("oracle-selection", (573, 596, 605, 611, 614, 659, 685))
    | _each("target-in-key", (688, 720, 724, 727, 745, 769, 779, 792, 809, 814, 824, 828, 843, 850, 851, 859, 880))
    | _each("target-in-key", (913, 921, 925, 944, 945, 982, 993))
    | _each("two-pass-rescore", (846, 853, 868, 869, 870, 881, 888, 893, 907, 959, 991))
    | _each("calibration-on-val", (728,))
    | _each("unnormalized-mixture", (1026, 1185))
    | _each("byte-ppm-mixture", (1991, 2076, 2080, 2083, 2098))
    | _each("target-conditioned-gate", (2041, 2118))
)
