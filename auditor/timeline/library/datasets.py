"""``torch.utils.data``: what a loader gives is what its dataset holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, containers, protocols
from auditor.timeline.values.payloads import SOME, UNKNOWN, Heap, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def loader(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``DataLoader(dataset, collate_fn=…)``: batches of the dataset's items."""
    item = item_of(machine, args.get(0, "dataset") or UNKNOWN, node)
    collate = args.keywords.get("collate_fn")
    if collate is not None and not isinstance(collate.p, type(UNKNOWN.p)):
        batch = containers.new_list(machine, None, item)
        item = calling.call(machine, collate, arguments.Args((batch,), node=node), node)
    return _holding(machine, "torch.utils.data.DataLoader", item)


def tensors(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``TensorDataset(x, y)``: rows of the tensors."""
    row = Value(Tup(args.positional), args.origins())
    return _holding(machine, "torch.utils.data.TensorDataset", row)


def part(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``Subset(dataset, indices)``, ``ConcatDataset([a, b])``: items of the datasets."""
    first = args.get(0, "dataset") or args.get(0, "datasets") or UNKNOWN
    if isinstance(first.p, Heap) and first.p.kind == "list":
        first = containers.element_of(machine, first)
    return _holding(machine, "torch.utils.data.Subset", item_of(machine, first, node))


def item_of(machine: Machine, dataset: Value, node: ir.Node) -> Value:
    """Return any item of a dataset: what its ``__getitem__`` or ``__iter__`` gives."""
    found = protocols.send(machine, dataset, "__getitem__", [Value(SOME)], node)
    if found is not None:
        return found
    rows = protocols.send(machine, dataset, "__iter__", [], node)
    return containers.element_of(machine, dataset if rows is None else rows)


def _holding(machine: Machine, name: str, item: Value) -> Value:
    heap = Heap("external", name=name, element=item, origins=containers.deep(item), made_at=machine.order)
    return Value(heap, containers.deep(item))
