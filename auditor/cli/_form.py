"""How comments are to read: the auditor's templates, wording and links, as options of the commands that write them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from reports.comment import Form

_OPTIONS = (
    click.option(
        "--templates",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False),
        help="Templates of yours for comments, such as review.md.j2, in the place of those of golf-audit.",
    ),
    click.option("--wording", metavar="FILE", type=click.Path(), help="Sentences of comments in your words: TOML."),
    click.option(
        "--repo-url",
        metavar="URL",
        help="Where the lines of comments link to, such as https://github.com/openai/parameter-golf.",
    ),
)


def form_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --templates, --wording and --repo-url; it gets them as ``comment_form``, which makes the form.

    What can't be used is an error only where a comment is written.
    """

    @functools.wraps(command)
    def wrapped(templates: str | None, wording: str | None, repo_url: str | None, **others: Any) -> Any:
        return command(comment_form=lambda: read_form(templates, wording, repo_url), **others)

    return functools.reduce(lambda function, option: option(function), reversed(_OPTIONS), wrapped)


def read_form(templates: str | None, wording: str | None, repo_url: str | None) -> Form:
    """Return the form that the options ask for; raises an error of one line where one can't be used."""
    from auditor.toml import Malformed
    from reports.comment import Form
    from reports.links import is_repository
    from reports.wording import Wording, read

    if repo_url is not None and not is_repository(repo_url):
        raise click.ClickException(
            f"--repo-url {repo_url}: is no repository's address; give one such as "
            "https://github.com/openai/parameter-golf"
        )
    try:
        words = read(Path(wording)) if wording is not None else Wording()
    except Malformed as error:
        raise click.ClickException(str(error)) from None
    return Form(templates, words, repo_url)
