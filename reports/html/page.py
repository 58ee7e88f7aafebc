"""How a page is put together: templates that escape, our own styles and scripts inside, and a policy for the rest."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from auditor import __version__
from auditor.regex import regex
from reports.comment import TemplateFault
from reports.escape import cut

_MAP = regex(r"^(?://|/\*)# sourceMappingURL=.*$", re.MULTILINE)
_LONGEST = 4_000  # characters of one text


def fill(
    template: str,
    values: Mapping[str, Any],
    *,
    styles: Sequence[str],
    scripts: Sequence[str] = (),
    templates: str | None = None,
) -> str:
    """Return a page: a template with ``values``, and the assets named by ``styles`` and ``scripts`` within it.

    Every text is made visible and escaped. The page's own policy (CSP) lets nothing be loaded and nothing run but
    these assets. Raises :class:`~reports.comment.TemplateFault` when a template of the user's can't be used.
    """
    sheets, codes = [_asset(name) for name in styles], [_asset(name) for name in scripts]
    shared = {
        "version": __version__,
        "policy": _policy(sheets, codes),
        "sheets": [Markup(sheet) for sheet in sheets],
        "codes": [Markup(code) for code in codes],
    }
    try:
        return _environment(templates).get_template(template).render({**shared, **values})
    except (TemplateError, TypeError, ValueError) as error:
        if templates is None:
            raise
        line = getattr(error, "lineno", None)
        where = f"{templates}/{getattr(error, 'name', None) or template}" + (f":{line}" if line else "")
        raise TemplateFault(f"{where}: {error}") from error


@cache
def _asset(name: str) -> str:
    """Return an asset's text; it is ours, or a library's as its authors ship it."""
    # A map of the source would have to be loaded.
    text = _MAP.sub("", (resources.files("reports") / "assets" / name).read_text("utf-8"))
    if "</script" in text.lower() or "</style" in text.lower() or "<!--" in text:
        raise ValueError(f"reports/assets/{name} can't stand within a page: it holds a tag that would end it")
    return text


def _policy(sheets: Sequence[str], codes: Sequence[str]) -> str:
    parts = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    parts += [
        f"{kind}-src {' '.join(map(_digest, texts))}" for kind, texts in (("style", sheets), ("script", codes)) if texts
    ]
    return "; ".join(parts)


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _environment(templates: str | None) -> Environment:
    ours = PackageLoader("reports")
    return Environment(
        loader=ours if templates is None else ChoiceLoader([FileSystemLoader(templates), ours]),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _shown(value: object) -> object:
    return cut(value, _LONGEST) if isinstance(value, str) and not isinstance(value, Markup) else value
