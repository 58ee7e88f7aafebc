"""``golf-audit evidence``: what the logs show beside what the submission claims."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click
from msgspec import structs, to_builtins

from auditor.cli._options import challenge_option, color_option, make_style
from auditor.cli._pulls import Pulls, pulls_option

if TYPE_CHECKING:
    from auditor.evidence.claims import ClaimSet
    from auditor.evidence.model import Evidence
    from auditor.submission.model import Submission


@click.command()
@click.argument("path", required=False, type=click.Path())
@click.option("--repo", metavar="GIT_DIR", type=click.Path(), help="Read from git objects, without a checkout.")
@pulls_option("With --repo: the head of a pull request; several with commas, or repeated.")
@click.option("--rev", metavar="REV", help="With --repo: a branch, tag or other revision.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="text: a table; json: every run, claim and size with its place; csv: a line per run.",
)
@challenge_option
@color_option
def command(path: str | None, repo: str | None, pr: Pulls, rev: str | None, form: str, color: str) -> None:
    """Show the runs that the logs of a submission hold, beside its claims.

    PATH is a record folder, a checkout that contains one, or a single script. Nothing is judged here:
    see golf-audit check. Exit code 2 when PATH can't be read.
    """
    from auditor.evidence import read_evidence

    found = [(s, read_evidence(s)) for s in _submissions(path, repo, pr, rev)]
    if form == "json":
        documents = [_document(s, e) for s, e in found]
        click.echo(json.dumps({"schema_version": 1, "submissions": documents}))
    elif form == "csv":
        click.echo(_csv(found), nl=False)
    else:
        _print(found, color)


def _submissions(path: str | None, repo: str | None, pr: Pulls, rev: str | None) -> Sequence[Submission]:
    from auditor import submission
    from auditor.submission.model import Unread

    if bool(path) == bool(repo):
        raise click.UsageError("Give a PATH, or --repo with --pr or --rev.")
    if repo and not (pr or rev):
        raise click.UsageError("--repo needs --pr or --rev.")
    try:
        if repo:
            return [each for n in pr.numbers or (None,) for each in submission.read_git(repo, pr=n, rev=rev)]
        return submission.read_path(path or "")
    except Unread as error:
        raise click.ClickException(str(error)) from None


def _document(submission: Submission, evidence: Evidence) -> dict[str, object]:
    from auditor.evidence.table import rows

    return {
        "submission": submission.given,
        "name": submission.name,
        "claims": to_builtins(evidence.claims()),
        "runs": [to_builtins(row) for row in rows(evidence)],
        "metadata": _claims(evidence.metadata),
        "readme": _claims(evidence.readme),
        "sizes": to_builtins(evidence.sizes),
        "logs": [
            {
                "path": log.path,
                "bytes": log.size,
                "lines": log.lines,
                "blob": log.blob,
                "encoding": log.encoding,
                "runs": len(log.runs),
                "embedded_source": [[s.first_line, s.last_line] for s in log.sources],
                "troubles": [to_builtins(t) for t in log.troubles],
            }
            for log in evidence.logs
        ],
        "problems": list(evidence.problems),
    }


def _claims(claims: ClaimSet) -> dict[str, object]:
    return {
        "path": claims.path,
        "numbers": [to_builtins(c) for c in claims.numbers],
        "declared": [to_builtins(c) for c in claims.declared],
        "seeds": list(claims.seeds),
        "problems": [to_builtins(p) for p in claims.problems],
    }


def _csv(found: Sequence[tuple[Submission, Evidence]]) -> str:
    from auditor.evidence.table import COLUMNS, rows

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("submission", *COLUMNS))
    for submission, evidence in found:
        for row in rows(evidence):
            values = structs.asdict(row)
            writer.writerow([_cell(submission.name), *(_cell(values[c]) for c in COLUMNS)])
    return out.getvalue()


def _cell(value: object) -> object:
    """Return a CSV cell: what can't be seen is made visible, and a would-be formula is quoted with an apostrophe."""
    from reports.escape import visible

    if isinstance(value, str):
        text = visible(value)
        return "'" + text if text.startswith(("=", "+", "-", "@")) else text
    return "" if value is None else value


def _print(found: Sequence[tuple[Submission, Evidence]], color: str) -> None:
    import sys

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from auditor.submission.names import shown

    style = make_style(color, sys.stdout)
    console = Console(file=sys.stdout, width=style.width, no_color=not style.colour, highlight=False)
    for submission, evidence in found:
        console.print(Text(shown(submission.name), style="bold"))
        for line in _summary(evidence):
            console.print(Text(shown(line, 400)))
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("log", "seed", "val_bpb", "claimed", "bytes", "train s", "eval s", "steps", "gpus"):
            table.add_column(name, justify="left" if name == "log" else "right", overflow="fold")
        for cells in _cells(evidence):
            table.add_row(*(Text(shown(c)) for c in cells))
        if table.row_count:
            console.print(table)


def _summary(evidence: Evidence) -> Iterator[str]:
    claims = evidence.claims()
    bpb = "no score" if claims.val_bpb is None else f"{claims.val_bpb} bpb"
    size = "no size" if claims.artifact_bytes is None else f"{claims.artifact_bytes:,} bytes"
    seeds = ", ".join(map(str, claims.seeds)) or "no seeds"
    yield f"claims  {bpb}, {size}, seeds {seeds}" if claims.seeds else f"claims  {bpb}, {size}, {seeds}"
    if evidence.sizes.script is not None:
        script = evidence.sizes.script
        extra = f", helpers {evidence.sizes.helper_bytes:,}" if evidence.sizes.reachable else ""
        yield f"on disk {script.path} {script.size:,} bytes{extra}"
    for problem in (*evidence.metadata.problems, *evidence.readme.problems):
        yield f"problem {problem.path}:{problem.line or ''} {problem.value}"
    for text in evidence.problems:
        yield f"problem {text}"
    for log in evidence.logs:
        for trouble in log.troubles[:3]:
            yield f"trouble {log.path}:{trouble.line} {trouble.text}"
    if not evidence.runs:
        yield "no run in any log"


def _cells(evidence: Evidence) -> Iterator[tuple[str, ...]]:
    from auditor.evidence.table import rows

    for r in rows(evidence):
        yield (
            r.log,
            _text(r.seed),
            _text(r.val_bpb),
            _text(r.claimed_bpb),
            "" if r.artifact_bytes is None else f"{r.artifact_bytes:,}",
            "" if r.train_seconds is None else f"{r.train_seconds:.1f}",
            "" if r.eval_seconds is None else f"{r.eval_seconds:.1f}",
            _text(r.steps),
            _text(r.world_size),
        )


def _text(value: object) -> str:
    return "" if value is None else str(value)
