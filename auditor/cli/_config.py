"""Commands whose options may come from the auditor's configuration."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from auditor.cli import complain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.config.find import Found
    from auditor.config.read import Config

_PARAMETERS = {"format": "form"}  # where a key isn't the name of the parameter
_FILES = ("config", "baseline", "rulings", "templates", "wording", "smoke", "results")


class Configured(click.Command):
    """A command that takes options that aren't given from golf-audit.toml or pyproject.toml.

    The file is looked for in the current folder and above; one that the audited party could have written is
    passed over with a warning. It adds ``--config`` and ``--no-config``.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params += [
            click.Option(
                ["--config"],
                metavar="FILE",
                type=click.Path(),
                help="Take options from FILE, not from golf-audit.toml or pyproject.toml here or above.",
            ),
            click.Option(["--no-config"], is_flag=True, help="Take no options from a file."),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Fill in the options that the configuration gives, then run the command."""
        given, none = ctx.params.pop("config"), ctx.params.pop("no_config")
        if given is not None and none:
            raise click.UsageError("Give --config or --no-config, not both.")
        audited = [Path(path) for path in ctx.params.get("paths", ())]
        if given is not None:
            _refuse_audited("--config", given, audited)
        if not none:
            repo = ctx.params.get("repo")
            config = _read(given, [*audited, Path(repo)] if repo else audited)
            if config is not None:
                self._fill(ctx, config)
        for name in _FILES:
            if ctx.params.get(name) is not None:
                _refuse_audited(f"the file or folder of {name}", ctx.params[name], audited)
        return super().invoke(ctx)

    def _fill(self, ctx: click.Context, config: Config) -> None:
        for param in self.params:
            key = next((k for k, v in _PARAMETERS.items() if v == param.name), param.name or "")
            if key not in config.values or ctx.get_parameter_source(param.name or "") is not ParameterSource.DEFAULT:
                continue
            value = config.values[key]
            if isinstance(value, list):
                value = tuple(value)
            try:
                ctx.params[param.name or ""] = param.process_value(ctx, value)
            except click.UsageError as error:
                what = error.message
                raise click.ClickException(f"{config.path}: {key}: {what}") from None


def _read(given: str | None, audited: list[Path]) -> Config | None:
    from auditor.config.find import find

    files = [] if given is not None else _found(find(_here(), audited))
    if given is None and not files:
        return None
    from auditor.config.read import first, read
    from auditor.toml import Malformed

    try:
        return read(Path(given)) if given is not None else first(files)
    except Malformed as error:
        raise click.ClickException(str(error)) from None


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise click.ClickException("the current folder is gone; change to another, or give --no-config") from None


def _found(found: Found) -> Sequence[Path]:
    for path in found.refused:
        complain(f"warning: {path} is ignored: who is audited could have written it; give one of yours with --config")
    return found.files


def _refuse_audited(what: str, path: str, audited: list[Path]) -> None:
    """Raise an error when a file of the auditor's lies in a folder that is audited."""
    from auditor.config.find import inside, real

    for root in audited:
        if os.path.isdir(root) and inside(Path(path), real(root)):  # noqa: PTH112 (it never raises)
            raise click.ClickException(
                f"{path}: {what} lies inside the audited {root}; what is audited doesn't configure its audit: copy it"
            )
