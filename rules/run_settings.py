"""Settings that runs print, and how those of several runs differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from auditor.evidence.printed import Value
from auditor.evidence.run import Run
from auditor.regex import regex

# What may differ between the seeds of one configuration, names, places and measurements: words of a setting's
# name, and names as a whole.
_WORDS_OF_THE_RUN = frozenset(
    [
        "seed",
        "seeds",
        "runid",
        "logfile",
        "log",
        "path",
        "dir",
        "file",
        "files",
        "pattern",
        "sha",
        "sha256",
        "commit",
        "warning",
        "host",
        "port",
        "pid",
        "loss",
        "bpb",
        "nll",
        "elapsed",
        "ms",
        "eta",
        "every",
        "mem",
        "memory",
        "temp",
        "util",
        "sum",
        "hits",
        "tps",
        "toks",
        "headroom",
        "recompile",
        "imported",
        "property",
        "hessian",
        "calibrated",
        "effective",
        "size",
        "bytes",
        "time",
        "timestamp",
        "date",
        "datetime",
        "id",
        "uuid",
        "url",
        "uri",
        "http",
        "https",
        "hostname",
        "pod",
        "cwd",
        "wandb",
    ]
)
_NAMES_OF_THE_RUN = frozenset(
    [
        "s",
        "t",
        "tl",
        "vl",
        "sa",
        "avg",
        "run",
        "run_id",
        "run_name",
        "note",
        "rank",
        "local_rank",
        "device",
        "score",
        "scale",
        "step",
        "this_step",
        "step_avg",
        "tok_s",
        "selected",
        "total",
        "count",
        "mixed_quant",
        "world_size",
        "size_check",
        "start",
        "started",
        "started_at",
        "begin",
        "end",
        "ended",
        "finished",
        "finished_at",
        "node",
        "sm",
        "user",
        "output",
        "out",
        "checkpoint",
    ]
)
_NUMBER = regex(r"^-?\d+(?:\.\d+)?(?:e-?\d+)?$", re.IGNORECASE)
# A file that a run writes: each has its own.
_WRITTEN = regex(r"\.(?:pt|ptz|pth|ckpt|safetensors|npz?|log|txt|out|err|json|csv|tsv|xz|zst|gz|br|lzma|zip)\b")
_PLAIN = regex(r"^[\w.+\-:,/\[\]() ]{1,60}$")
_OFF = frozenset({"0", "false", "no", "off", "none"})
# Read by the formats of logs, besides what is printed as a setting.
READ = ("world_size", "train_shards", "val_tokens", "train_cap")
_CALLED = {"train_cap": "the cap on training seconds"}
_LARGEST_CODE = 1_000_000  # bytes: what is printed as more is no script's size


class Difference(Struct, frozen=True):
    """A setting and the value that each of the runs prints for it."""

    name: str
    values: tuple[tuple[Run, str, Value[str]], ...]


def differences(runs: Sequence[Run]) -> Iterator[Difference]:
    """Yield the settings that all of the runs print, and not alike; what names or measures a run is left out."""
    common = set.intersection(*(set(run.settings) for run in runs))
    for name in common - set(READ):
        if name in _NAMES_OF_THE_RUN or not _WORDS_OF_THE_RUN.isdisjoint(name.split("_")):
            continue
        values = [(run, _normal(run.settings[name].value), run.settings[name]) for run in runs]
        if _is_idle(runs, name):
            continue
        if len({value for _, value, _ in values}) > 1 and all(map(_is_choice, (v for _, v, _ in values))):
            yield Difference(name, tuple(values))
    for name in READ:
        read = [(run, value) for run in runs if (value := run.first(name)) is not None and value.value > 0]
        if name == "train_cap" and (any("wallclock" in said for said in common) or any(map(_several_caps, runs))):
            continue  # compared as the setting that it is, or of several launches in one log
        if len({value.value for _, value in read}) > 1:
            yield Difference(_CALLED.get(name, name), tuple((run, f"{v.value:.10g}", _text(v)) for run, v in read))


def _several_caps(run: Run) -> bool:
    return len({cap.value for cap in run.numbers("train_cap")}) > 1


def codes(runs: Sequence[Run]) -> Difference | None:
    """Return the bytes of code that the runs' logs count, where they differ; None where a log counts none."""
    counted = [(run, size) for run in runs if (size := run.last("code_bytes")) is not None]
    sizes = {size.value for _, size in counted}
    if len(counted) < len(runs) or len(sizes) < 2 or max(sizes) > _LARGEST_CODE:
        return None
    return Difference("bytes of code", tuple((run, f"{size.value:,.0f}", _text(size)) for run, size in counted))


def _text(value: Value[float]) -> Value[str]:
    return Value(f"{value.value:.10g}", value.path, value.line)


def _is_idle(runs: Sequence[Run], name: str) -> bool:
    """Tell whether all runs print as off the switch that a setting belongs to: ttt_epochs where ttt_enabled is off."""
    words = name.split("_")
    for end in range(1, len(words)):
        stem = "_".join(words[:end])
        for switch in (f"{stem}_enabled", f"enable_{stem}", f"use_{stem}", f"{stem}_enable"):
            printed = [run.settings[switch].value.strip().lower() for run in runs if switch in run.settings]
            if len(printed) == len(runs) and all(value in _OFF for value in printed):
                return True
    return False


def _is_choice(value: str) -> bool:
    """Tell whether a printed value may have been chosen: plain text, and no file that the run writes."""
    return _PLAIN.match(value) is not None and value[:1] not in ("/", "~") and _WRITTEN.search(value) is None


def _normal(text: str) -> str:
    """Return a printed value in one spelling: 600.000 as 600."""
    text = text.strip().strip("\"',;")
    return f"{float(text):.10g}" if _NUMBER.match(text) else text
