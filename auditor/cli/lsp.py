"""``golf-audit lsp``: the audit in an editor."""

from __future__ import annotations

import click

from auditor.cli._extra import needs


@click.command()
def command() -> None:
    """Serve an editor over standard input and output (Language Server Protocol).

    Findings of the record folder in which a file is open are diagnostics, audited again as it is edited; what
    golf-audit fix would change is a code action, tried before it is made. Needs golf-audit[lsp].
    """
    with needs("lsp", "pygls", "lsprotocol"):
        from auditor.lsp.server import make

        make().start_io()
