"""The command: ``torchrun -m reference_model --preset NAME --seed S``, or ``python -m`` for one process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from reference_model.config import Config
from reference_model.data.shards import BadShard
from reference_model.errors import BadInput, Interrupted, RunFailed

if TYPE_CHECKING:
    from reference_model.presets import Preset
    from reference_model.train.ranks import Ranks

BAD_INPUT, RUN_FAILED = 2, 1


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--preset", required=True, metavar="NAME", help="A preset ('golf-audit presets' lists them) or a TOML.")
@click.option("--seed", type=click.IntRange(0), default=1337, help="Of the first weights and the order of data.")
@click.option("--mode", type=click.Choice(["legal", "published"]), default="legal", help="published: with its quirks.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Shards and tokenizer.  [default: data]")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Log, artifact, checkpoint.  [default: runs/PRESET]"
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option(
    "--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", help="auto: bfloat16 on a GPU."
)
@click.option("--compile/--no-compile", "compiled", default=None, help="Use torch.compile.  [default: on a GPU]")
@click.option("--checkpoint-every", type=click.IntRange(0), default=0, metavar="N", help="Steps; 0: when told to stop.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="FILE", help="Go on from a checkpoint.")
@click.option("--tensorboard", type=click.Path(path_type=Path), metavar="DIR", help="Write scalars there.")
@click.option(
    "--pieces-at-once",
    "at_once",
    type=click.IntRange(1, 8),
    help="Of a step's 8, in one pass.  [default: by size]",
)
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="As in schedule.iterations=500.")
def main(preset: str, mode: Any, seed: int, device: Any, changes: tuple[str, ...], **options: Any) -> None:
    """Train a preset, pack it, and score the artifact that lies on disk."""
    # Threads that wait busily take the processor from each other where others run too: ten times the work was seen.
    # The thread library reads this when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with one_line():
        from reference_model.presets import load
        from reference_model.train.ranks import open_ranks

        with open_ranks(device) as ranks:
            _run(load(preset, mode), seed, changes, ranks, options)


def _run(preset: Preset, seed: int, changes: tuple[str, ...], ranks: Ranks, options: dict[str, Any]) -> None:
    import torch

    from reference_model.log import Log
    from reference_model.run import Request, Run
    from reference_model.train.precision import compute_dtype
    from reference_model.train.threads import worth

    config = changed(preset.config, changes)
    if "OMP_NUM_THREADS" not in os.environ:  # else the user chose, or torchrun did
        torch.set_num_threads(worth(config, torch.get_num_threads()))
    request = Request(
        preset=msgspec.structs.replace(preset, config=config),
        seed=seed,
        data=options["data"] or _default_data(config, ranks),
        out=options["out"] or Path("runs", f"{preset.name}_seed{seed}"),
        dtype=compute_dtype(options["dtype"], ranks.device),
        compiled=options["compiled"],
        checkpoint_every=options["checkpoint_every"],
        resume=options["resume"],
        tensorboard=options["tensorboard"],
        at_once=options["at_once"],
    )
    Run(request, ranks, Log(enabled=ranks.is_main)).run()


def changed(config: Config, changes: tuple[str, ...]) -> Config:
    """Return ``config`` with every ``section.key=value`` applied; raises :class:`BadInput` where that can't be."""
    content = msgspec.to_builtins(config)
    for change in changes:
        path, equals, value = change.partition("=")
        *sections, key = path.split(".")
        place = content
        for section in sections:
            place = place.get(section) if isinstance(place, dict) else None
        if not equals or not isinstance(place, dict) or key not in place:
            raise BadInput(f"--set {change}: no such key; it is written as in schedule.iterations=500")
        place[key] = value
    try:
        return msgspec.convert(content, Config, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"--set {' '.join(changes)}: {error}") from error


def _default_data(config: Config, ranks: Ranks) -> Path:
    """Return the folder that holds the data where none is named; the demo's is built on first use."""
    if config.data.tokenizer != "demo":
        return Path("data")
    from platformdirs import user_cache_path

    from reference_model.data.demo import demo, is_there

    folder = user_cache_path("golf-audit") / f"demo-{sys.version_info.major}.{sys.version_info.minor}"
    if ranks.is_main and not is_there(folder):
        demo(folder)
    ranks.barrier()
    return folder


@contextmanager
def one_line() -> Iterator[None]:
    """End with one line and an exit code instead of a traceback: 2 for input, 1 for a failed run, 143 for SIGTERM."""
    try:
        yield
    except (BadInput, BadShard) as error:
        _end(str(error), BAD_INPUT)
    except RunFailed as error:
        _end(str(error), RUN_FAILED)
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "numpy", "sentencepiece"}:
            raise
        _end(f"{error.name} is not installed; pip install 'golf-audit[reproduce]'", BAD_INPUT)
    except Interrupted as error:
        _end(str(error), error.exit_code)


def _end(message: str, code: int) -> None:
    # Ranks fail alike on bad input, and stop alike: one of them says so. A failure of its own is each rank's to tell.
    if code == RUN_FAILED or os.environ.get("RANK", "0") == "0":
        click.echo(f"reference_model: {message}", err=True)
    sys.exit(code)
