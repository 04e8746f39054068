"""Infers the types of lambda expressions from the signatures of operators and functions.

The signatures are in ``signatures.py``. A type is a name, or ``""`` where it is unknown until
data arrives: a field without a schema, a var that the user gives.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bmtick.tick import ast
from bmtick.tick.findings import Report
from bmtick.tick.kinds import OLDEST
from bmtick.tick.signatures import FUNCTIONS, FUNCTIONS_SINCE, OPERATORS
from bmtick.tick.values import Value, described

NO_TYPE = ""
_LITERALS: dict[type, str] = {
    ast.String: "string",
    ast.Bool: "bool",
    ast.Duration: "duration",
    ast.Regex: "regex",
}
_NUMBER = re.compile(r"[0-9.]+")
_SIGNED = ("int", "float", "duration")
_IN_LAMBDA = frozenset({"bool", "int", "float", "string", "regex", "duration", "lambda", "any"})


class Overload(NamedTuple):
    """One signature: the types of the operands, and of the result."""

    operands: tuple[str, ...]
    result: str


@functools.cache
def overloads_of(name: str) -> list[Overload]:
    """Return the signatures of an operator or function; empty where Kapacitor does not have it."""
    found = []
    for line in OPERATORS.get(name) or FUNCTIONS.get(name, ()):
        operands, _, result = line.rpartition("->")
        found.append(Overload(tuple(operands.replace(",", " ").split()), result.strip()))
    return found


class Scope(Protocol):
    """The scope of a lambda: its vars and references."""

    def variable(self, node: ast.Identifier) -> Value | None:
        """Return a var's value, or None (reported) where it is undefined."""

    def reference(self, node: ast.Reference) -> str:
        """Return the type of a field or tag, or NO_TYPE."""

    def note_comparison(self, node: ast.Binary) -> None:
        """Record that two references are compared."""

    def function_since(self, name: str, since: str, position: ast.Position) -> None:
        """Record the use of a function of a later version."""


def infer(node: ast.Node, scope: Scope, report: Report) -> str:
    """Return the type of an expression; report what Kapacitor cannot evaluate."""
    return _Inference(scope, report).of(node)


def _join(types: Sequence[str]) -> str:
    return types[0] if len(set(types)) == 1 else NO_TYPE


class _Inference:
    def __init__(self, scope: Scope, report: Report) -> None:
        self._scope = scope
        self._report = report

    def of(self, node: ast.Node) -> str:
        if literal := _LITERALS.get(type(node)):
            return literal
        if isinstance(node, ast.Number):
            return "int" if isinstance(node.value, int) else "float"
        if isinstance(node, ast.Reference):
            return self._scope.reference(node)
        if isinstance(node, ast.Identifier):
            return self._variable(node)
        if isinstance(node, ast.Lambda):
            return self.of(node.expression)
        if isinstance(node, ast.Unary):
            return self._unary(node)
        if isinstance(node, ast.Binary):
            return self._binary(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        self._report.error("lambda-operand", "this cannot stand in a lambda expression", node.pos)
        return NO_TYPE

    def _variable(self, node: ast.Identifier) -> str:
        value = self._scope.variable(node)
        if value is None or value.type == "any":
            return NO_TYPE
        if value.type not in _IN_LAMBDA:
            self._report.error(
                "lambda-operand",
                f"the var '{node.name}' is {described(value.type)}, which no lambda takes",
                node.pos,
            )
            return NO_TYPE
        if value.type == "lambda":
            return self.of(value.constant) if value.known else NO_TYPE
        return value.type

    def _unary(self, node: ast.Unary) -> str:
        operand = self.of(node.operand)
        if node.operator == "!":
            if operand not in (NO_TYPE, "bool"):
                self._refuse(node, f"'!' takes a bool, and this is {described(operand)}")
            return "bool"
        if operand == "bool":
            message = "'-' before a bool turns it around"
            self._report.warning("lambda-types", message, node.pos, "write ! for that")
        elif operand not in (NO_TYPE, *_SIGNED):
            self._refuse(
                node, f"'-' takes a number or a duration, and this is {described(operand)}"
            )
            return NO_TYPE
        return operand

    def _binary(self, node: ast.Binary) -> str:
        # A sum of many terms nests to the left: a loop avoids deep recursion.
        spine: list[ast.Binary] = []
        left: ast.Node = node
        while isinstance(left, ast.Binary):
            spine.append(left)
            left = left.left
        result = self.of(left)
        for binary in reversed(spine):
            pair = (binary.left, binary.right)
            if binary.operator in ("==", "!=") and all(isinstance(n, ast.Reference) for n in pair):
                self._scope.note_comparison(binary)
            result = self._operation(binary, result, self.of(binary.right))
        return result

    def _operation(self, node: ast.Binary, left: str, right: str) -> str:
        overloads = overloads_of(node.operator)
        fitting = [
            o
            for o in overloads
            if left in (NO_TYPE, o.operands[0]) and right in (NO_TYPE, o.operands[1])
        ]
        if not fitting:
            self._refuse(node, *_mismatch(node, left, right, overloads))
            return _join([o.result for o in overloads])
        return _join([o.result for o in fitting])

    def _call(self, node: ast.Call) -> str:
        args = [self.of(arg) for arg in node.args]
        overloads = overloads_of(node.name)
        if not overloads:
            from bmtick.tick.mistakes import suggest_function  # noqa: PLC0415 -- only for a mistake

            hint = suggest_function(node.name, FUNCTIONS)
            self._report.error("unknown-function", f"no function '{node.name}'", node.pos, hint)
            return NO_TYPE
        since = FUNCTIONS_SINCE.get(node.name, OLDEST)
        self._scope.function_since(node.name, since, node.pos)
        fitting = [o for o in overloads if _fits(o, args)]
        if not fitting:
            self._refuse(node, *_wrong_call(node, args, overloads))
            return _join([o.result for o in overloads])
        return _join([o.result for o in fitting])

    def _refuse(self, node: ast.Node, message: str, remedy: str = "") -> None:
        self._report.error("lambda-types", message, node.pos, remedy)


def _fits(overload: Overload, args: list[str]) -> bool:
    if len(overload.operands) != len(args):
        return False
    return all(got in (NO_TYPE, want) for got, want in zip(args, overload.operands, strict=True))


def _mismatch(
    node: ast.Binary, left: str, right: str, overloads: list[Overload]
) -> tuple[str, str]:
    """Return message and remedy for operands of types that do not fit."""
    message = f"'{node.operator}' cannot take {_shown(left)} and {_shown(right)}"
    if {left, right} == {"int", "float"}:
        return message, "convert one with float() or int(); a constant with a point is a float"
    for side, other in ((node.left, right), (node.right, left)):
        if isinstance(side, ast.String) and other in _SIGNED and node.operator != "+":
            if _NUMBER.fullmatch(side.value):
                return message, f"a number has no quotes: {side.value}"
            return message, f'a field or tag stands in double quotes: "{side.value}"'
    if node.operator == "+" and "string" in (left, right) and right != "regex":
        return message, "convert it with string()"
    if "time" in (left, right) and left != right:
        return message, 'a lambda computes with no times: unixNano("time") is one as an int'
    if node.operator in ("=~", "!~"):
        return message, "the right side is a regular expression, /like this/"
    if right == "regex":
        return message, "match with =~"
    if left and (pairs := [o.operands[1] for o in overloads if o.operands[0] == left]):
        return message, f"on the right it takes {described('|'.join(dict.fromkeys(pairs)))}"
    takes = dict.fromkeys(o.operands[0] for o in overloads)
    return message, f"on the left it takes {described('|'.join(takes))}"


def _wrong_call(node: ast.Call, args: list[str], overloads: list[Overload]) -> tuple[str, str]:
    shown = ", ".join(_shown(arg) for arg in args)
    if node.name == "if" and len(args) == 3:
        return (
            f"if() cannot take ({shown})",
            "it is if(CONDITION, THEN, ELSE): a bool, and two of one type",
        )
    forms = " or ".join(f"{node.name}({', '.join(o.operands)})" for o in overloads)
    return f"{node.name}() cannot take ({shown})", f"it is {forms}"


def _shown(type_name: str) -> str:
    return described(type_name) if type_name else "a value of unknown type"
