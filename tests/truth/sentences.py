"""Sentences of a report about switches, defaults, log lines and claims, held against the text that they name.

Works on the JSON of a report, so that the results of a sweep can be checked without auditing anything again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Read = Callable[[str, int], str | None]
"""A file's text by path and layer; None where there is no such file."""

_PLACE = r"\((?P<path>[^()\s]+?):(?P<line>\d+)(?: \(layer \d\))?\)"
_BARE = r"(?P<path>[^()\s]+?):(?P<line>\d+)"
_NAMED = (
    ("default", re.compile(rf"(?P<name>\w[\w.]*) defaults to (?P<value>\S.*?) {_PLACE}")),
    ("unset", re.compile(rf"(?P<name>\w[\w.]*) is not set by default {_PLACE}")),
    ("setting", re.compile(rf"(?:^|; )(?P<name>\w[\w.]*) is (?P<value>[^;]*?) in [^;]*?{_PLACE}(?=;|$)")),
    ("setting", re.compile(rf"(?:^|; )(?P<name>\w[\w.]*) is (?P<value>[^;]*?) {_PLACE} in the run of [^;]*(?=;|$)")),
    ("setting", re.compile(rf"(?:^|; )(?P<name>\w[\w.]*) is (?P<value>[^;]*?) in {_BARE}(?: \([^()]*\))?(?=;|$)")),
    ("log", re.compile(rf"the log prints (?P<name>\w[\w.]*) as (?P<value>\S.*?) {_PLACE}")),
    ("command", re.compile(r"\((?P<name>\w[\w.]*)=(?P<value>[^,;()]*), (?P<path>[^()\s,]+?):(?P<line>\d+)\)")),
)
_ON_OFF = re.compile(r"\b(?:true|false|1|0|start\w*|on|off|enabled|disabled|yes|no)\b", re.I)
_CLAIMED = re.compile(r"[Tt]he claimed (?:val_loss )?(?P<value>\d\.\d+)")
_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+")
_SCORE = re.compile(r"(?P<value>\d\.\d{3,}) \(")
_SEED = re.compile(r"the run printed seed (?P<value>\d+)")
_NOTHING = re.compile(r"no (?:other )?setting in play turns it on")
_ALONE = re.compile(r"""["']\w+["'],""")  # a name on a line of its own: what follows it is the next argument
_LONGEST_ARGUMENT = 4  # lines
_LONGEST_OPTION = 6  # lines between an option's name and its default
_SWITCH = re.compile(r"(\w[\w.]*) (?:defaults to|is not set by default)")


@dataclass(frozen=True)
class Checked:
    """How many sentences and places were checked, and those that the text contradicts."""

    count: int
    wrong: tuple[str, ...]


def check(report: Mapping[str, Any], read: Read, logs: tuple[str, ...] = ()) -> Checked:
    """Return what of a report's sentences the text at their places does not bear out."""
    texts = _Texts(read)
    count, wrong = 0, []
    for finding in report["findings"]:
        for holds, what in _of(finding, texts, logs):
            count += 1
            if not holds:
                wrong.append(f"{finding['rule']} ({finding['status']}): {what}")
    for item in (*report["not_followed"], *report.get("rests_on", ())):
        count += 1
        if item["line"] is None or not texts.lines(item["path"]):
            continue  # a module that the script holds packed, under its own name
        if texts.line(item["path"], item["line"], item.get("layer", 0)) is None:
            wrong.append(f"no line {item['line']} in {item['path']}, layer {item.get('layer', 0)}: {item['what']}")
    return Checked(count, tuple(wrong))


class _Texts:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._lines: dict[tuple[str, int], list[str] | None] = {}

    def lines(self, path: str, layer: int = 0) -> list[str]:
        """Return a file's lines, none of a file that is not there."""
        if (path, layer) not in self._lines:
            text = self._read(path, layer)
            self._lines[path, layer] = None if text is None else text.split("\n")
        return self._lines[path, layer] or []

    def line(self, path: str, line: int, layer: int = 0) -> str | None:
        """Return one line, None where there is none."""
        lines = self.lines(path, layer)
        return lines[line - 1] if 1 <= line <= len(lines) else None

    def of_any_layer(self, path: str, line: int) -> list[str]:
        """Return a line in each layer that has it: a sentence names no layer."""
        found = (self.line(path, line, layer) for layer in range(8))
        return [text for text in found if text is not None]


def _of(finding: Mapping[str, Any], texts: _Texts, logs: tuple[str, ...]) -> Iterator[tuple[bool, str]]:
    """Yield whether each sentence of a finding holds, and the sentence with what stands at its place."""
    message, because = finding["message"], finding["active_because"] or ""
    places = [(finding["path"], finding["line"], finding["layer"], "")]
    places += [(s["path"], s["line"], s["layer"], s["note"]) for s in finding["trace"]]
    for path, line, layer, note in places:
        if path is None or line is None:
            continue
        at = texts.line(path, line, layer)
        yield at is not None, f"no line {line} in {path}, layer {layer}"
        score = _SCORE.match(note)
        if score is not None:
            yield at is not None and _has_number(at, score["value"]), f"{note!r} of {path}:{line}: {at!r}"
    for text in dict.fromkeys((because, message)):
        for kind, pattern in _NAMED:
            for match in pattern.finditer(text):
                at_place = texts.of_any_layer(match["path"], int(match["line"]))
                value = match.groupdict().get("value")
                if value == "True" and any(f"--{match['name'].replace('_', '-')}" in t for t in at_place):
                    value = None  # an option that stands alone
                above, below = _broken_call(texts, match["path"], int(match["line"])) if kind == "default" else ("", "")
                holds = any(
                    _names(above + t, match["name"]) and (value is None or _says(t + below, value)) for t in at_place
                )
                yield holds, f"{kind}: {match.group()!r}: {at_place!r}"
    if _NOTHING.search(because):
        for name in dict.fromkeys(_SWITCH.findall(because)):
            on = next((place for place in _printed_on(name, texts, logs)), None)
            yield on is None, f"{because!r}, but {on}"
    place = finding["path"], finding["line"]
    claimed = _CLAIMED.search(message)
    if claimed is not None and finding["rule"] == "claim-mismatch" and None not in place:
        own = texts.line(*place)
        whole = [own or "", *texts.lines(place[0])]
        mean = _mean(texts.lines(place[0]), claimed["value"])
        holds = mean or any(_has_number(text, claimed["value"]) for text in whole)
        yield holds, f"{claimed.group()!r} of {place[0]}:{place[1]}: {own!r}"
    seed = _SEED.search(message)
    if seed is not None and None not in place:
        own = texts.line(*place)
        yield own is not None and seed["value"] in own, f"{seed.group()!r}: {own!r}"


def _names(text: str, name: str) -> bool:
    low, last = text.lower(), name.lower().split(".")[-1]
    return last in low or last.replace("_", "-") in low or last.split("_")[0] in low


def _broken_call(texts: _Texts, path: str, line: int) -> tuple[str, str]:
    """Return what names an option above its default's own line, or the argument that follows a name's own line."""
    for layer in range(8):
        own = (texts.line(path, line, layer) or "").strip()
        if own.startswith("default="):
            before = (texts.line(path, line - back, layer) or "" for back in range(1, _LONGEST_OPTION))
            return next((text for text in before if text.lstrip().startswith(('"--', "'--"))), ""), ""
        if _ALONE.fullmatch(own):
            return "", " ".join(texts.line(path, line + on, layer) or "" for on in range(1, _LONGEST_ARGUMENT))
    return "", ""


def _says(text: str, value: str) -> bool:
    plain = value.strip().strip("'\"")
    text += " " + re.sub(r"(?<=\d)_(?=\d)", "", text)
    if "store_true" in text or "store_false" in text or re.search(r"""["'],\s*[A-Za-z_]\w*\)""", text):
        return True  # an option that stands alone; a default that another line gives
    if plain in text or (plain.lower() in ("true", "false", "1", "0") and _ON_OFF.search(text)):
        return True
    try:
        number = float(plain)
    except ValueError:
        return False
    return any(float(other) == number for other in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text))


def _has_number(text: str, value: str) -> bool:
    """Tell whether a text holds the number, in full or with more or fewer digits of the same."""
    wanted, digits = float(value), len(value.partition(".")[2])
    for other in _NUMBER.findall(text):
        step = 10.0 ** -min(digits, len(other.partition(".")[2]))
        if abs(float(other) - wanted) <= step / 2 + 1e-12 or other.startswith(value):
            return True
    return False


def _mean(lines: list[str], value: str) -> bool:
    """Tell whether the value is the mean of the scores that a document gives for its seeds, by key or in turn."""
    keyed: dict[str, list[float]] = {}
    for line in lines:
        if "bpb" in line.lower():
            for match in _NUMBER.finditer(line):
                for key in ("", re.sub(r"\d+", "", line[: match.start()])):
                    keyed.setdefault(key, []).append(float(match[0]))
    return any(
        abs(sum(scores[i : i + size]) / size - float(value)) < 1e-5
        for scores in keyed.values()
        for size in range(2, 8)
        for i in range(len(scores) - size + 1)
    )


def _printed_on(name: str, texts: _Texts, logs: tuple[str, ...]) -> Iterator[str]:
    pattern = re.compile(rf"^\W{{0,8}}{re.escape(name.lower())}\s?[:=]\s?(?:1|true|on|yes)\s*$")
    for path in logs:
        for number, line in enumerate(texts.lines(path)[:20_000], start=1):
            if len(line) < 200 and pattern.match(line.lower()):
                yield f"{path}:{number} prints {line.strip()!r}"
