"""Completion, hover and go-to-definition for editors.

Pure: takes texts and offsets, returns plain data. ``bmtick lsp`` implements the editors' protocol.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from bmtick.tick import ast, documentation
from bmtick.tick.checker import Analysis, analyse
from bmtick.tick.context import Context
from bmtick.tick.flow import KNOWN, Flow, Schema
from bmtick.tick.graph import PipelineNode
from bmtick.tick.kinds import Handler, Kind, Property, catalogue
from bmtick.tick.signatures import FUNCTIONS
from bmtick.tick.tokens import Token, tokenize
from bmtick.tick.values import Value, described


class Completion(NamedTuple):
    """A completion. ``kind`` is node, property, handler, field, tag, function, measurement, var or
    keyword; ``start`` is the offset of the first character that it replaces.
    """  # noqa: D205 -- the kinds do not fit on one line

    label: str
    kind: str
    insert: str
    detail: str
    documentation: str
    start: int


class _Cursor(NamedTuple):
    """The cursor: the tokens before it, and the calls whose parentheses enclose it."""

    tokens: list[Token]  # up to the cursor, without the unfinished word
    word: str
    start: int  # of the word
    quote: str  # around the word, or empty
    calls: list[int]  # indices of the open parentheses


def _cursor_at(text: str, offset: int) -> _Cursor:
    tokens = [t for t in tokenize(text[:offset]) if t.kind not in ("comment", "eof")]
    word, start, quote = "", offset, ""
    if tokens and tokens[-1].kind == "error":
        quote = text[tokens[-1].offset]
        start = tokens.pop().offset + 1
        word = text[start:offset]
        quote = quote if quote in "'\"" else ""
    elif tokens and tokens[-1].kind in ("ident", "var", "TRUE", "FALSE", "AND", "OR"):
        last = tokens[-1]
        if last.offset + len(last.text) == offset:
            word, start = last.text, last.offset
            tokens.pop()
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind == "(":
            opened.append(index)
        elif token.kind == ")" and opened:
            opened.pop()
    return _Cursor(tokens, word, start, quote, opened)


def complete(text: str, offset: int, schema: Schema | None = None) -> list[Completion]:
    """Return the completions at an offset."""
    cursor = _cursor_at(text, offset)
    found: Iterator[Completion]
    if cursor.quote:
        found = _in_quotes(text, cursor, KNOWN if schema is None else schema)
    elif cursor.tokens and cursor.tokens[-1].kind in ("|", "."):
        found = _chained(text, cursor, schema)
    elif _in_lambda(cursor):
        found = _of_lambda(text, cursor, schema)
    else:
        found = _of_script(text, cursor, schema)
    prefix = cursor.word.lower()
    return [c for c in found if c.label.lower().startswith(prefix)]


def _owner(text: str, end: int, schema: Schema | None) -> tuple[Context | None, Value | None]:
    """Return the context and the value of the chain that ends at an offset."""
    analysis = analyse(text[:end], schema=schema)
    if analysis.context is None:
        return None, None
    return analysis.context, analysis.context.evaluator.last


def _node(value: Value | None) -> PipelineNode | None:
    if value is None or value.type not in ("node", "handler"):
        return None
    node: PipelineNode = value.constant[0] if value.type == "handler" else value.constant
    return node


def _chained(text: str, cursor: _Cursor, schema: Schema | None) -> Iterator[Completion]:
    operator = cursor.tokens[-1]
    _, value = _owner(text, operator.offset, schema)
    node = _node(value)
    if node is None or value is None:
        if operator.kind == "|":
            yield from (_of_kind(kind, cursor.start) for kind in catalogue().kinds.values())
        return
    if operator.kind == "|":
        for kind in catalogue().kinds.values():
            fits = node.kind is None or node.kind.may_be_followed_by(kind)
            edge = not kind.wants or not node.edge or kind.wants == node.edge
            if fits and edge and kind.name not in ("stream", "batch"):
                yield _of_kind(kind, cursor.start)
        return
    for found in _properties(value, node):
        is_handler = isinstance(found, Handler)
        owner = found.name if is_handler else node.name
        yield Completion(
            found.name,
            "handler" if is_handler else "property",
            f"{found.name}($0)" if found.signature.types else f"{found.name}()",
            str(found.signature),
            documentation.of_property(owner, found),
            cursor.start,
        )


def _properties(value: Value, node: PipelineNode) -> Iterator[Property | Handler]:
    if value.type == "handler":
        yield from value.constant[1].handler.properties.values()
    if node.kind is None:
        return
    yield from (p for p in node.kind.properties.values() if p.documented)
    if node.kind.name in ("alert", "deadman"):
        yield from catalogue().handlers.values()


def _of_kind(kind: Kind, start: int) -> Completion:
    insert = f"{kind.name}($0)" if kind.signature.types else f"{kind.name}()"
    detail = f"{kind.signature} {kind.summary}"
    return Completion(kind.name, "node", insert, detail, documentation.of_kind(kind), start)


def _enclosing(cursor: _Cursor) -> tuple[str, int]:
    """Return the name of the call around the cursor, and the offset of its | or dot, or -1."""
    for index in reversed(cursor.calls):
        if index >= 2 and cursor.tokens[index - 2].kind in ("|", "."):
            return cursor.tokens[index - 1].text, cursor.tokens[index - 2].offset
    return "", -1


def _in_lambda(cursor: _Cursor) -> bool:
    if not cursor.calls:
        return False
    return any(token.kind == "lambda" for token in cursor.tokens[cursor.calls[0] :])


def _flow(text: str, cursor: _Cursor, schema: Schema | None) -> Flow:
    """Return the fields and tags that the call around the cursor receives."""
    _, end = _enclosing(cursor)
    if end < 0:
        return Flow()
    context, value = _owner(text, end, schema)
    node = _node(value)
    if context is None or node is None:
        return Flow()
    if text[end] == "|" or node.name in ("from", "query"):
        return context.flow(node)
    return context.inflow(node)


_TAKES_FIELDS = frozenset(
    {"field", "keep", "changeDetect", "derivative", "difference", "elapsed", "cumulativeSum"}
    | {"mean", "sum", "count", "min", "max", "first", "last", "median", "mode", "spread", "stddev"}
    | {"percentile", "distinct", "top", "bottom", "movingAverage"}
)


def _in_quotes(text: str, cursor: _Cursor, schema: Schema) -> Iterator[Completion]:
    call, _ = _enclosing(cursor)
    if cursor.quote == "'" and call == "measurement":
        for name, measurement in schema.items():
            detail = ", ".join(measurement.fields)
            yield Completion(name, "measurement", name, detail, "", cursor.start)
        return
    tags = call in ("groupBy", "exclude", "tag", "on")
    if cursor.quote == "'" and not tags and call not in _TAKES_FIELDS:
        return
    flow = _flow(text, cursor, schema)
    if not tags:
        for name, kind in flow.fields.items():
            yield Completion(name, "field", name, kind or "field", "", cursor.start)
    if tags or cursor.quote == '"':
        for name in sorted(flow.tags):
            yield Completion(name, "tag", name, "tag", "", cursor.start)


def _of_lambda(text: str, cursor: _Cursor, schema: Schema | None) -> Iterator[Completion]:
    for name in FUNCTIONS:
        shown = documentation.of_function(name)
        yield Completion(name, "function", f"{name}($0)", "function", shown, cursor.start)
    for word in ("TRUE", "FALSE", "AND", "OR"):
        yield Completion(word, "keyword", word, "", "", cursor.start)
    flow = _flow(text, cursor, schema)
    for name, kind in flow.fields.items():
        yield Completion(f'"{name}"', "field", f'"{name}"', kind or "field", "", cursor.start)
    yield from _vars(text, cursor, schema)


def _of_script(text: str, cursor: _Cursor, schema: Schema | None) -> Iterator[Completion]:
    for word, detail in (
        ("stream", "the data as it arrives"),
        ("batch", "queries on a schedule"),
        ("var", "var NAME = VALUE"),
        ("dbrp", 'dbrp "DATABASE"."POLICY"'),
        ("lambda:", "an expression over fields and tags"),
        ("TRUE", ""),
        ("FALSE", ""),
    ):
        yield Completion(word, "keyword", word, detail, "", cursor.start)
    yield from _vars(text, cursor, schema)


def _vars(text: str, cursor: _Cursor, schema: Schema | None) -> Iterator[Completion]:
    """Yield the vars declared before the cursor, with their types where that part parses."""
    tokens = cursor.tokens
    names = [b.text for a, b in itertools.pairwise(tokens) if a.kind == "var" and b.kind == "ident"]
    _, end = _enclosing(cursor)
    context = _owner(text, end if end >= 0 else cursor.start, schema)[0]
    for name in dict.fromkeys(names):
        value = context.evaluator.var(name) if context else None
        kind = described(value.type) if value else "a var"
        yield Completion(name, "var", name, kind, "", cursor.start)


# -- hover and definition


class Hover(NamedTuple):
    """The documentation of the text from ``start`` to ``end``."""

    start: int
    end: int
    text: str


def _token_at(text: str, offset: int) -> tuple[Token, Token] | None:
    """Return the token at an offset, and the one before it."""
    before = Token("none", 0, "")
    for token in tokenize(text):
        if token.kind == "comment":
            continue
        if token.offset <= offset <= token.offset + len(token.text) and token.kind in (
            *("ident", "reference", "duration"),
        ):
            return token, before
        if token.offset > offset:
            return None
        before = token
    return None


def hover(text: str, offset: int, analysis: Analysis) -> Hover | None:
    """Return the documentation of the name at an offset, in Markdown."""
    at = _token_at(text, offset)
    if at is None:
        return None
    token, before = at
    shown = ""
    name = token.text[:1].lower() + token.text[1:]
    if token.kind == "ident" and before.kind == "|" and name in catalogue().kinds:
        shown = documentation.of_kind(catalogue().kinds[name])
    elif token.kind == "ident" and before.kind == ".":
        shown = _property_at(token.offset, name, analysis)
    elif token.kind == "ident":
        shown = _name(text, token, analysis)
    elif token.kind == "reference" and analysis.context:
        shown = _reference(token, analysis.context)
    end = token.offset + len(token.text)
    return Hover(token.offset, end, shown) if shown else None


def _property_at(offset: int, name: str, analysis: Analysis) -> str:
    for node in analysis.context.nodes if analysis.context else ():
        for use in node.handlers:
            if use.pos.offset == offset:
                return documentation.of_property(use.handler.name, use.handler)
            if any(s.pos.offset == offset for s in use.settings) and name in use.handler.properties:
                found = use.handler.properties[name]
                return documentation.of_property(use.handler.name, found)
        if node.kind and any(s.pos.offset == offset for s in node.settings):
            prop = node.kind.properties.get(name)
            return documentation.of_property(node.name, prop) if prop else ""
    return ""


def _name(text: str, token: Token, analysis: Analysis) -> str:
    follows = text[token.offset + len(token.text) :].lstrip()[:1]
    if follows == "(" and token.text in FUNCTIONS:
        return documentation.of_function(token.text)
    if token.text in ("stream", "batch"):
        return documentation.of_kind(catalogue().kinds[token.text])
    value = analysis.context.evaluator.var(token.text) if analysis.context else None
    if value is None:
        return ""
    shown = f"**var {token.text}**: {described(value.type)}"
    if value.known and isinstance(value.constant, (bool, int, float, str)):
        shown += f"\n\n`{value.constant!r}`"
    return shown


def _reference(token: Token, context: Context) -> str:
    name = token.text.strip('"')
    for node in context.nodes:
        flow = context.flow(node)
        if name in flow.fields:
            where = f" of {flow.measurement}" if flow.measurement else ""
            return f'**"{name}"**: field{where}, {flow.fields[name] or "of unknown type"}'
        if name in flow.tags:
            return f'**"{name}"**: tag'
    return f'**"{name}"**: a field or tag'


def definition(text: str, offset: int, analysis: Analysis) -> ast.Position | None:
    """Return the position where the var at an offset is declared."""
    at = _token_at(text, offset)
    if at is None or at[0].kind != "ident" or at[1].kind in ("|", ".") or not analysis.context:
        return None
    for statement in analysis.context.program.statements:
        if (
            isinstance(statement, (ast.Declaration, ast.TypeDeclaration))
            and statement.name.name == at[0].text
        ):
            return statement.name.pos
    return None
