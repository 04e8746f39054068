"""``bmtick lsp``: a language server for TICKscripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bmtick.errors import BmtickError

if TYPE_CHECKING:
    from bmtick.tick.flow import Schema


@click.command("lsp")
@click.option(
    "--schema",
    "schema_file",
    metavar="FILE",
    help="Fields and tags of more measurements, in TOML: [cpu] with fields and tags.",
)
def command(schema_file: str | None) -> None:
    """Serve editors: findings while you type, completion, documentation, formatting, fixes.

    It speaks the Language Server Protocol on standard input and output; an editor starts it. See
    docs/editors.md for Neovim, VS Code and others.
    """
    schema = None
    if schema_file:
        from bmtick.documents import read_text
        from bmtick.tick.schemas import load_schema

        schema = load_schema(read_text(schema_file), file=schema_file)
    try:
        import pygls  # noqa: F401 -- checks that it is installed
    except ImportError:
        raise BmtickError(
            "the language server needs pygls",
            remedy="install it with: pipx inject bmtick pygls, or pip install 'bmtick[lsp]'",
        ) from None
    _server(schema).start_io()


def _server(schema: Schema | None) -> Any:  # noqa: C901, PLR0915 -- one handler after another
    from lsprotocol import types as lsp
    from pygls.lsp.server import LanguageServer

    import bmtick
    from bmtick.engine.template_uses import read_template
    from bmtick.tick import assist
    from bmtick.tick.checker import Analysis, analyse
    from bmtick.tick.findings import Finding
    from bmtick.tick.formatter import format_stable
    from bmtick.tick.parser import parse

    severities = {
        "error": lsp.DiagnosticSeverity.Error,
        "warning": lsp.DiagnosticSeverity.Warning,
        "info": lsp.DiagnosticSeverity.Information,
    }
    kinds = {
        "node": lsp.CompletionItemKind.Class,
        "property": lsp.CompletionItemKind.Property,
        "handler": lsp.CompletionItemKind.Event,
        "field": lsp.CompletionItemKind.Field,
        "tag": lsp.CompletionItemKind.EnumMember,
        "function": lsp.CompletionItemKind.Function,
        "measurement": lsp.CompletionItemKind.Struct,
        "var": lsp.CompletionItemKind.Variable,
        "keyword": lsp.CompletionItemKind.Keyword,
    }
    server = LanguageServer("bmtick", bmtick.__version__)
    known: dict[
        str, tuple[str, Analysis]
    ] = {}  # the latest text of each document, and its analysis

    def text_of(uri: str) -> str:
        return str(server.workspace.get_text_document(uri).source)

    def analysis_of(uri: str) -> tuple[str, Analysis]:
        text = text_of(uri)
        if uri not in known or known[uri][0] != text:
            analysis = analyse(text, file=uri, schema=schema, read_template=read_template)
            known[uri] = text, analysis
        return known[uri]

    def publish(uri: str) -> None:
        text, analysis = analysis_of(uri)
        found = [_diagnostic(text, finding) for finding in analysis.findings]
        server.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(uri=uri, diagnostics=found)
        )

    def _diagnostic(text: str, finding: Finding) -> Any:
        start = _offset_of_place(text, finding.location.line, finding.location.column)
        message = finding.message + (f"\n{finding.remedy}" if finding.remedy else "")
        return lsp.Diagnostic(
            range=range_of(text, start, _end_of_word(text, start)),
            message=message,
            severity=severities[finding.severity],
            code=finding.code,
            source="bmtick",
        )

    def range_of(text: str, start: int, end: int) -> Any:
        first, last = _position(text, start), _position(text, end)
        return lsp.Range(start=lsp.Position(*first), end=lsp.Position(*last))

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        publish(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        known.pop(params.text_document.uri, None)

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION,
        lsp.CompletionOptions(trigger_characters=["|", ".", '"', "'"]),
    )
    def completion(params: lsp.CompletionParams) -> Any:
        text = text_of(params.text_document.uri)
        offset = _offset(text, params.position.line, params.position.character)
        items = [
            lsp.CompletionItem(
                label=c.label,
                kind=kinds[c.kind],
                detail=c.detail,
                documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, c.documentation)
                if c.documentation
                else None,
                insert_text_format=lsp.InsertTextFormat.Snippet
                if "$0" in c.insert
                else lsp.InsertTextFormat.PlainText,
                text_edit=lsp.TextEdit(range_of(text, c.start, offset), c.insert),
            )
            for c in assist.complete(text, offset, schema)
        ]
        return lsp.CompletionList(is_incomplete=False, items=items)

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> Any:
        text, analysis = analysis_of(params.text_document.uri)
        offset = _offset(text, params.position.line, params.position.character)
        found = assist.hover(text, offset, analysis)
        if found is None:
            return None
        content = lsp.MarkupContent(lsp.MarkupKind.Markdown, found.text)
        return lsp.Hover(contents=content, range=range_of(text, found.start, found.end))

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definition(params: lsp.DefinitionParams) -> Any:
        uri = params.text_document.uri
        text, analysis = analysis_of(uri)
        offset = _offset(text, params.position.line, params.position.character)
        place = assist.definition(text, offset, analysis)
        if place is None:
            return None
        return lsp.Location(uri, range_of(text, place.offset, _end_of_word(text, place.offset)))

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatting(params: lsp.DocumentFormattingParams) -> Any:
        text = text_of(params.text_document.uri)
        try:
            formatted = format_stable(parse(text))
        except BmtickError:
            return []  # the diagnostics report the error
        if formatted == text:
            return []
        return [lsp.TextEdit(range_of(text, 0, len(text)), formatted)]

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix]),
    )
    def code_action(params: lsp.CodeActionParams) -> Any:
        uri = params.text_document.uri
        text, analysis = analysis_of(uri)
        actions = []
        for finding in analysis.findings:
            line = finding.location.line - 1
            if finding.fix is None or not params.range.start.line <= line <= params.range.end.line:
                continue
            start, end, new = finding.fix
            title = finding.remedy or f"write {new}"
            edit = lsp.TextEdit(range_of(text, start, end), new)
            actions.append(
                lsp.CodeAction(
                    title=title[:1].upper() + title[1:],
                    kind=lsp.CodeActionKind.QuickFix,
                    diagnostics=[_diagnostic(text, finding)],
                    is_preferred=True,
                    edit=lsp.WorkspaceEdit(changes={uri: [edit]}),
                )
            )
        return actions

    return server


# -- the protocol counts lines from 0, and columns in UTF-16 units


def _position(text: str, offset: int) -> tuple[int, int]:
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset), len(text[start:offset].encode("utf-16-le")) // 2


def _offset(text: str, line: int, character: int) -> int:
    start = 0
    for _ in range(line):
        found = text.find("\n", start)
        if found < 0:
            return len(text)
        start = found + 1
    end = text.find("\n", start)
    row = text[start : end if end >= 0 else len(text)]
    units = row.encode("utf-16-le")[: 2 * character]
    return start + len(units.decode("utf-16-le", "ignore"))


def _offset_of_place(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(max(0, line - 1)):
        start = text.find("\n", start) + 1
    return min(len(text), start + max(0, column - 1))


def _end_of_word(text: str, start: int) -> int:
    """Return the end of the word, string or operator at an offset, for the underline."""
    end = start
    quote = text[start : start + 1]
    if quote in ("'", '"') and quote:
        stop = text.find(quote, start + 1)
        line = text.find("\n", start)
        return stop + 1 if stop > 0 and (line < 0 or stop < line) else start + 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return max(end, min(start + 1, len(text)))
