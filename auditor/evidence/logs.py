# ruff: noqa: E501 (rows of patterns)
"""One log file to its runs, in time linear in its length."""

from __future__ import annotations

import hashlib
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from msgspec.structs import replace

from auditor.evidence.closing import closing
from auditor.evidence.embedded import embedded_sources
from auditor.evidence.formats import FORMATS, lowered, reads
from auditor.evidence.measured import is_measured, of_measurements
from auditor.evidence.metrics import is_placeholder, parse_metric, unrounded
from auditor.evidence.model import EmbeddedSource, Log, Trouble
from auditor.evidence.printed import Metric, Reading, Value
from auditor.evidence.restarts import broken_off
from auditor.evidence.run import Run
from auditor.evidence.text import Decoded, decode, messages
from auditor.regex import regex

LARGEST_LOG = 256 * 1024 * 1024  # bytes, also after decompression

_MOST_READINGS = 400  # of one field in one run: the first half and the last half are kept
_MOST_METRICS = 2_000
_MOST_SETTINGS = 1_000
_MOST_TROUBLES = 20
_MOST_RUNS = 1_000
_SHAPE = 80  # bytes of a line that tell its shape, digits aside: beyond a launcher's prefix
_MOST_SHAPES = 10_000
_MOST_MESSAGES = 20_000  # lines that are read closely; the longest log seen has a tenth of that
_MOST_LINES = 60_000  # lines of shapes that are not routine, telling or not
_HALF = 0.5000001  # of the last printed digit
_ROUTINE = 200  # after so many lines of one shape in a run only the latest is kept

_SETTING = regex(r"^(?P<name>[A-Za-z_]\w{0,60})\s{0,3}[:=]\s{0,3}(?P<value>[^\s=:][^\n]{0,200})$")
_SETTING_PAIR = regex(r"(?<![\w/.])(?P<name>[A-Za-z_]\w{0,60})[:=](?P<value>[^\s:=,]{1,120})")
# When and where a run took place, and what it is called: a time, an address, an identifier. No setting.
_OF_THE_OCCASION = regex(
    r"//|[a-z][\w+.\-]{0,15}://|(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.]\d|\d{1,2}:[0-5]\d(?::|$)|(?:\d{1,3}\.){3}\d{1,3}(?:$|:)"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$|(?=[a-f]{0,40}\d)(?=\d{0,40}[a-f])[0-9a-f]{12,64}$"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}[, ]",
    re.IGNORECASE,
)
_NAME_SEED = regex(r"(?:^|[^a-z])(?:seed|s)[_\-= ]?(\d{1,10})(?!\d)|[_\-](\d{1,7})(?=\.|$|_log|_train)", re.IGNORECASE)
_USUAL_SEEDS = frozenset(
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 17, 42, 123, 137, 314, 777, 999, 1234, 1337, 2024, 2025, 2026}
)
_DIGITS = b"0123456789"

_TROUBLES: tuple[tuple[re.Pattern[str], str], ...] = (
    (regex(r"^Traceback \(most recent call last\)"), "traceback"),
    (regex(r"^(?:\w+\.)*\w*(?:Error|Exception): \S"), "traceback"),
    (regex(r"^(?:ssh|scp|rsync|client_loop|kex_exchange)\b.{0,120}(?:timed out|refused|closed|unreachable|failed|broken pipe)", re.IGNORECASE), "connection"),
    (regex(r"^(?:Connection (?:timed out|refused|closed|reset)|Timeout, server \S+ not responding|Permission denied \(publickey)", re.IGNORECASE), "connection"),
    (regex(r"\bplaceholder\b", re.IGNORECASE), "placeholder"),
    (regex(r"^\W{0,4}(?:note:? )?.{0,120}\b(?:extracted (?:from|during)|logs? (?:(?:was|were|is|are) )?(?:not saved|not kept|lost)|reconstructed from|documents (?:multiple|several) runs)", re.IGNORECASE), "summary"),
    (regex(r"^(?:Killed|Terminated|Segmentation fault)\b|\bSIG(?:KILL|TERM|SEGV)\b"), "killed"),
)  # fmt: skip
_TROUBLE_WORDS: tuple[bytes, ...] = (
    b"error",
    b"exception",
    b"traceback",
    b"ssh",
    b"connection",
    b"timeout",
    b"denied",
)
_TROUBLE_WORDS += (
    b"placeholder",
    b"extracted",
    b"not saved",
    b"not kept",
    b"lost",
    b"reconstructed",
    b"documents",
    b"killed",
    b"terminated",
    b"segmentation",
    b"sig",
    b"scp",
    b"rsync",
    b"kex",
)


def _either(words: Iterable[bytes]) -> re.Pattern[bytes]:
    """Return a pattern that finds any of the words, leaving out those that contain another."""
    several = set(words)
    return regex(_branches([word for word in several if several.isdisjoint(_inside(word))]))


def _inside(word: bytes) -> Iterator[bytes]:
    """Yield the shorter words in a word: far fewer than there are words to look for in it."""
    for length in range(1, len(word)):
        for at in range(len(word) - length + 1):
            yield word[at : at + length]


def _branches(words: Iterable[bytes]) -> bytes:
    """Return words, none of which begins another, as a pattern that looks at each character once."""
    by_first: dict[bytes, list[bytes]] = {}
    for word in words:
        by_first.setdefault(word[:1], []).append(word[1:])
    parts = [
        re.escape(first) + (re.escape(rests[0]) if len(rests) == 1 else _branches(rests))
        for first, rests in sorted(by_first.items())
    ]
    return b"(?:" + b"|".join(parts) + b")"


_TROUBLE_CUES = _either(_TROUBLE_WORDS)
_CUES = _either({row.cue.encode() for row in FORMATS} | {b"bpb", b"score", *_TROUBLE_WORDS})


def read_log(path: str, data: bytes) -> Log:
    """Return what a log file says; raises :class:`auditor.evidence.text.Unreadable`.

    ``path`` is how values name the file; ``data`` is the file as stored.
    """
    blob = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    blob.update(data)
    decoded = decode(data, LARGEST_LOG)
    sources = embedded_sources(decoded.data)
    return _scan(path, len(data), blob.hexdigest(), decoded, sources)


def name_seed(path: str) -> int | None:
    """Return the seed that a log's file name (or its folder's) states, or None."""
    parts = PurePosixPath(path).parts[-2:]
    for part in reversed(parts):
        for match in _NAME_SEED.finditer(part):
            if match[1] is not None:
                return int(match[1])
            if int(match[2]) in _USUAL_SEEDS:
                return int(match[2])
    return None


def _scan(path: str, size: int, blob: str, decoded: Decoded, sources: tuple[EmbeddedSource, ...]) -> Log:
    broken = broken_off(decoded.data)
    runs: list[_Builder] = [_Builder(path, broken + 1)]
    troubles: list[Trouble] = []
    number = looked_at = close = unread = 0
    skip = iter(sources)
    span = next(skip, None)
    stream = io.BytesIO(decoded.data)
    for number, raw in enumerate(stream, start=1):
        if span is not None and number >= span.first_line:
            if number == span.first_line and runs[-1].finished:
                _open(runs, path, number)
            if number <= span.last_line:
                continue
            span = next(skip, None)
        if number <= broken:
            continue
        current = runs[-1]
        shape = _shape(raw)
        if current.routine.get(shape, 0) >= _ROUTINE:
            current.latest[shape] = (number, raw)
            continue
        if looked_at >= _MOST_LINES or close >= _MOST_MESSAGES:
            number, unread = _close(current, decoded.data, stream.tell() - len(raw), number - 1, sources)
            break
        looked_at += 1
        if current.opening:
            current.settle(number, raw)
        if not _telling(raw):
            continue
        close += 1
        for text in messages(raw):
            opened = current.read(number, text, shape)
            if opened and current.finished:
                current = _open(runs, path, number)
                current.read(number, text, shape)
        if len(troubles) < _MOST_TROUBLES and _TROUBLE_CUES.search(raw[:16_000].lower()):
            troubles.extend(_troubles(number, raw))
    merged = tuple(_merged(runs, number))
    if len(merged) > 1:
        merged = _timed_apart(tuple(replace(run, among_others=True) for run in merged))
    troubles.extend(nought for run in runs for nought in run.placeholders[:_MOST_TROUBLES])
    return Log(path, size, blob, decoded.encoding, number, merged, sources, tuple(troubles), unread)


def _shape(raw: bytes) -> bytes:
    return raw[:_SHAPE].translate(None, _DIGITS)


def _telling(raw: bytes) -> bool:
    return _CUES.search(raw[:16_000].lower()) is not None


def _close(
    current: _Builder, data: bytes, start: int, read: int, sources: tuple[EmbeddedSource, ...]
) -> tuple[int, int]:
    """Let a run take in the end of its log; return how many lines the log has and how many were passed over."""
    routine = {shape for shape, count in current.routine.items() if count >= _ROUTINE}
    end = closing(data, start, read, sources, routine, _shape, _telling)
    for number, raw in end.kept:
        for text in messages(raw):
            current.read(number, text, b"")
    current.latest.update(end.latest)
    return end.total, end.unread


def _open(runs: list[_Builder], path: str, number: int) -> _Builder:
    if len(runs) < _MOST_RUNS:
        runs[-1].end = number - 1
        runs.append(_Builder(path, number))
    return runs[-1]


def _troubles(number: int, raw: bytes) -> Iterator[Trouble]:
    for text in messages(raw):
        for pattern, kind in _TROUBLES:
            if pattern.search(text):
                yield Trouble(kind, number, text[:200])  # type: ignore[arg-type]
                break


def _merged(runs: list[_Builder], last: int) -> list[Run]:
    """Return the runs that measured something; what tells of a run again, or sums it up at the end, is part of it."""
    kept: list[Run] = []
    for builder in runs:
        run = builder.build(builder.end or last)
        if run is None:
            continue
        if kept and run.score is None and run.steps is None and _lists_others(kept[-1], run):
            continue
        if kept and _continues(kept[-1], run):
            kept[-1] = _joined(kept[-1], run)
            continue
        told = next((i for i, before in enumerate(kept) if _sums_up(before, run)), None)
        if told is None:
            kept.append(run)
        else:
            before = kept[told]
            kept[told] = replace(before, readings={**run.readings, **before.readings})
    return kept


def _timed_apart(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Return a log's runs, the last one without a time that stands at the end of all: it may be that of all."""
    last = runs[-1]
    if not last.all("whole_time") or any(run.all("whole_time") for run in runs[:-1]):
        return runs
    return (*runs[:-1], replace(last, readings={k: v for k, v in last.readings.items() if k != "whole_time"}))


def _sums_up(before: Run, after: Run) -> bool:
    """Tell whether a part of a log that trains nothing gives, under its seed, a score that an earlier run printed."""
    score = after.score
    if score is None or after.trained or not _same_seed(before, after):
        return False
    return any(
        abs(m.val_bpb - score.val_bpb) <= _HALF * 10.0 ** -min(m.decimals, score.decimals) for m in before.scores
    )


def _lists_others(before: Run, after: Run) -> bool:
    """Tell whether a part without a score names other seeds than the run before it: a table of what all runs gave."""
    named = set(after.printed_seeds)
    own = {before.logged_seed.value} if before.logged_seed is not None else named
    return len(named) > 1 or bool(named - own)


def _continues(before: Run, after: Run) -> bool:
    """Tell whether a part of a log goes on with, sums up, evaluates again or repeats the run before it."""
    if after.score is None:
        return after.steps is None
    if before.logged_seed and after.logged_seed and before.logged_seed.value != after.logged_seed.value:
        return False
    if (
        before.steps
        and before.scores
        and after.steps is None
        and after.train_seconds is None
        and _same_seed(before, after)
    ):
        return True  # training, then an evaluation alone
    return any(m.val_bpb == after.score.val_bpb for m in before.scores)


def _same_seed(before: Run, after: Run) -> bool:
    return bool(before.logged_seed and after.logged_seed and before.logged_seed.value == after.logged_seed.value)


def _joined(before: Run, after: Run) -> Run:
    names = {*before.readings, *after.readings}
    return replace(
        before,
        last_line=after.last_line,
        metrics=before.metrics + after.metrics,
        readings={name: before.all(name) + after.all(name) for name in sorted(names)},
        settings={**after.settings, **before.settings},
    )


class _Builder:
    """Collects one run's readings while its log is read."""

    def __init__(self, path: str, first_line: int) -> None:
        self.path = path
        self.first_line = first_line
        self.end: int | None = None
        self.opening = True  # before the first step or score: where hyper-parameters are printed
        self.finished = False  # a final score has been printed
        self.routine: dict[bytes, int] = {}
        self.latest: dict[bytes, tuple[int, bytes]] = {}
        self._noughts: list[tuple[Trouble, int]] = []  # scores of 0.0, with the decimals that are printed
        self._metrics: list[Metric] = []
        self._routine_metrics: deque[Metric] = deque(maxlen=_MOST_METRICS)
        self._readings: dict[str, list[Reading]] = {}
        self._late: dict[str, deque[Reading]] = {}
        self._settings: dict[str, Value[str]] = {}

    def read(self, number: int, text: str, shape: bytes) -> bool:
        """Take in one message; return True when it is the kind of line that opens a run."""
        low = lowered(text)
        found = tuple(reads(text))
        opens = any(row.starts_run for row, _ in found)
        if opens and self.finished:
            return True
        metric = parse_metric(text, low, self.path, number) if "bpb" in low or "score" in low else None
        if metric is not None and is_placeholder(metric):
            self._noughts.append((Trouble("nought", number, text[:200]), metric.decimals))
        elif metric is not None:
            exact = unrounded(metric) if "exact" in low else None
            if exact is not None:
                self._keep_metric(exact)
            self._keep_metric(metric)
        for _, fields in found:
            self._keep(number, fields)
            self.opening = self.opening and fields.get("step", 0) in (0, 1)
        if len(self.routine) < _MOST_SHAPES:
            self.routine[shape] = self.routine.get(shape, 0) + 1
        return opens

    @property
    def placeholders(self) -> list[Trouble]:
        """Return the scores of 0.0 that are no tiny score, printed elsewhere with more decimals, rounded."""
        least = min((m.val_bpb for m in self._metrics if m.role == "final"), default=1.0)
        return [nought for nought, decimals in self._noughts if least > _HALF * 10.0**-decimals]

    def _keep_metric(self, metric: Metric) -> None:
        self.opening = self.opening and metric.role == "reference"  # an evaluation alone takes no step
        if metric.role in ("step", "progress"):
            self._routine_metrics.append(metric)
        elif len(self._metrics) < _MOST_METRICS:
            self._metrics.append(metric)
        else:
            self._metrics[-1] = metric
        self.finished = self.finished or metric.role == "final"

    def _keep(self, number: int, found: dict[str, int | float | str]) -> None:
        label = str(found.get("label", ""))
        for name, value in found.items():
            if name == "label":
                continue
            reading: Reading = Value(value, self.path, number, label)  # type: ignore[assignment]
            early = self._readings.setdefault(name, [])
            if len(early) < _MOST_READINGS // 2:
                early.append(reading)
            else:
                self._late.setdefault(name, deque(maxlen=_MOST_READINGS // 2)).append(reading)

    def settle(self, number: int, raw: bytes) -> None:
        """Take in the hyper-parameters that a line before the first step prints."""
        if len(raw) > 600 or len(self._settings) >= _MOST_SETTINGS or not (b":" in raw or b"=" in raw):
            return
        for text in messages(raw):
            whole = _SETTING.match(text)
            pairs = _SETTING_PAIR.findall(text)
            if whole is not None and len(pairs) <= 1:
                pairs = [(whole["name"], whole["value"].strip())]
            if of_measurements(pairs):
                continue
            for name, value in pairs:
                if _OF_THE_OCCASION.match(value) or is_measured(name.lower(), value):
                    continue
                self._settings.setdefault(name.lower(), Value(value, self.path, number))

    def build(self, last_line: int) -> Run | None:
        """Return the run, or None when nothing of a run was read."""
        for number, raw in list(self.latest.values()):
            for text in messages(raw):
                self.read(number, text, b"")
        readings = {name: (*early, *self._late.get(name, ())) for name, early in self._readings.items()}
        metrics = sorted([*self._metrics, *self._routine_metrics], key=lambda m: m.line)
        if not metrics and not readings:
            return None
        seed = name_seed(self.path)
        return Run(
            path=self.path,
            first_line=self.first_line,
            last_line=last_line,
            metrics=tuple(metrics),
            readings=readings,
            settings=self._settings,
            name_seed=None if seed is None else Value(seed, self.path, None),
        )
