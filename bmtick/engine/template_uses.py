"""Finds what a Go template reads of an alert, for the checker."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bmtick.engine.gotemplate import Template
from bmtick.engine.gotemplate.nodes import (
    Action,
    Branch,
    Call,
    Chain,
    Command,
    Constant,
    Field,
    Function,
    Node,
    Operand,
    Pipe,
    Variable,
)
from bmtick.tick.context import TemplateUses


@lru_cache(maxsize=256)  # scripts of one site share their texts
def read_template(text: str, html: bool) -> TemplateUses:
    """Return what a template reads.

    Raises:
        BmtickError: the template does not parse, or cannot be escaped for HTML.
    """
    walk = _Walk()
    walk.nodes(Template(text, html=html, newer=True).trees[""], at_root=True)
    return walk.uses


class _Walk:
    """Collects names; ``at_root`` is true where the dot is the alert, outside ``with``/``range``."""

    def __init__(self) -> None:
        self.uses = TemplateUses(exact=True)

    def nodes(self, nodes: Sequence[Node], *, at_root: bool) -> None:
        for node in nodes:
            if isinstance(node, Action):
                self._pipe(node.pipe, at_root=at_root)
            elif isinstance(node, Branch):
                self._pipe(node.pipe, at_root=at_root)
                inside = at_root and node.kind == "if"
                self.nodes(node.body, at_root=inside)
                self.nodes(node.otherwise or [], at_root=at_root)
            elif isinstance(node, Call) and node.pipe:
                self._pipe(node.pipe, at_root=at_root)

    def _pipe(self, pipe: Pipe, *, at_root: bool) -> None:
        for command in pipe.commands:
            self._command(command, at_root=at_root)

    def _command(self, command: Command, *, at_root: bool) -> None:
        for operand in command.args:
            self._operand(operand, at_root=at_root)
        match command.args:
            case [Function(name="index"), source, Constant(value=str(key)), *_]:
                self._entry([*self._names(source, at_root=at_root), key])

    def _operand(self, operand: Operand, *, at_root: bool) -> None:
        if isinstance(operand, Pipe):
            self._pipe(operand, at_root=at_root)
        elif isinstance(operand, Chain):
            self._operand(operand.node, at_root=at_root)
        elif names := self._names(operand, at_root=at_root):
            self.uses.names.add(names[0])
            self._entry(names)

    @staticmethod
    def _names(operand: Operand, *, at_root: bool) -> list[str]:
        """Return the chain of names from the alert to a value."""
        if isinstance(operand, Field) and at_root:
            return operand.names
        if isinstance(operand, Variable) and operand.name == "$":
            return operand.names
        return []

    def _entry(self, names: list[str]) -> None:
        if len(names) == 2 and names[0] in ("Tags", "Fields"):
            (self.uses.tags if names[0] == "Tags" else self.uses.fields).append(names[1])
