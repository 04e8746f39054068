"""A lambda expression, compiled once and evaluated for many points."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any

from bmtick.engine.lambdas.binary import Binary
from bmtick.engine.lambdas.call import Call
from bmtick.engine.lambdas.functions import STATELESS, Function, time_functions
from bmtick.engine.lambdas.functions.mathematics import NOT_IMPLEMENTED
from bmtick.engine.lambdas.generate import (
    CONDITION,
    RESULTS,
    Bind,
    FromPoint,
    FromScope,
    LambdaInfo,
    Types,
    generate,
    is_plain,
    remembers,
    stateful_calls,
)
from bmtick.engine.lambdas.nodes import Evaluator, Literal, Nested, Reference, Unary, new_state
from bmtick.engine.lambdas.operations import NotFastError
from bmtick.errors import BmtickError, Location, nearest
from bmtick.tick import ast
from bmtick.tick.arithmetic import Operation
from bmtick.tick.regexes import compile_regex
from bmtick.tick.types import (
    MISSING,
    TYPES,
    Duration,
    EvaluationError,
    Missing,
    Time,
    Type,
    type_name,
)


class _Compiled:
    """The part of an expression that all groups share."""

    def __init__(self, node: Evaluator, compiler: _Compiler) -> None:
        self.node = node
        self.references = compiler.references
        self.binaries = compiler.binaries
        self.stuck: list[bool] = []
        self.stateful = bool(stateful_calls(node))
        self.remembers = any(remembers(binary) for binary in compiler.binaries)
        self.reads_clock = compiler.reads_clock
        may_stick = any(b.constant is None or not is_plain(b) for b in compiler.binaries)
        self._info = LambdaInfo(node, self.references, compiler.noted, self.stuck, may_stick)
        self._made: dict[tuple[Types, bool], Bind | None] = {}

    def bind(self, results: Types, *, of_points: bool) -> Bind | None:
        """Return a factory of one-pass functions for groups; created on first use."""
        key = results, of_points
        if key not in self._made:
            self._made[key] = generate(self._info, results, of_points=of_points)
        return self._made[key]


class Expression:
    """A compiled lambda with the state of its functions. Each group needs its own :meth:`copy`."""

    def __init__(self, compiled: _Compiled) -> None:
        self.references = compiled.references
        self._compiled = compiled
        self._node = compiled.node
        self._state = new_state() if compiled.stateful else {}
        self._of_scope: dict[Types, FromScope] = {}
        self._of_point: dict[Types, FromPoint] = {}

    def copy(self) -> Expression:
        """Return the expression with fresh function state, for another group."""
        return Expression(self._compiled) if self._compiled.stateful else self

    @property
    def pure(self) -> bool:
        """Whether the value depends only on the scope."""
        return self.memoryless and not self._compiled.remembers

    @property
    def memoryless(self) -> bool:
        """Whether no function has state or reads the clock: equal scopes give equal values.

        This holds until the expression is ``broken``.
        """
        return not (self._compiled.stateful or self._compiled.reads_clock)

    @property
    def root(self) -> Evaluator:
        """The root node of the expression."""
        return self._node

    @property
    def reads_clock(self) -> bool:
        """Whether it calls ``now()``."""
        return self._compiled.reads_clock

    @property
    def stateful(self) -> bool:
        """Whether a function depends on earlier points."""
        return self._compiled.stateful

    @property
    def broken(self) -> bool:
        """Whether an operator has met types from which it never recovers."""
        return bool(self._compiled.stuck)

    def value_of_point(self) -> FromPoint:
        """Return a function from a point's fields, tags and time to the value.

        If it raises any exception, the caller must use ``evaluate_exactly``; the state is then
        unchanged.
        """
        return self._of_points(RESULTS)

    def condition_of_point(self) -> FromPoint:
        """Return the same for a condition; here the fallback is ``decide_exactly``."""
        return self._of_points(CONDITION)

    def _of_points(self, results: Types) -> FromPoint:
        found = self._of_point.get(results)
        if found is None:
            bind = self._compiled.bind(results, of_points=True)
            found = bind(self._state) if bind else _unsupported
            if bind and self.memoryless and _is_of_texts(self._node, self.references):
                found = _cached(found, self.references, self._compiled.stuck)
            self._of_point[results] = found
        return found

    def type(self, scope: Mapping[str, Any]) -> Type:
        """Return the type of the value in this scope."""
        return self._node.type(scope)

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """Return the value: Kapacitor's ``Expression.Eval``, used by eval nodes.

        Args:
            scope: name -> value for all of ``references``; MISSING where the point has none.

        Raises:
            EvaluationError: with Kapacitor's text.
        """
        try:
            return self._in_scope(RESULTS)(scope)
        except Exception:  # noqa: BLE001 -- the exact nodes find the error, if any
            return self.evaluate_exactly(scope)

    def predicate(self, scope: Mapping[str, Any]) -> bool:
        """Return the value as a condition: Kapacitor's ``EvalPredicate``.

        Raises:
            EvaluationError: with Kapacitor's text; ``panic`` is true where the server would crash.
        """
        try:
            return bool(self._in_scope(CONDITION)(scope))
        except Exception:  # noqa: BLE001 -- the exact nodes find the error, if any
            return self.decide_exactly(scope)

    def _in_scope(self, results: Types) -> FromScope:
        found = self._of_scope.get(results)
        if found is None:
            bind = self._compiled.bind(results, of_points=False)
            found = self._of_scope[results] = bind(self._state) if bind else _unsupported
        return found

    def evaluate_exactly(self, scope: Mapping[str, Any]) -> Any:
        """Return the same as ``evaluate``, with the exact nodes only."""
        kind = self._node.type(scope)
        if kind not in RESULTS and kind is not Missing:
            raise EvaluationError(f"expression returned unexpected type {type_name(kind)}")
        return self._exactly(kind, scope)

    def decide_exactly(self, scope: Mapping[str, Any]) -> bool:
        """Return the same as ``predicate``, with the exact nodes only."""
        self._node.type(scope)
        return bool(self._exactly(bool, scope))

    def _exactly(self, kind: Type, scope: Mapping[str, Any]) -> Any:
        try:
            return self._node.eval(kind, scope, self._state)
        finally:
            if any(binary.stuck for binary in self._compiled.binaries):
                self._compiled.stuck.append(True)

    def snapshot(self) -> dict[str, list[float]]:
        """Return the state of the functions as JSON-able data."""
        return {name: function.snapshot() for name, function in self._state.items()}

    def restore(self, state: Mapping[str, list[float]]) -> None:
        """Restore what :meth:`snapshot` returned."""
        for name, numbers in state.items():
            if name in self._state:
                self._state[name].restore(numbers)


def _unsupported(*_: object) -> Any:
    raise NotFastError


_MAX_CACHED = 10_000
_MATCHES = frozenset(("=~", "!~"))


def _is_of_texts(node: Evaluator, references: list[str]) -> bool:
    """Return whether caching values is useful: few names, and a string function or pattern.

    Typical cases are the parts of an alert's id, which are equal for all points of a group.
    """
    return 1 <= len(references) <= 2 and "time" not in references and _works_on_texts(node)


def _works_on_texts(node: Evaluator) -> bool:
    match node:
        case Call():
            own = node.name.startswith(("str", "regex"))
            return own or any(_works_on_texts(arg) for arg in node.args)
        case Unary():
            return _works_on_texts(node.operand)
        case Binary():
            own = node.operator in _MATCHES
            return own or _works_on_texts(node.left) or _works_on_texts(node.right)
        case Nested():
            return _works_on_texts(node.expression)
    return False


def _cached(function: FromPoint, references: list[str], stuck: list[bool]) -> FromPoint:
    """Return the function with a cache of its values by tags.

    Fields and missing tags have other types, from which an operator may never recover. For these,
    and after such a failure, the cache is not used.
    """
    known: dict[tuple[str, str], Any] = {}
    first, last = references[0], references[-1]

    def evaluate(fields: Mapping[str, Any], tags: Mapping[str, str], time: int) -> Any:
        if first in fields or last in fields or stuck or first not in tags or last not in tags:
            return function(fields, tags, time)
        key = tags[first], tags[last]
        if key in known:
            return known[key]
        if len(known) >= _MAX_CACHED:
            known.clear()
        value = known[key] = function(fields, tags, time)
        return value

    return evaluate


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
        BmtickError: a name or function is undefined, no operator fits the constants, or the
            expression has more than some hundred operators in a row.
    """
    functions = {**STATELESS, **time_functions(zone, now)}
    compiler = _Compiler(variables or {}, functions, file)
    root = node.expression if isinstance(node, ast.Lambda) else node
    try:
        compiled = _Compiled(compiler.compile(root), compiler)
    except RecursionError:
        raise BmtickError(
            "the lambda has too many operators in a row, or nests too deeply",
            location=Location(file),
            remedy="name parts of it with var",
        ) from None
    return Expression(compiled)


class _Compiler:
    """Compiles syntax to evaluating nodes."""

    def __init__(
        self, variables: Mapping[str, Any], functions: Mapping[str, Function], file: str
    ) -> None:
        self.variables, self.functions, self.file = variables, functions, file
        self.references: list[str] = []
        self.binaries: list[Binary] = []
        self.noted: list[tuple[Binary, Operation]] = []
        self.reads_clock = False

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
        self.reads_clock = self.reads_clock or node.name == "now"
        return Call(node.name, [self.compile(arg) for arg in node.args], self.functions)
