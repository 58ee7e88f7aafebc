"""Settings that a training log prints: dumps, ``key=value`` lines and tagged lines, but no measurements."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping

from auditor.evidence.measured import is_measured, of_measurements
from auditor.evidence.restarts import broken_off
from auditor.regex import regex
from auditor.submission.model import Override

_MAX_LINE = 20_000  # characters of a line that are looked at
_MAX_NAMES = 2000
_MAX_VALUE = 400
_DEEPEST_TABLE = 4
_PROSE = 3  # words of letters that make a value a sentence

_ANSI = regex(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
_PREFIX = regex(
    r"\[[^\]\n]{1,40}\][ \t]*:?[ \t]?"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]{0,10}(?:Z|[+-]\d\d:?\d\d)?[ \t]*[-|:]?[ \t]?"
    r"|\d\d:\d\d:\d\d[.,\d]{0,10}[ \t]*[-|:]?[ \t]?"
    r"|(?:INFO|DEBUG|WARNING|NOTICE)[ \t]*[:|-][ \t]?(?:root[ \t]?:)?"
    r"|rank[ _]?\d{1,3}[ \t]*[:|][ \t]?"
)
_STARTED = regex(
    r"(?:warmup_)?step[ :=]*\d|[\[(]?\d{1,7}/\d{1,7}[\])]?[ :,]|iter(?:ation)?[ :=]+\d"
    r"|\w{1,16}[: ]\s?\w{0,6}\d{1,7}/\d{1,7}[ ,:]|.{0,60}\btrain_loss[ :=]+\d|\w{1,40} val_loss[ :=]+\d"
)
_RULE = regex(r"={80,}\s*\Z")
_SOURCE = regex(r"(?:import \w|from [\w.]+ import |def \w+\(|class \w+[(:]|@\w|if __name__)")
_SOURCE_OPENING = regex(r"(?:\"\"\"|'''|#!|#|import \w|from [\w.]+ import |def \w|class \w|try:|_\w*=|exec\()")
_NOISE = regex(
    r"\s*(?:[WE]\d{4} |[|+*]|Collecting|Requirement already|Downloading|Installing|Successfully|WARNING"
    r"|/\S+\.py:\d+|File \"|Traceback|Processing|nohup:|\w*(?:Warning|Error|Exception)\b)"
)
_CODE = regex(r"os\.environ|getenv\(|add_argument\(|\bself\.|\btorch\.\w+\(|\breturn\b|\bimport\b|\blambda\b|\):\s*\Z")
_BLOCK_TITLE = regex(
    r"[=\-*# ]*(?:hyper-?parameters?|hparams|config(?:uration)?|args|arguments|settings|environment)\b"
    r"[^=:]{0,30}:?[=\-*# ]*\Z",
    re.I,
)
_WHOLE_LINE = regex(r"\s*[-*•]?\s*[\"']?([A-Za-z_][\w.]{0,80})[\"']?\s*(?:[:=](?!=)|->)\s*(.*)\Z")
_PAIR = regex(
    r"(?<![\w./-])[\"']?([A-Za-z_][\w.]{0,80})[\"']?[ \t]?(?:=(?!=)|:(?!\w+=)(?!=))[ \t]?"
    r"(\[[^\[\]]{0,300}\]|\([^()]{0,300}\)|'[^'\n]{0,300}'|\"[^\"\n]{0,300}\"|[^\s,;()\[\]{}'\"=]+(?![=\w]))"
)
_TAG = regex(r"\s*([A-Za-z][\w-]{0,40})((?:[ :]\s?[A-Za-z][\w-]{0,30}){0,3}?)\s*[: ]\s*(?=\w+\s?=|\()")
_DUMP = regex(r"(?:args|arguments|config\w*|hyper\w*|hparams|settings|params|namespace|env\w*|command|run)\Z", re.I)
_CONFIGURING = regex(
    r"[^=]{0,40}?(?:\b|_)(?:config|start|starting|settings|enabled|disabled|params|hparams|args)\b", re.I
)
_MEASURED = regex(
    r"(?:val|train|test|final|best|mean|avg|last|pre|post|total|running)?_?(?:loss|bpb|nll|ppl|perplexity|acc|score|vl|bpt|ce)\w*"
    r"|\w*(?:_loss|_bpb|_nll|_vl|_time|_ms|_sec|_secs|_elapsed|_delta|_mib|_gib|_mb|_gb|_bytes|_params|_avg|_tokens_total)"
    r"|time|elapsed|eta|ms|secs?|step|steps_done|step_avg|tok_s|tokens|mem|memory|peak\w*|allocated|reserved|size|bytes"
    r"|delta|gain|mse|err|error|scale|ratio|progress|chunk|chunks|windows|doc|docs|shards?|device|gpu|pid|time_\w+"
    r"|http|https|file|line|nan|true|false|none|total|model|code|artifact|submission|hits?|count|cum\w*"
    r"|swa_step|qat_step|\w"
)
_TITLED_TABLE = regex(r"[\"']?[A-Za-z][\w .-]{0,40}[\"']?\s?[:=]\s?(\{.*\},?)\Z")
_PROSE_WORD = regex(r"(?<!\S)[A-Za-z]{2,}(?!\S)")
_SEPARATED = regex(r"(?<![\w.])[\w.]+ ?[:=] ?\S")


def printed_settings(text: str, path: str) -> Mapping[str, Override]:
    """Return the values that a log prints for settings, keyed by lower-case name.

    Read are the part before training starts and, after it, titled blocks and lines that announce a phase and name
    nothing that was measured.
    An embedded copy of the script and starts that broke off are left out. The first value of a name stands.
    """
    found: dict[str, Override] = {}
    broken = broken_off(text.encode("utf-8", "replace"))
    for line, pairs in _lines_with_pairs(text, broken):
        for name, value in pairs:
            name = name.lower()
            if _MEASURED.fullmatch(name) or is_measured(name, value):
                continue
            if not value.strip("{}[]() ") or len(value) > _MAX_VALUE or len(found) >= _MAX_NAMES:
                continue
            if value.endswith(("...", "…")) or len(_PROSE_WORD.findall(value)) >= _PROSE:
                continue  # "shard_order: ranked 80 shards by size": what is done
            found.setdefault(name, Override(name, value, path, line))
    return found


def _lines_with_pairs(text: str, broken: int) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    started = in_block = False
    for number, line in _without_source(text.split("\n")):
        if number <= broken:
            continue
        line = without_prefix(_ANSI.sub("", line.rstrip("\r")[:_MAX_LINE]))
        if not line.strip():
            continue
        if _BLOCK_TITLE.match(line):
            in_block = True
            continue
        indented = line[0] in " \t"
        in_block = in_block and indented
        if _STARTED.match(line) and not in_block:
            started = True
            continue
        if started and not in_block and not _CONFIGURING.match(line):
            continue
        if "|" not in line and not _NOISE.match(line) and not _CODE.search(line):
            pairs = _pairs(line)
            told = started and not in_block and any(is_measured(name.lower(), value) for name, value in pairs)
            if not told and not of_measurements(pairs):
                yield number, pairs


def _without_source(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines outside any embedded copy of the script, which a rule of ``=`` closes."""
    start = 0
    for at in range(len(lines) + 1):
        if at < len(lines) and not _RULE.match(lines[at][:200]):
            continue
        segment = lines[start:at]
        opening, closing = _source_within(segment, closed=at < len(lines))
        for offset, line in enumerate(segment):
            if not opening <= offset < closing:
                yield start + offset + 1, line
        start = at + 1


def _source_within(lines: list[str], closed: bool) -> tuple[int, int]:
    """Return where source code begins and ends in a stretch of a log (both 0 when there is none)."""
    marks = [offset for offset, line in enumerate(lines) if _SOURCE.match(line)]
    if len(marks) < 3:
        return 0, 0
    opening = next((offset for offset, line in enumerate(lines) if _SOURCE_OPENING.match(line)), marks[0])
    if closed:
        return opening, len(lines)
    guard = next((offset for offset in marks if lines[offset].startswith("if __name__")), marks[-1])
    closing = guard + 1
    while closing < len(lines) and (not lines[closing].strip() or lines[closing][0] in " \t)]}"):
        closing += 1
    return opening, closing


def without_prefix(line: str) -> str:
    """Return a log's line without the times, levels and ranks that loggers put before it."""
    for _ in range(4):
        match = _PREFIX.match(line)
        if match is None:
            break
        line = line[match.end() :]
    return line


def _pairs(line: str) -> list[tuple[str, str]]:
    text = line.strip()
    titled = _TITLED_TABLE.match(text)
    dump = titled[1] if titled is not None else text
    if dump[:1] == "{" and dump[-1:] in ("}", ","):
        table = _table(dump.rstrip(","))
        if table is not None:
            return list(_scalars(table))
    separators = len(_SEPARATED.findall(text))
    whole = _WHOLE_LINE.match(text)
    if whole is not None and separators <= 1 and "(" not in whole[1]:
        return [(whole[1], _unquote(whole[2]))] if len(whole[2].split()) <= 12 else []
    pairs = [(match[1], _unquote(match[2].rstrip("."))) for match in _PAIR.finditer(text)]
    return _tagged(text, pairs)


def _tagged(text: str, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give short names their line's tag: ``TTT: epochs=3`` sets ``ttt_epochs``."""
    match = _TAG.match(text)
    tag = match[1].lower().replace("-", "_") if match else ""
    if not tag or _DUMP.match(tag):
        return pairs
    states = re.findall(r"\b(enabled|disabled|on|off)\b(?!\s?[=:])", match[2].lower()) if match else []
    named = [(tag, states[0])] if states else []
    first = tag.split("_")[0]
    for name, value in pairs:
        if name.lower() == tag and (match is not None and ":" in text[: match.end()]) and value in states:
            continue
        named.append((name if "_" in name or name.lower().startswith(first) else f"{tag}_{name}", value))
    return named


def _table(text: str) -> dict[object, object] | None:
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue  # not this notation
        if isinstance(value, dict):
            return value
    return None


def _scalars(table: dict[object, object], depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the plain values of a table and of the tables within it."""
    for key, value in table.items():
        if _is_scalar(value):
            yield str(key), _shown(value)
        elif isinstance(value, dict) and depth < _DEEPEST_TABLE:
            yield from _scalars(value, depth + 1)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _unquote(text: str) -> str:
    text = text.strip().rstrip(",")
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
