"""Which objects are models: things with parameters that are applied to data."""

from __future__ import annotations

from auditor.timeline.values.payloads import Heap


def is_module(heap: Heap) -> bool:
    """Return whether an object is a neural module."""
    if heap.kind == "external":
        return True
    if heap.kind != "instance" or heap.cls is None:
        return False
    if any(base.rpartition(".")[2].endswith("Module") for base in heap.cls.external_bases()):
        return True
    return heap.cls.find("forward") is not None
