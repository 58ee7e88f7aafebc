"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from reports.text import Style

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_NARROW, _WIDE, _UNKNOWN = 60, 120, 100  # columns: narrower or wider than this doesn't read well

color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour the text; auto: on a terminal, unless NO_COLOR is set.",
)


def _choose(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from auditor.challenge import UnknownChallenge, choose
    from auditor.toml import Malformed

    if value is None:
        return None
    try:
        choose(value)
    except UnknownChallenge as error:
        raise click.BadParameter(str(error), ctx, param) from None
    except Malformed as error:
        raise click.ClickException(str(error)) from None
    ctx.call_on_close(lambda: choose(None))
    return value


def complete_challenges(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the challenges' names that a shell can complete."""
    from auditor.challenge import challenges

    return [name for name in challenges().names if name.startswith(incomplete)]


challenge_option = click.option(
    "--challenge",
    metavar="NAME",
    callback=_choose,
    expose_value=False,
    is_eager=True,
    shell_complete=complete_challenges,
    help="Audit by this challenge's rules (golf-audit challenge list), not by the one that the layout tells.",
)


def slugs_option(name: str, text: str) -> Callable[[_Decorated], _Decorated]:
    """Return an option whose value is a tuple of known rule slugs (None when it isn't given)."""
    return click.option(name, multiple=True, metavar="SLUGS", callback=_slugs, shell_complete=complete_slugs, help=text)


def complete_slugs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the rules' slugs that a shell can complete the last of comma-separated ones to."""
    from auditor import catalogue

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{rule.slug}" for rule in catalogue.load() if rule.slug.startswith(last)]


def make_style(color: str, stream: TextIO, *, grades: bool = False) -> Style:
    """Return how to write text to ``stream``: its width, and colour by --color, NO_COLOR and the terminal.

    On a terminal that takes them, rules are links to their pages; ``grades`` tells severities and confidences.
    """
    import shutil

    from reports.text import Style

    terminal = stream.isatty()
    wanted = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    # Into a file or a pipe the width is fixed, whoever asks (COLUMNS still counts).
    columns = shutil.get_terminal_size((_UNKNOWN, 24)).columns
    return Style(
        width=min(max(columns, _NARROW), _WIDE),
        colour=color == "always" or (color == "auto" and wanted),
        pages=_page if wanted and color != "never" else None,
        grades=grades,
    )


def docs_address() -> str | None:
    """Return where our pages are served, if GOLF_AUDIT_DOCS says so."""
    return os.environ.get("GOLF_AUDIT_DOCS") or None


def _page(slug: str) -> str | None:
    from auditor import catalogue
    from reports.links import rule_page

    rule = catalogue.find(slug)
    return rule_page(rule, docs_address(), local=True) if rule is not None else None


def known_slug(slug: str) -> str:
    """Return ``slug`` when a rule has it; else raises a usage error that names the nearest ones."""
    from auditor import catalogue

    if catalogue.find(slug):
        return slug
    known = [rule.slug for rule in catalogue.load()]
    import difflib

    near = difflib.get_close_matches(slug, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "'golf-audit rules' lists them."
    raise click.UsageError(f"no rule is called {slug!r}; {hint}")


def _slugs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    if not values:
        return None
    slugs = [slug.strip() for value in values for slug in value.split(",") if slug.strip()]
    if not slugs:
        raise click.BadParameter("no slug given.", ctx, param)
    return tuple(dict.fromkeys(known_slug(slug) for slug in slugs))
