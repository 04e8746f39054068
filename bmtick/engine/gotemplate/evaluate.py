"""Evaluates pipelines: variables, fields, methods, functions. Source: as in ``execute.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bmtick.engine.gotemplate.functions import Function as Builtin
from bmtick.engine.gotemplate.gofmt import Printer
from bmtick.engine.gotemplate.gotime import METHODS, Method
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
from bmtick.engine.gotemplate.values import GoInt, Struct, TemplateError, is_true, type_of
from bmtick.tick.types import Duration, Time

_NOTHING: Final = object()  # marks a pipeline stage without a previous value


class PipelineEvaluation:
    """Evaluates; ``at`` is the current node, ``variables`` are those in scope, innermost last."""

    def __init__(self, functions: Mapping[str, Builtin], printer: Printer) -> None:
        self.functions, self.printer = functions, printer
        self.at = 0
        self.variables: list[list[Any]] = []

    def assign(self, name: str, value: Any) -> None:
        """Assign a new value to a variable in scope."""
        for variable in reversed(self.variables):
            if variable[0] == name:
                variable[1] = value
                return
        raise TemplateError(f"undefined variable: {name}")

    def pipeline(self, dot: Any, pipe: Pipe) -> Any:
        """Return the value of a pipeline, and declare its variables."""
        value: Any = _NOTHING
        for command in pipe.commands:
            value = self._command(dot, command, value)
        for name in pipe.variables:
            if pipe.assigns:
                self.assign(name, value)
            else:
                self.variables.append([name, value])
        return value

    def _command(self, dot: Any, command: Command, final: Any) -> Any:
        first, rest = command.args[0], command.args[1:]
        self.at = first.at
        match first:
            case Field():
                return self._fields(dot, dot, first.names, rest, final)
            case Chain():
                return self._fields(dot, self._operand(dot, first.node), first.names, rest, final)
            case Function():
                return self._function(dot, first, rest, final)
            case Variable() if first.names:
                value = self._variable(first.name)
                return self._fields(dot, value, first.names, rest, final)
        if rest or final is not _NOTHING:
            raise TemplateError("can't give argument to non-function")
        if isinstance(first, Constant) and first.value is None:
            raise TemplateError("nil is not a command")
        return self._operand(dot, first)

    def _operand(self, dot: Any, node: Operand) -> Any:
        """Evaluate an operand without arguments."""
        self.at = node.at
        match node:
            case Constant():
                return node.value
            case Dot():
                return dot
            case Field():
                return self._fields(dot, dot, node.names, [], _NOTHING)
            case Variable():
                value = self._variable(node.name)
                return self._fields(dot, value, node.names, [], _NOTHING)
            case Chain():
                return self._fields(dot, self._operand(dot, node.node), node.names, [], _NOTHING)
            case Function():
                return self._function(dot, node, [], _NOTHING)
            case Pipe():
                return self.pipeline(dot, node)

    def _variable(self, name: str) -> Any:
        for variable in reversed(self.variables):
            if variable[0] == name:
                return variable[1]
        raise TemplateError(f"undefined variable: {name}")

    def _fields(
        self, dot: Any, receiver: Any, names: list[str], args: list[Operand], final: Any
    ) -> Any:
        for name in names[:-1]:
            receiver = self._field(dot, receiver, name, [], _NOTHING)
        return self._field(dot, receiver, names[-1], args, final) if names else receiver

    def _field(self, dot: Any, receiver: Any, name: str, args: list[Operand], final: Any) -> Any:
        if receiver is None:
            return None
        method = METHODS.get(type(receiver), {}).get(name)
        if method is not None:
            return self._method(dot, receiver, name, method, args, final)
        has_args = bool(args) or final is not _NOTHING
        if isinstance(receiver, Struct):
            found, value = receiver.field(name)
            if found:
                if has_args:
                    raise TemplateError(f"{name} has arguments but cannot be invoked as function")
                return value
        elif isinstance(receiver, Mapping):
            if has_args:
                raise TemplateError(f"{name} is not a method but has arguments")
            return receiver.get(name)
        raise TemplateError(f"can't evaluate field {name} in type {type_of(receiver)}")

    def _method(
        self,
        dot: Any,
        receiver: Any,
        name: str,
        method: Method,
        args: list[Operand],
        final: Any,
    ) -> Any:
        kinds, apply = method
        given = len(args) + (final is not _NOTHING)
        if given != len(kinds):
            raise TemplateError(f"wrong number of args for {name}: want {len(kinds)} got {given}")
        values = [self._typed(dot, arg, kind) for arg, kind in zip(args, kinds, strict=False)]
        if final is not _NOTHING:
            values.append(_fitting(final, kinds[-1]))
        return apply(receiver, self.printer.zone, *values)

    def _typed(self, dot: Any, node: Operand, kind: type) -> Any:
        if isinstance(node, Constant):
            if kind in (Duration, int) and isinstance(node.value, GoInt):
                return kind(node.value)
            if kind is str and isinstance(node.value, str):
                return node.value
            raise TemplateError(f"expected {_KINDS[kind]}; found {node.source}")
        return _fitting(self._operand(dot, node), kind)

    def _function(self, dot: Any, node: Function, args: list[Operand], final: Any) -> Any:
        function = self.functions[node.name]
        given = len(args) + (final is not _NOTHING)
        if given < function.min_args or (
            function.max_args is not None and given > function.max_args
        ):
            want = function.min_args if function.max_args else f"at least {function.min_args}"
            raise TemplateError(f"wrong number of args for {node.name}: want {want} got {given}")
        if node.name in ("and", "or"):
            return self._and_or(dot, args, final, stop=node.name == "or")
        values = [self._operand(dot, arg) for arg in args]
        if final is not _NOTHING:
            values.append(final)
        if function.text_first and not isinstance(values[0], str):
            raise TemplateError(f"wrong type for value; expected string; got {type_of(values[0])}")
        self.at = node.at
        try:
            return function.apply(self.printer, values)
        except TemplateError as error:
            raise TemplateError(f"error calling {node.name}: {error}") from None

    def _and_or(self, dot: Any, args: list[Operand], final: Any, *, stop: bool) -> Any:
        value = None
        for arg in args:
            value = self._operand(dot, arg)
            if is_true(value) is stop:
                return value
        return value if final is _NOTHING else final


_KINDS: Final[dict[type, str]] = {str: "string", int: "integer", Duration: "integer", Time: "time"}


def _fitting(value: Any, kind: type) -> Any:
    wanted = GoInt if kind is int else kind
    if type(value) is not wanted and not (kind is Time and isinstance(value, Time)):
        raise TemplateError(
            f"wrong type for value; expected {type_of(wanted())}; got {type_of(value)}"
        )
    return value
