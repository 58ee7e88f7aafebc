"""Environment variables and command-line options, as the standard library reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import environments
from auditor.timeline.library import code, switches
from auditor.timeline.values.payloads import FALSE, NONE, TRUE, UNKNOWN, Heap, Known, Payload, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def environ_get(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.environ.get(name, default)``."""
    return switches.read(machine, args.get(0, "key") or UNKNOWN, args.get(1, "default") or NONE, node)


def environ_copy(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.environ.copy()``."""
    heap = Heap("dict", made_at=machine.order)
    environments.copied(machine, heap)
    return Value(heap)


def copied_environ_get(machine: Machine, copy: Heap, args: Args, node: ir.Node) -> Value:
    """``dict(os.environ).get(name, default)``."""
    own = environments.held(machine, copy, args.get(0, "key") or UNKNOWN)
    return environ_get(machine, args, node) if own is None else own


def environ_setdefault(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.environ.setdefault(name, value)``."""
    name, value = args.get(0), args.get(1)
    if name is not None and value is not None:
        switches.write(machine, name, value, only_default=True)
        return switches.read(machine, name, value, node)
    return UNKNOWN


def environ_update(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.environ.update(…)``."""
    for name, value in args.keywords.items():
        switches.write(machine, Value(Known(name)), value)
    first = args.get(0)
    if first is not None and isinstance(first.p, Heap) and first.p.kind == "dict":
        for name, value in first.p.attrs.items():
            switches.write(machine, Value(Known(name)), value)
    return NONE


def in_environment(machine: Machine, name: Value, where: Value) -> Value | None:
    """Return whether a variable is in ``os.environ``, None when that is not what is asked."""
    if environments.is_environment(where):
        return switches.present(machine, name)
    if isinstance(where.p, Heap) and environments.is_copy(where.p):
        own = environments.held(machine, where.p, name)
        known = isinstance(name.p, Known) and name.p.v in where.p.attrs
        return switches.present(machine, name) if own is None else TRUE if known else UNKNOWN
    return None


def parse_printed(text: str, model: Payload) -> object:
    """Return a logged value as a constant of the kind that the script computes."""
    return switches.like(text, model)


def argument_parser(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``argparse.ArgumentParser()``."""
    return Value(Heap("parser", made_at=machine.order))


def parser_method(machine: Machine, p: Heap, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call a method of an argparse parser."""
    if name == "add_argument":
        names = [v.p.v for v in args.positional if isinstance(v.p, Known) and isinstance(v.p.v, str)]
        long = next((n for n in names if n.startswith("--")), names[0] if names else "")
        dest = args.keywords.get("dest")
        key = (
            dest.p.v
            if dest is not None and isinstance(dest.p, Known) and isinstance(dest.p.v, str)
            else long.lstrip("-").replace("-", "_")
        )
        action = args.keywords.get("action")
        act = action.p.v if action is not None and isinstance(action.p, Known) else None
        default = args.keywords.get("default")
        if default is None:
            default = FALSE if act == "store_true" else TRUE if act == "store_false" else NONE
        if key:
            value = switches.option(machine, str(key), default, node, None)
            p.attrs[str(key)] = code.option(machine, names, act == "store_true", value) if machine.argv else value
        return UNKNOWN
    if name in ("parse_args", "parse_known_args"):
        space = Value(Heap("namespace", attrs=p.attrs, made_at=machine.order))
        return space if name == "parse_args" else Value(Tup((space, UNKNOWN)))
    if name in ("add_argument_group", "add_mutually_exclusive_group"):
        return Value(p)
    if name == "set_defaults":
        p.attrs.update(args.keywords)
        return NONE
    return None
