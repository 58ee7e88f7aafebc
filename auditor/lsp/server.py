"""A language server over standard input and output: audits a record folder as it is edited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from auditor import __version__
from auditor.finding import Finding
from auditor.fix.change import Change, Unfixable
from auditor.lsp.diagnostics import diagnostics
from auditor.lsp.positions import Lines
from auditor.lsp.session import Session, below, folder_of
from auditor.submission.model import Unread

_PAUSE = 0.4  # seconds without a keystroke before the folder is audited


class Server(LanguageServer):
    """The server: a session for each record folder of which a file is open.

    Documents come whole: pygls would put partial changes together by lines that editors don't have.
    """

    def __init__(self) -> None:
        super().__init__("golf-audit", __version__, types.TextDocumentSyncKind.Full)
        self.sessions: dict[Path, Session] = {}
        self.offers: dict[str, tuple[Path, Change, tuple[Finding, ...]]] = {}
        self._turns: dict[Path, int] = {}
        self._one = asyncio.Lock()  # audits at once

    def session_of(self, uri: str) -> tuple[Session, str] | None:
        """Return the session that a document belongs to, and its path there; None for one in no record folder."""
        name = uris.to_fs_path(uri)
        if name is None:
            return None
        path = Path(name)
        folder = folder_of(path)
        inside = below(folder, path) if folder is not None else None
        if folder is None or inside is None:
            return None
        return self.sessions.setdefault(folder, Session(folder)), inside

    async def audit(self, session: Session, pause: float = 0.0) -> None:
        """Audit a folder and publish what is found, unless another audit of it is asked for meanwhile."""
        turn = self._turns[session.folder] = self._turns.get(session.folder, 0) + 1
        await asyncio.sleep(pause)
        async with self._one:
            if self._turns[session.folder] != turn:
                return
            try:
                report = await asyncio.to_thread(session.audit)
                texts = await asyncio.to_thread(session.texts)
            except Unread as error:
                self.window_log_message(types.LogMessageParams(types.MessageType.Warning, str(error)))
                return
        if self._turns[session.folder] == turn:
            self._publish(session, diagnostics(report, session.folder, texts))

    def _publish(self, session: Session, found: Mapping[str, list[types.Diagnostic]]) -> None:
        for path in session.told - set(found):
            self._tell(session, path, [])
        for path, some in found.items():
            self._tell(session, path, some)
        session.told = set(found)

    def _tell(self, session: Session, path: str, some: list[types.Diagnostic]) -> None:
        uri = (session.folder / path).as_uri()
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, some))

    def resolves(self) -> bool:
        """Tell whether the client fills in what a code action changes when it is chosen."""
        document = self.client_capabilities.text_document
        action = document.code_action if document is not None else None
        support = action.resolve_support if action is not None else None
        return support is not None and "edit" in support.properties

    async def edit(self, key: str) -> types.WorkspaceEdit:
        """Return what an offered change changes, once its audit has shown that it does what it says.

        Raises :class:`Unfixable` or :class:`Unread`.
        """
        folder, change, findings = self.offers[key]
        session = self.sessions[folder]
        async with self._one:
            made = await asyncio.to_thread(session.changed, change, findings)
        changes: list[types.TextDocumentEdit | types.CreateFile] = []
        for path, text in made.items():
            uri = (folder / path).as_uri()
            try:
                old = session.text(path)
            except Unread:
                old = ""
                changes.append(types.CreateFile(uri))
            version = self.workspace.text_documents[uri].version if uri in self.workspace.text_documents else None
            changes.append(
                types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, version), [_edit(old, text)])
            )
        return types.WorkspaceEdit(document_changes=changes)


def _edit(old: str, new: str) -> types.TextEdit:
    """Return the edit from one text to another without what both begin and end with."""
    start, end = 0, 0
    shorter = min(len(old), len(new))
    while start < shorter and old[start] == new[start]:
        start += 1
    while end < shorter - start and old[-1 - end] == new[-1 - end]:
        end += 1
    # No line end is cut in two: a carriage return and its line feed are one.
    while start and old[start - 1] == "\r":
        start -= 1
    if end and old[-1 - end : len(old) - end] == "\r":
        end -= 1
    places = Lines(old)
    stop = len(old) - end
    return types.TextEdit(
        types.Range(types.Position(*places.place(start)), types.Position(*places.place(stop))),
        new[start : len(new) - end],
    )


def make() -> Server:
    """Return the server with what it answers."""
    server = Server()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
        found = ls.session_of(params.text_document.uri)
        if found is not None:
            found[0].open[found[1]] = params.text_document.text
            await ls.audit(found[0])

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
        found = ls.session_of(params.text_document.uri)
        if found is not None and params.content_changes:
            found[0].open[found[1]] = params.content_changes[-1].text
            await ls.audit(found[0], _PAUSE)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(ls: Server, params: types.DidSaveTextDocumentParams) -> None:
        found = ls.session_of(params.text_document.uri)
        if found is not None:
            await ls.audit(found[0])

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
        found = ls.session_of(params.text_document.uri)
        if found is not None:
            found[0].open.pop(found[1], None)
            await ls.audit(found[0])

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions([types.CodeActionKind.QuickFix], resolve_provider=True),
    )
    async def actions(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
        return await _actions(ls, params)

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def resolved(ls: Server, action: types.CodeAction) -> types.CodeAction:
        key: Any = action.data
        if isinstance(key, str) and key in ls.offers:
            try:
                action.edit = await ls.edit(key)
            except (Unfixable, Unread) as reason:
                action.disabled = types.CodeActionDisabled(str(reason))
                said = f"golf-audit: {action.title}: not done, {reason}"
                ls.window_show_message(types.ShowMessageParams(types.MessageType.Warning, said))
        return action

    return server


async def _actions(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    found = ls.session_of(params.text_document.uri)
    if found is None or found[0].report is None:
        return []
    session, path = found
    first, last = params.range.start.line + 1, params.range.end.line + 1
    out: list[types.CodeAction] = []
    for number, (change, findings) in enumerate(session.offers(path, first, last)):
        key = f"{session.folder}:{path}:{first}:{number}"
        ls.offers[key] = (session.folder, change, findings)
        rules = {finding.rule for finding in findings}
        title = change.title if change.safety == "safe" else f"{change.title} (unsafe: changes the score)"
        action = types.CodeAction(
            title,
            types.CodeActionKind.QuickFix,
            diagnostics=[d for d in params.context.diagnostics if d.code in rules],
            is_preferred=change.safety == "safe",
            data=key,
        )
        if not ls.resolves():
            try:
                action.edit = await ls.edit(key)
            except (Unfixable, Unread):
                continue
        out.append(action)
    return out
