"""Evaluates a parsed script into a pipeline: variables, chains, properties.

Source: kapacitor ``tick/eval.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bmtick.documents import source_line
from bmtick.engine import builtin
from bmtick.engine.arguments import ArgumentError, TimeDimension, type_of
from bmtick.engine.lambdas import Duration, EvaluationError, compile_lambda
from bmtick.engine.node import Node, Pipeline
from bmtick.engine.registry import NOT_SUPPORTED, kinds
from bmtick.engine.variables import Variable
from bmtick.errors import BmtickError, Location, nearest
from bmtick.tick import ast
from bmtick.tick.ast import replace
from bmtick.tick.kinds import parse_version
from bmtick.tick.values import VAR_TYPES


class PipelineBuilder:
    """Runs the statements of one program, which create nodes.

    Args:
        program: the parsed script.
        text: its source, for excerpts in messages.
        file: its name, for messages.
        pipeline: receives the nodes.
        variables: values that override the script's own, by name.
    """

    def __init__(
        self,
        program: ast.Program,
        *,
        text: str,
        file: str,
        pipeline: Pipeline,
        variables: Mapping[str, Variable],
    ) -> None:
        self.program = program
        self.text = text
        self.file = file
        self.pipeline = pipeline
        self.variables = variables
        self.scope: dict[str, Any] = {}
        self.dbrps: list[tuple[str, str]] = []

    def run(self, source: Node) -> None:
        """Evaluate all statements; ``source`` is the value of ``stream`` or ``batch``.

        Raises:
            BmtickError: something that Kapacitor would refuse or that this engine does not support.
        """
        self.scope[source.desc] = source
        for statement in self.program.statements:
            self._statement(statement)

    def error(self, node: ast.Node, message: str, remedy: str = "") -> BmtickError:
        """Return an error at a syntax node."""
        location, excerpt = self.place(node)
        return BmtickError(message, location=location, excerpt=excerpt, remedy=remedy)

    def place(self, node: ast.Node) -> tuple[Location, str]:
        """Return the location of a syntax node, and its line."""
        line, column = node.pos.line, node.pos.column
        return Location(self.file, line, column), source_line(self.text, line)

    # --- statements -------------------------------------------------------------------------

    def _statement(self, node: ast.Node) -> None:
        match node:
            case ast.Declaration():
                self._declare(node)
            case ast.TypeDeclaration():
                self._declare_type(node)
            case ast.DBRP():
                self.dbrps.append((node.database.name, node.retention_policy.name))
            case ast.CommentStatement():
                pass
            case _:
                self._value(node)

    def _declare(self, node: ast.Declaration) -> None:
        name = node.name.name
        value = self._value(node.value)
        if name in self.scope:
            raise self.error(node, f"attempted to redefine {name}, vars are immutable")
        given = self.variables.get(name)
        if given is not None:
            value = self._given(node, given, type_of(value))
        self.scope[name] = value

    def _declare_type(self, node: ast.TypeDeclaration) -> None:
        name, kind = node.name.name, node.type.name
        if kind not in VAR_TYPES:
            raise self.error(node.type, f"invalid var type '{kind}'", nearest(kind, VAR_TYPES))
        given = self.variables.get(name)
        if given is None:
            raise self.error(node, f"missing value for var '{name}'", "give it in the vars file")
        self.scope[name] = self._given(node, given, kind)

    def _given(
        self, node: ast.Declaration | ast.TypeDeclaration, given: Variable, kind: str
    ) -> Any:
        if given.type != kind:
            raise self.error(
                node, f"invalid type supplied for {node.name.name}: {given.type}, expected {kind}"
            )
        return given.value

    # --- expressions ------------------------------------------------------------------------

    def _value(self, node: ast.Node) -> Any:
        match node:
            case ast.Number() | ast.Bool() | ast.String():
                return node.value
            case ast.Duration():
                return Duration(node.nanoseconds)
            case ast.Regex() | ast.Star() | ast.Reference():
                return node
            case ast.Identifier():
                return self._lookup(node)
            case ast.ListNode():
                return [self._value(item) for item in node.items]
            case ast.Lambda():
                return ast.Lambda(self._resolve(node.expression), pos=node.pos)
            case ast.Unary() | ast.Binary():
                return self._compute(node)
            case ast.Chain():
                return self._chain(node)
            case ast.Call():
                return self._global(node)
            case _:
                raise self.error(node, "this cannot be evaluated")

    def _global(self, node: ast.Call) -> TimeDimension:
        """Call a global function; ``time`` is the only one."""
        if node.name != "time":
            raise self.error(node, f"no global function '{node.name}' defined")
        try:
            return TimeDimension.of([self._value(arg) for arg in node.args])
        except ArgumentError as error:
            raise self.error(node, str(error)) from None

    def _lookup(self, node: ast.Identifier) -> Any:
        if node.name in self.scope:
            return self.scope[node.name]
        if node.name in ("stream", "batch"):
            raise self.error(
                node,
                "a task reads either stream or batch, not both",
                "make two tasks, or query the data that the stream has written",
            )
        raise self.error(node, f"'{node.name}' is not defined", nearest(node.name, self.scope))

    def _compute(self, node: ast.Unary | ast.Binary) -> Any:
        resolved = self._resolve(node)
        try:
            return compile_lambda(resolved, {}).evaluate({})
        except EvaluationError as error:
            raise self.error(node, str(error)) from None

    def _resolve(self, node: ast.Node) -> ast.Node:
        """Replace identifiers by their variables' values as literals."""
        match node:
            case ast.Identifier():
                return self._literal(node, self._lookup(node))
            case ast.Unary():
                return replace(node, operand=self._resolve(node.operand))
            case ast.Binary():
                return replace(node, left=self._resolve(node.left), right=self._resolve(node.right))
            case ast.Call():
                return replace(node, args=[self._resolve(arg) for arg in node.args])
            case _:
                return node

    def _literal(self, node: ast.Identifier, value: Any) -> ast.Node:
        pos = node.pos
        match value:
            case bool():
                return ast.Bool(value, pos=pos)
            case Duration():
                return ast.Duration(int(value), pos=pos)
            case int() | float():
                return ast.Number(value, pos=pos)
            case str():
                return ast.String(value, pos=pos)
            case ast.Regex() | ast.Star():
                return replace(value, pos=pos)
            case ast.Lambda():
                return ast.Lambda(value.expression, pos=pos)
            case list():
                return ast.ListNode([self._literal(node, item) for item in value], pos=pos)
            case _:
                raise self.error(node, f"'{node.name}' is a node and cannot stand in a lambda")

    # --- chains -----------------------------------------------------------------------------

    def _chain(self, node: ast.Chain) -> Any:
        left = self._value(node.left)
        call = node.right
        if not isinstance(call, ast.Call):
            raise self.error(
                call, "reading a property is not supported", "add parentheses to set it"
            )
        if node.operator == "@" or call.kind == "dynamic":
            raise self.error(
                call,
                f"the user-defined function '@{call.name}' is not supported",
                "UDFs run in processes of the Kapacitor server",
            )
        args = [self._value(arg) for arg in call.args]
        if len(args) == 1 and isinstance(args[0], list):
            args = args[0]
        if not isinstance(left, (Node, builtin.Owner)):
            raise self.error(call, f"a {type_of(left)} has no method '{call.name}'")
        name = call.name[:1].lower() + call.name[1:]
        try:
            if node.operator == "|":
                return self._method(left, call, name, args)
            return self._property(left, call, name, args)
        except ArgumentError as error:
            raise self.error(call, str(error)) from None

    def _method(
        self, left: Node | builtin.Owner, call: ast.Call, name: str, args: list[Any]
    ) -> Node:
        parent = left.node if isinstance(left, builtin.Owner) else left
        if name in NOT_SUPPORTED and (parent.chains or parent.desc == "batch"):
            raise self.error(call, f"the node '{name}' is not supported: {NOT_SUPPORTED[name]}")
        args = [arg.node if isinstance(arg, builtin.Owner) else arg for arg in args]
        if name == "deadman":
            return builtin.deadman(parent, args, lambda node: self._locate(node, call))
        kind = kinds().get(name)
        if kind is None or not kind.allowed_after(parent):
            raise self._unknown(left, call, name, "|")
        if name in parent.hides:
            raise self.error(
                call,
                f"Kapacitor cannot chain |{call.name}() to |{parent.chain}()",
                "put another node between them, such as |log()",
            )
        self._released(call, f"the node |{name}()", kind.since)
        if kind.signature is not None:
            kind.signature.check(f"|{name}()", args)
        created = kind.create(parent, args)
        self._locate(created, call)
        return created

    def _locate(self, node: Node, call: ast.Call) -> None:
        node.location, node.excerpt = self.place(call)

    def _property(
        self, left: Node | builtin.Owner, call: ast.Call, name: str, args: list[Any]
    ) -> Any:
        found = left.all_properties().get(name)
        if found is None:
            raise self._unknown(left, call, name, ".")
        self._released(call, f"the property .{name}()", found.since)
        if found.signature is not None:
            found.signature.check(f".{name}()", args)
        result = left.set_property(found, args)
        if isinstance(result, builtin.Owner) and result.location is None:
            result.location, result.excerpt = self.place(call)
        return result

    def _released(self, call: ast.Call, what: str, since: str) -> None:
        """Refuse a name that is newer than the target version of Kapacitor."""
        if since and parse_version(since) > self.pipeline.version:
            running = ".".join(str(part) for part in self.pipeline.version)
            raise self.error(
                call,
                f"{what} came with Kapacitor {since}, not {running}",
                "name the version that runs it: --kapacitor-version",
            )

    def _unknown(
        self, left: Node | builtin.Owner, call: ast.Call, name: str, operator: str
    ) -> BmtickError:
        node = left.node if isinstance(left, builtin.Owner) else left
        properties = left.all_properties()
        methods = [n for n, kind in kinds().items() if kind.allowed_after(node)]
        if operator == "|" and name in properties:
            return self.error(
                call,
                f"no chaining method '{name}' on {node.desc}, but a property of that name",
                f"write .{name}(...)",
            )
        if operator == "." and name in methods:
            return self.error(
                call,
                f"no property '{name}' on {node.desc}, but a chaining method of that name",
                f"write |{name}(...)",
            )
        what = "chaining method" if operator == "|" else "property"
        return self.error(
            call,
            f"no {what} '{call.name}' on {node.desc}",
            nearest(name, methods if operator == "|" else properties),
        )
