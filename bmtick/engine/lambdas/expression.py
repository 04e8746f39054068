"""A lambda expression, compiled once and evaluated for many points."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from bmtick.engine.lambdas.binary import Binary
from bmtick.engine.lambdas.call import Call
from bmtick.engine.lambdas.fast import Closure, closure, remembers, stateful_calls
from bmtick.engine.lambdas.functions import STATELESS, Function, Stateful, time_functions
from bmtick.engine.lambdas.functions.mathematics import NOT_IMPLEMENTED
from bmtick.engine.lambdas.nodes import Evaluator, Literal, Nested, Reference, Unary, new_state
from bmtick.engine.lambdas.operators import Operation
from bmtick.engine.lambdas.values import (
    MISSING,
    TYPES,
    Duration,
    EvaluationError,
    Missing,
    Time,
    Type,
    type_name,
)
from bmtick.errors import BmtickError, Location, nearest
from bmtick.tick import ast
from bmtick.tick.regexes import compile_regex

_RESULTS: Final = frozenset((int, float, str, bool, Duration))
_CONDITION: Final = frozenset((bool,))


@dataclass
class _Compiled:
    """What all groups share; ``fast`` is None where only the exact nodes will do."""

    node: Evaluator
    references: list[str]
    binaries: list[Binary]
    noted: list[tuple[Binary, Operation]]
    fast: Closure | None
    stateful: list[Call]
    remembers: bool

    def run(
        self, scope: Mapping[str, Any], state: Mapping[str, Stateful], kinds: frozenset[type]
    ) -> Any:
        """Evaluate in one pass; MISSING where only the exact nodes can tell."""
        if self.fast is None:
            return MISSING
        saved = None
        if self.stateful:
            saved = [(state[call.name], state[call.name].snapshot()) for call in self.stateful]
            for call in self.stateful:
                call.current = state
        try:
            value = self.fast(scope)
        except Exception:  # noqa: BLE001 -- the exact nodes say what is wrong, if anything
            self.noted.clear()
            return self._given_up(saved)
        if type(value) not in kinds:
            self.noted.clear()
            return self._given_up(saved)
        if self.noted:
            for binary, operation in self.noted:
                binary.settle(operation)
            self.noted.clear()
        return value

    @staticmethod
    def _given_up(saved: list[tuple[Stateful, list[float]]] | None) -> Any:
        for function, numbers in saved or ():
            function.restore(numbers)
        return MISSING


class Expression:
    """A compiled lambda with the state of its functions. Make one per group with :meth:`copy`."""

    def __init__(self, compiled: _Compiled) -> None:
        self.references = compiled.references
        self._compiled = compiled
        self._node = compiled.node
        self._state = new_state() if compiled.fast is None or compiled.stateful else {}

    def copy(self) -> Expression:
        """Return the same expression with fresh functions, for another group."""
        return Expression(self._compiled)

    def reset(self) -> None:
        """Forget what the stateful functions have seen."""
        self._state = new_state() if self._state else {}

    @property
    def pure(self) -> Closure | None:
        """The evaluation in one pass, where it has no effect but its value; None otherwise.

        Whoever calls it must turn to ``evaluate`` or ``predicate`` when it raises or gives a value
        of another type than theirs.
        """
        compiled = self._compiled
        return None if compiled.stateful or compiled.remembers else compiled.fast

    def type(self, scope: Mapping[str, Any]) -> Type:
        """Return the type of the value in this scope."""
        return self._node.type(scope)

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """Return the value: Kapacitor's ``Expression.Eval``, which an eval node calls.

        Args:
            scope: name -> value for all of ``references``; MISSING where the point has none.

        Raises:
            EvaluationError: with Kapacitor's text.
        """
        value = self._compiled.run(scope, self._state, _RESULTS)
        return self._evaluate_exactly(scope) if value is MISSING else value

    def predicate(self, scope: Mapping[str, Any]) -> bool:
        """Return the value as a condition: Kapacitor's ``EvalPredicate``.

        Raises:
            EvaluationError: with Kapacitor's text; ``panic`` is true where the server would crash.
        """
        value = self._compiled.run(scope, self._state, _CONDITION)
        return self._decide_exactly(scope) if value is MISSING else value

    def _evaluate_exactly(self, scope: Mapping[str, Any]) -> Any:
        kind = self._node.type(scope)
        if kind not in _RESULTS and kind is not Missing:
            raise EvaluationError(f"expression returned unexpected type {type_name(kind)}")
        return self._exactly(kind, scope)

    def _decide_exactly(self, scope: Mapping[str, Any]) -> bool:
        self._node.type(scope)
        return bool(self._exactly(bool, scope))

    def _exactly(self, kind: Type, scope: Mapping[str, Any]) -> Any:
        try:
            return self._node.eval(kind, scope, self._state)
        finally:
            if any(binary.stuck for binary in self._compiled.binaries):
                self._compiled.fast = None

    def snapshot(self) -> dict[str, list[float]]:
        """Return the state of the functions, fit for JSON."""
        return {name: function.snapshot() for name, function in self._state.items()}

    def restore(self, state: Mapping[str, list[float]]) -> None:
        """Take up the state that :meth:`snapshot` gave."""
        for name, numbers in state.items():
            if name in self._state:
                self._state[name].restore(numbers)


def compile_lambda(
    node: ast.Node,
    variables: Mapping[str, Any] | None = None,
    *,
    zone: tzinfo = UTC,
    now: Callable[[], int] = time.time_ns,
    file: str = "-",
) -> Expression:
    """Compile a lambda or an expression.

    Args:
        node: the lambda; identifiers in it are looked up in variables.
        variables: name -> value (int, float, str, bool, Duration, Regex) or lambda.
        zone: the server's local zone, for ``hour()`` and its like.
        now: the clock of ``now()``, nanoseconds since the epoch.
        file: the script's name, for errors.

    Raises:
        BmtickError: an undefined name or function, constants that no operator fits.
    """
    functions = {**STATELESS, **time_functions(zone, now)}
    compiler = _Compiler(variables or {}, functions, file)
    root = node.expression if isinstance(node, ast.Lambda) else node
    compiled = compiler.compile(root)
    return Expression(
        _Compiled(
            compiled,
            compiler.references,
            compiler.binaries,
            compiler.noted,
            closure(compiled),
            stateful_calls(compiled),
            any(remembers(binary) for binary in compiler.binaries),
        )
    )


class _Compiler:
    """From syntax to nodes that evaluate."""

    def __init__(
        self, variables: Mapping[str, Any], functions: Mapping[str, Function], file: str
    ) -> None:
        self.variables, self.functions, self.file = variables, functions, file
        self.references: list[str] = []
        self.binaries: list[Binary] = []
        self.noted: list[tuple[Binary, Operation]] = []

    def _fail(self, node: ast.Node, message: str, remedy: str = "") -> BmtickError:
        where = Location(self.file, node.pos.line, node.pos.column)
        return BmtickError(message, location=where, remedy=remedy)

    def compile(self, node: ast.Node) -> Evaluator:
        match node:
            case ast.Number() | ast.Bool() | ast.String():
                return Literal(node.value)
            case ast.Duration():
                return Literal(Duration(node.nanoseconds))
            case ast.Regex():
                return Literal(compile_regex(node.pattern))
            case ast.Reference():
                return self._reference(node.name)
            case ast.Identifier():
                return self._variable(node)
            case ast.Unary():
                return Unary(node.operator, self.compile(node.operand))
            case ast.Binary():
                return self._binary(node)
            case ast.Call(kind="global"):
                return self._call(node)
            case ast.Lambda():
                return Nested(self.compile(node.expression))
        raise self._fail(node, f"a {type(node).__name__.lower()} cannot stand in a lambda")

    def _reference(self, name: str) -> Reference:
        if name not in self.references:
            self.references.append(name)
        return Reference(name)

    def _variable(self, node: ast.Identifier) -> Evaluator:
        if node.name not in self.variables:
            raise self._fail(
                node,
                f"name '{node.name}' is undefined",
                nearest(node.name, self.variables) or "fields and tags stand in double quotes",
            )
        value = self.variables[node.name]
        if isinstance(value, ast.Node):
            return self.compile(value)
        if type(value) not in TYPES or type(value) is Time or value is MISSING:
            raise self._fail(node, f"the var '{node.name}' has a value unfit for a lambda")
        return Literal(value)

    def _binary(self, node: ast.Binary) -> Binary:
        left, right = self.compile(node.left), self.compile(node.right)
        try:
            binary = Binary(node.operator, left, right, self.noted)
        except EvaluationError as error:
            raise self._fail(node, error.message) from None
        self.binaries.append(binary)
        return binary

    def _call(self, node: ast.Call) -> Call:
        if node.name in NOT_IMPLEMENTED:
            raise self._fail(node, f"the function '{node.name}' is not supported here")
        return Call(node.name, [self.compile(arg) for arg in node.args], self.functions)
