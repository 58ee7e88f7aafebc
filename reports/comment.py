"""Comments from templates: where templates come from, how they escape, and how long a comment may be.

A template is escaped by default: whatever is not marked as :class:`~reports.escape.Markdown` goes through
:func:`reports.escape.markdown`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError

from auditor import __version__
from auditor.regex import regex
from reports.detail import GITHUB_LIMIT, LEVELS, Detail
from reports.escape import Markdown, code, cut, markdown
from reports.wording import Wording

_BLANKS = regex(r"\n{3,}")
_CUT = regex(r"\s+\S*… \[\+\d+\]\Z")  # prose ends with a word where it is cut, and the comment says that it is


class TemplateFault(Exception):  # noqa: N818 (it names what is wrong with a template, not a fault of the program)
    """A template of the user's that can't be used; the text is one line."""


@dataclass(frozen=True)
class Form:
    """How the auditor wants comments: their own templates and wording, links, and the most characters.

    ``templates`` is a folder whose templates go before those of the package, ``repository`` the address that lines
    and pull requests link into (None: the challenge's for pull requests, no links for the rest).
    """

    templates: str | None = None
    wording: Wording = field(default_factory=Wording)
    repository: str | None = None
    limit: int = GITHUB_LIMIT


def fit(template: str, form: Form, values: Callable[[Detail], Mapping[str, Any]]) -> str:
    """Return a comment that ends with a newline, with as much detail as its limit has room for.

    ``values`` gives what the template prints at a level of detail. Raises :class:`TemplateFault` when a template of
    the user's can't be used, or makes a comment that is too long at every level.
    """
    text = ""
    for detail in LEVELS:
        text = fill(template, form, values(detail), detail)
        if len(text) <= form.limit:
            return text
    raise TemplateFault(
        f"{form.templates or 'templates'}/{template}: {len(text):,} characters at the least detail, and a comment "
        f"has at most {form.limit:,}; print less than all of what is listed"
    )


def fill(template: str, form: Form, values: Mapping[str, Any], detail: Detail) -> str:
    """Return a template filled in at one level of detail, however long; raises as :func:`fit` does."""
    shared = {"wording": _wording(form.wording), "version": __version__, "reduced": detail != LEVELS[0]}
    environment = _environment(form.templates, detail.text)
    try:
        text = environment.get_template(template).render({**shared, **values})
    except (TemplateError, TypeError, ValueError, UnicodeDecodeError) as error:
        if form.templates is None:
            raise
        line = getattr(error, "lineno", None)
        where = f"{form.templates}/{getattr(error, 'name', None) or template}" + (f":{line}" if line else "")
        raise TemplateFault(f"{where}: {error}") from error
    return _BLANKS.sub("\n\n", text).strip("\n") + "\n"


def _wording(wording: Wording) -> dict[str, Markdown]:
    # The auditor's own sentences are Markdown already.
    return {name: Markdown(text) for name, text in msgspec.structs.asdict(wording).items()}


def _more(count: int, noun: str) -> Markdown:
    return Markdown(f"1 more {noun} is" if count == 1 else f"{count} more {noun}s are")


@cache
def _environment(templates: str | None, width: int) -> Environment:
    def finalize(value: object) -> str:
        return value if isinstance(value, Markdown) else markdown(_CUT.sub(" …", cut(str(value), width)))

    # autoescape knows HTML only; finalize does the same for Markdown.
    ours = PackageLoader("reports")
    environment = Environment(
        loader=ours if templates is None else ChoiceLoader([FileSystemLoader(templates), ours]),
        autoescape=False,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = code
    environment.filters["more"] = _more
    return environment
