"""Evaluates a script like Kapacitor's ``tick/eval.go``, with types in place of data.

Kapacitor stops at the first error. This evaluator continues with a value of type ``any``, so that
one run reports all errors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bmtick.errors import BmtickError, nearest
from bmtick.tick import ast
from bmtick.tick.arithmetic import OPERATIONS
from bmtick.tick.calls import Caller
from bmtick.tick.findings import Fix, Report
from bmtick.tick.graph import PipelineNode
from bmtick.tick.lambda_types import NO_TYPE, infer
from bmtick.tick.signatures import NODES
from bmtick.tick.types import Duration, EvaluationError
from bmtick.tick.values import UNKNOWN, VAR_TYPES, Value, described


def fold(symbol: str, left: Any, right: Any) -> Any:
    """Return ``left symbol right`` as Kapacitor computes it, or UNKNOWN where Kapacitor fails.

    A duration is an :class:`~bmtick.tick.types.Duration`.

    Raises:
        BmtickError: an integer is divided by zero.
    """
    operation = OPERATIONS.get((symbol, type(left), type(right)))
    if operation is None:
        return UNKNOWN
    try:
        result = operation.apply(left, right)
    except EvaluationError:
        raise BmtickError("an integer is divided by zero") from None
    except OverflowError:  # too large for a float
        return UNKNOWN
    return UNKNOWN if isinstance(result, float) and not math.isfinite(result) else result


_FOLDED = (ast.Number, ast.String, ast.Bool, ast.Duration, ast.Identifier)


class Expressions(ABC):
    """Evaluates expressions; subclasses resolve names, calls and chains."""

    _report: Report
    _in_lambda = False

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
        """Return the value of a node; a name is replaced by its var."""
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
            self._in_lambda = True
            self._resolve_names(node)
            self._in_lambda = False
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
            value = self._value(node) if isinstance(node, _FOLDED) else Value("any")
            return (
                Duration(value.constant)
                if value.type == "duration" and value.known
                else value.constant
            )
        result = self._fold(node)
        for binary in reversed(spine):
            try:
                result = fold(binary.operator, result, self._fold(binary.right))
            except BmtickError as error:
                self._report.error("arguments", error.message, binary.pos)
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

    def note_comparison(self, node: ast.Binary) -> None:
        """No references exist here that could be compared."""

    def function_since(self, name: str, since: str, position: ast.Position) -> None:
        """Do nothing: versions are checked in lambdas only."""


_SOURCES = ("stream", "batch")
_OVERRIDDEN = frozenset({"int", "float", "duration", "bool"})  # a template's values are defaults
_ROOTS = frozenset({"stream", "batch", "time"})


class Evaluator(Expressions):
    """Evaluates one script.

    Args:
        report: receives the findings.
        variables: the values given for the script's vars; None where the script is a template,
            or where its vars are not available.
        version: the Kapacitor version, or None for any.
    """

    def __init__(
        self,
        report: Report,
        variables: Mapping[str, Value] | None,
        version: tuple[int, ...] | None,
    ) -> None:
        self._report = report
        self._given = variables
        self._caller = Caller(report, version)
        self._vars: dict[str, Value] = {}
        self._declared: dict[str, ast.Position] = {}
        self.used: set[str] = set()
        self.last: Value | None = None  # of the last statement, for completion in an editor
        self.task_type = ""
        self._is_template = False

    @property
    def nodes(self) -> list[PipelineNode]:
        """All nodes of the pipeline, each after its parents."""
        return self._caller.nodes

    @property
    def given(self) -> bool:
        """Whether values are given for the vars."""
        return self._given is not None

    @property
    def unused(self) -> dict[str, ast.Position]:
        """The unused vars with the positions of their declarations."""
        return {n: p for n, p in self._declared.items() if n not in self.used}

    @property
    def declared(self) -> frozenset[str]:
        """The names of all vars."""
        return frozenset(self._declared)

    def var(self, name: str) -> Value | None:
        """Return the value of a var."""
        return self._vars.get(name)

    def since(self, since: str, what: str, position: ast.Position) -> None:
        """Report a name that the target version of Kapacitor does not have."""
        self._caller.since(since, what, position)

    def program(self, program: ast.Program) -> None:
        """Evaluate all statements."""
        declares = any(isinstance(s, ast.TypeDeclaration) for s in program.statements)
        self._is_template = declares and self._given is None
        for statement in program.statements:
            self._statement(statement)

    # -- statements

    def _statement(self, node: ast.Node) -> None:
        if isinstance(node, ast.Declaration):
            self._declaration(node)
        elif isinstance(node, ast.TypeDeclaration):
            self._type_declaration(node)
        elif isinstance(node, ast.Call):
            self._argument(node)
        elif isinstance(node, ast.Identifier):
            self._unused_name(node)
        elif isinstance(node, ast.Unary) and isinstance(node.operand, ast.Unary):
            start = node.pos.offset
            message = "this is no comment"
            fix = Fix(start, start + 2, "//")
            self._report.error("no-effect", message, node.pos, "a comment starts with //", fix)
        elif not isinstance(node, (ast.DBRP, ast.CommentStatement)):
            self.last = self._expression(node)
            if not isinstance(node, ast.Chain):
                self._report.warning("no-effect", "this statement does nothing", node.pos)

    def _unused_name(self, node: ast.Identifier) -> None:
        """Report a name alone as a statement: Kapacitor ignores it, even if it does not exist."""
        if node.name in self._vars or node.name in _SOURCES:
            self.last = self._resolve(node)
        message = f"'{node.name}' stands alone and does nothing"
        self._report.warning("no-effect", message, node.pos, "is a | or . missing?")

    def _declaration(self, node: ast.Declaration) -> None:
        name = node.name.name
        value = self.last = self._value(node.value)
        if self._is_taken(name):
            message = f"'{name}' is defined twice"
            if name in _ROOTS:
                message = f"'{name}' is Kapacitor's own name"
            remedy = "vars cannot change: choose another name"
            self._report.error("redefined-var", message, node.name.pos, remedy)
            return
        given = (self._given or {}).get(name)
        if given:
            value = self._check_given(name, value.type, given, node.name.pos)
        self._declared[name] = node.name.pos
        self._vars[name] = value

    def _type_declaration(self, node: ast.TypeDeclaration) -> None:
        name, type_name = node.name.name, node.type.name
        if type_name not in VAR_TYPES:
            remedy = nearest(type_name, VAR_TYPES) or f"the types are {', '.join(VAR_TYPES)}"
            message = f"no type '{type_name}'"
            self._report.error("unknown-type", message, node.type.pos, remedy)
            type_name = "any"
        self._declared[name] = node.name.pos
        if self._given is None:
            self._vars[name] = Value(type_name, pos=node.name.pos, placeholder=True)
        elif name in self._given:
            given = self._given[name]
            self._vars[name] = self._check_given(name, type_name, given, node.name.pos)
        else:
            message = f"the var '{name}' has no value"
            remedy = f"give it {described(type_name)} in the vars file"
            self._report.error("missing-var", message, node.name.pos, remedy)
            self._vars[name] = Value(type_name, pos=node.name.pos)

    def _check_given(self, name: str, wanted: str, given: Value, position: ast.Position) -> Value:
        if "any" not in (wanted, given.type) and given.type != wanted:
            message = (
                f"the var '{name}' is {described(wanted)}, and {described(given.type)} is given"
            )
            self._report.error("var-type", message, position, "change its type in the vars file")
            return Value(wanted, pos=position)
        return given

    def _is_taken(self, name: str) -> bool:
        return name in self._vars or name in ("time", self.task_type)

    # -- values

    def _argument(self, node: ast.Node) -> Value:
        """Return the value of an argument; global calls are evaluated."""
        if isinstance(node, ast.Call):
            return self._global_call(node)
        return self._value(node)

    def _resolve(self, node: ast.Identifier) -> Value:
        self.used.add(node.name)
        if node.name in self._vars:
            value = self._vars[node.name]
            if self._is_template and value.type in _OVERRIDDEN and not value.placeholder:
                return Value(
                    value.type, UNKNOWN, node.pos, placeholder=True, default=value.constant
                )
            return replace(value, pos=node.pos)
        if node.name in _SOURCES:
            return self._source(node)
        message = f"the var '{node.name}' is not defined"
        self._report.error("undefined-var", message, node.pos, *self._suggestion(node))
        self._vars[node.name] = Value("any", pos=node.pos)  # report each name once
        return self._vars[node.name]

    def _suggestion(self, node: ast.Identifier) -> tuple[str, Fix | None]:
        """Return the suggestion for an undefined name, and its fix."""
        from bmtick.tick.mistakes import NOTHING, WORDS  # noqa: PLC0415 -- only for a mistake

        if node.name in NOTHING:
            return (
                'a field that is missing has no value: isPresent("FIELD") says if it is there',
                None,
            )
        end = node.pos.offset + len(node.name)
        if word := WORDS.get(node.name):
            return f"write {word}", Fix(node.pos.offset, end, word)
        if hint := nearest(node.name, (*self._vars, *_SOURCES)):
            return hint, Fix(node.pos.offset, end, hint.split("'")[1])
        if self._in_lambda:
            shown = f'"{node.name}"'
            return f"a field or tag stands in double quotes: {shown}", Fix(
                node.pos.offset, end, shown
            )
        shown = f"'{node.name}'"
        remedy = (
            f"a string stands in single quotes: {shown}; a var is declared: var {node.name} = ..."
        )
        return remedy, Fix(node.pos.offset, end, shown)

    def _source(self, node: ast.Identifier) -> Value:
        if self.task_type and self.task_type != node.name:
            message = "a script is a stream task or a batch task, not both"
            self._report.error("stream-and-batch", message, node.pos, "make two tasks of it")
        self.task_type = self.task_type or node.name
        value = self._caller.source(node.name, node.pos)
        self._vars[node.name] = value
        return value

    # -- calls

    def _global_call(self, call: ast.Call) -> Value:
        args = [self._argument(arg) for arg in call.args]
        if call.name == "time":
            right = 1 <= len(args) <= 2 and all(a.type in ("duration", "any") for a in args)
            if not right:
                message, remedy = "time() takes one or two durations", "like time(10m)"
                self._report.error("arguments", message, call.pos, remedy)
            return Value("dimension", UNKNOWN, call.pos)
        message = f"no global function '{call.name}'"
        remedy = "functions stand in a lambda; a node follows another with |"
        fix = None
        if call.name[:1].lower() + call.name[1:] in NODES:
            remedy = f"a node follows another: write |{call.name}(...)"
            fix = Fix(call.pos.offset, call.pos.offset, "|")
        self._report.error("unknown-function", message, call.pos, remedy, fix)
        return Value("any", pos=call.pos)

    def _chain(self, node: ast.Chain) -> Value:
        links: list[ast.Chain] = []
        left: ast.Node = node
        while isinstance(left, ast.Chain):
            links.append(left)
            left = left.left
        value = self._value(left)
        for link in reversed(links):
            value = self._link(value, link)
        return value

    def _link(self, left: Value, link: ast.Chain) -> Value:
        right = link.right
        args: list[Value] = []
        complete = True
        if isinstance(right, ast.Call):
            args = [self._argument(arg) for arg in right.args]
            if len(args) == 1 and args[0].type == "list":
                complete = args[0].known
                args = args[0].constant if complete else []
        if left.type == "any":
            return left
        if left.type not in ("node", "handler"):
            shown = getattr(right, "name", "")
            message = f"this is {described(left.type)}, no node: it has no '{shown}'"
            own = isinstance(link.left, ast.Identifier) and link.left.name in _ROOTS
            remedy = "give the var another name" if own else "nodes follow stream, batch or a node"
            self._report.error("not-a-node", message, link.pos, remedy)
            return Value("any", pos=link.pos)
        if isinstance(right, ast.Identifier):
            return self._caller.read_property(left, right)
        if not isinstance(right, ast.Call):
            return Value("any", pos=link.pos)
        if link.operator == "|":
            return self._caller.chain(left, right, args, complete)
        if link.operator == "@":
            return self._caller.dynamic(left, right, args, complete)
        return self._caller.set_property(left, right, args, complete)
