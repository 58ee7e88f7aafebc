"""How ``check`` writes reports: one function per format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO, TypeAlias

import click
from msgspec import Struct, field

from auditor.cli._options import make_style

if TYPE_CHECKING:
    from auditor.report import Report
    from auditor.smoke.model import Step
    from reports.comment import Form


class Shape(Struct, frozen=True):
    """The options that say how reports are written."""

    form: str
    timeline: bool
    color: str
    comment_form: Callable[[], Form]
    smoke: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)  # by the submission's name
    alike: Callable[[Report], Mapping[int, Sequence[int]]] = lambda report: {}  # pull requests with the same lines
    quiet: bool = False
    verbose: bool = False
    statistics: bool = False


_Writer: TypeAlias = "Callable[[Iterator[Report], TextIO, Shape], None]"


def write(reports: Iterator[Report], stream: TextIO, shape: Shape) -> None:
    """Write ``reports`` to ``stream``, each as soon as the format allows."""
    _WRITERS[shape.form](reports, stream, shape)


def _text(reports: Iterator[Report], stream: TextIO, shape: Shape) -> None:
    from reports.statistics import Counts
    from reports.text import render, render_line, render_timeline

    style = make_style(shape.color, stream, grades=shape.verbose)
    counts = Counts()
    for number, report in enumerate(reports):
        counts.add(report)
        if shape.quiet:
            stream.write(render_line(report, style))
        else:
            stream.write(("\n" if number else "") + render(report, style))
        if shape.timeline and not shape.quiet:
            stream.write("\n" + render_timeline(report, style))
        stream.flush()
    if shape.statistics:
        stream.write(("" if shape.quiet else "\n") + counts.render(style))


def _json(reports: Iterator[Report], stream: TextIO, shape: Shape) -> None:
    import json

    from reports.schema import document, to_json

    json.dump(document([to_json(report, timeline=shape.timeline) for report in reports]), stream, indent=2)
    stream.write("\n")


def _markdown(reports: Iterator[Report], stream: TextIO, shape: Shape) -> None:
    from itertools import groupby

    from reports.pull import comment_on

    form = shape.comment_form()
    with _template_faults():
        inputs = groupby(reports, lambda report: (report.submission, report.pr, report.sha))
        for number, (_, found) in enumerate(inputs):
            text = comment_on(tuple(found), form, timeline=shape.timeline, smoke=shape.smoke, alike=shape.alike)
            stream.write(("\n---\n\n" if number else "") + text)
            stream.flush()


def _html(reports: Iterator[Report], stream: TextIO, shape: Shape) -> None:
    from reports.html.review import render

    form = shape.comment_form()
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(encoding="utf-8")  # which the page says it is, whatever the terminal is
    with _template_faults():
        stream.write(render(tuple(reports), timeline=shape.timeline, form=form))


def _sarif(reports: Iterator[Report], stream: TextIO, shape: Shape) -> None:
    from reports.sarif import render

    stream.write(render(tuple(reports)))


def _github(reports: Iterator[Report], stream: TextIO, shape: Shape) -> None:
    from reports.github import render

    for report in reports:
        stream.write(render(report))


@contextmanager
def _template_faults() -> Iterator[None]:
    """Tell in one line that a template of the user's can't be used."""
    from reports.comment import TemplateFault

    try:
        yield
    except TemplateFault as error:
        raise click.ClickException(str(error)) from None


_WRITERS: dict[str, _Writer] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "html": _html,
    "sarif": _sarif,
    "github": _github,
}
FORMS = tuple(_WRITERS)
"""The formats that ``check`` writes."""
