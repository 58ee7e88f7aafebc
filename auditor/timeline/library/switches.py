"""Settings that the script reads: environment variables and command-line options, under each setting in play."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.settings import lookup
from auditor.timeline.engine import presence
from auditor.timeline.events import Switch
from auditor.timeline.values.atoms import replaced
from auditor.timeline.values.folding import string_origins
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import Known, Payload, Value, at_setting, merge, per_setting

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

# What the launcher sets: the challenge runs `torchrun --nproc_per_node=8`; we follow its first process.
LAUNCH = {
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "8",
    "LOCAL_WORLD_SIZE": "8",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "29500",
}


def read(machine: Machine, name: Value, default: Value | None, node: ir.Node) -> Value:
    """Return the environment variable ``name``: free under "any", else overridden or ``default``."""
    if not isinstance(name.p, Known) or not isinstance(name.p.v, str):
        return Value(None, name.m)
    key = name.p.v
    if key in LAUNCH:
        return _launched(machine, key, node)
    written = machine.environ.get(key)
    if written is not None and not written[1]:
        here = presence.there(machine, written[0])
        if here == machine.all:
            return written[0]
        del machine.environ[key]
        other = read(machine, name, default, node)
        machine.environ[key] = written
        return merge(written[0], other, here, machine.all & ~here, machine.count)
    if written is not None:
        default = written[0]  # what ``setdefault`` put there outranks the default of a later reader
    if default is None:
        default = Value(Known(None))
    each: list[Payload] = [None]
    origins = default.m | machine.atoms.bit("setting", key)
    for index, setting in enumerate(machine.settings, start=1):
        override = lookup(setting, key)
        if override is None:
            each.append(at_setting(default.p, index))
        else:
            each.append(
                Known(override.value if setting.kind != "log" else like(override.value, at_setting(default.p, index)))
            )
            origins = replaced(origins, string_origins(override.value), 1 << index)
    remember(machine, key, default, each[1:], node)
    return Value(per_setting(each), origins)


def _launched(machine: Machine, key: str, node: ir.Node) -> Value:
    """Return what the launcher sets; how many processes a run had is what its log prints of them."""
    usual = Known(LAUNCH[key])
    each: list[Payload] = [usual]
    for setting in machine.settings:
        printed = setting.overrides.get(key.lower()) if setting.kind == "log" and key == "WORLD_SIZE" else None
        each.append(Known(printed.value) if printed is not None and printed.value.isdecimal() else usual)
    if all(payload == usual for payload in each):
        return Value(usual)
    remember(machine, key, Value(usual), each[1:], node)
    return Value(per_setting(each), machine.atoms.bit("setting", key))


def present(machine: Machine, name: Value) -> Value | None:
    """Return whether the environment has a variable called ``name``, None when the name is not known."""
    if not isinstance(name.p, Known) or not isinstance(name.p.v, str):
        return None
    key = name.p.v
    if key in LAUNCH or key in machine.environ:
        return Value(Known(True))
    each: list[Payload] = [None, *(Known(lookup(setting, key) is not None) for setting in machine.settings)]
    return Value(per_setting(each), machine.atoms.bit("setting", key))


def write(machine: Machine, name: Value, value: Value, *, only_default: bool = False) -> None:
    """Set an environment variable as the script does (``only_default``: unless it is set)."""
    if isinstance(name.p, Known) and isinstance(name.p.v, str):
        if only_default and name.p.v in machine.environ:
            return
        held = machine.environ.get(name.p.v)
        value = presence.replaced(machine, held[0], value) if held is not None else presence.put(machine, value)
        machine.environ[name.p.v] = (value, only_default)


def option(machine: Machine, name: str, default: Value, node: ir.Node, convert: Payload) -> Value:
    """Return the command-line option ``name``."""
    each: list[Payload] = [None]
    origins = default.m | machine.atoms.bit("setting", name)
    for index, setting in enumerate(machine.settings, start=1):
        override = lookup(setting, name)
        if override is None:
            each.append(at_setting(default.p, index))
        else:
            each.append(Known(like(override.value, at_setting(default.p, index))))
            origins = replaced(origins, string_origins(override.value), 1 << index)
    remember(machine, name, default, each[1:], node)
    return Value(per_setting(each), origins)


def remember(machine: Machine, key: str, default: Value, each: list[Payload], node: ir.Node) -> None:
    """Keep what a switch is in each setting, for findings that name it."""
    if key in machine.switches:
        return
    shown = str(default.p.v) if isinstance(default.p, Known) and default.p.v is not None else ""
    values = tuple(str(p.v) if isinstance(p, Known) else None for p in each)
    machine.switches[key] = Switch(key, shown, _telling_site(machine, key, node), values, key in LAUNCH)


def _telling_site(machine: Machine, key: str, node: ir.Node) -> Site:
    """Return where a switch is read: where a helper reads it for its caller, the call that names it."""
    sites = [machine.site(node), *(call.site for call in reversed(machine.calls))]
    return next((site for site in sites if key in _line(site)), sites[0])


def _line(site: Site) -> str:
    text = site.source.text
    return text[text.rfind("\n", 0, site.start) + 1 : max(text.find("\n", site.end), site.end)]


def like(text: str, model: Payload) -> object:
    """Return ``text`` as a constant of the same kind as ``model`` ("True" → True next to a bool, and so on)."""
    wanted = model.v if isinstance(model, Known) else None
    low = text.strip().lower()
    if isinstance(wanted, str):
        if wanted in ("0", "1") and low in ("true", "false", "on", "off", "yes", "no"):
            return "1" if low in ("true", "on", "yes") else "0"
        return text
    if isinstance(wanted, bool):
        return low in ("1", "true", "on", "yes", "enabled")
    for convert in (int, float):
        try:
            number = convert(text)
        except ValueError:
            continue
        return number
    if low in ("true", "false"):
        return low == "true"
    if low == "none":
        return None
    return text
