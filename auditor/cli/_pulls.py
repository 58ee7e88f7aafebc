"""Which pull requests are meant: ``--pr`` as people write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct

from auditor.regex import regex

if TYPE_CHECKING:
    _Type = click.ParamType["Pulls"]
else:
    _Type = click.ParamType  # of which older versions of click make no generic class

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

_NUMBER = regex(r"#?([0-9]{1,9})")
_ADDRESS = regex(r"https?://([^/\s]+)/([A-Za-z0-9-]+/[A-Za-z0-9._-]+)/pull/([0-9]{1,9})(?:[/?#].*)?")


class Pulls(Struct, frozen=True):
    """Numbers in the order in which they were given, each once; ``repository`` is OWNER/NAME of an address."""

    numbers: tuple[int, ...] = ()
    repository: str | None = None

    def __bool__(self) -> bool:
        return bool(self.numbers)


class PullsType(_Type):
    """The values of ``--pr``: ``1499``, ``#1499``, an address, or several of them with commas between."""

    name = "pull requests"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pulls:
        """Return what one value names."""
        if isinstance(value, Pulls):
            return value
        numbers: list[int] = []
        repositories: set[str] = set()
        for part in (part.strip() for part in str(value).split(",")):
            if found := _NUMBER.fullmatch(part):
                numbers.append(int(found[1]))
            elif found := _ADDRESS.fullmatch(part):
                numbers.append(int(found[3]))
                repositories.add(found[2])
            else:
                self.fail(f"{part!r} is no pull request; give a number, #number or its address.", param, ctx)
            if numbers[-1] < 1:
                self.fail(f"{part!r} is no pull request; they count from 1.", param, ctx)
        return _merged([Pulls(tuple(numbers)), *(Pulls((), each) for each in repositories)], param, ctx)


def pulls_option(text: str, **more: Any) -> Callable[[_Decorated], _Decorated]:
    """Return the option ``--pr``, which may be repeated; a command gets a :class:`Pulls`."""
    return click.option("--pr", metavar="N", multiple=True, type=PullsType(), callback=_together, help=text, **more)


def one(pulls: Pulls) -> int | None:
    """Return the one pull request that is meant (None: none is given); raises a usage error for several."""
    if len(pulls.numbers) > 1:
        raise click.UsageError(f"--pr names {len(pulls.numbers)} pull requests; this command takes one.")
    return pulls.numbers[0] if pulls.numbers else None


def _together(ctx: click.Context, param: click.Parameter, values: tuple[Pulls, ...]) -> Pulls:
    return _merged(values, param, ctx)


def _merged(given: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pulls:
    repositories = sorted({each.repository for each in given if each.repository is not None})
    if len(repositories) > 1:
        said = " and ".join(repositories)
        raise click.BadParameter(f"addresses of different repositories: {said}.", ctx, param)
    numbers = tuple(dict.fromkeys(number for each in given for number in each.numbers))
    return Pulls(numbers, repositories[0] if repositories else None)
