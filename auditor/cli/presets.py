"""``golf-audit presets``: the published systems that the reference model stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditor.cli._extra import one_line

if TYPE_CHECKING:
    from reference_model.presets import Preset

_PIPE_WIDTH = 120


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(form: str) -> None:
    """List the reference model's presets: parameters, published bytes and score, legal or not."""
    with one_line():
        from reference_model import presets

    loaded = [presets.load(name) for name in presets.names()]
    if form == "json":
        import json

        click.echo(json.dumps({"presets": [_as_json(preset) for preset in loaded]}, indent=2))
    else:
        _print_table(loaded)


def _as_json(preset: Preset) -> dict[str, object]:
    import msgspec

    from reference_model.model.size import parameters

    return {
        "name": preset.name,
        "parameters": parameters(preset.config.model),
        "legal": preset.legal,
        "invalid_because": list(preset.invalid_because),
        "about": preset.about,
        "published": msgspec.to_builtins(preset.published),
    }


def _print_table(loaded: list[Preset]) -> None:
    from rich.console import Console
    from rich.table import Table

    from reference_model.model.size import parameters

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("preset", "parameters", "bytes", "val_bpb", "seeds"):
        table.add_column(heading, justify="left" if heading == "preset" else "right", no_wrap=True)
    for heading in ("legal", "source"):
        table.add_column(heading, no_wrap=True)
    for preset in loaded:
        sources = dict.fromkeys(row.source for row in preset.published)
        legal = "yes" if preset.legal else "no"
        row = (f"{parameters(preset.config.model):,}", *_published(preset), legal, ", ".join(sources) or "-")
        table.add_row(preset.name, *row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)  # a pipe has no width to fit: lines stay whole
    console.print(table)
    console.print("bytes and val_bpb: means over the published seeds; *: not the bpb of any distribution", style="dim")
    for preset in loaded:
        for reason in preset.invalid_because:
            console.print(f"{preset.name}: {reason}", style="dim", soft_wrap=True, highlight=False)


def _published(preset: Preset) -> tuple[str, str, str]:
    """Return the means of total bytes and of the final score over the published runs, and how many runs."""
    rows = preset.published
    if not rows:
        return "-", "-", "0"
    sizes = [size for row in rows if (size := row.total_bytes or row.model_bytes) is not None]
    mark = "*" if any(row.final_invalid for row in rows) else ""
    score = sum(row.final for row in rows) / len(rows)
    return f"{sum(sizes) / len(sizes):,.0f}" if sizes else "-", f"{score:.5f}{mark}", str(len(rows))
