# ruff: noqa: E501 (rows of patterns)
"""Lines that print a score: what they print, and which part they play in the run."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from auditor.evidence.printed import Metric, Role
from auditor.regex import regex

_SAME_DIGIT = {ord(d): "0" for d in "123456789"}
_LEAST_SCORE = 0.02  # bits per byte: what is smaller, and no value of a key (val_bpb:), is a difference of two scores
_LONGEST_LABEL = 80
_LONGEST_QUOTE = 240

# Keys are matched whole ("val_bpb", "ngram_bpb", "bpb"); the text before the first one is the label.
_BPB = regex(
    r"(?<![\w.])(?P<key>[a-z0-9_+.\-]{0,40}bpb(?:_[a-z0-9]{1,12})?)(?P<mark>[\"'*`]{0,3}\s{0,3}(?:\([^()]{0,30}\))?\s{0,3}(?:[:=|≈≃]{1,2}|(?<=val_bpb)\s|(?<=val_bpb\s)|(?<=val_bpb\s\s))[\s\"'*`~≈]{0,20})"
    r"(?P<value>\d{1,3}\.\d{1,18})",
)
_EXACT = regex(r"\s{1,3}exact\s?[:=]\s?(?P<value>\d{1,3}\.\d{1,18})(?![\w.])")  # the same score, unrounded
_BPB_LABELLED = regex(r"\bbpb\b[^:=|\d]{0,40}[:=|]\s{0,20}(?P<value>\d{1,3}\.\d{1,18})")
_BPB_AFTER = regex(r"(?P<value>(?<![\w.+\-−–±~≈])\d{1,2}\.\d{2,18})\s?(?:val_)?bpb\b")
_SCORE = regex(r"\|\s*score\s*=\s*(?P<value>\d{1,2}\.\d{2,18})")
_LOSS = regex(
    r"(?<![\w.])(?:(?P<own>[a-z0-9_]{0,24}val_loss|vl|val_nats|validation_loss)|(?:(?!train)[a-z0-9]{1,16}_){0,2}loss)(?:\s?\([a-z]{1,12}\))?[\"']?\s{0,3}(?:[:=]|(?<=val_loss)\s|(?<=val_loss\s))\s{0,4}[\"']?"
    r"(?P<value>\d{1,3}\.\d{1,18})",
)
_SECONDS = regex(
    r"(?<![a-z_])(?P<key>(?:[a-z_]{0,12}eval_)?(?:time|elapsed|eval|total_time|wall|t)|elapsed_s|eval_seconds|wall_s|eval_time_s)"
    r"\s{0,2}[:=]\s{0,2}(?P<value>\d{1,9}(?:\.\d{1,9})?)\s?(?P<unit>ms|s|sec|seconds|m|min|h)?(?![\w.])",
)
_OF_THE_RUN = regex(
    r"(?<![a-z_])(?:train_|total_)?steps\s?[:=]\s?\d{3,}\b(?!\s?/)"
)  # a summary of training and evaluation: so few as two digits tell are an adaptation's own
_SPREAD = regex(r"\s?(?:±|\+/-|\+-|\\pm)\s?\.?\d")  # after the mean of several runs
_ASIDE = regex(r"(?:gain|delta|base|baseline|diff|gap|prev|ref)")  # a comparison in passing
_COMPARED = r"\b(?:delta|gains?|gap|improvement|reduction|decrease|increase|drop(?![-_ ]?(?:last|out))|lift|uplift|boost|change|diff|saved|save|penalty|degradation|std|stdev)\b|\bby [~≈+-]?\d|\bworse\b|[_:](?:delta|gain|gap|diff|std|improvement)\b|\bquant_gap|\bttt_gain"
# A key that holds a score for a condition, or what a score is weighed by: set beforehand, not measured.
_SETTING = r"(?:(?:early_stop|stop|goal|limit|cap)_(?:\w{1,12}_)?bpb|(?:\w{1,12}_)?bpb_(?:weight|power|scale|coef|lr|alpha|beta|temp|eps|threshold|target|limit|budget|gain|delta))"
_COMPARES = regex(_COMPARED)
_MOST_WORDS = 8  # before a value that stands before its unit; a sentence has more
_UNITS = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class RoleRow(Struct, frozen=True):
    """One way to tell a line's part in the run: the pattern, sought in the lower-cased line, and an example."""

    role: Role
    pattern: re.Pattern[str]
    example: str


def _row(role: Role, pattern: str, example: str) -> RoleRow:
    return RoleRow(role, regex(pattern), example)


# The first row that matches decides; a line that none matches is a final one.
ROLES: tuple[RoleRow, ...] = (
    _row(
        "step",
        r"^(?:\W{0,3}step)?\W{0,3}\d+\s*/\s*\d+\b(?!.{0,12}(?:windows|chunk|batch))",
        "step:500/20000 val_loss:2.5 val_bpb:1.5",
    ),
    _row("step", r"^\W{0,3}(?:s|step|iter)\s?[:=]?\s?\d+\b", "step 500 val_loss 2.5 val_bpb:1.50"),
    _row("step", r"\btrain_time\b|\bstep_avg\b|\btt:\d", "val_loss:2.5 val_bpb:1.5 train_time:600s"),
    _row(
        "progress",
        r"running_|\brunning\b|(?<![a-z])(?:batch|train|est|chunk)_bpb",
        "sliding_eval [ 10.6%] 1/9 windows running_bpb=1.16",
    ),
    _row(
        "progress",
        r"\[\s*\d+(?:\.\d+)?\s*%?(?:/\d+)?\s*\]|\bchunk\s*[:=\[]?\s*\d|\bbatch\s*[:=\[]?\s*\d|\b(?:window|win|doc|seq)s?\s?[:=]?\s?\d+\s*/",
        "ttt_chunk [1/1893] bpb=1.158340 time=0.5s",
    ),
    _row("progress", r"^\W{0,3}(?:doc|document|shard)\s?[#:=]?\s?\d+\b", "doc 10 bpb: 1.3"),
    _row(
        "progress",
        r"\bprogress\b|\beta[=:]|\d+(?:\.\d+)?%\s*(?:\||chunk|windows|done)|\[\d+/\d+\b|\d\s*/\s*\d+\s*(?:windows|chunks|docs|batches)",
        "ngram_eval:progress windows=64/128 bpb=1.10 t=47s",
    ),
    _row(
        "progress",
        r"\bepoch\s*[:=]?\s*\d+\s*/|\bep\d+/",
        "prequant_ttt:epoch 1/21 val_bpb=1.084913 time=60.3s",
    ),
    _row(
        "reference",
        r"(?<![a-z])(?:reference|baseline|control|champion|previous|prior|target|sota|leaderboard|expected|leader|threshold|published)(?![a-z])",
        "Champion: 1.18672385 BPB",
    ),
    _row(
        "reference",
        _COMPARED,
        "quant_gap: 0.014231 BPB (pre:1.16 post:1.17)",
    ),
    _row(
        "reference",
        r"^(?:[^:=]{0,20}\b)?(?:applying|using|reverting|selected|saving|save|loaded|loading|checkpoint|best_ckpt|new best)\b",
        "Using ema weights (val_bpb=1.1194)",
    ),
    _row("reference", r"^#{1,6}\s", "# val_bpb: 2.3351"),  # a remark: no script prints its score so
    _row("reference", r"^\W{0,6}(?:(?:\d|three|five)-seed )?mean\b", "Mean: val_bpb 1.1752 over three seeds"),
    _row("reference", r"\b(?:avg|average|mean)\b.{0,40}\b(?:seeds|runs)\b", "Average BPB across seeds = 1.15"),
    _row("reference", r"\b(?:log0?|print|logger\.\w{1,10})\(", "log0(f'final val_bpb:1.05')"),  # code, no output
    _row("reference", rf"(?<![a-z0-9]){_SETTING}(?![a-z0-9])", "early_stop_bpb: 1.1"),
    _row("reference", r"[\w.]\.(?:pt|ptz|bin|npz|npy)\b", "checkpoint: best_bpb1.1767.pt"),
    _row(
        "pre-quant",
        r"pre[-_ ]?quant|post[-_ ]?ema|post[-_ ]?swa|post[-_ ]?average|pre[-_ ]?export|\bfloat\b|\bunquantized\b",
        "DIAGNOSTIC post_ema val_loss:1.92 val_bpb:1.13",
    ),
    _row(
        "pre-quant",
        r"^diagnostic(?!\W{1,3}quantized)|^diag\b|\braw[_ ](?:model|val|bpb|final)|\bema bpb\b|\bema[_:](?:eval|val)|\bswa[_:](?:eval|val)|candidate_eval|\bbf16\b|\bfp32\b",
        "raw model val_bpb:1.1202",
    ),
)


def parse_metric(text: str, low: str, path: str, line: int) -> Metric | None:
    """Return the score that a message prints, or None when it prints none.

    ``text`` is a message without launcher prefixes, ``low`` the same with A–Z as a–z. A line that prints several scores gives ``val_bpb`` if it
    has one, else the last.
    """
    found = _best(low)
    if found is None:
        return None
    match, start = found
    value = match["value"]
    label = text[:start].strip(" \t:=|-*,;([{\"'`→")[:_LONGEST_LABEL].strip()
    loss = _loss(low)
    if loss is not None:
        label = label if loss.start() >= start else text[: loss.start()].strip(" \t:=|-*,;([{\"'`→")[:_LONGEST_LABEL]
    timing = _seconds(low)
    role = role_of(low, match.end("value"))
    keyed = match.re.pattern == _BPB.pattern and "_" in match["key"] and _ASIDE.match(match["key"]) is None
    told = match.re.pattern == _BPB_AFTER.pattern and len(low[:start].split()) >= _MOST_WORDS
    if role == "final" and (
        _SPREAD.match(low, match.end("value")) or told or (float(value) < _LEAST_SCORE and not keyed)
    ):
        role = "reference"
    return Metric(
        label=label,
        role=role,
        val_bpb=float(value),
        val_loss=None if loss is None else float(loss["value"]),
        seconds=timing,
        decimals=len(value.partition(".")[2]),
        path=path,
        line=line,
        text=text[:_LONGEST_QUOTE],
    )


def is_placeholder(metric: Metric) -> bool:
    """Tell whether a line gives nought for a score: no model predicts every byte."""
    return metric.val_bpb == 0.0 and role_of(metric.text.lower()) == "final"


def compares(metric: Metric) -> bool:
    """Tell whether a line sets its score against another (``val_bpb=1.1280 improvement:0.0663``)."""
    return _COMPARES.search(metric.text.lower()) is not None


def unrounded(metric: Metric) -> Metric | None:
    """Return the score as the same line repeats it with all its decimals (``val_bpb:0.1156 exact:0.11559195``)."""
    low = metric.text.lower()
    match = _BPB.search(low)
    exact = _EXACT.match(low, match.end("value")) if match is not None else None
    if exact is None or abs(float(exact["value"]) - metric.val_bpb) > 10.0**-metric.decimals:
        return None
    value = exact["value"]
    return replace(metric, val_bpb=float(value), decimals=len(value.partition(".")[2]))


def role_of(low: str, end: int | None = None) -> Role:
    """Return the part that a score line, given in lower case, plays; ``end`` is where its score ends."""
    line = low[:400].translate(_SAME_DIGIT)
    return _role(line, line[:end])


@lru_cache(maxsize=16_384)
def _role(line: str, label: str) -> Role:
    """Return the part that lines of one shape play: a log repeats few shapes with other digits."""
    for row in ROLES:
        # What is compared with stands before the score; what follows is a remark about it.
        if row.pattern.search(label if row.role == "reference" else line):
            return row.role
    return "final"


def _best(low: str) -> tuple[re.Match[str], int] | None:
    first: re.Match[str] | None = None
    last: re.Match[str] | None = None
    for match in _BPB.finditer(low):
        first = first or match
        if match["key"] == "val_bpb":
            return match, first.start()
        if last is None or not _ASIDE.match(match["key"]):
            last = match
    if first is not None and last is not None:
        return last, first.start()
    for pattern in (_BPB_LABELLED, _BPB_AFTER, _SCORE):
        match_or_none = pattern.search(low)
        if match_or_none is not None:
            return match_or_none, match_or_none.start()
    return None


def _loss(low: str) -> re.Match[str] | None:
    last: re.Match[str] | None = None
    for match in _LOSS.finditer(low):
        if match["own"]:
            return match
        last = match
    return last


def _seconds(low: str) -> float | None:
    whole = _OF_THE_RUN.search(low) is not None
    for match in _SECONDS.finditer(low):
        if whole and match["key"].startswith(("elapsed", "total", "wall", "t")):
            continue
        unit = match["unit"] or "s"
        if match["unit"] is None and not match["key"].endswith(("_s", "seconds", "elapsed")):
            continue
        return float(match["value"]) * _UNITS[unit]
    return None
