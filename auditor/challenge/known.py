"""Which challenges there are, and which of them a folder belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from auditor.challenge.model import Challenge

DEFAULT = "parameter-golf"
"""The challenge of what lies in no track that another one names."""


class UnknownChallenge(Exception):  # noqa: N818 (it names what was asked for, not a fault of the program)
    """A name that no challenge has; the text is one line fit for a user."""


class Challenges(Struct, frozen=True, dict=True):
    """The challenges of one folder of TOML files, each read when it is first asked for."""

    folder: Path

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names of all challenges, the default first."""
        found = sorted(each.stem for each in self.folder.glob("*.toml"))
        return tuple(sorted(found, key=lambda name: name != DEFAULT))

    @cached_property
    def archives(self) -> frozenset[str]:
        """Return the names of the folders that hold the tracks."""
        return frozenset(each.layout.archive for each in self)

    @cached_property
    def track_prefixes(self) -> tuple[str, ...]:
        """Return what the names of tracks begin with."""
        return tuple(sorted({each.layout.track_prefix for each in self}))

    @cached_property
    def metadata_names(self) -> frozenset[str]:
        """Return the names of the files with a submission's claims."""
        return frozenset(each.layout.metadata for each in self if each.layout.metadata is not None)

    @cached_property
    def script_names(self) -> tuple[str, ...]:
        """Return the names of the challenges' own train scripts, the default challenge's first."""
        return tuple(dict.fromkeys(each.layout.script for each in self))

    @cached_property
    def held(self) -> frozenset[str]:
        """Return the record folders, from the repositories' roots, that the challenges' own repositories hold."""
        return frozenset(f"{each.layout.archive}/{folder}" for each in self for folder in each.layout.held)

    def find(self, name: str) -> Challenge:
        """Return the challenge of a name; raises :class:`UnknownChallenge`, or Malformed for a file in disorder."""
        if name not in self.names:
            from auditor.toml import nearest

            raise UnknownChallenge(f"no challenge is called {name!r}; {nearest(name, list(self.names))}")
        return _read(self.folder / f"{name}.toml")

    def of(self, track: str, beside: Iterable[str] = ()) -> Challenge:
        """Return the challenge that a track's folder (``track_…``; "" for none) belongs to, else the default one.

        Where :func:`choose` named one, that is it. ``beside`` are the tracks' folders of the repository, which tell
        of what lies in none.
        """
        if _chosen:
            return self.find(_chosen[-1])
        for folder in (track,) if track else beside:
            for challenge in self:
                if challenge.track(folder) is not None:
                    return challenge
        return self.find(DEFAULT)

    def __iter__(self) -> Iterator[Challenge]:
        """Yield all challenges, the default first."""
        return (self.find(name) for name in self.names)


_chosen: list[str] = []  # what the user named for this process


def choose(name: str | None) -> None:
    """Take all submissions that this process reads from now on as made to a challenge; None: by their layout again.

    Raises :class:`UnknownChallenge`.
    """
    if name is not None:
        find(name)
    _chosen[:] = [] if name is None else [name]


def chosen() -> str | None:
    """Return the name that :func:`choose` was given, for another process to choose it too."""
    return _chosen[-1] if _chosen else None


def folder() -> Path:
    """Return where the challenges of this installation lie."""
    found = find_spec("rules")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0], "challenges")


@cache
def challenges() -> Challenges:
    """Return the challenges that this installation carries."""
    return Challenges(folder())


def find(name: str) -> Challenge:
    """Return the challenge of a name; raises :class:`UnknownChallenge`."""
    return challenges().find(name)


def default() -> Challenge:
    """Return parameter-golf."""
    return find(DEFAULT)


@cache
def _read(path: Path) -> Challenge:
    from auditor.challenge.read import read

    return read(path)
