"""Names of a scope that can be set back to what they were: a branch costs what it changes, not what there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.timeline.values.payloads import Value

Changed = dict[str, "Value | None"]  # None: the name isn't bound


class Names(dict[str, "Value"]):
    """Names and their values. Between :meth:`watch` and :meth:`leave` it is kept what changed names held before."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        super().__init__()
        self._held: list[Changed] = []  # what changed names held, one for each branch in progress

    def watch(self) -> None:
        """Begin a branch."""
        self._held.append({})

    def leave(self) -> Changed:
        """End the branch; return what the names that it changed held before it."""
        held = self._held.pop()
        if self._held:
            outer = self._held[-1]
            for name, value in held.items():
                if name not in outer:
                    outer[name] = value
        return held

    def take_back(self) -> tuple[Changed, Changed]:
        """End the branch and set back what it changed; return what those names held before it, and after it."""
        held = self._held.pop()
        left: Changed = {name: self.get(name) for name in held}
        for name, value in held.items():
            if value is None:
                dict.pop(self, name, None)
            else:
                dict.__setitem__(self, name, value)
        return held, left

    def __setitem__(self, name: str, value: Value) -> None:
        if self._held and name not in self._held[-1]:
            self._held[-1][name] = self.get(name)
        dict.__setitem__(self, name, value)

    def __delitem__(self, name: str) -> None:
        self._keep(name)
        dict.__delitem__(self, name)

    def pop(self, name: str, *default: Any) -> Any:
        """Take a name out."""
        self._keep(name)
        return dict.pop(self, name, *default)

    def popitem(self) -> tuple[str, Value]:
        """Take the last name out."""
        name = next(reversed(self))
        return name, self.pop(name)

    def setdefault(self, name: str, default: Value) -> Value:
        """Return what a name holds, ``default`` where it held nothing."""
        if name not in self:
            self[name] = default
        return self[name]

    def clear(self) -> None:
        """Take all names out."""
        for name in self:
            self._keep(name)
        dict.clear(self)

    def update(self, *others: Any, **more: Value) -> None:
        """Bind several names."""
        for name, value in dict(*others, **more).items():
            self[name] = value

    def __ior__(self, other: Any) -> Names:  # type: ignore[override,misc]
        self.update(other)
        return self

    def _keep(self, name: str) -> None:
        if self._held and name not in self._held[-1]:
            self._held[-1][name] = self.get(name)


class Copied:
    """The same of names in a dict of the program's own (``exec(text, space)``), by copies."""

    __slots__ = ("_before", "_names")

    def __init__(self, names: dict[str, Value]) -> None:
        self._names = names
        self._before: list[dict[str, Value]] = []

    def watch(self) -> None:
        """Begin a branch."""
        self._before.append(dict(self._names))

    def leave(self) -> Changed:
        """End the branch; return what the names that it changed held before it."""
        return self._changed(self._before.pop())

    def take_back(self) -> tuple[Changed, Changed]:
        """End the branch and set back what it changed; return what those names held before it, and after it."""
        before = self._before.pop()
        held = self._changed(before)
        left: Changed = {name: self._names.get(name) for name in held}
        self._names.clear()
        self._names.update(before)
        return held, left

    def _changed(self, before: dict[str, Value]) -> Changed:
        names = self._names
        return {name: before.get(name) for name in {**before, **names} if before.get(name) is not names.get(name)}


def kept(names: dict[str, Value]) -> Names | Copied:
    """Return what keeps what a branch changes of ``names``."""
    return names if isinstance(names, Names) else Copied(names)


class Before(Mapping[str, "Value"]):
    """What names held before a branch, of which it is known what changed ones held."""

    __slots__ = ("_held", "_names")

    def __init__(self, names: Mapping[str, Value], *held: Changed) -> None:
        self._names = names
        self._held = held

    def get(self, name: str, default: Any = None) -> Any:
        """Return what a name held."""
        for held in self._held:
            if name in held:
                value = held[name]
                return default if value is None else value
        return self._names.get(name, default)

    def __getitem__(self, name: str) -> Value:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        seen = dict.fromkeys((*self._names, *(name for held in self._held for name in held)))
        return (name for name in seen if self.get(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
