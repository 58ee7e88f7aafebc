"""The command: ``python -m reference_model parity SCRIPT --preset NAME``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command("parity", context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("script", type=click.Path(path_type=Path))
@click.option("--preset", required=True, metavar="NAME", help="The preset that stands for the script's system.")
@click.option("--dim", type=click.IntRange(0), default=384, help="Width of both models; 0: the preset's own.")
@click.option("--vocab", type=click.IntRange(0), default=1024, help="Tokens of both models; 0: the preset's own.")
@click.option("--mlp", type=click.IntRange(0), default=1, help="Width of the MLPs in widths; 0: the preset's own.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Of weights and tokens.")
@click.option("--seconds", type=click.FloatRange(1), default=1800.0, help="Wall clock that the script's side may take.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def parity(script: Path, preset: str, dim: int, vocab: int, mlp: int, seed: int, seconds: float, as_json: bool) -> None:
    """Compare a published SCRIPT with a preset: equal weights, float32, on a CPU.

    The script runs in the sandbox; nothing is downloaded. Parameters, logits, gradients, optimizer steps, Hessians,
    integers, artifact and evaluations are compared, each where the script has it outside its main function.
    """
    from reference_model.cli import one_line

    with one_line():
        from reference_model import presets
        from reference_model.parity import case, compare, system, theirs
        from reference_model.parity.readable import readable

        source = readable(script)
        found = presets.load(preset, "published")
        names = system.load(found.name, presets.bases(preset))
        made = case.make(found.config, case.Shape(dim, vocab, mlp), names.changed, seed)
        table = [*compare.rows(made, theirs.run(script, source, made, names, seconds))]
    if as_json:
        click.echo(json.dumps({"preset": found.name, "rows": [asdict(row) for row in table]}, indent=2))
        return
    click.echo(f"{script.name} beside {found.name}, {made.config.model.dim} wide, float32")
    wide = [max(len(getattr(row, field)) for row in table) for field in ("part", "compared")]
    for row in table:
        click.echo(f"  {row.part:<{wide[0]}}  {row.compared:<{wide[1]}}  {row.difference}")


def main() -> None:
    """Run the command without its own name in front."""
    parity(prog_name="python -m reference_model parity")
