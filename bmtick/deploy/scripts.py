"""Parse a deployed script for what deploying needs: handlers, topics, groups, sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bmtick.tick import ast
from bmtick.tick.parser import parse

# Properties of an alert node that are neither handlers nor options of a preceding handler.
# Source: kapacitor pipeline/alert.go.
ALERT_OPTIONS = frozenset(
    [
        "id",
        "message",
        "details",
        "info",
        "warn",
        "crit",
        "infoReset",
        "warnReset",
        "critReset",
        "stateChangesOnly",
        "flapping",
        "history",
        "levelTag",
        "levelField",
        "messageField",
        "durationField",
        "idTag",
        "idField",
        "all",
        "noRecoveries",
        "inhibit",
        "category",
        "topic",
        "quiet",
    ]
)
# Handlers, and the section of kapacitor.conf that must be enabled for each; "" for none.
HANDLER_SECTIONS = {
    "alerta": "alerta",
    "bigPanda": "bigpanda",
    "discord": "discord",
    "email": "smtp",
    "exec": "",
    "hipChat": "hipchat",
    "kafka": "kafka",
    "log": "",
    "mqtt": "mqtt",
    "opsGenie": "opsgenie",
    "opsGenie2": "opsgenie2",
    "pagerDuty": "pagerduty",
    "pagerDuty2": "pagerduty2",
    "post": "",
    "pushover": "pushover",
    "sensu": "sensu",
    "serviceNow": "servicenow",
    "slack": "slack",
    "snmpTrap": "snmptrap",
    "talk": "talk",
    "tcp": "",
    "teams": "teams",
    "telegram": "telegram",
    "victorOps": "victorops",
    "zenoss": "zenoss",
}


@dataclass(frozen=True, slots=True)
class AlertNode:
    """One ``|alert()`` of a script: its offset, its properties in order, its group tags."""

    offset: int = 0

    properties: list[ast.Call | ast.Identifier] = field(default_factory=list)
    groups: tuple[str, ...] = ()

    def handlers(self) -> set[str]:
        """Return the names of its handlers."""
        names = {p.name for p in self.properties}
        return names & set(HANDLER_SECTIONS)

    def handler_calls(self) -> list[ast.Call | ast.Identifier]:
        """Return the handlers with their options, in order."""
        return [p for p in self.properties if p.name not in ALERT_OPTIONS]


@dataclass(frozen=True, slots=True)
class Script:
    """A parsed script with the values of its vars."""

    program: ast.Program
    values: Mapping[str, Any]

    def chains(self) -> Iterator[list[tuple[str, ast.Node]]]:
        """Yield each statement's pipeline, from its source, as (operator, node)."""
        for statement in self.program.statements:
            value = statement.value if isinstance(statement, ast.Declaration) else statement
            if isinstance(value, ast.Chain):
                yield _unroll(value)

    def alerts(self) -> list[AlertNode]:
        """Return all alert nodes."""
        found: list[AlertNode] = []
        groups: dict[str, tuple[str, ...]] = {}
        for statement in self.program.statements:
            value = statement.value if isinstance(statement, ast.Declaration) else statement
            links = _unroll(value)
            first = links[0][1]
            now = groups.get(first.name, ()) if isinstance(first, ast.Identifier) else ()
            current: AlertNode | None = None
            for operator, node in links[1:]:
                name = getattr(node, "name", "")
                if name == "groupBy":
                    now = tuple(self.strings(getattr(node, "args", [])))
                if operator == "|":
                    current = AlertNode(node.pos.offset, [], now) if name == "alert" else None
                    if current is not None:
                        found.append(current)
                elif current is not None and isinstance(node, ast.Call | ast.Identifier):
                    current.properties.append(node)
            if isinstance(statement, ast.Declaration):
                groups[statement.name.name] = now
        return found

    def handlers(self) -> set[str]:
        """Return the handlers of all alert nodes."""
        return {name for alert in self.alerts() for name in alert.handlers()}

    def property_values(self, name: str) -> list[str]:
        """Return the string arguments of every property of this name, with vars resolved."""
        return [
            value
            for links in self.chains()
            for _, node in links
            if isinstance(node, ast.Call) and node.name == name
            for value in self.strings(node.args)
        ]

    def strings(self, nodes: list[ast.Node]) -> list[str]:
        """Return the strings of nodes: literals, lists, vars; ``*`` for a star."""
        found: list[str] = []
        for node in nodes:
            if isinstance(node, ast.String):
                found.append(node.value)
            elif isinstance(node, ast.Star):
                found.append("*")
            elif isinstance(node, ast.ListNode):
                found += self.strings(node.items)
            elif isinstance(node, ast.Identifier):
                found += _flat(self.values.get(node.name))
        return found


def read_script(
    text: str, variables: Mapping[str, Any] | None = None, *, file: str = "-"
) -> Script:
    """Parse a script; the task's vars take precedence over its own.

    Args:
        text: the TICKscript.
        variables: the task's vars, as in the API.
        file: its name in messages.

    Raises:
        BmtickError: it cannot be parsed.
    """
    program = parse(text, file=file)
    values: dict[str, Any] = {}
    for statement in program.statements:
        if isinstance(statement, ast.Declaration):
            values[statement.name.name] = _literal(statement.value, values)
    for name, variable in (variables or {}).items():
        values[name] = _plain(variable)
    return Script(program, values)


def _unroll(node: ast.Node) -> list[tuple[str, ast.Node]]:
    links: list[tuple[str, ast.Node]] = []
    while isinstance(node, ast.Chain):
        links.append((node.operator, node.right))
        node = node.left
    links.append(("", node))
    return links[::-1]


def _literal(node: ast.Node, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.String | ast.Number | ast.Bool):
        return node.value
    if isinstance(node, ast.ListNode):
        return [_literal(item, values) for item in node.items]
    if isinstance(node, ast.Star):
        return "*"
    if isinstance(node, ast.Identifier):
        return values.get(node.name)
    return None


def _plain(variable: Mapping[str, Any]) -> Any:
    if variable.get("type") == "list":
        return [_plain(item) for item in variable.get("value") or []]
    return "*" if variable.get("type") == "star" else variable.get("value")


def _flat(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _flat(item)]
    return [value] if isinstance(value, str) else []
