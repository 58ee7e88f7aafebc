"""``golf-audit baseline``: remember what is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import complain
from auditor.cli._config import Configured
from auditor.cli._inputs import Audits, input_options, read_rulings, rulings_option
from auditor.cli._options import slugs_option

if TYPE_CHECKING:
    from auditor.cli._inputs import Reader

_EXAMPLES = """\b
Examples:
  golf-audit baseline records/*/* --output known.json
  golf-audit check --baseline known.json records/*/*
"""


@click.command(cls=Configured, epilog=_EXAMPLES)
@input_options
@slugs_option("--select", "Apply only these rules (comma-separated).")
@slugs_option("--ignore", "Leave these rules out (comma-separated).")
@rulings_option
@click.option("--output", "-o", metavar="FILE", type=click.Path(), help="Write to FILE, not standard output.")
def command(
    readers: Sequence[tuple[str, Reader]],
    select: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    rulings: str | None,
    output: str | None,
) -> int:
    """Write down what an audit finds now, so that later ones tell what is new.

    A finding is known again by its rule, its file and the text of its lines, wherever these have moved; not by a
    submission under another name, and not when it weighs more than it did. Findings that are overruled aren't
    written down.

    Exit code 0: written; 2: wrong usage or unreadable input, and nothing is written; 3: internal error.
    """
    from auditor.baseline.file import write
    from auditor.baseline.model import remember
    from auditor.check import audit

    in_force = read_rulings(rulings)
    audits = Audits()
    reports = list(audits.run(readers, lambda each: audit(each, select, ignore or (), in_force)))
    code = audits.exit_code(found=0)
    if code:
        complain("no baseline is written: what is missing from it would be told as new")
        return code
    text = write(reports)
    if output is None or output == "-":
        click.echo(text, nl=False)
        return 0
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"can't write {output}: {error.strerror}") from None
    known = sum(len(remember(report)) for report in reports)
    complain(f"{output}: {known} known in {len(reports)} submission{'s' if len(reports) != 1 else ''}")
    return 0
