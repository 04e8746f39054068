"""Parses items to pipelines, the content of actions. Source: as in ``parser.py``."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from bmtick.engine.gotemplate.lexer import Item, LexError
from bmtick.engine.gotemplate.literals import constant
from bmtick.engine.gotemplate.nodes import (
    Chain,
    Command,
    Constant,
    Dot,
    Field,
    Function,
    Operand,
    Pipe,
    Variable,
)

_OPERANDS: Final = frozenset(
    (
        "bool",
        "char",
        "dot",
        "field",
        "identifier",
        "number",
        "nil",
        "raw",
        "string",
        "variable",
        "open",
    )
)


class PipelineParser:
    """Reads items; ``at`` is the index of the next one, ``variables`` are those in scope."""

    def __init__(self, items: list[Item], functions: Container[str]) -> None:
        self.items, self.functions = items, functions
        self.at = 0
        self.variables = ["$"]

    def next(self) -> Item:
        """Read an item."""
        item = self.items[self.at]
        self.at += item.kind != "eof"
        return item

    def peek(self) -> Item:
        """Return the next item without reading it."""
        return self.items[self.at]

    def skip_space(self) -> Item:
        """Skip spaces; return the next item without reading it."""
        while self.peek().kind == "space":
            self.at += 1
        return self.peek()

    def next_solid(self) -> Item:
        """Read the next item after spaces."""
        self.skip_space()
        return self.next()

    def expect(self, kind: str, context: str) -> Item:
        """Read an item of this kind, or raise an error."""
        item = self.next_solid()
        if item.kind != kind:
            raise self.unexpected(item, context)
        return item

    def unexpected(self, item: Item, context: str) -> LexError:
        """Return the error about an item at a wrong place."""
        shown = item.text or "the end of the template"
        return LexError(f"unexpected {shown!r} in {context}", item.at)

    def pipeline(self, context: str, end: str) -> Pipe:
        """Read a pipeline up to its end."""
        pipe = Pipe(self.skip_space().at, [])
        self._declarations(pipe, context)
        while True:
            item = self.skip_space()
            if item.kind == end:
                self.next()
                self._check(pipe, context)
                return pipe
            if item.kind not in _OPERANDS:
                raise self.unexpected(item, context)
            pipe.commands.append(self._command())

    def _declarations(self, pipe: Pipe, context: str) -> None:
        while self.skip_space().kind == "variable":
            before = self.at
            name = self.next().text
            following = self.skip_space()
            if following.kind in ("assign", "declare"):
                self.next()
                pipe.assigns = following.kind == "assign"
                self._declare(pipe, name)
                return
            if following.kind != "comma":
                self.at = before
                return
            self.next()
            self._declare(pipe, name)
            if context != "range" or len(pipe.variables) > 1:
                raise LexError(f"too many declarations in {context}", following.at)
            if self.skip_space().kind not in ("variable", "right", "close"):
                raise LexError("range can only initialize variables", self.peek().at)

    def _declare(self, pipe: Pipe, name: str) -> None:
        pipe.variables.append(name)
        self.variables.append(name)

    def _check(self, pipe: Pipe, context: str) -> None:
        if not pipe.commands:
            raise LexError(f"missing value for {context}", pipe.at)
        for number, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], Constant | Dot):
                raise LexError(f"non executable command in pipeline stage {number}", command.at)

    def _command(self) -> Command:
        command = Command(self.peek().at, [])
        while True:
            self.skip_space()
            operand = self._operand()
            if operand is not None:
                command.args.append(operand)
            item = self.next()
            if item.kind == "space":
                continue
            if item.kind in ("right", "close"):
                self.at -= 1
            elif item.kind != "pipe":
                raise self.unexpected(item, "operand")
            break
        if not command.args:
            raise LexError("empty command", command.at)
        return command

    def _operand(self) -> Operand | None:
        node = self._term()
        if node is None or self.peek().kind != "field":
            return node
        names = []
        while self.peek().kind == "field":
            names.append(self.next().text[1:])
        if isinstance(node, Field | Variable):
            node.names += names
            return node
        if isinstance(node, Constant | Dot):
            raise LexError(f"unexpected . after term {_shown(node)!r}", node.at)
        return Chain(node.at, node, names)

    def _term(self) -> Operand | None:
        item = self.skip_space()
        if item.kind not in _OPERANDS:
            return None
        self.next()
        match item.kind:
            case "identifier":
                if item.text not in self.functions:
                    raise LexError(f"function {item.text!r} not defined", item.at)
                return Function(item.at, item.text)
            case "dot":
                return Dot(item.at)
            case "variable":
                if item.text not in self.variables:
                    raise LexError(f"undefined variable {item.text!r}", item.at)
                return Variable(item.at, item.text)
            case "field":
                return Field(item.at, [item.text[1:]])
            case "open":
                return self.pipeline("parenthesized pipeline", "close")
        return Constant(item.at, constant(item), item.text)


def _shown(node: Constant | Dot) -> str:
    return node.source if isinstance(node, Constant) else "."
