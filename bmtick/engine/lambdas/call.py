"""Calls of functions. Source: influxdata/kapacitor 1.5.7 ``eval_function_node.go``."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, Final

from bmtick.engine.lambdas.functions import STATEFUL, Function, Stateful
from bmtick.engine.lambdas.nodes import Evaluator, Scope, State
from bmtick.tick.types import (
    MISSING,
    EvaluationError,
    Missing,
    Type,
    TypeGuardError,
    type_name,
)

_MAX_ARGS: Final = 4  # the length of Kapacitor's array of argument types


class Call(Evaluator):
    """``name(args)``."""

    go_name = "EvalFunctionNode"

    def __init__(self, name: str, args: list[Evaluator], functions: Mapping[str, Function]) -> None:
        self.name, self.args = name, args
        self.function = functions.get(name)
        self.stateful = name in STATEFUL

    def is_dynamic(self) -> bool:
        """Return Kapacitor's ``IsDynamic``."""
        return True

    def _signatures(self) -> Mapping[tuple[Type, ...], builtins.type]:
        if self.function:
            return self.function.signatures
        if self.stateful:
            return STATEFUL[self.name].signatures
        raise EvaluationError(f'undefined function: "{self.name}"')

    def type(self, scope: Scope) -> Type:
        """Return the type, like Kapacitor's ``Type``."""
        signatures = self._signatures()
        kinds: list[Type] = []
        for number, arg in enumerate(self.args, 1):
            if number > _MAX_ARGS:
                raise EvaluationError(
                    f"runtime error: index out of range [{_MAX_ARGS}] with length {_MAX_ARGS}",
                    panic=True,
                )
            try:
                kinds.append(arg.type(scope))
            except EvaluationError as error:
                raise _argument_failed(number, error) from None
        found = signatures.get(tuple(kinds))
        if found is None:
            raise self._type_error(kinds, scope, signatures)
        return found

    def _type_error(
        self, kinds: list[Type], scope: Scope, signatures: Mapping[tuple[Type, ...], builtins.type]
    ) -> EvaluationError:
        missing = [str(a) for a, k in zip(self.args, kinds, strict=True) if k is Missing]
        if missing:
            noun, verb = ("arguments", "are") if len(missing) > 1 else ("argument", "is")
            names = [f'"{name}"' for name in sorted(scope)]
            shown = ", ".join(name for name in names if name not in missing)
            return EvaluationError(
                f'Cannot call function "{self.name}" {noun} {", ".join(missing)} {verb} missing, '
                f"values in scope are [{shown}]"
            )
        given = ",".join(f"{a}: {type_name(k)}" for a, k in zip(self.args, kinds, strict=True))
        known = ", ".join(f"({','.join(map(type_name, domain))})" for domain in signatures)
        return EvaluationError(
            f'Cannot call function "{self.name}" with args ({given}), '
            f"available signatures are [{known}]."
        )

    def eval(self, want: Type, scope: Scope, state: State) -> Any:
        """Return the value, like Kapacitor's ``EvalFloat`` and similar."""
        args = [_evaluated(i, arg, scope, state) for i, arg in enumerate(self.args, 1)]
        function: Function | Stateful | None = self.function or state.get(self.name)
        if function is None:
            raise EvaluationError(f'undefined function: "{self.name}"')
        try:
            value = function.call(args)
        except ValueError as error:
            raise EvaluationError(f'error calling "{self.name}": {error}') from None
        except IndexError as error:
            raise EvaluationError(str(error), panic=True) from None
        if type(value) is not want:
            raise TypeGuardError(want, type(value))
        return value

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})"


def _argument_failed(number: int, error: EvaluationError) -> EvaluationError:
    if error.panic:
        return error
    return EvaluationError(f"Failed to handle {number} argument: {error}")


def _evaluated(number: int, arg: Evaluator, scope: Scope, state: State) -> Any:
    kind: Type = None
    try:
        kind = arg.type(scope)
        if kind is None:
            raise EvaluationError("function arg expression returned unexpected type invalid type")
        return arg.eval(kind, scope, state)
    except EvaluationError as error:
        if kind is Missing and "missing value" in error.message:
            return MISSING
        raise _argument_failed(number, error) from None
