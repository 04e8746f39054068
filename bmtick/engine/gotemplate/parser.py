"""Parses items to a tree. Source: Go ``text/template/parse/parse.go``."""

from __future__ import annotations

from collections.abc import Container

from bmtick.engine.gotemplate.lexer import Item, LexError, lex
from bmtick.engine.gotemplate.literals import unquote
from bmtick.engine.gotemplate.nodes import (
    Action,
    Branch,
    Call,
    Jump,
    Node,
    Text,
)
from bmtick.engine.gotemplate.pipelines import PipelineParser

Trees = dict[str, list[Node]]


def parse(source: str, functions: Container[str]) -> Trees:
    """Return the templates by name; the main one is ``""``.

    Raises:
        LexError: the text is not a template, or uses an unknown function.
    """
    parser = _Parser(lex(source), functions)
    return parser.parse()


class _Parser(PipelineParser):
    """Parses statements; the base class parses their pipelines."""

    def __init__(self, items: list[Item], functions: Container[str]) -> None:
        super().__init__(items, functions)
        self.loops = 0
        self.trees: Trees = {}

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
        """Return the nodes up to an end or else, and which one ended them."""
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
        return Action(item.at, self.pipeline("command", "right"))

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
                pipe = self.pipeline(context, "right")
            return Call(item.at, name, pipe)
        pipe = self.pipeline(context, "right")
        outer, self.variables = self.variables, ["$"]
        body, end = self._list()
        self.variables = outer
        if end != "end":
            raise LexError(f"unexpected {{{{{end}}}}} in {context}", item.at)
        self._add(name, body)
        return Call(item.at, name, pipe)

    def _branch(self, kind: str, at: int) -> Branch:
        known = len(self.variables)
        pipe = self.pipeline(kind, "right")
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


def _is_empty(nodes: list[Node]) -> bool:
    return all(isinstance(node, Text) and not node.text.strip() for node in nodes)
