"""``golf-audit campaign``: verify many submissions, on many nodes, and write one page about them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import EXIT_FOUND, EXIT_INTERRUPTED, complain
from auditor.cli._cluster import opened, run_options
from auditor.cli._extra import one_line

if TYPE_CHECKING:
    from auditor.campaign.model import Campaign, CampaignPlan, Report
    from auditor.reproduce.afar import Ended

_SLACK = 900.0  # seconds beside a run: data that is fetched, files that are hashed
_TABLES = (".csv", ".parquet", ".xlsx")
_EXAMPLES = """\b
Examples:
  golf-audit campaign leaderboard.toml --dry-run
  golf-audit campaign leaderboard.toml --cluster auto --gpus-per-run 8
  golf-audit campaign --from results.jsonl --top 20 --repo parameter-golf/.git --cluster auto --gpus-per-run 8
"""


@click.command(epilog=_EXAMPLES)
@click.argument("file", required=False, metavar="[FILE.toml]", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from", "results", metavar="RESULTS", type=click.Path(dir_okay=False, path_type=Path),
              help="Take submissions from a sweep's results: the best claims that the audit doesn't flag.")  # fmt: skip
@click.option("--top", metavar="N", type=click.IntRange(1), default=20, show_default=True, help="How many of them.")
@click.option("--flagged", is_flag=True, help="With --from: flagged and unreadable ones, too.")
@click.option("--repo", metavar="GIT_DIR", type=click.Path(), help="With --from: where the pull requests are.")
@click.option("--seeds", metavar="N", type=click.IntRange(1, 64), help="Runs of each.  [file's, else 3]")
@click.option("--data", metavar="DIR", type=click.Path(path_type=Path), help="Shards and tokenizer, on every node.")
@click.option("--timeout", metavar="S", type=click.FloatRange(1), help="End a run after S seconds.  [caps + 600]")
@click.option("--output", metavar="DIR", type=click.Path(path_type=Path), help="[default: runs/campaign-NAME]")
@run_options
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=1, show_default=True,
              help="Without --cluster: runs at a time on this machine.")  # fmt: skip
@click.option("--export", metavar="TABLE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write all runs as a table, too: TABLE ends in .csv, .parquet or .xlsx.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would run and its cost; run nothing.")
@click.option("--yes", is_flag=True, help="Begin without asking.")
def command(
    file: Path | None,
    results: Path | None,
    top: int,
    flagged: bool,
    repo: str | None,
    seeds: int | None,
    data: Path | None,
    timeout: float | None,
    output: Path | None,
    cluster: str | None,
    gpus_per_run: int | None,
    memory_per_run: int | None,
    custom: Mapping[str, float],
    jobs: int,
    export: Path | None,
    dry_run: bool,
    yes: bool,
) -> int:
    """Run several submissions, some seeds of each, and judge every claim.

    FILE says which (docs/cluster.md); --from takes them from a queue. The cost in node-hours is shown first, and asked
    about. campaign.html, campaign.json, runs.jsonl and a folder for each submission are kept in the output folder; the
    same command goes on where it was. A run that fails is told and counted, one whose node is lost is tried again.

    Exit code 0: every submission is REPRODUCED; 1: not every one; 2: it can't be begun; 130: interrupted.
    """
    from auditor.executors.model import ExecutorError, Limits
    from auditor.reproduce.model import CannotReproduce
    from auditor.sandbox import NoSandbox
    from auditor.submission.model import Unread
    from auditor.toml import Malformed

    with one_line(CannotReproduce, NoSandbox, ExecutorError, Unread, Malformed):
        asked = _asked(file, results, top, repo, flagged=flagged)
        campaign = _changed(asked, seeds, data, timeout, output, gpus_per_run, memory_per_run, custom)
        _check_export(export)
        from auditor.campaign.plan import make_plan
        from auditor.campaign.verify import look_at, verify
        from auditor.reproduce.afar import probe
        from auditor.reproduce.remote import Runs
        from auditor.reproduce.submitted import run_seconds

        limits = Limits(run_seconds(campaign.budget, campaign.wall) + _SLACK)
        interrupted = False
        with opened(Runs(), limits, jobs=jobs, cluster=cluster, resources=campaign.resources) as executor:
            plan = make_plan(campaign, probe(executor))
            _show_plan(plan)
            if dry_run:
                return 0
            _ask(plan, yes=yes)
            try:
                verify(plan, executor, _tell)
            except KeyboardInterrupt:
                interrupted = True
        report = look_at(plan)
        _keep(report, export)
    _show(report)
    if interrupted:
        complain("interrupted; the same command goes on, and the page shows what there is")
        return EXIT_INTERRUPTED
    return 0 if all(each.verdict == "REPRODUCED" for each in report.standings) else EXIT_FOUND


def _asked(file: Path | None, results: Path | None, top: int, repo: str | None, *, flagged: bool) -> Campaign:
    if (file is None) == (results is None):
        raise click.UsageError("Give a FILE.toml, or --from RESULTS; one of them.")
    if file is not None:
        from auditor.campaign.read import read_campaign

        return read_campaign(file)
    assert results is not None
    if repo is None:
        raise click.UsageError("--from needs --repo: the clone with the heads of the pull requests.")
    from auditor.campaign.model import Campaign
    from auditor.campaign.select import best
    from auditor.submission.model import Unread
    from auditor.sweep.latest import latest
    from auditor.sweep.overview import entry_of
    from auditor.sweep.results import read_rows, survey

    if not results.is_file():
        raise Unread(f"{results}: no such file")
    survey(results)
    entries, passed = best((entry_of(row) for row in latest(read_rows(results))), top, every=flagged)
    if not entries:
        raise Unread(f"{results}: no submission in it claims a score that a run could verify")
    if passed:
        complain(f"{passed} pull requests with better claims are flagged or unreadable; --flagged runs them, too")
    return Campaign(results.stem, entries, Path("runs", f"campaign-{results.stem}"), repo=repo)


def _changed(
    campaign: Campaign,
    seeds: int | None,
    data: Path | None,
    timeout: float | None,
    output: Path | None,
    gpus: int | None,
    memory: int | None,
    custom: Mapping[str, float],
) -> Campaign:
    """Return the campaign with what the command line says over what the file says."""
    from dataclasses import replace

    from auditor.reproduce.place import DataPlace

    resources = campaign.resources
    return replace(
        campaign,
        seeds=seeds or campaign.seeds,
        data=DataPlace(str(data.absolute())) if data is not None else campaign.data,
        wall=timeout or campaign.wall,
        output=output or campaign.output,
        resources=replace(
            resources,
            gpus=resources.gpus if gpus is None else gpus,
            memory=memory or resources.memory,
            custom={**resources.custom, **custom},
        ),
    )


def _check_export(export: Path | None) -> None:
    if export is not None and export.suffix not in _TABLES:
        raise click.UsageError(f"--export {export}: a table ends in {', '.join(_TABLES)}.")


def _show_plan(plan: CampaignPlan) -> None:
    from reports.campaign import plan_lines

    for line in plan_lines(plan):
        click.echo(line, err=True)


def _ask(plan: CampaignPlan, *, yes: bool) -> None:
    if yes or not plan.cost.runs:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{plan.cost.runs} runs; --yes begins them where nobody can be asked.")
    click.confirm("Begin?", abort=True, err=True)


def _tell(end: Ended) -> None:
    where = " before" if end.before else f" on {end.node}" if end.node else ""
    why = f": {end.reason}" if end.reason else ""
    complain(f"{end.afar.job.plan.subject}, seed {end.run.seed}: {end.status}{where}{why}")


def _keep(report: Report, export: Path | None) -> None:
    """Write the page, the document, and each submission's own report."""
    from auditor.campaign.verify import RUNS, read_runs
    from auditor.durable import write_text
    from auditor.reproduce.report import document, page
    from reports.campaign import as_json
    from reports.html.campaign import render

    output = report.plan.campaign.output
    output.mkdir(parents=True, exist_ok=True)
    for each in report.standings:
        if each.found is not None and each.found.plan.output.is_dir():
            write_text(each.found.plan.output / "report.json", document.render(each.found))
            write_text(each.found.plan.output / "report.html", page.render(each.found))
    write_text(output / "campaign.json", as_json(report))
    write_text(output / "campaign.html", render(report))
    if export is not None and (output / RUNS).is_file():
        from auditor.cli._extra import needs

        with needs("table", "pandas", "pyarrow", "openpyxl"):
            from auditor.frames.export import write_table
            from auditor.frames.runs import runs_frame

            write_table(runs_frame(read_runs(output / RUNS)), export)


def _show(report: Report) -> None:
    from reports.campaign import report_lines

    for line in report_lines(report):
        click.echo(line)
