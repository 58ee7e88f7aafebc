"""The language server, driven by pygls's own client over a pipe."""

import asyncio
import sys
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from auditor import catalogue


class Editor(LanguageClient):
    """A client that keeps what it is told about each document."""

    def __init__(self) -> None:
        super().__init__("test", "1")
        self.told: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()

        @self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.told.put_nowait(params)

    async def about(self, uri: str) -> list[types.Diagnostic]:
        """Return the next diagnostics of a document."""
        while True:
            params = await asyncio.wait_for(self.told.get(), 60)
            if params.uri == uri:
                return list(params.diagnostics)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rule = catalogue.find("prequant-ttt")
    assert rule is not None
    example = next(e for e in rule.invalid if "guarded" in e.title)
    place = tmp_path / "records" / "track_10min_16mb" / "2026-04-01_Example"
    place.mkdir(parents=True)
    (place / "train_gpt.py").write_text(example.code)
    return place


def test_an_editor_gets_diagnostics_and_applies_a_change(folder: Path) -> None:
    asyncio.run(_edit(folder / "train_gpt.py"))


async def _edit(script: Path) -> None:
    editor = Editor()
    await editor.start_io(sys.executable, "-m", "auditor", "lsp")
    resolve = types.ClientCodeActionResolveOptions(properties=["edit"])
    asked = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(
            code_action=types.CodeActionClientCapabilities(resolve_support=resolve, data_support=True)
        )
    )
    await editor.initialize_async(types.InitializeParams(capabilities=asked, root_uri=script.parent.as_uri()))
    editor.initialized(types.InitializedParams())
    uri, text = script.as_uri(), script.read_text()
    editor.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, types.LanguageKind.Python, 1, text))
    )
    shown = await editor.about(uri)
    (first,) = [d for d in shown if d.code == "prequant-ttt"]
    assert first.severity is types.DiagnosticSeverity.Error
    assert "micro.step()" in text.split("\n")[first.range.start.line]

    actions = await editor.text_document_code_action_async(
        types.CodeActionParams(types.TextDocumentIdentifier(uri), first.range, types.CodeActionContext([first]))
    )
    assert actions
    (action,) = actions
    assert isinstance(action, types.CodeAction)
    assert action.edit is None
    action = await editor.code_action_resolve_async(action)
    assert action.edit is not None
    (change,) = action.edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    (edit,) = change.edits
    assert isinstance(edit, types.TextEdit)
    assert edit.new_text == "0"
    rows = text.split("\n")
    at = edit.range.start
    assert edit.range.end == types.Position(at.line, at.character + 1)
    rows[at.line] = rows[at.line][: at.character] + edit.new_text + rows[at.line][at.character + 1 :]

    editor.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(2, uri),
            [types.TextDocumentContentChangeWholeDocument("\n".join(rows))],
        )
    )
    assert not [d for d in await editor.about(uri) if d.code == "prequant-ttt"]
    assert script.read_text() == text  # the editor saves, not the server
    await editor.shutdown_async(None)
    editor.exit(None)
    await editor.stop()
