"""Values of expressions outside of lambdas: literals, vars, and operators on them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from bmtick.errors import BmtickError
from bmtick.tick import ast
from bmtick.tick.constants import fold
from bmtick.tick.findings import Report
from bmtick.tick.lambda_types import NO_TYPE, infer
from bmtick.tick.values import UNKNOWN, Value, described

_FOLDED = (ast.Number, ast.String, ast.Bool, ast.Duration, ast.Identifier)


class Expressions(ABC):
    """Evaluates expressions; what names, calls and chains are is for the evaluator."""

    _report: Report

    @abstractmethod
    def var(self, name: str) -> Value | None:
        """Return the value of a var."""

    @abstractmethod
    def _resolve(self, node: ast.Identifier) -> Value:
        """Return the value that a name stands for."""

    @abstractmethod
    def _global_call(self, call: ast.Call) -> Value:
        """Return the value of a call that follows no node."""

    @abstractmethod
    def _chain(self, node: ast.Chain) -> Value:
        """Return the value of a chain."""

    def _value(self, node: ast.Node) -> Value:
        """Return the value of a node where a name stands for its var."""
        return self._resolve(node) if isinstance(node, ast.Identifier) else self._expression(node)

    def _expression(self, node: ast.Node) -> Value:
        pos = node.pos
        if isinstance(node, ast.Number):
            return Value("int" if isinstance(node.value, int) else "float", node.value, pos)
        if isinstance(node, ast.String):
            return Value("string", node.value, pos)
        if isinstance(node, ast.Bool):
            return Value("bool", node.value, pos)
        if isinstance(node, ast.Duration):
            return Value("duration", node.nanoseconds, pos)
        if isinstance(node, ast.Regex):
            return Value("regex", UNKNOWN, pos)
        if isinstance(node, ast.Reference):
            return Value("reference", node.name, pos)
        if isinstance(node, ast.Star):
            return Value("star", "*", pos)
        return self._composed(node)

    def _composed(self, node: ast.Node) -> Value:
        if isinstance(node, ast.ListNode):
            return Value("list", [self._value(item) for item in node.items], node.pos)
        if isinstance(node, ast.Lambda):
            self._resolve_names(node)
            return Value("lambda", node, node.pos)
        if isinstance(node, ast.Unary):
            return self._unary(node)
        if isinstance(node, ast.Binary):
            self._resolve_names(node)
            type_name = infer(node, _Constants(self, self._report), self._report)
            return Value(type_name or "any", self._fold(node), node.pos)
        if isinstance(node, ast.Call):
            return self._global_call(node)
        if isinstance(node, ast.Chain):
            return self._chain(node)
        return Value("any", pos=node.pos)

    def _resolve_names(self, node: ast.Node) -> None:
        stack = [node]
        while stack:
            current = stack.pop()
            if isinstance(current, ast.Identifier):
                value = self._resolve(current)
                if value.type in ("node", "handler"):
                    message = f"'{current.name}' is a node, and no value"
                    self._report.error("lambda-operand", message, current.pos)
            elif isinstance(current, ast.Binary):
                stack += [current.left, current.right]
            elif isinstance(current, ast.Unary):
                stack.append(current.operand)
            elif isinstance(current, ast.Call):
                stack += current.args
            elif isinstance(current, ast.Lambda):
                stack.append(current.expression)

    def _unary(self, node: ast.Unary) -> Value:
        value = self._value(node.operand)
        wanted = ("bool",) if node.operator == "!" else ("int", "float", "duration")
        if value.type not in (*wanted, "any"):
            message = f"'{node.operator}' takes {described('|'.join(wanted))}, and this is {described(value.type)}"
            self._report.error("arguments", message, node.pos)
            return Value("any", pos=node.pos)
        if not value.known:
            return Value(value.type, pos=node.pos)
        constant = (not value.constant) if node.operator == "!" else -value.constant
        return Value(value.type, constant, node.pos)

    def _fold(self, node: ast.Node) -> object:
        """Return the value of an expression of constants, or UNKNOWN."""
        spine: list[ast.Binary] = []
        while isinstance(node, ast.Binary):
            spine.append(node)
            node = node.left
        if not spine:
            return self._value(node).constant if isinstance(node, _FOLDED) else UNKNOWN
        result = self._fold(node)
        for binary in reversed(spine):
            try:
                result = fold(binary.operator, result, self._fold(binary.right))
            except BmtickError as error:
                self._report.error("arguments", error.message, binary.pos)
                return UNKNOWN
            except OverflowError:  # a float has no room for it
                return UNKNOWN
        return result


class _Constants:
    """The scope of an expression outside a lambda: vars, but no data."""

    def __init__(self, expressions: Expressions, report: Report) -> None:
        self._expressions = expressions
        self._report = report

    def variable(self, node: ast.Identifier) -> Value | None:
        return self._expressions.var(node.name)

    def reference(self, node: ast.Reference) -> str:
        message = f'there is no data here that "{node.name}" could name'
        remedy = "a string stands in single quotes; a field needs a lambda: expression"
        self._report.error("lambda-operand", message, node.pos, remedy)
        return NO_TYPE

    def function_since(self, name: str, since: str, position: ast.Position) -> None:
        """Versions are checked where lambdas are."""
