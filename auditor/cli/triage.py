"""``golf-audit triage``: the queue of pull requests, from kept results."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import EXIT_INTERRUPTED, complain, nearest
from auditor.cli._cluster import cluster_option, opened
from auditor.cli._config import Configured
from auditor.cli._options import color_option, make_style
from auditor.cli.sweep import _chosen as chosen
from auditor.cli.sweep import _progress as progress

if TYPE_CHECKING:
    from auditor.sweep.triage import Triage
    from auditor.sweep.work import Row

_MEBIBYTE = 1024 * 1024
_FORMATS = ("text", "html", "csv", "parquet", "xlsx", "json")
_SORTS = ("verdict", "pr", "score", "bytes", "age")

_EXAMPLES = """\b
Examples:
  golf-audit triage --repo parameter-golf/.git --since results.jsonl
  golf-audit triage --repo parameter-golf/.git --since results.jsonl --format html --output queue.html
  golf-audit triage --repo parameter-golf/.git --since results.jsonl --verdict FLAG --sort score
"""


@click.command(cls=Configured, epilog=_EXAMPLES)
@click.option(
    "--repo",
    metavar="GIT_DIR",
    type=click.Path(),
    required=True,
    help="The repository, with the heads of its pull requests fetched.",
)
@click.option(
    "--since",
    metavar="RESULTS",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Results of golf-audit sweep or triage: only heads that changed since are audited, and FILE is brought up "
    "to date. It is made where there is none.",
)
@click.option("--prs", metavar="A-B", help="Only these: numbers and ranges, such as 1400-1500,2135 or 2000-.")
@click.option("--verdict", "verdicts", metavar="NAMES", help="Only these verdicts, such as FLAG,HOLD.")
@click.option("--sort", type=click.Choice(_SORTS), default="verdict", show_default=True, help="What goes first.")
@click.option("--format", "told", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--output", "-o", metavar="FILE", type=click.Path(dir_okay=False), help="Write to FILE.")
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="Processes (default: one per core).")
@cluster_option
@click.option("--timeout", metavar="S", type=click.FloatRange(min=0.1), default=120.0, show_default=True)
@click.option("--memory", metavar="MIB", type=click.IntRange(min=256), default=4096, show_default=True)
@color_option
def command(
    repo: str,
    since: Path | None,
    prs: str | None,
    verdicts: str | None,
    sort: str,
    told: str,
    output: str | None,
    jobs: int | None,
    cluster: str | None,
    timeout: float,
    memory: int,
    color: str,
) -> int:
    """Show the queue: one row for each pull request, with one verdict and its reason in words.

    Of several submissions in one pull request the worst counts. After the table stand the groups that share a cause,
    each with the golf-audit cluster command that explains it once for all of them.

    Exit code 0: the queue is whole, whatever is in it; 2: wrong usage or unreadable input; 130: interrupted, with all
    that was done kept in RESULTS.
    """
    from auditor.executors.model import ExecutorError
    from auditor.submission.git import open_repository
    from auditor.submission.model import Unread
    from auditor.sweep.triage import triage

    wanted = _verdicts(verdicts)
    if told in ("parquet", "xlsx") and output is None and sys.stdout.isatty():
        raise click.UsageError(f"--format {told} isn't for a terminal; give --output FILE.")
    try:
        known = open_repository(repo).heads()
        heads = {pr: sha for pr, sha in known.items() if prs is None or chosen(prs, pr)}
        if not heads:
            asked = f" among {prs}" if prs is not None else ""
            raise Unread(f"{repo}: no pull request heads{asked}; git fetch origin '+refs/pull/*/head:refs/pull/*/head'")
        kept = _kept(since)
        todo = [pr for pr, sha in heads.items() if kept.get(pr, ("", ()))[0] != sha]
        interrupted = False
        if todo:
            found, interrupted = _audit(todo, heads, since, repo, jobs, cluster, timeout, memory)
            kept |= found
    except (Unread, ExecutorError) as error:
        raise click.ClickException(str(error).replace("give another --out", "give another --since")) from None
    rows = [row for pr in sorted(heads) if pr in kept for row in kept[pr][1]]
    queue = triage(rows)
    _write(queue, wanted, sort, told, output, repo, color)
    if interrupted:
        complain("interrupted; " + (f"the same command goes on from {since}" if since else "give --since FILE to keep"))
        return EXIT_INTERRUPTED
    return 0


def _verdicts(text: str | None) -> frozenset[str]:
    from auditor.finding import Verdict

    known = [*(verdict.value for verdict in Verdict), "ERROR"]
    if text is None:
        return frozenset(known)
    names = [name.strip().upper() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise click.UsageError(f"no verdict is called {name!r}; {nearest(name, known)}")
    return frozenset(names)


def _kept(since: Path | None) -> dict[int, tuple[str, tuple[Row, ...]]]:
    """Return what a results file holds: of each pull request the audited head and its rows."""
    from itertools import groupby

    from auditor.sweep.latest import latest
    from auditor.sweep.results import read_rows, survey

    if since is None:
        return {}
    whole = survey(since).finished  # says what is wrong with the file
    if not since.exists():
        return {}
    grouped = groupby(latest(read_rows(since)), key=lambda row: row["pr"])
    return {
        pr: (str(rows[0].get("sha") or ""), rows) for pr, group in grouped if pr in whole and (rows := tuple(group))
    }


def _audit(
    todo: list[int],
    heads: dict[int, str],
    since: Path | None,
    repo: str,
    jobs: int | None,
    cluster: str | None,
    timeout: float,
    memory: int,
) -> tuple[dict[int, tuple[str, tuple[Row, ...]]], bool]:
    """Audit heads, keep their rows in the results file as they come, and return them; True when interrupted."""
    from contextlib import ExitStack

    from auditor.executors.model import Limits
    from auditor.submission.git import open_repository
    from auditor.sweep.audits import audit_all
    from auditor.sweep.results import Results, survey
    from auditor.sweep.work import RepositoryAudit

    complain(f"{len(todo):,} of {len(heads):,} heads are new or changed, and are audited now")
    found: dict[int, tuple[str, tuple[Row, ...]]] = {}
    with ExitStack() as stack:
        results = stack.enter_context(closing(Results(since, survey(since)))) if since is not None else None
        advance = stack.enter_context(progress(len(heads), len(heads) - len(todo)))
        state = open_repository(repo).state()
        job = RepositoryAudit(str(Path(repo).resolve()), heads, state, elsewhere=cluster is not None)
        limits = Limits(timeout, memory * _MEBIBYTE)
        try:
            executor = stack.enter_context(opened(job, limits, jobs=jobs, cluster=cluster))
            outcomes = stack.enter_context(closing(audit_all(todo, job, executor)))
            for pr, rows in outcomes:
                # A head that can't be audited isn't tried again until it changes.
                told = [{**row, "sha": row.get("sha") or heads[pr]} for row in rows]
                if results is not None:
                    results.add(told)
                found[pr] = heads[pr], tuple(told)
                advance(pr, told)
        except KeyboardInterrupt:
            return found, True
    return found, False


def _write(
    queue: Triage, verdicts: frozenset[str], sort: str, told: str, output: str | None, repo: str, color: str
) -> None:
    from datetime import UTC, datetime

    from reports import queue as shape

    today = datetime.now(UTC).date()
    items = shape.ordered([item for item in queue.items if item.entry.verdict in verdicts], sort)
    if told == "text":
        style = make_style(color, sys.stdout)
        columns = style.width if sys.stdout.isatty() else shape.PIPE_WIDTH
        style = make_style(color, sys.stdout) if output is None else make_style("never", sys.stdout)
        data = shape.as_text(items, queue.groups, style, columns, today, repo).encode("utf-8", "backslashreplace")
    elif told == "html":
        from reports.html.sweep import render_queue

        data = render_queue(items, queue.groups, today).encode("utf-8")
    elif told == "csv":
        data = shape.as_csv(items, today).encode("utf-8")
    elif told == "json":
        data = shape.as_json(items, queue.groups, today, repo).encode("utf-8")
    else:
        data = _table(shape.records(items, today), told)
    _deliver(data, output)


def _table(records: Iterable[dict[str, object]], told: str) -> bytes:
    from auditor.cli._extra import needs

    with needs("table", "pandas", "pyarrow", "openpyxl"):
        import pandas as pd

        from auditor.frames.export import as_parquet, as_xlsx

        frame = pd.DataFrame.from_records(list(records))
        return as_parquet(frame) if told == "parquet" else as_xlsx(frame)


def _deliver(data: bytes, output: str | None) -> None:
    if output is None or output == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        Path(output).write_bytes(data)
    except OSError as error:
        raise click.ClickException(f"can't write {output}: {error.strerror or os.strerror(error.errno or 0)}") from None
