"""Compiles lambdas to Python functions that evaluate the common case in one pass.

Kapacitor first determines the types of all nodes and then evaluates. If that succeeds, one pass
gives the same value. One pass may fail where Kapacitor succeeds: the caller then uses the exact
nodes, and the state of stateful functions is rolled back. It never succeeds where Kapacitor fails.
Under AND and OR a stateful function may not be called at all; the exact nodes handle that case.

Names and strings of a script are passed to the code as objects, never as source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any, Final

from bmtick.engine.lambdas.binary import LOGIC, Binary
from bmtick.engine.lambdas.call import Call
from bmtick.engine.lambdas.functions import STATEFUL, STATELESS, Function, Stateful
from bmtick.engine.lambdas.nodes import Evaluator, Literal, Nested, Reference, Unary
from bmtick.engine.lambdas.operations import NotFastError, Part, Writer, apply, apply_reported
from bmtick.tick.types import MIN_INT, MISSING, Duration, Missing, Time, wrap

FromPoint = Callable[[Mapping[str, Any], Mapping[str, str], int], Any]
FromScope = Callable[[Mapping[str, Any]], Any]
Bind = Callable[[Mapping[str, Stateful]], Any]

Types = frozenset[type]

RESULTS: Final = frozenset((int, float, str, bool, Duration))
CONDITION: Final = frozenset((bool,))
_ABSENT: Final = object()
_BRANCHES: Final = set(STATELESS["if"].signatures)
_LARGER: Final = {"max": ">", "min": "<"}
_CONVERSIONS: Final = {"int": int, "float": float, "bool": bool, "string": str}


@dataclass(frozen=True)
class LambdaInfo:
    """The data of a lambda for the generator."""

    node: Evaluator
    references: list[str]
    noted: list[Any]
    stuck: list[bool]
    may_stick: bool


def generate(info: LambdaInfo, results: Types, *, of_points: bool) -> Bind | None:
    """Return a factory that binds a group's state to a function; None: only the exact nodes work.

    Args:
        info: the lambda.
        results: the allowed types of the value; other types need the exact nodes.
        of_points: whether the function takes a point's fields, tags and time, or a scope.
    """
    try:
        return _Generator(info, results, of_points=of_points).bind()
    except (NotFastError, SyntaxError, RecursionError, MemoryError):
        return None  # nested too deeply for Python


def stateful_calls(node: Evaluator) -> list[Call]:
    """Return the calls of stateful functions in a node."""
    match node:
        case Call():
            own = [node] if _is_stateful(node) else []
            return own + [call for arg in node.args for call in stateful_calls(arg)]
        case Unary():
            return stateful_calls(node.operand)
        case Binary():
            return stateful_calls(node.left) + stateful_calls(node.right)
        case Nested():
            return stateful_calls(node.expression)
    return []


def _is_stateful(node: Call) -> bool:
    return node.stateful and node.function is None


def is_plain(node: Binary) -> bool:
    """Return whether both sides are references or constants."""
    return isinstance(node.left, Reference | Literal) and isinstance(
        node.right, Reference | Literal
    )


def remembers(node: Binary) -> bool:
    """Return whether the exact node must learn the operation of a pass."""
    return node.operator not in LOGIC and node.constant is None and not is_plain(node)


@lru_cache(maxsize=1024)
def _compiled(source: str) -> CodeType:
    return compile(source, "<lambda>", "exec")


class _Generator:
    def __init__(self, info: LambdaInfo, results: Types, *, of_points: bool) -> None:
        self._info, self._results, self._of_points = info, results, of_points
        self._state: dict[str, str] = {}
        self._remembers = False
        self._references = {name: Part(f"r{i}") for i, name in enumerate(info.references)}
        self._out = Writer()
        self._out.known |= {
            "Unfit": NotFastError,
            "Time": Time,
            "Missing": Missing,
            "missing": MISSING,
            "absent": _ABSENT,
            "wrap": wrap,
            "stuck": info.stuck,
            "noted": info.noted,
            "settle": self._settle,
        }

    def _settle(self) -> None:
        for binary, operation in self._info.noted:
            binary.settle(operation)
        self._info.noted.clear()

    # --- the function -------------------------------------------------------------------------

    def bind(self) -> Bind:
        body, out = self._out, Writer()
        value = self._part(self._info.node)
        self._check(value)
        if self._remembers:
            body.line("if noted: settle()")
        body.line(f"return {value.text}")
        out.known = body.known
        out.line("def bind(state):")
        with out.block():
            for name, variable in self._state.items():
                out.line(f"{variable} = state[{name!r}]")
            out.line(f"def evaluate({'fields, tags, time' if self._of_points else 'scope'}):")
            with out.block():
                self._load(out)
                self._guarded(out, body.lines)
            out.line("return evaluate")
        exec(_compiled("\n".join(out.lines)), out.known)  # noqa: S102 -- contains no text of the script
        made: Bind = out.known["bind"]
        return made

    def _load(self, out: Writer) -> None:
        """Load the references, like ``fill_scope``."""
        if self._info.may_stick:
            out.line("if stuck: raise Unfit")
        for name, part in self._references.items():
            known, variable = out.constant(name), part.text
            if not self._of_points:
                out.line(f"{variable} = scope[{known}]")
            elif name == "time":
                out.line(f"{variable} = Time(time)")
            else:
                out.line(f"{variable} = fields.get({known}, absent)")
                out.line(f"if {variable} is absent: {variable} = tags.get({known}, missing)")
                out.line(f"elif {known} in tags: raise Unfit")

    def _guarded(self, out: Writer, lines: list[str]) -> None:
        """Roll back the state if the pass fails."""
        if not self._state and not self._remembers:
            out.lines += [out.indent + line for line in lines]
            return
        for variable in self._state.values():
            out.line(f"{variable}_before = {variable}.state")
        out.line("try:")
        with out.block():
            out.lines += [out.indent + line for line in lines]
        out.line("except Exception:")
        with out.block():
            for variable in self._state.values():
                out.line(f"{variable}.state = {variable}_before")
            out.line("noted.clear()")
            out.line("raise")

    def _check(self, value: Part) -> None:
        if value.kind is None:
            self._out.line(f"if type({value.text}) not in {self._out.constant(self._results)}:")
            self._out.line("    raise Unfit")
        elif value.kind not in self._results:
            raise NotFastError

    # --- the value ----------------------------------------------------------------------------

    def _part(self, node: Evaluator) -> Part:
        match node:
            case Literal():
                return self._out.literal(node.value)
            case Reference():
                return self._references[node.name]
            case Unary():
                operand = self._part(node.operand)
                return self._not(operand) if node.operator == "!" else self._minus(operand)
            case Nested() if not stateful_calls(node):
                return self._part(node.expression)
            case Call():
                return self._call(node)
            case Binary() if node.operator in LOGIC:
                return self._logic(node)
            case Binary():
                return self._binary(node)
        # A nested lambda has its own state, shared by all groups.
        raise NotFastError

    def _not(self, operand: Part) -> Part:
        self._must_be_bool(operand)
        return self._out.assign(f"not {operand.text}", bool)

    def _must_be_bool(self, *parts: Part) -> None:
        for part in parts:
            if part.kind is None:
                self._out.line(f"if type({part.text}) is not bool: raise Unfit")
            elif part.kind is not bool:
                raise NotFastError

    def _minus(self, operand: Part) -> Part:
        text = operand.text
        plain = f"type({text}) is int and {text} != {MIN_INT} or type({text}) is float"
        other = f"{self._out.constant(_negative)}(type({text}), {text})"
        return self._out.assign(f"-{text} if {plain} else {other}", operand.kind)

    def _call(self, node: Call) -> Part:
        args = [self._part(arg) for arg in node.args]
        if _is_stateful(node):
            signatures = STATEFUL[node.name].signatures
            variable = self._state.setdefault(node.name, f"s{len(self._state)}")
            self._must_fit(args, signatures)
            values = ", ".join(arg.text for arg in args)
            return self._out.assign(f"{variable}.call([{values}])", next(iter(signatures.values())))
        function = node.function
        if not isinstance(function, Function):
            raise NotFastError
        self._must_fit(args, function.signatures)
        texts = [arg.text for arg in args]
        kind = _CONVERSIONS.get(node.name)
        if node.name == "if":
            return self._out.assign(f"{texts[1]} if {texts[0]} else {texts[2]}", args[1].kind)
        if node.name == "isPresent":
            return self._out.assign(f"type({texts[0]}) is not Missing", bool)
        called = f"{self._out.constant(function.apply)}({', '.join(texts)})"
        if node.name in _LARGER:
            # No call if neither is NaN and they differ, which is the usual case.
            (one, other), sign = texts, _LARGER[node.name]
            called = (
                f"{one} if {one} {sign} {other} else {other} if {other} {sign} {one} else {called}"
            )
        if kind is not None:
            name = self._out.constant(kind)
            if kind is float:
                called = f"float({texts[0]}) if type({texts[0]}) is int else {called}"
            called = f"{texts[0]} if type({texts[0]}) is {name} else {called}"
        return self._out.assign(called, kind)

    def _must_fit(self, args: list[Part], signatures: Mapping[tuple[Any, ...], type]) -> None:
        fitting = frozenset(
            kinds
            for kinds in signatures
            if len(kinds) == len(args)
            and all(arg.kind in (None, kind) for arg, kind in zip(args, kinds, strict=True))
        )
        if not fitting:
            raise NotFastError
        unknown = [i for i, arg in enumerate(args) if arg.kind is None]
        if not unknown:
            return
        places = [f"type({args[i].text})" for i in unknown]
        if set(signatures) == _BRANCHES and unknown == [1, 2]:
            kinds = self._out.constant(frozenset(kind for _, kind, _ in _BRANCHES))
            self._out.line(f"if {places[0]} is not {places[1]} or {places[0]} not in {kinds}:")
            self._out.line("    raise Unfit")
            return
        if len(unknown) == 1:
            allowed: frozenset[Any] = frozenset(kinds[unknown[0]] for kinds in fitting)
        else:
            allowed = frozenset(tuple(kinds[i] for i in unknown) for kinds in fitting)
        text = places[0] if len(places) == 1 else f"({', '.join(places)})"
        self._out.line(f"if {text} not in {self._out.constant(allowed)}: raise Unfit")

    def _logic(self, node: Binary) -> Part:
        if stateful_calls(node):
            raise NotFastError
        short = LOGIC[node.operator]
        left = self._part(node.left)
        if node.dynamic:
            # Kapacitor determines the type of the right side even if the left one decides.
            right = self._part(node.right)
            self._must_be_bool(left, right)
            return self._out.assign(f"{short} if {left.text} is {short} else {right.text}", bool)
        value = self._out.name()
        self._out.line(f"if {left.text} is {short}: {value} = {short}")
        self._out.line("else:")
        with self._out.block():
            right = self._part(node.right)
            self._must_be_bool(left, right)
            self._out.line(f"{value} = {right.text}")
        return Part(value, bool)

    def _binary(self, node: Binary) -> Part:
        left, right = self._part(node.left), self._part(node.right)
        if not remembers(node):
            return apply(self._out, node.operator, left, right)
        self._remembers = True
        # Inform the exact node of the operation: it may not recover when the types change.
        return apply_reported(self._out, node, left, right)


def _negative(kind: type, value: Any) -> Any:
    if kind is int or kind is Duration:
        return kind(wrap(-value))
    raise NotFastError
