"""``golf-audit sweep``: audit every pull request of a repository."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from auditor.cli import EXIT_INTERRUPTED, EXIT_USAGE, complain
from auditor.cli._cluster import cluster_option, opened
from auditor.cli._config import Configured
from auditor.cli._options import challenge_option

if TYPE_CHECKING:
    from auditor.executors.model import Limits
    from auditor.sweep.summary import Summary
    from auditor.sweep.work import RepositoryAudit, Row

_MEBIBYTE = 1024 * 1024

Advance: TypeAlias = "Callable[[int, Sequence[Row]], None]"

_EXAMPLES = """\b
Examples:
  golf-audit sweep --repo parameter-golf/.git --out results.jsonl
  golf-audit sweep --repo parameter-golf/.git --prs 1900-2150 --jobs 8 --out late.jsonl
  golf-audit sweep --repo parameter-golf/.git --out results.jsonl --format html > sweep.html
"""


@click.command(cls=Configured, epilog=_EXAMPLES)
@challenge_option
@click.option(
    "--repo",
    metavar="GIT_DIR",
    type=click.Path(),
    required=True,
    help="The repository, with the heads of its pull requests fetched.",
)
@click.option("--prs", metavar="A-B", help="Only these: numbers and ranges, such as 1400-1500,2135 or 2000-.")
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="Processes (default: one per core).")
@cluster_option
@click.option("--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Results.")
@click.option(
    "--timeout",
    metavar="S",
    type=click.FloatRange(min=0.1),
    default=120.0,
    show_default=True,
    help="Seconds per pull request.",
)
@click.option(
    "--memory",
    metavar="MIB",
    type=click.IntRange(min=256),
    default=4096,
    show_default=True,
    help="Address space per process, where the system can limit it.",
)
@click.option(
    "--format",
    "told",  # not "form": the configuration's key of that option is for check
    type=click.Choice(["text", "html"]),
    default="text",
    show_default=True,
    help="What standard output gets of all that FILE holds: counts, or a page.",
)
def command(
    repo: str,
    prs: str | None,
    jobs: int | None,
    cluster: str | None,
    out: Path,
    timeout: float,
    memory: int,
    told: str,
) -> int:
    """Audit the head of every pull request, one JSON line per submission.

    A line is {"pr", "sha", "when", "author", "seconds", "cached", "report", "code"} or {"pr", "error"}. What FILE holds
    already is skipped, so an interrupted sweep goes on where it stopped; a pull request that crashes, hangs or
    needs too much memory costs one line with the reason. On a cluster every node needs golf-audit and the repository
    under the same path; a node that is lost costs a second try.

    Exit code 0: the sweep is complete, whatever it found; 2: wrong usage or unreadable input;
    130: interrupted, with all that was done kept.
    """
    from auditor.challenge import chosen
    from auditor.executors.model import ExecutorError, Limits
    from auditor.submission.git import open_repository
    from auditor.submission.model import Unread
    from auditor.sweep.results import Results, read_rows, survey
    from auditor.sweep.summary import summarise
    from auditor.sweep.work import RepositoryAudit

    started = time.monotonic()
    interrupted = False
    try:
        repository = open_repository(repo)
        heads = repository.heads()
        wanted = [pr for pr in heads if prs is None or _chosen(prs, pr)]
        if not wanted:
            asked = f" among {prs}" if prs is not None else ""
            raise Unread(f"{repo}: no pull request heads{asked}; git fetch origin '+refs/pull/*/head:refs/pull/*/head'")
        kept = survey(out)
        todo = [pr for pr in wanted if pr not in kept.finished]
        where, state = str(Path(repo).resolve()), repository.state()
        job = RepositoryAudit(where, heads, state, elsewhere=cluster is not None, challenge=chosen())
        limits = Limits(timeout, memory * _MEBIBYTE)
        with (
            closing(Results(out, kept)) as results,
            _progress(len(wanted), len(wanted) - len(todo)) as advance,
        ):
            try:
                with closing(_outcomes(todo, job, limits, jobs, cluster)) as outcomes:
                    for pr, rows in outcomes:
                        results.add(rows)
                        advance(pr, rows)
            except KeyboardInterrupt:
                interrupted = True
    except (Unread, ExecutorError) as error:
        complain(str(error))
        return EXIT_USAGE
    if told == "html":
        _page(read_rows(out))
    else:
        _show(summarise(read_rows(out)), time.monotonic() - started)
    if interrupted:
        complain(f"interrupted; the same command goes on from {out}")
        return EXIT_INTERRUPTED
    return 0


def _outcomes(
    prs: Sequence[int], job: RepositoryAudit, limits: Limits, jobs: int | None, cluster: str | None
) -> Generator[tuple[int, list[Row]], None, None]:
    """Yield every pull request with its rows: what the cache holds at once, the others as they are audited."""
    from auditor.sweep.audits import audit_all

    left = dict.fromkeys(prs)
    for pr, rows in job.remembered(prs):
        del left[pr]
        yield pr, rows
    if not left:
        return
    with (
        opened(job, limits, jobs=jobs, cluster=cluster) as executor,
        closing(audit_all(left, job, executor)) as outcomes,
    ):
        yield from outcomes


def _chosen(prs: str, number: int) -> bool:
    """Tell whether a number is among ranges such as ``1-20,35,2000-``; else raises a usage error."""
    among = False
    for part in prs.split(","):
        first, dash, last = part.strip().removeprefix("#").partition("-")
        low = first or ("1" if dash and last else "")
        high = last if dash else first
        if not low.isdecimal() or not (high.isdecimal() or (dash and not high)):
            raise click.BadParameter(f"{part.strip()!r} is no number and no range.", param_hint="--prs")
        if high and int(high) < int(low):
            raise click.BadParameter(f"{part.strip()!r} ends before it begins.", param_hint="--prs")
        among = among or int(low) <= number <= (int(high) if high else number)
    return among


@contextmanager
def _progress(total: int, done: int) -> Iterator[Advance]:
    """Yield what to call after each pull request: it moves a bar on a terminal, else prints a line."""
    if not sys.stderr.isatty():
        count = done

        def tell(pr: int, rows: Sequence[Row]) -> None:
            nonlocal count
            count += 1
            click.echo(f"{count}/{total} #{pr} {_verdicts(rows)}", err=True)

        if done:
            click.echo(f"{done} of {total} were done before", err=True)
        yield tell
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total, completed=done)

        def advance(pr: int, rows: Sequence[Row]) -> None:
            bar.update(task, advance=1, description=f"#{pr} {_verdicts(rows)}")

        yield advance


def _verdicts(rows: Sequence[Row]) -> str:
    # Only words of our own: what a submission says of itself could hold markup or escapes.
    return " ".join(str(row["kind"]) if "error" in row else str(row["report"]["verdict"]) for row in rows)


def _page(rows: Iterable[Row]) -> None:
    from auditor.sweep.overview import overview
    from reports.html.sweep import render

    # A page is UTF-8, whatever the terminal is.
    sys.stdout.buffer.write(render(overview(rows)).encode("utf-8"))


def _show(summary: Summary, wall: float) -> None:
    sections: list[tuple[str, list[tuple[str, str]]]] = [
        (
            "sweep",
            [
                ("pull requests", f"{summary.pull_requests:,}"),
                ("submissions", f"{summary.submissions:,}"),
                ("cached", f"{summary.cached:,}"),
                ("wall time now", f"{wall:,.1f} s"),
                ("audit time", f"{summary.seconds_total:,.1f} s"),
                (
                    "per submission",
                    f"median {summary.seconds_median:.2f} s, 95 % {summary.seconds_p95:.2f} s, "
                    f"most {summary.seconds_max:.2f} s",
                ),
            ],
        ),
        ("verdicts", [(name, f"{count:,}") for name, count in summary.verdicts.items()]),
        ("rules", [(name, f"{count:,}") for name, count in summary.rules.items()]),
        ("errors", [(name, f"{count:,}") for name, count in summary.errors.items()]),
    ]
    if not sys.stdout.isatty():
        for title, lines in sections:
            for name, value in lines:
                click.echo(f"{title}\t{name}\t{value}")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for title, lines in sections:
        for index, (name, value) in enumerate(lines):
            table.add_row("" if index else title, name, value)
    Console().print(table)
