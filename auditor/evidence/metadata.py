# ruff: noqa: E501 (rows of patterns)
"""What submission.json claims, in all the dialects that submissions write it in."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from auditor.evidence.claims import Claim, ClaimSet
from auditor.evidence.printed import Value
from auditor.regex import regex

_DEEPEST = 40  # levels; deeper values are not looked at
_MOST_VALUES = 20_000


class _Leaf(Struct, frozen=True):
    """One scalar of the document: where it stands and, if it is about one seed, which."""

    path: tuple[str, ...]
    value: str | int | float | bool
    line: int | None
    seed: int | None

    @property
    def key(self) -> str:
        return next((p.lower() for p in reversed(self.path) if not p.startswith("[")), "")


class Synonyms(Struct, frozen=True):
    """The keys under which one quantity goes, the most authoritative first; ``pattern`` takes the rest."""

    name: str
    keys: tuple[str, ...]
    pattern: re.Pattern[str] | None = None


def _rest(pattern: str) -> re.Pattern[str]:
    return regex(pattern)


# Earlier rows win: what is a deviation or a value before quantisation is not the score.
SYNONYMS: tuple[Synonyms, ...] = (
    Synonyms("ignored", (), _rest(r"delta|gain|improvement|baseline|(?:^|_)control(?:_|$)|previous|prior|sota|target|reference|cap|limit|_vs_|threshold|leader|beats|headroom|(?:^|_)(?:base|parent|upstream)_(?:pr_|submission_)?(?:val_)?(?:score|bpb|loss|bytes)")),
    Synonyms("val_bpb_std", ("val_bpb_std", "std_val_bpb", "bpb_std", "std_bpb", "val_bpb_stdev"), _rest(r"bpb.*(?:std|stdev|sem)|(?:std|stdev|sem).*bpb|^(?:std|stdev|std_dev)$")),
    Synonyms("prequant_bpb", ("pre_quant_val_bpb", "prequant_val_bpb", "val_bpb_pre_quant"), _rest(r"(?:pre_?quant|pre_?ttt|post_ema|no_ttt|without_ttt|roundtrip|raw|bf16|fp32|unquantized|in_training).*bpb|bpb.*(?:pre_?quant|pre_?ttt|post_ema|no_ttt|roundtrip|raw|bf16|fp32)")),
    Synonyms("val_bpb", ("val_bpb", "mean_val_bpb", "val_bpb_mean", "val_bpb_3seed_mean", "bpb", "mean_bpb", "bpb_mean", "final_val_bpb", "final_bpb", "val_bpb_final", "avg_val_bpb", "average_val_bpb", "mean_sliding_bpb", "average_ttt_bpb", "sliding_val_bpb", "ttt_val_bpb", "post_ttt_val_bpb", "val_bpb_exact", "score"), _rest(r"(?:^|_)bpb(?:_|$)")),
    Synonyms("val_loss", ("val_loss", "mean_val_loss", "val_loss_mean", "val_loss_nats", "final_val_loss"), _rest(r"val_loss(?!.*std)")),
    Synonyms("artifact_bytes", ("bytes_total", "total_bytes", "total_submission_bytes", "total_submission_bytes_max", "total_submission_size_bytes", "artifact_total_bytes", "artifact_bytes", "artifact_bytes_max", "max_artifact_bytes", "artifact_size_bytes", "submission_bytes", "artifact_bytes_mean", "mean_artifact_bytes", "artifact_size", "submission_size_bytes", "artifact_size_mb", "artifact_mb", "size_mb"), _rest(r"(?:artifact|submission|total).*(?:bytes|size)(?!.*std)|bytes_total")),
    Synonyms("code_bytes", ("bytes_code", "code_bytes", "code_size_bytes", "code_size"), _rest(r"code.*(?:bytes|size)|bytes_code")),
    Synonyms("model_bytes", ("bytes_model", "model_bytes"), _rest(r"(?:model|weights|compressed).*bytes|bytes_(?:model|weights)")),
    Synonyms("train_seconds", ("train_time_seconds", "training_time_seconds", "wallclock_seconds", "train_seconds", "train_time_s", "train_wallclock_seconds", "training_seconds", "train_time_ms", "training_time_s", "train_time"), _rest(r"(?:train|training).*(?:time|wallclock|seconds|duration)|^wallclock")),
    Synonyms("eval_seconds", ("eval_time_seconds", "total_eval_time_seconds", "eval_seconds", "eval_time_s", "eval_time_ms", "eval_time", "ttt_eval_time_seconds"), _rest(r"eval.*(?:time|seconds|wallclock|duration)")),
    Synonyms("steps", ("steps", "train_steps", "num_steps", "training_steps", "step_stop", "steps_completed"), None),
    Synonyms("world_size", ("world_size", "num_gpus", "gpu_count", "gpus", "n_gpus"), None),
    Synonyms("val_tokens", ("val_tokens", "eval_tokens", "validation_tokens"), None),
)  # fmt: skip

TEXTS = (
    "name",
    "author",
    "github_id",
    "date",
    "track",
    "hardware",
    "gpu",
    "blurb",
    "description",
    "notes",
    "status",
)

_HOPED_FOR = regex(
    r"(?:^|_)(?:projected|projection|estimated?|expected|goal|predicted|extrapolated)(?:_|$)"
)  # no result
_LONGEST_BLANK = 60  # characters
_NEVER_NOUGHT = frozenset({"val_bpb", "val_loss", "artifact_bytes"})  # 0 there is a blank that nobody filled in
_UNIT = regex(r"_(ms|s|sec|secs|seconds|min|mins|minutes|h|hours|mb|kb|mib)(?:_(?:mean|max|min|avg|total))?$")
_SCALES = {
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "secs": 1.0,
    "seconds": 1.0,
    "min": 60.0,
    "mins": 60.0,
    "minutes": 60.0,
}
_SCALES |= {"h": 3600.0, "hours": 3600.0, "mb": 1e6, "kb": 1e3, "mib": 1048576.0}
_NUMBER = regex(
    r"^[~≈<]?\s{0,2}(?P<value>-?(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,18})?)\s{0,2}(?:±\s?\d[\d.]{0,18}\s{0,2})?"
    r"(?P<unit>bytes|b|mb|kb|mib|ms|s|sec|seconds|min|minutes|bpb)?\.?$",
    re.IGNORECASE,
)
_SEED_PART = regex(r"^(?:seed|s)?[_\- ]?(\d{1,10})$", re.IGNORECASE)
_SEED_IN_KEY = regex(r"(?:^|_)seed_?(\d{1,10})(?:_|$)")
_SEED_GROUP = regex(r"seed|per_run|^runs$|^results$|individual", re.IGNORECASE)
_SEED_LIST = regex(r"^(?:per_)?seeds?(?:_(?:results|scores|values))?$", re.IGNORECASE)
_NEAR = 0.05  # bits per byte between a seed's score and the claimed one
_PER_SEED = regex(r"bpb|bytes|loss|time", re.IGNORECASE)  # what is listed by seed with the bare seed as key
_OF_OTHERS = regex(r"baseline|comparison|compared|previous|parent|reference", re.IGNORECASE)
_RETRACTED = regex(r"retract|withdrawn")
_TRAILING_COMMA = regex(r",(\s*[}\]])")


def read_metadata(path: str, data: bytes) -> ClaimSet:
    """Return the claims of a submission.json; what cannot be parsed becomes a problem with its line."""
    text, problems = _text(path, data)
    document, faults = _parse(path, text)
    problems += faults
    if not isinstance(document, dict):
        if document is not None:
            problems += (Value(f"holds a {type(document).__name__}, not an object", path, 1),)
        return ClaimSet(path=path, problems=problems)
    leaves = tuple(_leaves(document, _Lines(text)))
    numbers = tuple(sorted(_numbers(path, leaves), key=_authority))
    return ClaimSet(
        path=path,
        numbers=tuple(sorted((*numbers, *_bare_scores(path, leaves, numbers)), key=_authority)),
        texts=tuple(
            Claim(leaf.path[0].lower(), leaf.value, path, leaf.line, leaf.path[0])
            for leaf in leaves
            if isinstance(leaf.value, str) and leaf.path[0].lower() in TEXTS and len(leaf.path) == 1
        ),
        declared=tuple(
            Claim(leaf.key, leaf.value, path, leaf.line, ".".join(leaf.path))
            for leaf in leaves
            if isinstance(leaf.value, bool)
        ),
        seeds=_seeds(document, leaves),
        problems=problems,
        blank=_blank(document),
        retracted=document.get("val_bpb", 0) is None and bool(_RETRACTED.search(text.lower())),
    )


def _blank(document: dict[str, object]) -> str | None:
    """Return what a document has for its score where that is none, as JSON writes it; None where it has nothing."""
    if "val_bpb" not in document:
        return None
    value = document["val_bpb"]
    number = _number(value, "") if isinstance(value, bool | int | float | str) else None
    filled = isinstance(value, dict | list) or (number is not None and number[0] != 0)
    return None if filled else json.dumps(value)[:_LONGEST_BLANK]


def _text(path: str, data: bytes) -> tuple[str, tuple[Value[str], ...]]:
    for mark, name in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            note = Value(f"starts with a {name.upper()} byte order mark", path, 1)
            return data[len(mark) :].decode(name, "replace"), (note,)
    return data.decode("utf-8", "replace"), ()


def _parse(path: str, text: str) -> tuple[object, tuple[Value[str], ...]]:
    """Return the document, mended where a usual slip allows it, and what is wrong with it."""
    if not text.strip():
        return None, (Value("is empty", path, 1),)
    try:
        return json.loads(text, parse_constant=_constant), ()
    except RecursionError:
        return None, (Value("is nested too deeply to read", path, 1),)
    except json.JSONDecodeError as error:
        problem = Value(f"is not valid JSON: {error.msg} (column {error.colno})", path, error.lineno)
    except ValueError as error:  # a number with thousands of digits
        return None, (Value(f"is not readable JSON: {error}", path, 1),)
    for mended in (_TRAILING_COMMA.sub(r"\1", text), text.lstrip()):
        try:
            return json.JSONDecoder(parse_constant=_constant).raw_decode(mended)[0], (problem,)
        except (ValueError, RecursionError):
            continue
    return None, (problem,)


def _constant(_: str) -> None:
    """Return None for NaN and Infinity, which JSON does not have."""


class _Lines:
    """Finds the line of each key: its n-th mention in the document is its n-th occurrence in the text."""

    def __init__(self, text: str) -> None:
        self._places: dict[str, list[int]] = {}
        line, at = 1, 0
        for match in re.finditer(r'(?<!\\)"((?:[^"\\\n]|\\.){0,200})"\s{0,50}:', text):
            line += text.count("\n", at, match.start())
            at = match.start()
            self._places.setdefault(match[1], []).append(line)
        self._used: Counter[str] = Counter()

    def next(self, key: str) -> int | None:
        """Return the line of the key's next occurrence."""
        places = self._places.get(key, [])
        n = self._used[key]
        self._used[key] += 1
        return places[n] if n < len(places) else None


def _leaves(document: dict[str, object], lines: _Lines) -> Iterator[_Leaf]:
    budget = [_MOST_VALUES]
    yield from _walk(document, (), None, None, lines, budget)


def _walk(
    value: object, path: tuple[str, ...], line: int | None, seed: int | None, lines: _Lines, budget: list[int]
) -> Iterator[_Leaf]:
    if len(path) > _DEEPEST or budget[0] <= 0:
        return
    if isinstance(value, dict):
        own = value.get("seed")
        if path and isinstance(own, int | str) and not isinstance(own, bool) and str(own).isdecimal():
            seed = int(str(own)[:12])
        for key, child in value.items():
            at = lines.next(key)
            yield from _walk(child, (*path, key), at, _seed_of(key, path, seed), lines, budget)
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from _walk(child, (*path, f"[{i}]"), line, seed, lines, budget)
    elif isinstance(value, bool | str | int) or (isinstance(value, float) and math.isfinite(value)):
        budget[0] -= 1
        yield _Leaf(path, value, line, seed)


def _seed_of(key: str, path: tuple[str, ...], seed: int | None) -> int | None:
    part = _SEED_PART.match(key)
    # Beneath one seed's name (sweep_seed_42) numbers are of something else: ranks, steps.
    within = any(_SEED_IN_KEY.search(p.lower()) for p in path) and not key.lower().startswith("seed")
    if (
        part is not None
        and not within
        and (
            key.lower().startswith("seed")
            or any(_SEED_GROUP.search(p) for p in path)
            or (path and _PER_SEED.search(path[-1]))
        )
    ):
        return int(part[1])
    inside = _SEED_IN_KEY.search(key.lower())
    if inside is not None:
        return int(inside[1])
    return seed


def _numbers(path: str, leaves: tuple[_Leaf, ...]) -> Iterator[Claim[float]]:
    for leaf in leaves:
        named = _named(leaf)
        if named is None:
            continue
        number = _number(leaf.value, leaf.key if named not in ("val_bpb", "val_loss") else "")
        if number is not None and (number[0] or named not in _NEVER_NOUGHT):
            value, decimals = number
            yield Claim(named, value, path, leaf.line, ".".join(leaf.path), leaf.seed, decimals)


def _bare_scores(path: str, leaves: tuple[_Leaf, ...], numbers: tuple[Claim[float], ...]) -> Iterator[Claim[float]]:
    """Yield the scores that a list of seeds gives without a word for what they are (``"seeds": {"42": 1.0812}``).

    They are known by the claimed score, which each of them lies near.
    """
    whole = next((c for c in numbers if c.name == "val_bpb" and c.seed is None), None)
    for group in {leaf.path[0] for leaf in leaves if len(leaf.path) == 2 and _SEED_LIST.match(leaf.path[0])}:
        listed = [leaf for leaf in leaves if leaf.path[:1] == (group,) and len(leaf.path) == 2]
        values = [_number(leaf.value, "") if _SEED_PART.match(leaf.key) else None for leaf in listed]
        if whole is None or any(v is None or not v[1] or abs(v[0] - whole.value) > _NEAR for v in values):
            continue
        for leaf, value in zip(listed, values, strict=True):
            if value is not None:
                yield Claim("val_bpb", value[0], path, leaf.line, ".".join(leaf.path), leaf.seed, value[1])


def _named(leaf: _Leaf) -> str | None:
    """Return what quantity a leaf is, by its key and, for ``mean``, ``max`` or a seed, by its parent's."""
    parts = [p.lower() for p in leaf.path if not p.startswith("[")]
    if any(_RETRACTED.search(part) or _HOPED_FOR.search(part) for part in parts):
        return None
    key = parts[-1] if parts else ""
    if key in (
        "mean",
        "avg",
        "average",
        "max",
        "value",
        "std",
        "std_dev",
        "stdev",
        "min",
    ) or _SEED_PART.match(key):
        parent = parts[-2] if len(parts) > 1 else ""
        if key in ("std", "std_dev", "stdev"):
            return "val_bpb_std" if "bpb" in parent else None
        if key == "min":
            return None
        key = parent
    key = re.sub(r"(?:^seed_?\d{1,10}_)|(?:_seed_?\d{1,10}$)|_seeds$|^per_seed_", "", key)
    for row in SYNONYMS:
        if key in row.keys or (row.pattern is not None and row.pattern.search(key)):
            return None if row.name == "ignored" else row.name
    return None


def _number(value: str | int | float | bool, key: str) -> tuple[float, int] | None:
    """Return a leaf as a number in seconds or bytes and its written decimals, or None when it is no number."""
    if isinstance(value, bool):
        return None
    unit = _UNIT.search(key)
    scale = _SCALES.get(unit[1], 1.0) if unit else 1.0
    if isinstance(value, int | float):
        text = repr(value)
        decimals = len(text.partition(".")[2]) if "e" not in text and "." in text else 0
        number = float(value) if abs(value) < 1e300 else None
        return None if number is None else (number * scale, decimals)
    match = _NUMBER.match(value.strip()[:60])
    if match is None:
        return None
    digits = match["value"].replace(",", "")
    if match["unit"] and match["unit"].lower() in _SCALES:
        scale = _SCALES[match["unit"].lower()]
    return float(digits) * scale, len(digits.partition(".")[2])


def _authority(claim: Claim[float]) -> tuple[bool, bool, bool, int]:
    """Order claims: of the whole before those of one seed, shallow before deep, the usual key first."""
    row = next(row for row in SYNONYMS if row.name == claim.name)
    parts = [p for p in claim.key.lower().split(".") if not p.startswith("[")]
    leaf = parts[-1] if parts else ""
    if leaf in ("mean", "avg", "average", "max", "value") and len(parts) > 1:
        leaf = parts[-2]
        parts = parts[:-1]
    rank = row.keys.index(leaf) if leaf in row.keys else len(row.keys)
    return (claim.seed is not None, "[" in claim.key, len(parts) > 1, rank)


def _seeds(document: dict[str, object], leaves: tuple[_Leaf, ...]) -> tuple[int, ...]:
    """Return the seeds that the document names, in its order, each once."""
    listed: list[int] = []
    for key in ("seeds", "seed_list", "seeds_used"):
        value = document.get(key)
        if isinstance(value, list):
            listed += [v for v in value if isinstance(v, int) and not isinstance(v, bool)]
            listed += [int(v) for v in value if isinstance(v, str) and v.isdecimal() and len(v) <= 12]
    if not listed:
        own = (leaf for leaf in leaves if not any(_OF_OTHERS.search(part) for part in leaf.path))
        listed = [leaf.seed for leaf in own if leaf.seed is not None]
    single = document.get("seed")
    if not listed and isinstance(single, int) and not isinstance(single, bool):
        listed = [single]
    if not listed and isinstance(single, list):
        listed = [v for v in single if isinstance(v, int) and not isinstance(v, bool)]
    return tuple(dict.fromkeys(listed))
