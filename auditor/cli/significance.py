"""``golf-audit significance``: whether one list of seeds is better than another."""

from __future__ import annotations

import json
import math

import click


def _scores(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        raise click.BadParameter(f"not a list of numbers: {value[:80]!r}", ctx, param) from None
    if len(numbers) < 2 or not all(math.isfinite(n) for n in numbers):
        single = "; a single score has no spread, and is no evidence" if len(numbers) == 1 else ""
        raise click.BadParameter(f"needs two finite scores or more, separated by commas{single}", ctx, param)
    return numbers


@click.command()
@click.option("--new", required=True, callback=_scores, metavar="BPB,BPB,…", help="Scores of the new runs.")
@click.option("--old", required=True, callback=_scores, metavar="BPB,BPB,…", help="Scores to beat.")
@click.option(
    "--bytes-per-token",
    type=click.FloatRange(min=0, min_open=True),
    help="Also give the difference in nats per token, the unit of val_loss (sp1024: 2.436, sp8192: 3.727).",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(new: tuple[float, ...], old: tuple[float, ...], bytes_per_token: float | None, form: str) -> None:
    """Test whether the new scores are below the old ones: one-sided Welch, sample standard deviations.

    The differences are new minus old, negative when the new runs are better; delta_nats is per byte. Where the
    scores of both sides have no spread there is no test: p is null, and no bar is met.
    """
    from auditor.evidence.frontier import load
    from auditor.evidence.statistics import NoSpread, describe, nats_per_byte, nats_per_token, welch_one_sided

    ours, theirs = describe(new), describe(old)
    delta = ours.mean - theirs.mean
    test, untested = None, ""
    try:
        test = welch_one_sided(ours, theirs)
    except NoSpread as error:
        untested = str(error)
    notes = [
        f"the {side} scores are all equal: seeds of one configuration differ, so this is no sample of its spread"
        for side, sample in (("new", ours), ("old", theirs))
        if sample.equal
    ]
    result: dict[str, object] = {
        "p_one_sided": test.p if test is not None else None,
        "delta_bpb": delta,
        "delta_nats": nats_per_byte(delta),
        "sd": "sample",
        "t": test.t if test is not None else None,
        "df": test.df if test is not None else None,
        "notes": [*notes, untested] if untested else notes,
        "new": {"mean": ours.mean, "sd": ours.sd, "n": ours.n},
        "old": {"mean": theirs.mean, "sd": theirs.sd, "n": theirs.n},
    }
    if bytes_per_token is not None:
        result["delta_nats_per_token"] = nats_per_token(delta, bytes_per_token)
    if form == "json":
        click.echo(json.dumps(result))
        return
    click.echo(f"new  mean {ours.mean:.6f}  sd {ours.sd:.6f}  n {ours.n}")
    click.echo(f"old  mean {theirs.mean:.6f}  sd {theirs.sd:.6f}  n {theirs.n}")
    click.echo(f"new - old  {delta:+.6f} bpb  {nats_per_byte(delta):+.6f} nats per byte")
    if bytes_per_token is not None:
        click.echo(f"           {nats_per_token(delta, bytes_per_token):+.6f} nats per token")
    for note in notes:
        click.echo(f"note: {note}")
    if test is None:
        click.echo(untested)
        click.echo("  no bar is met")
        return
    click.echo(f"one-sided Welch p = {test.p:.4f}  (t = {test.t:.3f}, df = {test.df:.2f}, sample sd)")
    for bar in load().bars:
        gain = "" if bar.nats is None else f" and a gain of {bar.nats} nats per token"
        saved = None if bytes_per_token is None else nats_per_token(-delta, bytes_per_token)
        if test.p >= bar.p:
            met = "not met"
        elif bar.nats is None:
            met = "met"
        elif saved is None:
            met = "p is met; --bytes-per-token tells whether the gain is"
        else:
            met = "met" if saved >= bar.nats else f"not met, the gain is {saved:.4f}"
        click.echo(f"  bar from {bar.since} ({bar.source}): p < {bar.p}{gain}: {met}")
