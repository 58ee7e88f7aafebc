"""Options of commands whose work can go to a cluster, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor.cli import complain

if TYPE_CHECKING:
    from auditor.executors.model import Executor, Limits, Resources, Task

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

cluster_option = click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Use a Ray cluster: its address, 'auto' for this machine's, or 'local:N' for one of N cores here.",
)


def run_options(command: _Decorated) -> _Decorated:
    """Add the options that say what one run occupies of a node."""
    for option in (
        click.option(
            "--node-resource",
            "custom",
            metavar="NAME=N",
            multiple=True,
            callback=_custom,
            help="What else a run occupies of a node, by a name of the cluster's own, such as h100=1.",
        ),
        click.option(
            "--memory-per-run", metavar="SIZE", callback=_size, help="Memory that a run occupies, such as 64G."
        ),
        click.option("--gpus-per-run", metavar="N", type=click.IntRange(0, 64), help="GPUs that a run occupies."),
        cluster_option,
    ):
        command = option(command)
    return command


def _custom(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Mapping[str, float]:
    out = {}
    for value in values:
        name, equals, amount = value.partition("=")
        try:
            out[name] = float(amount)
        except ValueError:
            equals = ""
        if not equals or not name.strip() or not out[name] > 0:
            raise click.BadParameter(f"{value!r} is no resource; it is written as in h100=1.", ctx, param)
    return out


def _size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    return None if value is None else size(value, "--memory-per-run")


def size(text: str, what: str) -> int:
    """Return bytes written as 64G, 512MiB or 1000; raises a usage error."""
    digits = text.strip().upper().removesuffix("IB").removesuffix("B")
    unit = digits[-1:] if digits[-1:].isalpha() else ""
    number = digits.removesuffix(unit).strip() if unit else digits
    try:
        amount = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        amount = 0.0
    if not 0 < amount < 1 << 60:
        raise click.BadParameter(f"{text!r} is no size; it is written as in 64G.", param_hint=what)
    return int(amount)


@contextmanager
def opened(
    task: Task, limits: Limits, *, jobs: int | None, cluster: str | None, resources: Resources | None = None
) -> Iterator[Executor]:
    """Yield the executor that the options ask for, and close it; a missing Ray is one line."""
    from auditor.cli._extra import needs
    from auditor.executors.choose import open_executor

    with needs("cluster", "ray"):
        executor = open_executor(task, limits, jobs=jobs, cluster=cluster, resources=resources, say=_say)
    try:
        yield executor
    finally:
        executor.close()


def _say(text: str) -> None:
    complain(f"cluster: {text}")
