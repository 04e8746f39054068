"""Checks calls on nodes: which node may follow, which properties exist, which arguments fit."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bmtick.tick import ast
from bmtick.tick.findings import Fix, Report
from bmtick.tick.graph import HandlerUse, PipelineNode, Setting
from bmtick.tick.kinds import Handler, Kind, Property, Signature, canonical, catalogue
from bmtick.tick.kinds import parse_version as version_of
from bmtick.tick.tokens import tokenize
from bmtick.tick.values import NOWHERE, Value, described

_METHODS_THAT_LEAVE_THE_HANDLER = frozenset(
    {"all", "noRecoveries", "stateChangesOnly", "flapping", "inhibit"}
)


class Caller:
    """Applies calls to nodes and reports the calls that Kapacitor does not have."""

    def __init__(self, report: Report, version: tuple[int, ...] | None) -> None:
        self._report = report
        self._version = version
        self.nodes: list[PipelineNode] = []

    # -- nodes

    def source(self, name: str, position: ast.Position) -> Value:
        """Create the stream or batch node."""
        node = PipelineNode(catalogue().kinds[name], name, position, [], [], name)
        self.nodes.append(node)
        return Value("node", node, position)

    def chain(self, left: Value, call: ast.Call, args: list[Value], complete: bool) -> Value:
        """Apply ``left|call(args)``."""
        parent = _node_of(left)
        name = canonical(call.name)
        kind = catalogue().kinds.get(name)
        if kind is None or name in ("stream", "batch"):
            self._unknown_node(left, call, name)
            return Value("any", pos=call.pos)
        self.since(kind.since, f"|{name}()", call.pos)
        self._check_place(parent, kind, call)
        self._check_arguments(f"|{name}", kind.signature, args, call, complete)
        parents = [parent]
        if kind.signature.types == ("node",):
            parents += [_node_of(a) for a in args if a.type in ("node", "handler")]
            self._check_edges(parents, kind, call)
        edge = kind.provides or parent.edge
        node = PipelineNode(kind, name, call.pos, args, parents, edge, complete)
        self.nodes.append(node)
        return Value("node", node, call.pos)

    def _check_place(self, parent: PipelineNode, kind: Kind, call: ast.Call) -> None:
        if parent.kind and kind.name in parent.kind.hides:
            message = (
                f"|{kind.name}() cannot follow {parent.describe()}: Kapacitor does not find it"
            )
            remedy = "put |where(lambda: TRUE) between them"
            self._report.error("misplaced-node", message, call.pos, remedy)
        elif parent.kind and not parent.kind.may_be_followed_by(kind):
            only = "|" + "() or |".join(parent.kind.only) + "()" if parent.kind.only else ""
            remedy = f"only {only} can" if only else ""
            if kind.after and not only:
                remedy = f"it follows {' or '.join(kind.after)}"
            if parent.kind.sink:
                remedy = "it passes nothing on: branch off before it, with a var"
            message = f"|{kind.name}() cannot follow {parent.describe()}"
            self._report.error("misplaced-node", message, call.pos, remedy)
        elif kind.wants and parent.edge and kind.wants != parent.edge:
            remedy = {
                "window": "batches need no window: a query gives its own with .period()",
                "trickle": "it turns batches into single points, and these are single points",
            }.get(kind.name, "")
            message = f"|{kind.name}() takes a {kind.wants}, and {parent.describe()} gives a {parent.edge}"
            self._report.error("misplaced-node", message, call.pos, remedy)

    def _check_edges(self, parents: list[PipelineNode], kind: Kind, call: ast.Call) -> None:
        edges = {parent.edge for parent in parents if parent.edge}
        if len(edges) > 1:
            message = f"|{kind.name}() cannot take a stream and a batch together"
            remedy = "put a |window() before, or an aggregation after, one of them"
            self._report.error("misplaced-node", message, call.pos, remedy)

    def _unknown_node(self, left: Value, call: ast.Call, name: str) -> None:
        found = self._find_property(left, name)
        fix: Fix | None
        if found:
            message = f"'{call.name}' is a property of {_describe(left)}, no node"
            remedy = f"write .{call.name}()"
            fix = Fix(call.pos.offset - 1, call.pos.offset, ".")
        else:
            message = f"no node '{call.name}'"
            from bmtick.tick.mistakes import suggest_node  # noqa: PLC0415 -- only for a mistake

            remedy = suggest_node(name, catalogue().kinds) or self._owners(name)
            remedy = (
                remedy
                or "nodes are |window(), |mean(), |where(), |eval(), |alert() and others; a "
                f"user-defined function stands after @: @{name}()"
            )
            fix = _name_fix(call, remedy)
        _node_of(left).unfinished = True
        self._report.error("unknown-node", message, call.pos, remedy, fix)

    def dynamic(self, left: Value, call: ast.Call, args: list[Value], complete: bool) -> Value:
        """Apply ``left@call(args)``: a function that the user added to Kapacitor."""
        name = canonical(call.name)
        if name in catalogue().kinds or self._find_property(left, name):
            mark = "|" if name in catalogue().kinds else "."
            message = f"'{call.name}' is built in, no user-defined function"
            self._report.error("unknown-node", message, call.pos, f"write {mark}{call.name}()")
        else:
            message = f"the user-defined function '{call.name}' must be in kapacitor.conf"
            self._report.warning("user-defined-function", message, call.pos)
        parent = _node_of(left)
        node = PipelineNode(None, call.name, call.pos, args, [parent], "", complete)
        self.nodes.append(node)
        return Value("node", node, call.pos)

    # -- properties

    def set_property(self, left: Value, call: ast.Call, args: list[Value], complete: bool) -> Value:
        """Apply ``left.call(args)``."""
        name = canonical(call.name)
        node = _node_of(left)
        setting = Setting(name, args, call.pos, complete)
        if node.kind is None:
            node.settings.append(setting)
            return left
        found = self._find_property(left, name)
        if found is None:
            self._unknown_property(left, call, name)
            known = name in catalogue().kinds
            # Continue with the suggested property; otherwise each later line would be reported too.
            return self.chain(left, call, args, complete) if known else left
        if left.type != "handler" or found.since != left.constant[1].handler.since:
            self.since(found.since, f".{name}()", call.pos)
        self._check_arguments(f".{name}", found.signature, args, call, complete)
        if isinstance(found, Handler):
            use = HandlerUse(found, args, call.pos)
            node.handlers.append(use)
            return Value("handler", (node, use), call.pos)
        if left.type == "handler" and name in left.constant[1].handler.properties:
            left.constant[1].settings.append(setting)
            return left
        node.settings.append(setting)
        if name in _METHODS_THAT_LEAVE_THE_HANDLER:
            return Value("node", node, call.pos)
        return left

    def read_property(self, left: Value, identifier: ast.Identifier) -> Value:
        """Apply ``left.name``: read a property."""
        name = canonical(identifier.name)
        node = _node_of(left)
        found = self._find_property(left, name)
        if node.kind is None:
            return Value("any", pos=identifier.pos)
        if isinstance(found, Property) and found.is_field:
            return Value(found.signature.types[0], pos=identifier.pos)
        if found:
            message, remedy = f"'.{name}' needs parentheses", f"write .{name}()"
            end = identifier.pos.offset + len(identifier.name)
            self._report.error(
                "unknown-property", message, identifier.pos, remedy, Fix(end, end, "()")
            )
            return left
        message, remedy = self._no_property(left, identifier.name, name)
        self._report.error("unknown-property", message, identifier.pos, remedy)
        return left

    def _find_property(self, left: Value, name: str) -> Property | Handler | None:
        if left.type == "handler":
            own = left.constant[1].handler.properties
            if name in own:
                found: Property = own[name]
                return found
        kind = _node_of(left).kind
        if kind is None:
            return None
        if name in kind.properties:
            return kind.properties[name]
        if kind.name in ("alert", "deadman"):
            return catalogue().handlers.get(name)
        return None

    def _unknown_property(self, left: Value, call: ast.Call, name: str) -> None:
        message, remedy = self._no_property(left, call.name, name)
        _node_of(left).unfinished = True
        fix = _name_fix(call, remedy)
        if name in catalogue().kinds:
            fix = Fix(call.pos.offset - 1, call.pos.offset, "|")
        self._report.error("unknown-property", message, call.pos, remedy, fix)

    def _no_property(self, left: Value, shown: str, name: str) -> tuple[str, str]:
        message = f"{_describe(left)} has no property '{shown}'"
        if name in catalogue().kinds:
            return message, f"'{shown}' is a node: write |{shown}()"
        from bmtick.tick.mistakes import suggest_property  # noqa: PLC0415 -- only for a mistake

        remedy = suggest_property(name, _names_of(left)) or self._owners(name)
        return message, remedy or f"it has .{'(), .'.join(list(_names_of(left))[:8])}() ..."

    def _owners(self, name: str) -> str:
        """Return the nodes that have this property, for a property at the wrong place."""
        owners = [f".{h.name}()" for h in catalogue().handlers.values() if name in h.properties]
        if name in catalogue().handlers:
            owners.append("|alert()")
        owners += [f"|{k.name}()" for k in catalogue().kinds.values() if name in k.properties]
        if len(owners) > 3:
            owners = [*owners[:3], "others"]
        return f"it is a property of {', '.join(owners)}" if owners else ""

    # -- arguments and versions

    def _check_arguments(
        self, what: str, signature: Signature, args: list[Value], call: ast.Call, complete: bool
    ) -> None:
        if not complete:
            self._check_empty_list(what, signature, call)
            return
        most = None if signature.variadic else len(signature.types)
        if len(args) < signature.minimum or (most is not None and len(args) > most):
            given = "none is" if not args else "1 is" if len(args) == 1 else f"{len(args)} are"
            message = f"{what}() takes {_count(signature)}, and {given} given"
            remedy, fix = self._wrong_count(what, signature, args, call)
            self._report.error("arguments", message, call.pos, remedy, fix)
            return
        if what in ("|top", "|bottom") and [a.type for a in args[:2]] == ["string", "int"]:
            field, number = args[:2]
            remedy = f"write {what}({number.constant if number.known else 'N'}, "
            remedy += f"'{field.text() or 'FIELD'}')"
            message = f"{what}() takes the number first, then the field"
            self._report.error("arguments", message, field.pos, remedy)
            return
        for i, arg in enumerate(args):
            self._check_type(what, signature.type_at(i), arg, call)

    def _wrong_count(
        self, what: str, signature: Signature, args: list[Value], call: ast.Call
    ) -> tuple[str, Fix | None]:
        """Return the corrected form of a call with too few or too many arguments."""
        from bmtick.tick.mistakes import ARGUMENT_OF  # noqa: PLC0415 -- only for a mistake

        text = self._report.source.text
        span = call_span(text, call.pos.offset)
        inside = text[span[0] + 1 : span[1] - 1] if span else ""
        name = ARGUMENT_OF.get(what[1:])
        if not signature.types and name and len(args) == 1 and span and "\n" not in inside:
            fix = Fix(span[0], span[1], f"().{name}({inside})")
            return f"write {what}().{name}({inside[:60]})", fix
        number = re.search(r"\b[0-9]{1,3}(?:,[0-9]{3})+\b", inside)
        if number and span:
            start, plain = span[0] + 1 + number.start(), number[0].replace(",", "")
            fix = Fix(start, start + len(number[0]), plain)
            return f"a number has only digits: write {plain}", fix
        return f"it is {what}{signature}", None

    def _check_empty_list(self, what: str, signature: Signature, call: ast.Call) -> None:
        """Report an empty list where an argument is required; in a template it means no arguments."""
        if signature.minimum:
            message = f"{what}() takes {_count(signature)}, and a list may be empty"
            remedy = "Kapacitor checks a template with empty lists: declare the var as a string"
            self._report.error("arguments", message, call.pos, remedy)

    def _check_type(self, what: str, wanted: str, arg: Value, call: ast.Call) -> None:
        got = "node" if arg.type == "handler" else arg.type
        if wanted == "any" or got == "any" or got in wanted.split("|"):
            return
        message = f"{what}() takes {described(wanted)}, and this is {described(got)}"
        where = call.pos if arg.pos is NOWHERE else arg.pos
        fix = None if arg.pos is NOWHERE else _literal_fix(self._report.source.text, wanted, arg)
        self._report.error("arguments", message, where, _remedy(wanted, arg), fix)

    def since(self, since: str, what: str, position: ast.Position) -> None:
        """Report a name that is missing in the target version; warn if no version is given."""
        if self._version is None:
            if version_of(since) > version_of("1.5.7"):
                message = f"{what} is in Kapacitor since {since} only"
                self._report.warning("version", message, position, "BlueMind 5 ships 1.6.5")
        elif version_of(since) > self._version:
            shown = ".".join(str(n) for n in self._version if n != 99)
            message = f"{what} is in Kapacitor since {since}, and this is for {shown}"
            self._report.error("version", message, position)


def call_span(text: str, offset: int) -> tuple[int, int] | None:
    """Return the start and end of the parentheses of the call at an offset."""
    opened, start = 0, -1
    for token in tokenize(text[offset:]):
        if token.kind == "(":
            start = offset + token.offset if start < 0 else start
            opened += 1
        elif token.kind == ")":
            opened -= 1
            if opened == 0:
                return start, offset + token.offset + 1
    return None


def _name_fix(call: ast.Call, remedy: str) -> Fix | None:
    """Return a fix that uses the name in the remedy, or None."""
    found = re.search(r"did you mean '(\w+)'|write [.|](\w+)\(\)", remedy)
    if not found:
        return None
    return Fix(call.pos.offset, call.pos.offset + len(call.name), found[1] or found[2])


def _literal_fix(text: str, wanted: str, arg: Value) -> Fix | None:
    """Return the fix of a literal of the wrong type, or None where it is ambiguous."""
    for types, form, mended in _FORMS:
        if (arg.type, wanted) in types and (found := re.compile(form).match(text, arg.pos.offset)):
            return Fix(arg.pos.offset, found.end(), found.expand(mended))
    return None


_FORMS: tuple[tuple[frozenset[tuple[str, str]], str, str], ...] = (
    (frozenset({("reference", "string")}), r'"([^"\\\n\']*)"', r"'\1'"),
    (frozenset({("int", "float")}), r"([0-9]+)", r"\1.0"),
    (frozenset({("string", "duration")}), r"'([0-9]+(?:ms|[usmhdw]))'", r"\1"),
    (
        frozenset({("int", "string"), ("float", "string"), ("duration", "string")}),
        r"([0-9.]+(?:ms|[usmhdw])?)",
        r"'\1'",
    ),
)


def _node_of(value: Value) -> PipelineNode:
    node: PipelineNode = value.constant[0] if value.type == "handler" else value.constant
    return node


def _describe(left: Value) -> str:
    if left.type == "handler":
        return f".{left.constant[1].handler.name}()"
    return _node_of(left).describe()


def _names_of(left: Value) -> Iterable[str]:
    kind = _node_of(left).kind
    names = set(kind.properties if kind else ())
    if kind and kind.name in ("alert", "deadman"):
        names |= set(catalogue().handlers)
    if left.type == "handler":
        names |= set(left.constant[1].handler.properties)
    return sorted(names)


def _count(signature: Signature) -> str:
    number = len(signature.types) - signature.variadic
    if signature.variadic:
        return f"at least {_plural(number)}"
    return _plural(number)


def _plural(number: int) -> str:
    return "no argument" if number == 0 else f"{number} argument" + ("s" if number > 1 else "")


def _remedy(wanted: str, arg: Value) -> str:
    if arg.type == "reference":
        return "double quotes name a field or tag; a string stands in single quotes"
    if wanted == "float" and arg.type == "int":
        return f"write {arg.constant}.0" if arg.known else "write it with a decimal point"
    if wanted == "duration":
        seconds = arg.constant if arg.type == "int" and arg.known else 0
        return f"write a number with a unit, like {f'{seconds}s' if seconds else '10m'}"
    if wanted == "lambda":
        return "write lambda: before the expression"
    if wanted == "string" and arg.type in ("int", "float", "duration", "bool"):
        return "write it in single quotes"
    if wanted == "string" and arg.type == "lambda":
        return "write the name of the field in single quotes"
    if arg.type == "string" and wanted in ("int", "float"):
        text = arg.text()
        if re.fullmatch(r"[0-9]+", text):
            return f"write {text}.0" if wanted == "float" else f"write {text}"
        return f"write a number without quotes, like {'10.0' if wanted == 'float' else '10'}"
    if arg.type == "list":
        return "a list is taken only where it is the one argument"
    return ""
