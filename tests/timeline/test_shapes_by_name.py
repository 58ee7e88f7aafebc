"""Shapes that are taken from a tensor which is given by name."""

import pytest

from auditor.timeline.trackers.forwards.axes import Tensor
from auditor.timeline.trackers.forwards.calls import function


@pytest.mark.parametrize("name", ["view_as", "expand_as"])
def test_a_tensor_that_is_given_by_name(name: str) -> None:
    tensor = Tensor(axes=("B", "T"))
    made = function(name, [tensor], {"other": tensor}, lambda *_: None)  # type: ignore[arg-type]
    assert isinstance(made, Tensor)
    assert made.axes is None
