"""Where a script reaches out of the machine: downloads, hubs, package installers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.regex import regex
from auditor.timeline.engine.calls import names_that
from auditor.timeline.engine.recording import common, emit_once
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Adapt, Event, Timeline
from auditor.timeline.values.payloads import Heap, Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_CALLS = regex(
    r"^(?:requests\.(?:get|post|put|request|Session)|httpx\.(?:get|post|stream)|aiohttp\.ClientSession"
    r"|urllib\.request\.(?:urlopen|urlretrieve|Request)|urllib3\.PoolManager|http\.client\.HTTPS?Connection"
    r"|wget\.download|gdown\.download|(?:boto3|google\.cloud\.storage)\.\w+"
    r"|huggingface_hub\.(?:\w+\.)?(?:hf_hub_download|snapshot_download|list_repo_files|cached_download|HfApi|hf_hub_url)"
    r"|torch\.hub\.(?:load|download_url_to_file|load_state_dict_from_url)"
    r"|datasets\.load_dataset|socket\.create_connection)$"
)
_PRETRAINED = regex(r"^(?:transformers|sentence_transformers|diffusers|timm)\..*from_pretrained$")
_RUN = regex(
    r"^(?:subprocess\.(?:run|call|check_call|check_output|Popen|getoutput|getstatusoutput)|os\.(?:system|popen|exec\w+))$"
)
_COMMAND = regex(
    r"(?:^|[\s/;&|])(?:(?:pip3?|uv|conda|apt|apt-get|npm)\s+(?:\S+\s+)?(?:install|add|download)|git\s+(?:clone|pull|fetch)"
    r"|curl|wget|aria2c|rsync|scp|huggingface-cli\s+download|aws\s+s3|gsutil)\b"
)


class Network(Event, eq=False):
    """Something outside the machine is asked: ``what`` names the call or the command.

    ``fallback``: only when something else has failed (in an exception handler, or where a condition is open).
    """

    what: str = ""
    installs: bool = False
    fallback: bool = False


def _reaches_out(name: str) -> bool:
    """Return whether a library's function may go over the network, by its dotted name."""
    return bool(_RUN.match(name) or _CALLS.match(name) or _PRETRAINED.match(name))


class Outside(Tracker):
    """Calls that reach out of the machine."""

    @names_that(_reaches_out)
    def library_called(self, name: str, args: Args, node: ir.Node) -> None:
        """Note a call that goes over the network."""
        called(self.machine, name, args, node)


def called(machine: Machine, name: str, args: Args, node: ir.Node) -> None:
    """Note a call of a library function that goes over the network."""
    what = name
    installs = False
    if _RUN.match(name):
        words = _words(args.get(0, "args"))
        found = _COMMAND.search(words)
        if found is None:
            return
        what = " ".join(words[found.start() :].split()[:3])
        installs = "install" in what
    fallback = bool(machine.weak & machine.live & ~1)
    emit_once(
        machine, Network(**common(machine, node, machine.live), what=what[:60], installs=installs, fallback=fallback)
    )


def _words(command: Value | None) -> str:
    """Return a command's constant words in order."""
    if command is None:
        return ""
    p = command.p
    if isinstance(p, Known) and isinstance(p.v, str):
        return p.v
    if isinstance(p, Known) and isinstance(p.v, tuple):
        return " ".join(str(word) for word in p.v)
    if isinstance(p, Heap) and p.items is not None:
        return " ".join(str(item.p.v) for item in p.items if isinstance(item.p, Known))
    return ""


def after_training(timeline: Timeline) -> list[tuple[Network, bool]]:
    """Return what goes over the network, each with whether training came before it, in program order."""
    trains = [e for e in timeline.events if isinstance(e, Adapt) and e.number < 0]
    out: list[tuple[Network, bool]] = []
    for event in timeline.events:
        if isinstance(event, Network):
            out.append((event, any(t.order < event.order and t.bits & event.bits for t in trains)))
    return out
