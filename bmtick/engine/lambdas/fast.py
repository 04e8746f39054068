"""One pass over the values for the common case; whatever it cannot do, the exact nodes decide.

Kapacitor first asks for the types of all nodes and then evaluates. Where that succeeds, one pass
gives the same value. It may fail where Kapacitor succeeds (the caller then asks the exact nodes,
after it has taken back what stateful functions have seen), but never succeed where Kapacitor
fails. Under AND and OR a stateful function may not be called at all: that is for the exact nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bmtick.engine.lambdas.binary import Binary
from bmtick.engine.lambdas.call import Call
from bmtick.engine.lambdas.functions import STATEFUL, Function
from bmtick.engine.lambdas.nodes import Evaluator, Literal, Nested, Reference, Unary
from bmtick.engine.lambdas.operators import OPERATIONS, Operation
from bmtick.engine.lambdas.values import Duration, wrap

Closure = Callable[[Mapping[str, Any]], Any]


class NotFastError(Exception):
    """This case is for the exact nodes."""


def closure(node: Evaluator) -> Closure | None:
    """Return the one-pass evaluation of a node, or None where only the exact nodes will do."""
    return _MAKERS[type(node)](node)


def _literal(node: Literal) -> Closure:
    value = node.value
    return lambda _: value


def _reference(node: Reference) -> Closure:
    name = node.name
    return lambda scope: scope[name]


def _unary(node: Unary) -> Closure | None:
    operand = closure(node.operand)
    if operand is None:
        return None
    return _not(operand) if node.operator == "!" else _minus(operand)


def _not(operand: Closure) -> Closure:
    def call(scope: Mapping[str, Any]) -> Any:
        value = operand(scope)
        if value is True or value is False:
            return not value
        raise NotFastError

    return call


def _minus(operand: Closure) -> Closure:
    def call(scope: Mapping[str, Any]) -> Any:
        value = operand(scope)
        kind = type(value)
        if kind is float:
            return -value
        if kind is int or kind is Duration:
            return kind(wrap(-value))
        raise NotFastError

    return call


def _nested(node: Nested) -> Closure | None:
    # A lambda within a lambda keeps a state of its own, for all groups.
    return None if stateful_calls(node) else closure(node.expression)


def _call(node: Call) -> Closure | None:
    function = node.function
    made = [closure(arg) for arg in node.args]
    args = [arg for arg in made if arg is not None]
    if len(args) != len(made):
        return None
    if not isinstance(function, Function):
        return _stateful_call(node, args) if node.stateful else None
    signatures, apply = function.signatures, function.apply
    if len(args) == 1:
        return _call_one(args[0], signatures, apply)

    def call(scope: Mapping[str, Any]) -> Any:
        values = [arg(scope) for arg in args]
        if tuple(map(type, values)) not in signatures:
            raise NotFastError
        return apply(*values)

    return call


def _stateful_call(node: Call, args: list[Closure]) -> Closure:
    signatures, name = STATEFUL[node.name].signatures, node.name

    def call(scope: Mapping[str, Any]) -> Any:
        values = [arg(scope) for arg in args]
        if tuple(map(type, values)) not in signatures:
            raise NotFastError
        return node.current[name].call(values)

    return call


def stateful_calls(node: Evaluator) -> list[Call]:
    """Return the calls of stateful functions in a node."""
    match node:
        case Call():
            own = [node] if node.stateful and node.function is None else []
            return own + [call for arg in node.args for call in stateful_calls(arg)]
        case Unary():
            return stateful_calls(node.operand)
        case Binary():
            return stateful_calls(node.left) + stateful_calls(node.right)
        case Nested():
            return stateful_calls(node.expression)
    return []


def _call_one(
    arg: Closure, signatures: Mapping[tuple[Any, ...], type], apply: Callable[..., Any]
) -> Closure:
    kinds = frozenset(domain[0] for domain in signatures if len(domain) == 1)

    def call(scope: Mapping[str, Any]) -> Any:
        value = arg(scope)
        if type(value) not in kinds:
            raise NotFastError
        return apply(value)

    return call


_LOGIC: Final = {"AND": False, "OR": True}


def _binary(node: Binary) -> Closure | None:
    left, right = closure(node.left), closure(node.right)
    if left is None or right is None:
        return None
    if node.operator in _LOGIC:
        if stateful_calls(node):
            return None
        return _logic(left, right, short=_LOGIC[node.operator], lazy=not node.dynamic)
    rows = {
        (row.left, row.right): row
        for (name, *_), row in OPERATIONS.items()
        if name == node.operator
    }
    if remembers(node):
        return _remembering(node, left, right, rows)
    table = {kinds: row.apply for kinds, row in rows.items()}
    if isinstance(node.right, Literal):
        return _with_constant(left, node.right.value, table)

    def call(scope: Mapping[str, Any]) -> Any:
        a, b = left(scope), right(scope)
        return table[type(a), type(b)](a, b)

    return call


def remembers(node: Binary) -> bool:
    """Say whether the exact node has to be told what was done in one pass."""
    return node.operator not in _LOGIC and node.constant is None and not _is_plain(node)


def _is_plain(node: Binary) -> bool:
    return isinstance(node.left, Reference | Literal) and isinstance(
        node.right, Reference | Literal
    )


def _remembering(
    node: Binary, left: Closure, right: Closure, rows: Mapping[tuple[type, type], Operation]
) -> Closure:
    """Tell the exact node what was done: it may not recover when the types change."""

    def call(scope: Mapping[str, Any]) -> Any:
        a, b = left(scope), right(scope)
        row = rows[type(a), type(b)]
        if not node.settles_on(row):
            raise NotFastError
        return row.apply(a, b)

    return call


def _with_constant(
    left: Closure, constant: Any, table: Mapping[tuple[type, type], Callable[[Any, Any], Any]]
) -> Closure:
    fitting = {a: apply for (a, b), apply in table.items() if b is type(constant)}

    def call(scope: Mapping[str, Any]) -> Any:
        value = left(scope)
        return fitting[type(value)](value, constant)

    return call


def _logic(left: Closure, right: Closure, *, short: bool, lazy: bool) -> Closure:
    def eager(scope: Mapping[str, Any]) -> Any:
        # Kapacitor asks for the type of the right side even where the left one decides
        a, b = left(scope), right(scope)
        if type(a) is bool and type(b) is bool:
            return short if a is short else b
        raise NotFastError

    def short_circuit(scope: Mapping[str, Any]) -> Any:
        a = left(scope)
        if a is short:
            return short
        b = right(scope)
        if type(a) is bool and type(b) is bool:
            return b
        raise NotFastError

    return short_circuit if lazy else eager


_MAKERS: Final[dict[type, Callable[[Any], Closure | None]]] = {
    Literal: _literal,
    Reference: _reference,
    Unary: _unary,
    Nested: _nested,
    Call: _call,
    Binary: _binary,
}
