"""``golf-audit reproduce``: run it, and say what the run shows."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import EXIT_FOUND, EXIT_INTERRUPTED, complain
from auditor.cli._cluster import opened, run_options
from auditor.cli._extra import one_line
from auditor.cli._options import color_option, make_style

if TYPE_CHECKING:
    from auditor.executors.model import Resources
    from auditor.reproduce.model import Budget, Reproduction
    from auditor.reproduce.plan import Wanted
    from auditor.reproduce.reproduce import Job

_EXAMPLES = """\b
Examples:
  golf-audit reproduce --seeds 3
  golf-audit reproduce --preset f1493 --data data --seeds 3 --dry-run
  golf-audit reproduce records/track_10min_16mb/2026-04-01_Name --data data
  golf-audit reproduce train_gpt.py --seeds 2 --set ITERATIONS=20 --set NUM_LAYERS=2
"""
_SLACK = 900.0  # seconds beside a run: data that is fetched, files that are hashed
_DURATIONS = "train=600s,eval=600s"


def _budget(ctx: click.Context, param: click.Parameter, value: str | None) -> Budget:
    from auditor.reproduce.model import Budget
    from auditor.reproduce.plan import parse_budget

    if value is None:
        return Budget()
    try:
        return parse_budget(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


@click.command(epilog=_EXAMPLES)
@click.argument("path", required=False, type=click.Path())
@click.option("--seeds", metavar="N", type=click.IntRange(1, 64), default=3, show_default=True, help="How many runs.")
@click.option("--preset", metavar="NAME", help="Of the reference model: 'golf-audit presets' lists them, or a TOML.")
@click.option("--data", metavar="DIR", type=click.Path(path_type=Path), help="Shards and tokenizer.")
@click.option("--nproc", metavar="K", type=click.IntRange(1, 8), help="Processes that train.  [default: one per GPU]")
@click.option("--budget", metavar=_DURATIONS, callback=_budget, help="Caps for this machine; either may be left out.")
@click.option("--dry-run", is_flag=True, help="Check data and settings, show every command; run nothing.")
@click.option("--resume", is_flag=True, help="Keep the seeds that are done, go on with the others.")
@click.option("--output", metavar="DIR", type=click.Path(path_type=Path), help="[default: runs/reproduce-NAME]")
@click.option("--no-sandbox", is_flag=True, help="Run a stranger's script unguarded, as you.")
@click.option(
    "--set", "changes", metavar="NAME=VALUE", multiple=True,
    help="A setting that differs: a variable of the script, or section.key of the preset.",
)  # fmt: skip
@click.option("--timeout", metavar="S", type=click.FloatRange(1), help="End a run after S seconds.  [caps + 600]")
@run_options
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown", "html"]), default="text", show_default=True
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever the verdict is.")
@color_option
def command(
    path: str | None,
    seeds: int,
    preset: str | None,
    data: Path | None,
    nproc: int | None,
    budget: Budget,
    dry_run: bool,
    resume: bool,
    output: Path | None,
    no_sandbox: bool,
    changes: tuple[str, ...],
    timeout: float | None,
    cluster: str | None,
    gpus_per_run: int | None,
    memory_per_run: int | None,
    custom: Mapping[str, float],
    form: str,
    exit_zero: bool,
    color: str,
) -> int:
    """Run a submission, or the reference model, once per seed and compare with what is claimed.

    Without PATH the reference model runs: preset 'demo' where there is no GPU or data. With PATH a submission's own
    script does, in a sandbox, as its README documents. With --cluster the seeds run on its nodes at the same time, and
    DATA is looked for on each of them. Logs, records, statistics.md and report.html are kept in the
    output folder, for the reference model with a folder that can be submitted.

    Exit code 0: REPRODUCED; 1: any other verdict; 2: it can't be run, with one line that says why.
    """
    from auditor.executors.model import ExecutorError, Resources
    from auditor.reproduce.model import CannotReproduce
    from auditor.reproduce.plan import Wanted
    from auditor.sandbox import NoSandbox

    if cluster is None and (gpus_per_run or memory_per_run or custom):
        raise click.UsageError("--gpus-per-run, --memory-per-run and --node-resource are for --cluster.")
    wanted = Wanted(seeds, path, preset, data, nproc, budget, output, not no_sandbox, changes, timeout)
    with one_line(CannotReproduce, NoSandbox, ExecutorError):
        if cluster is not None:
            resources = Resources(gpus=gpus_per_run or 0, memory=memory_per_run, custom=custom)
            found = _carry_out_afar(wanted, cluster, resources, form, color, resume=resume, dry_run=dry_run)
            if found is None:
                return 0
            _show(found, form, color)
            return 0 if exit_zero or found.judgement.verdict == "REPRODUCED" else EXIT_FOUND
        from auditor.reproduce.reproduce import checked, prepare

        job = checked(prepare(wanted))
        if dry_run:
            _show_plan(job, form, color)
            return 0
        found = _carry_out(job, color, resume=resume)
        _keep(job, found)
    _show(found, form, color)
    return 0 if exit_zero or found.judgement.verdict == "REPRODUCED" else EXIT_FOUND


def _show_plan(job: Job, form: str, color: str) -> None:
    import json

    from auditor.reproduce.report.document import plan_document
    from auditor.reproduce.report.text import make_console, print_plan

    if form == "json":
        click.echo(json.dumps(plan_document(job.plan), indent=2))
        return
    style = make_style(color, sys.stdout)
    print_plan(job.plan, make_console(sys.stdout, style.width, colour=style.colour), commands=True)


def _carry_out(job: Job, color: str, *, resume: bool) -> Reproduction:
    from auditor.reproduce.launch import Stopped
    from auditor.reproduce.report.progress import Following
    from auditor.reproduce.report.text import make_console, print_plan
    from auditor.reproduce.reproduce import carry_out

    style = make_style(color, sys.stderr)
    console = make_console(sys.stderr, style.width, colour=style.colour)
    print_plan(job.plan, console, commands=False)
    # A scheduler's SIGTERM ends the runs as Ctrl-C does: with a checkpoint, and nothing left behind.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Following(job.plan, console) as following:
            return carry_out(job, following, resume=resume)
    except Stopped:
        complain("interrupted; the same command with --resume goes on")
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _carry_out_afar(
    wanted: Wanted, cluster: str, resources: Resources, form: str, color: str, *, resume: bool, dry_run: bool
) -> Reproduction | None:
    """Plan for the cluster's nodes, run every seed there and keep what comes back; None after a dry run."""
    from dataclasses import replace

    from auditor.executors.model import Limits
    from auditor.reproduce.afar import Afar, Ended, carry_out_afar, probe
    from auditor.reproduce.place import DataPlace
    from auditor.reproduce.remote import Order, Runs
    from auditor.reproduce.report.text import make_console, print_plan
    from auditor.reproduce.reproduce import look_back, prepare
    from auditor.reproduce.submitted import read_submission, run_seconds

    submission = None if wanted.path is None else read_submission(wanted.path)
    limits = Limits(run_seconds(wanted.budget, wanted.wall) + _SLACK)
    with opened(Runs(), limits, jobs=1, cluster=cluster, resources=resources) as executor:
        node = probe(executor)
        job = prepare(wanted, node.machine, submission, node.held_by if wanted.sandbox else None)
        if dry_run:
            _show_plan(job, form, color)
            return None
        style = make_style(color, sys.stderr)
        print_plan(job.plan, make_console(sys.stderr, style.width, colour=style.colour), commands=False)
        place = None if wanted.data is None else DataPlace(str(wanted.data.resolve()))
        own = None if wanted.preset is None else Path(wanted.preset)
        text = own.read_text("utf-8") if own is not None and own.is_file() else None
        order = Order(wanted, 0, submission, place, text)

        def tell(end: Ended) -> None:
            where = " before" if end.before else f" on {end.node}" if end.node else ""
            complain(f"seed {end.run.seed}: {end.status}{where}{f': {end.reason}' if end.reason else ''}")

        try:
            carry_out_afar([Afar(job, order)], executor, tell, resume=resume)
        except KeyboardInterrupt:
            complain("interrupted; the same command with --resume goes on")
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    found = look_back(job)
    _keep(replace(job, plan=found.plan), found)
    return found


def _keep(job: Job, found: Reproduction) -> None:
    """Write the report in every form beside the runs, and the reference model's folder to submit."""
    from auditor.durable import write_text
    from auditor.reproduce.report import document, markdown, page
    from auditor.reproduce.submission_folder import write_folder

    output = job.plan.output
    write_text(output / "report.json", document.render(found))
    write_text(output / "report.md", markdown.render(found))
    write_text(output / "statistics.md", markdown.statistics(found))
    write_text(output / "report.html", page.render(found))
    if job.subject is None and all(run.status == "done" for run in found.runs):
        write_folder(found)


def _show(found: Reproduction, form: str, color: str) -> None:
    from auditor.reproduce.report import document, markdown, page
    from auditor.reproduce.report.text import make_console, print_report

    if form == "text":
        style = make_style(color, sys.stdout)
        print_report(found, make_console(sys.stdout, style.width, colour=style.colour))
        click.echo(f"\n{found.plan.output / 'report.html'}")
        return
    render = {"json": document.render, "markdown": markdown.render, "html": page.render}[form]
    click.echo(render(found), nl=False)
