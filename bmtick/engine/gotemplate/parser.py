"""From items to a tree. Source: Go ``text/template/parse/parse.go``."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from bmtick.engine.gotemplate.lexer import Item, LexError, lex
from bmtick.engine.gotemplate.literals import constant, unquote
from bmtick.engine.gotemplate.nodes import (
    Action,
    Branch,
    Call,
    Chain,
    Command,
    Constant,
    Dot,
    Field,
    Function,
    Jump,
    Node,
    Operand,
    Pipe,
    Text,
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
Trees = dict[str, list[Node]]


def parse(source: str, functions: Container[str]) -> Trees:
    """Return the templates by name; the main one is ``""``.

    Raises:
        LexError: the text is not a template, or names an unknown function.
    """
    parser = _Parser(lex(source), functions)
    return parser.parse()


class _Parser:
    """``at`` is the index of the next item."""

    def __init__(self, items: list[Item], functions: Container[str]) -> None:
        self.items, self.functions = items, functions
        self.at = self.loops = 0
        self.variables = ["$"]
        self.trees: Trees = {}

    def next(self) -> Item:
        item = self.items[self.at]
        self.at += item.kind != "eof"
        return item

    def peek(self) -> Item:
        return self.items[self.at]

    def skip_space(self) -> Item:
        while self.peek().kind == "space":
            self.at += 1
        return self.peek()

    def next_solid(self) -> Item:
        self.skip_space()
        return self.next()

    def expect(self, kind: str, context: str) -> Item:
        item = self.next_solid()
        if item.kind != kind:
            raise self.unexpected(item, context)
        return item

    def unexpected(self, item: Item, context: str) -> LexError:
        shown = item.text or "the end of the template"
        return LexError(f"unexpected {shown!r} in {context}", item.at)

    def parse(self) -> Trees:
        main: list[Node] = []
        while self.peek().kind != "eof":
            if self._is_define():
                self._definition()
                continue
            node = self._text_or_action()
            if isinstance(node, str):
                raise LexError(f"unexpected {{{{{node}}}}}", self.items[self.at - 1].at)
            main.append(node)
        self.trees[""] = main
        return self.trees

    def _is_define(self) -> bool:
        if self.peek().kind != "left":
            return False
        before = self.at
        self.next()
        found = self.next_solid().kind == "define"
        if not found:
            self.at = before
        return found

    def _definition(self) -> None:
        name = self._template_name("define clause")
        self.expect("right", "define clause")
        outer, self.variables = self.variables, ["$"]
        body, end = self._list()
        self.variables = outer
        if end != "end":
            raise LexError(f"unexpected {{{{{end}}}}} in define clause", self.peek().at)
        self._add(name, body)

    def _add(self, name: str, body: list[Node]) -> None:
        if self.trees.get(name) and not _is_empty(self.trees[name]):
            if not _is_empty(body):
                raise LexError(f"multiple definition of template {name!r}", self.peek().at)
            return
        self.trees[name] = body

    def _template_name(self, context: str) -> str:
        item = self.next_solid()
        if item.kind not in ("string", "raw"):
            raise self.unexpected(item, context)
        return unquote(item)

    def _list(self) -> tuple[list[Node], str]:
        """Return the nodes up to an end or else, and which of the two it was."""
        nodes: list[Node] = []
        while self.skip_space().kind != "eof":
            node = self._text_or_action()
            if isinstance(node, str):
                return nodes, node
            nodes.append(node)
        raise LexError("unexpected end of the template: an {{end}} is missing", self.peek().at)

    def _text_or_action(self) -> Node | str:
        item = self.next_solid()
        if item.kind == "text":
            return Text(item.at, item.text)
        if item.kind == "left":
            return self._action()
        raise self.unexpected(item, "input")

    def _action(self) -> Node | str:
        item = self.skip_space()
        match item.kind:
            case "if" | "with" | "range":
                self.next()
                return self._branch(item.kind, item.at)
            case "end":
                self.next()
                self.expect("right", "end")
                return "end"
            case "else":
                return self._else()
            case "break" | "continue":
                self.next()
                return self._jump(item)
            case "template" | "block":
                self.next()
                return self._call(item)
        return Action(item.at, self._pipeline("command", "right"))

    def _else(self) -> str:
        self.next()
        if self.skip_space().kind not in ("if", "with"):
            self.expect("right", "else")
        return "else"

    def _jump(self, item: Item) -> Jump:
        self.expect("right", f"{{{{{item.kind}}}}}")
        if not self.loops:
            raise LexError(f"{{{{{item.kind}}}}} outside {{{{range}}}}", item.at)
        return Jump(item.at, item.kind)

    def _call(self, item: Item) -> Call:
        context = f"{item.kind} clause"
        name = self._template_name(context)
        if item.kind == "template":
            pipe = None
            if self.skip_space().kind == "right":
                self.next()
            else:
                pipe = self._pipeline(context, "right")
            return Call(item.at, name, pipe)
        pipe = self._pipeline(context, "right")
        outer, self.variables = self.variables, ["$"]
        body, end = self._list()
        self.variables = outer
        if end != "end":
            raise LexError(f"unexpected {{{{{end}}}}} in {context}", item.at)
        self._add(name, body)
        return Call(item.at, name, pipe)

    def _branch(self, kind: str, at: int) -> Branch:
        known = len(self.variables)
        pipe = self._pipeline(kind, "right")
        self.loops += kind == "range"
        body, end = self._list()
        self.loops -= kind == "range"
        otherwise: list[Node] | None = None
        if end == "else":
            following = self.peek()
            if kind != "range" and following.kind == kind:
                self.next()
                otherwise = [self._branch(kind, following.at)]
            else:
                otherwise, end = self._list()
                if end != "end":
                    raise LexError("expected {{end}}; found {{else}}", self.peek().at)
        del self.variables[known:]
        return Branch(at, kind, pipe, body, otherwise)

    def _pipeline(self, context: str, end: str) -> Pipe:
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
                return self._pipeline("parenthesized pipeline", "close")
        return Constant(item.at, constant(item), item.text)


def _shown(node: Constant | Dot) -> str:
    return node.source if isinstance(node, Constant) else "."


def _is_empty(nodes: list[Node]) -> bool:
    return all(isinstance(node, Text) and not node.text.strip() for node in nodes)
