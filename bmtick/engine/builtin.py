"""Callable things other than plain nodes: owners of properties, and ``|deadman``.

Source: kapacitor ``pipeline/node.go`` (Deadman), ``services/deadman/config.go`` (defaults).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bmtick.durations import format_go_duration
from bmtick.engine.arguments import ArgumentError, Property, Signature
from bmtick.engine.node import Node
from bmtick.engine.registry import kinds
from bmtick.errors import Location
from bmtick.tick import ast


class Owner:
    """An object attached to a node that has its own properties, such as an alert handler."""

    node: Node
    location: Location | None = None
    excerpt = ""

    def all_properties(self) -> Mapping[str, Property]:
        """The owner's properties, then those of its node."""
        raise NotImplementedError

    def set_property(self, prop: Property, args: list[Any]) -> Any:
        """Apply a property; return the object that the rest of the chain applies to."""
        raise NotImplementedError


_DEADMAN_ID = "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'"
_DEADMAN_MESSAGE = (
    '{{ .ID }} is {{ if eq .Level "OK" }}alive{{ else }}dead{{ end }}: '
    '{{ index .Fields "emitted" | printf "%0.3f" }} points/INTERVAL.'
)


def deadman(parent: Node, args: list[Any], locate: Callable[[Node], None]) -> Node:
    """Build ``|stats|derivative|alert``, which fires if too few points pass the parent.

    Raises:
        ArgumentError: the arguments are not (float, duration, lambda...).
    """
    Signature.of("float", "duration", "...lambda").check("|deadman()", args)
    threshold, interval, *conditions = args
    known = kinds()
    if interval <= 0:
        raise ArgumentError("the interval of |deadman() must be positive")
    stats: Any = known["stats"].create(parent, [interval])
    stats.align = True
    derivative: Any = known["derivative"].create(stats, ["emitted"])
    derivative.non_negative, derivative.unit = True, interval
    alert: Any = known["alert"].create(derivative, [])
    condition: ast.Node = ast.Binary("<=", ast.Reference("emitted"), ast.Number(threshold))
    for extra in conditions:
        condition = ast.Binary("AND", condition, extra.expression)
    alert.crit = ast.Lambda(condition)
    alert.id_text = _DEADMAN_ID.replace("NODE_NAME", parent.name, 1)
    alert.message_text = _DEADMAN_MESSAGE.replace("INTERVAL", format_go_duration(interval), 1)
    for node in (stats, derivative, alert):
        locate(node)
    return alert  # type: ignore[no-any-return]
