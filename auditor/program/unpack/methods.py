"""Methods and operators of plain Python data, bounded in time and memory."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from auditor.program.unpack.decoders import byte_codec, rot13, text_encoding
from auditor.program.unpack.model import MAX_BYTES, MAX_STEPS, MAX_WORK, Refused, words
from auditor.program.unpack.values import Step

_MAX_ITEMS: Final = 4_000_000
_MAX_INT_BITS: Final = 1 << 20
_PLAIN: Final = (str, bytes, bytearray, int, float, list, tuple, dict, set, frozenset, range, type(None))


class Work:
    """The budget of one script: expressions evaluated, and bytes read and produced."""

    def __init__(self, steps: int = MAX_STEPS, work: int = MAX_WORK) -> None:
        self._steps = steps
        self._work = work

    def step(self, count: int = 1) -> None:
        """Take ``count`` expressions off the budget; raises :class:`Refused` when it is spent."""
        self._steps -= count
        if self._steps < 0:
            raise Refused("takes more steps than are followed")

    def spend(self, size: int) -> None:
        """Take ``size`` bytes off the budget; raises :class:`Refused` when too many at once or in all."""
        if size > MAX_BYTES:
            raise Refused(f"makes a value of more than {MAX_BYTES // 2**20} MiB")
        self._work -= size
        if self._work < 0:
            raise Refused("reads and writes more bytes than are followed")


def is_plain(value: Any) -> bool:
    """Return whether ``value`` is ordinary data rather than something symbolic."""
    return isinstance(value, _PLAIN)


def size_of(value: Any) -> int:
    """Return roughly how many bytes a plain value takes."""
    if isinstance(value, (str, bytes, bytearray)):
        return len(value)
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return 8 * len(value)
    return 8


def simple(value: Any) -> bool:
    """Return whether hashing, comparing and printing ``value`` is cheap: a scalar or a flat tuple of them."""
    if isinstance(value, tuple):
        return len(value) < 100 and all(not isinstance(one, tuple) and simple(one) for one in value)
    return isinstance(value, (str, bytes, int, float, type(None)))


def _weigh(work: Work, value: Any) -> None:
    """Charge every item of a nested value, shared ones as often as they occur."""
    pending = [value]
    while pending:
        one = pending.pop()
        work.step(8)
        if isinstance(one, (list, tuple, set, frozenset)):
            pending.extend(item for item in one if not simple(item))
            work.step(len(one) // 8)
        elif isinstance(one, dict):
            pending.extend(one.values())


_NAMES: Final[Mapping[type, frozenset[str]]] = {
    str: frozenset(
        words("""
encode replace join split rsplit splitlines strip lstrip rstrip removeprefix
removesuffix startswith endswith find rfind index rindex count upper lower
swapcase casefold title capitalize partition rpartition translate maketrans
isdigit isalpha isalnum isspace isidentifier isupper islower zfill ljust rjust
center format
""")
    ),
    bytes: frozenset(
        words("""
decode replace join split rsplit splitlines strip lstrip rstrip removeprefix
removesuffix startswith endswith find rfind index rindex count upper lower
swapcase partition rpartition translate maketrans hex fromhex zfill ljust rjust
center tobytes
""")
    ),
    list: frozenset(words("append extend pop reverse insert index count copy sort remove clear")),
    tuple: frozenset(["index", "count"]),
    dict: frozenset(words("get items keys values setdefault update pop copy")),
    set: frozenset(words("add discard update copy union")),
    int: frozenset(["to_bytes", "from_bytes", "bit_length"]),
}
_BYTEARRAY: Final = _NAMES[bytes] | _NAMES[list]


def has_method(owner: Any, name: str) -> bool:
    """Return whether the method of a plain value may be called here."""
    if isinstance(owner, bytearray):
        return name in _BYTEARRAY
    return any(name in names for kind, names in _NAMES.items() if isinstance(owner, kind))


def call_method(work: Work, owner: Any, name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Return ``owner.name(*args, **keywords)``; raises :class:`Refused` when it can't or mustn't be done."""
    work.spend(size_of(owner))
    if not has_method(owner, name):
        raise Refused(f"method .{name}() of {type(owner).__name__} is not followed")
    if name in ("index", "count", "remove", "sort", "update", "union", "discard", "add"):
        _weigh(work, (owner, *args))
    special = _SPECIAL.get(name)
    try:
        if special is not None and isinstance(owner, (str, bytes, bytearray, int)):
            result = special(work, owner, *args, **keywords)
        elif name == "tobytes":
            result = bytes(owner)
        else:
            result = getattr(owner, name)(*args, **keywords)
    except Refused:
        raise
    except Exception as error:  # a method of plain data raises only what the data calls for
        raise Refused(f".{name}() fails ({type(error).__name__})") from None
    if name in ("items", "keys", "values"):
        result = list(result)
    work.spend(size_of(result))
    return result


def _replace(work: Work, owner: Any, old: Any, new: Any, count: int = -1) -> Any:
    times = owner.count(old) if count < 0 else min(count, owner.count(old))
    work.spend(len(owner) + max(0, len(new) - len(old)) * times)
    return owner.replace(old, new, count)


def _join(work: Work, owner: Any, parts: Any) -> Any:
    items = list(bounded(work, parts))
    work.spend(sum(len(part) for part in items) + len(owner) * len(items))
    return owner.join(items)


def _split(kind: str) -> Callable[..., Any]:
    def split(work: Work, owner: Any, *args: Any, **keywords: Any) -> Any:
        separator = args[0] if args and kind != "splitlines" else keywords.get("sep")
        newline = b"\n" if isinstance(owner, (bytes, bytearray)) else "\n"
        pieces = owner.count(separator or newline) if separator or kind == "splitlines" else len(owner) // 2
        if pieces > _MAX_ITEMS:
            raise Refused("splits into too many parts")
        return getattr(owner, kind)(*args, **keywords)

    return split


def _decode(work: Work, owner: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
    decoder = byte_codec(encoding)
    if decoder is not None:
        raise Refused(f".decode({encoding!r}) is no text encoding")
    return owner.decode(text_encoding(encoding), errors)


def _encode(work: Work, owner: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
    return owner.encode(text_encoding(encoding), errors)


def _translate(work: Work, owner: Any, table: Any, *args: Any, **keywords: Any) -> Any:
    if isinstance(owner, str):
        longest = max((len(one) for one in table.values() if isinstance(one, str)), default=1)
        work.spend(len(owner) * max(1, longest))
    return owner.translate(table, *args, **keywords)


def _pad(kind: str) -> Callable[..., Any]:
    def pad(work: Work, owner: Any, width: int, *args: Any) -> Any:
        work.spend(width)
        return getattr(owner, kind)(width, *args)

    return pad


def _to_bytes(work: Work, owner: int, length: int = 1, byteorder: str = "big", **keywords: Any) -> bytes:
    work.spend(length)
    return owner.to_bytes(length, byteorder, **keywords)  # type: ignore[arg-type]


def _from_bytes(work: Work, owner: int, data: Any, byteorder: str = "big", **keywords: Any) -> int:
    if len(data) * 8 > _MAX_INT_BITS:
        raise Refused("integer too large")
    return int.from_bytes(data, byteorder, **keywords)  # type: ignore[arg-type]


def _format(work: Work, owner: str, *args: Any, **keywords: Any) -> str:
    if not all(isinstance(one, (str, int, float)) for one in (*args, *keywords.values())):
        raise Refused("formats something that is not followed")
    if re.search(r"[.\[!]|:[^}]*(?:\d{4}|\{)", owner):
        raise Refused("a format that is not followed")
    work.spend(len(owner) + owner.count("{") * sum(size_of(one) for one in (*args, *keywords.values())))
    return owner.format(*args, **keywords)


_SPECIAL: Final[Mapping[str, Callable[..., Any]]] = {
    "replace": _replace,
    "join": _join,
    "split": _split("split"),
    "rsplit": _split("rsplit"),
    "splitlines": _split("splitlines"),
    "decode": _decode,
    "encode": _encode,
    "translate": _translate,
    "zfill": _pad("zfill"),
    "ljust": _pad("ljust"),
    "rjust": _pad("rjust"),
    "center": _pad("center"),
    "to_bytes": _to_bytes,
    "from_bytes": _from_bytes,
    "format": _format,
}


def bounded(work: Work, values: Any) -> Sequence[Any]:
    """Return the items of a plain iterable, charged to the budget; raises :class:`Refused`."""
    if isinstance(values, dict):
        values = list(values)
    if isinstance(values, (set, frozenset)):
        values = sorted((one for one in values if simple(one)), key=repr)
    if not isinstance(values, (str, bytes, bytearray, list, tuple, range)):
        raise Refused(f"iterates over something that is not followed ({type(values).__name__})")
    if len(values) > _MAX_ITEMS:
        raise Refused("iterates over too many items")
    work.step(len(values) // 8)
    return values


def decode_by_name(data: Any, name: str) -> tuple[Any, Step | None]:
    """Return ``codecs.decode(data, name)`` and the decoding (None for a mere text encoding)."""
    if isinstance(data, str):
        if name.replace("_", "").replace("-", "").lower() == "rot13":
            return rot13(data), Step("rot13")
        data = data.encode("ascii", "strict")
    decoder = byte_codec(name)
    if decoder is not None:
        decoded = decoder(bytes(data))
        return decoded.data, Step(name, decoded.left)
    return bytes(data).decode(text_encoding(name)), None


_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.Pow: operator.pow,
}


def binary(work: Work, op: ast.operator, left: Any, right: Any) -> Any:
    """Return the result of an arithmetic operator on plain values; raises :class:`Refused`."""
    function = _BINARY.get(type(op))
    if function is None or not (is_plain(left) and is_plain(right)):
        raise Refused("an operator that is not followed")
    _guard(work, op, left, right)
    try:
        result = function(left, right)
    except Exception as error:  # an operator on plain data raises only what the data calls for
        raise Refused(f"an operator fails ({type(error).__name__})") from None
    work.spend(size_of(result))
    return result


def _guard(work: Work, op: ast.operator, left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() + right.bit_length()
        if isinstance(op, ast.Pow):
            bits = left.bit_length() * max(right, 0)
        elif isinstance(op, ast.LShift):
            bits = left.bit_length() + max(right, 0)
        if bits > _MAX_INT_BITS:
            raise Refused("integer too large")
        return
    if isinstance(op, ast.Mult):
        sequence, count = (right, left) if isinstance(left, int) else (left, right)
        if isinstance(count, int):
            work.spend(size_of(sequence) * max(count, 0))
    elif isinstance(op, ast.Add):
        work.spend(size_of(left) + size_of(right))
    elif isinstance(op, ast.Mod) and isinstance(left, (str, bytes, bytearray)):
        text = left if isinstance(left, str) else left.decode("latin-1")
        if re.search(r"%[^%a-zA-Z]*(?:\d{4}|\*)", text):
            raise Refused("a format that is not followed")
        items = right if isinstance(right, tuple) else (right,)
        if not all(isinstance(one, (str, bytes, int, float)) for one in items):
            raise Refused("formats something that is not followed")
        work.spend(size_of(left) + sum(size_of(one) for one in items))


_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


def compare(work: Work, op: ast.cmpop, left: Any, right: Any) -> bool:
    """Return a comparison of plain values; raises :class:`Refused`."""
    if not (is_plain(left) and is_plain(right)):
        raise Refused("a comparison that is not followed")
    work.spend(size_of(left) + size_of(right))
    if not (simple(left) and simple(right)):
        _weigh(work, (left, right))
    try:
        return bool(_COMPARE[type(op)](left, right))
    except Exception as error:  # as in ``binary``
        raise Refused(f"a comparison fails ({type(error).__name__})") from None
