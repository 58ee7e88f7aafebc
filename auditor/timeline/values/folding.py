"""Arithmetic on constants, and what a string says about the data it names. Bounded: hostile input stays small."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from auditor.regex import regex
from auditor.timeline.values.atoms import TRAIN, VAL

_MAX_TEXT = 100_000
_VAL = regex(r"(?:^|[^a-zA-Z])val(?:id|idation)?(?:[^a-zA-Z]|$)")
_TRAIN = regex(r"(?:^|[^a-zA-Z])train(?:ing)?(?:[^a-zA-Z]|$)")
_PATHLIKE = regex(r"[*/]|\.(?:bin|npy|npz|pt|jsonl?|parquet|txt|zst)\b|fineweb")
_CODE = regex(r"\.(?:py|sh|log|md|json)\b")


def split_of_word(text: str) -> int:
    """Return the split that files are picked for by having ``text`` in their names, else 0."""
    return split_of_name(text) if len(text) <= 60 else 0


def split_of_name(text: str) -> int:
    """Return the splits that a name or path tells, 0 for none."""
    return (VAL if _VAL.search(text) else 0) | (TRAIN if _TRAIN.search(text) else 0)


class FoldError(Exception):
    """The operation has no constant result (or one too large to keep)."""


def string_origins(text: str) -> int:
    """Return VAL or TRAIN when ``text`` looks like a path or glob of that split, else 0."""
    return _named_by(text) if len(text) <= 400 else 0


@lru_cache(maxsize=4096)
def _named_by(text: str) -> int:
    if " " in text or not _PATHLIKE.search(text) or _CODE.search(text):
        return 0
    out = split_of_name(text)
    if out == VAL | TRAIN and split_of_name(text.rpartition("/")[2]) == VAL:
        return VAL  # validation shards in a folder that is named after the training set
    if not out and "*" in text and text.endswith((".bin", "*")):
        name = text.rpartition("/")[2]
        if name != "*" and fnmatchcase("fineweb_val_000000.bin", name):
            out |= VAL
        if name != "*" and fnmatchcase("fineweb_train_000000.bin", name):
            out |= TRAIN
    return out


_NUMBER = (int, float, bool)
_BINARY: dict[str, Callable[[object, object], object]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_COMPARE: dict[str, Callable[[Any, Any], object]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": lambda a, b: a is b or (type(a) is type(b) and a == b),
    "is not": lambda a, b: not (a is b or (type(a) is type(b) and a == b)),
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}


def fold_binary(op: str, a: object, b: object) -> object:
    """Return ``a op b`` for small constants; raises FoldError."""
    try:
        if op == "**":
            if isinstance(a, _NUMBER) and isinstance(b, _NUMBER) and abs(b) <= 64 and abs(a) <= 1e9:
                return a**b
            raise FoldError
        if op in ("<<", ">>"):
            if isinstance(a, int) and isinstance(b, int) and 0 <= b <= 128 and abs(a) < 1 << 128:
                return a << b if op == "<<" else a >> b
            raise FoldError
        if op == "%" and isinstance(a, str):
            return percent(a, b)
        if op == "*" and isinstance(a, str) and isinstance(b, int) and 0 <= b * len(a) <= 1000:
            return a * b
        if op == "*" and not (isinstance(a, _NUMBER) and isinstance(b, _NUMBER)):
            raise FoldError
        compute = _BINARY.get(op)
        if compute is None:
            raise FoldError
        result = compute(a, b)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise FoldError from error
    return _small(result)


def percent(text: object, value: object) -> object:
    """``text % value`` for ``%s`` and ``%d`` with at most four digits; raises FoldError."""
    given = value if isinstance(value, tuple) else (value,)
    if not isinstance(text, str) or re.sub(r"%(?:%|0?[0-9]{0,2}[sdxi])", "", text).count("%"):
        raise FoldError
    if not all(isinstance(v, str | int | float | bool | None) for v in given):
        raise FoldError
    return text % value


def fold_unary(op: str, a: object) -> object:
    """Return ``op a`` for a constant; raises FoldError."""
    if not isinstance(a, _NUMBER):
        raise FoldError
    if op == "-":
        return -a
    if op == "+":
        return +a
    if op == "~" and isinstance(a, int):
        return ~a
    raise FoldError


def fold_compare(op: str, a: object, b: object) -> object:
    """Return the truth of ``a op b`` for constants; raises FoldError."""
    compute = _COMPARE.get(op)
    if compute is None:
        raise FoldError
    try:
        return bool(compute(a, b))
    except TypeError as error:
        raise FoldError from error


def _small(value: object) -> object:
    if isinstance(value, int) and value.bit_length() > 4096:
        raise FoldError
    if isinstance(value, str | bytes | tuple) and len(value) > _MAX_TEXT:
        raise FoldError
    return value


_TEXT_METHODS = frozenset(
    [
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "replace",
        "startswith",
        "endswith",
        "title",
        "casefold",
        "capitalize",
        "removeprefix",
        "removesuffix",
        "isdigit",
        "partition",
        "rpartition",
        "rsplit",
        "splitlines",
        "encode",
    ]
)


PATH_PARTS = frozenset({"parent", "parents", "name", "stem", "suffix"})
_PATH_METHODS = frozenset({"resolve", "absolute", "expanduser", "as_posix", "joinpath", "with_name", "with_suffix"})


def fold_path_part(path: object, name: str) -> object:
    """Return ``path.parent`` and its like of a path, which we keep as a text; raises FoldError."""
    if not isinstance(path, str) or name not in PATH_PARTS or len(path) > _MAX_TEXT:
        raise FoldError
    part = getattr(PurePosixPath(path), name)
    return tuple(str(p) for p in part) if name == "parents" else str(part)


def _path_method(path: str, name: str, args: list[object]) -> object:
    if name in ("resolve", "absolute", "expanduser", "as_posix"):
        return path
    texts = [arg for arg in args if isinstance(arg, str)]
    if len(texts) != len(args):
        raise FoldError
    try:
        return str(getattr(PurePosixPath(path), name)(*texts))
    except (TypeError, ValueError) as error:
        raise FoldError from error


def fold_text_method(text: str, name: str, args: list[object]) -> object:
    """Return ``text.name(*args)`` for the harmless string methods; raises FoldError."""
    if len(text) > _MAX_TEXT:
        raise FoldError
    if name in _PATH_METHODS:
        return _path_method(text, name, args)
    if name not in _TEXT_METHODS:
        raise FoldError
    if name == "replace" and len(args) >= 2 and isinstance(args[1], str) and len(args[1]) > 200:
        raise FoldError
    try:
        result = getattr(text, name)(*args)
    except (TypeError, ValueError) as error:
        raise FoldError from error
    return tuple(result) if isinstance(result, list) else result
