"""Runs a template over data. Source: Go ``text/template/exec.go``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bmtick.engine.gotemplate.evaluate import PipelineEvaluation
from bmtick.engine.gotemplate.functions import Function as Builtin
from bmtick.engine.gotemplate.gofmt import Printer
from bmtick.engine.gotemplate.nodes import (
    Action,
    Branch,
    Call,
    Jump,
    Node,
    Pipe,
    Text,
)
from bmtick.engine.gotemplate.parser import Trees
from bmtick.engine.gotemplate.values import TemplateError, is_true
from bmtick.tick.strconv import to_bytes

_MAX_DEPTH: Final = 100
_MAX_OUTPUT: Final = 1 << 20  # characters; a message has a few lines

Escaper = Callable[[Printer, Any], Any]
Escapers = Mapping[int, list[Escaper]]
"""id of an action -> the escapers of its value."""


class _BreakError(Exception):
    pass


class _ContinueError(Exception):
    pass


class Execution(PipelineEvaluation):
    """One execution."""

    def __init__(
        self,
        trees: Trees,
        functions: Mapping[str, Builtin],
        printer: Printer,
        escapers: Escapers,
    ) -> None:
        super().__init__(functions, printer)
        self.trees, self.escapers = trees, escapers
        self.out: list[str] = []
        self.size = self.depth = 0

    def run(self, data: Any) -> str:
        """Return the text."""
        self.variables = [["$", data]]
        self._walk(data, self.trees[""])
        return "".join(self.out)

    def _write(self, text: str) -> None:
        self.size += len(text)
        if self.size > _MAX_OUTPUT:
            raise TemplateError("the text is longer than 1 MiB")
        self.out.append(text)

    def _walk(self, dot: Any, nodes: list[Node]) -> None:
        for node in nodes:
            self.at = node.at
            match node:
                case Text():
                    self._write(node.text)
                case Action():
                    self._action(dot, node)
                case Branch(kind="range"):
                    self._range(dot, node)
                case Branch():
                    self._if_or_with(dot, node)
                case Call():
                    self._call_template(dot, node)
                case Jump(kind="break"):
                    raise _BreakError
                case Jump():
                    raise _ContinueError

    def _action(self, dot: Any, node: Action) -> None:
        value = self.pipeline(dot, node.pipe)
        if node.pipe.variables:
            return
        for escaper in self.escapers.get(id(node), ()):
            value = escaper(self.printer, value)
        self._write("<no value>" if value is None else self.printer.sprint([value]))

    def _if_or_with(self, dot: Any, node: Branch) -> None:
        known = len(self.variables)
        value = self.pipeline(dot, node.pipe)
        if is_true(value):
            self._walk(value if node.kind == "with" else dot, node.body)
        elif node.otherwise is not None:
            self._walk(dot, node.otherwise)
        del self.variables[known:]

    def _range(self, dot: Any, node: Branch) -> None:
        known = len(self.variables)
        value = self.pipeline(dot, node.pipe)
        if value is not None and not isinstance(value, Mapping):
            raise TemplateError(f"range can't iterate over {self.printer.sprint([value])}")
        inner = len(self.variables)
        try:
            for key in sorted(value or {}, key=to_bytes):
                self._set_loop(node.pipe, key, (value or {})[key])
                try:
                    self._walk((value or {})[key], node.body)
                except _ContinueError:
                    pass
                finally:
                    del self.variables[inner:]
        except _BreakError:
            pass
        if not value and node.otherwise is not None:
            self._walk(dot, node.otherwise)
        del self.variables[known:]

    def _set_loop(self, pipe: Pipe, key: str, element: Any) -> None:
        names = pipe.variables
        if not names:
            return
        values = [element] if len(names) == 1 else [key, element]
        if pipe.assigns:
            for name, value in zip(names, values, strict=True):
                self.assign(name, value)
            return
        for place, value in zip(range(-len(names), 0), values, strict=True):
            self.variables[place][1] = value

    def _call_template(self, dot: Any, node: Call) -> None:
        if node.name not in self.trees or node.name == "":
            raise TemplateError(f'template "{node.name}" not defined')
        if self.depth == _MAX_DEPTH:
            raise TemplateError(f"exceeded maximum template depth ({_MAX_DEPTH})")
        value = None if node.pipe is None else self.pipeline(dot, node.pipe)
        outer, self.variables = self.variables, [["$", value]]
        self.depth += 1
        self._walk(value, self.trees[node.name])
        self.depth -= 1
        self.variables = outer
