"""The handlers of an alert, from the language's table.

Source: kapacitor ``pipeline/alert.go``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from bmtick.engine.arguments import Property, completed, signature_of
from bmtick.engine.builtin import Owner
from bmtick.engine.events import Handler
from bmtick.engine.node import Node
from bmtick.tick.kinds import Signature, catalogue


class AlertHandler(Owner):
    """A handler in a script: its properties come first, then the alert's."""

    def __init__(self, node: Node, kind: str, args: list[Any]) -> None:
        self.node = node
        self.kind = kind
        self.args = args
        self.given: dict[str, list[list[Any]]] = {}

    def all_properties(self) -> Mapping[str, Property]:
        """The handler's properties, then those of the alert."""
        return {**self.node.all_properties(), **_own(self.kind)}

    def set_property(self, prop: Property, args: list[Any]) -> Any:
        """Apply a property; a property of the alert returns the alert."""
        own = any(prop is mine for mine in _own(self.kind).values())
        result = prop.apply(self if own else self.node, args)
        if result is not None:
            return result
        return self if prop.direct else self.node

    def freeze(self) -> Handler:
        """Return the handler as data: single values, lists, or True for flags."""
        known = catalogue().handlers[self.kind].properties
        properties = {
            name: _plain(known[name].signature, calls) for name, calls in self.given.items()
        }
        return Handler(self.kind, list(self.args), properties)


def _plain(signature: Signature, calls: list[list[Any]]) -> Any:
    if not signature.types:
        return True
    if len(signature.types) == 1 and signature.variadic:
        return [arg for args in calls for arg in args]
    if len(signature.types) == 1:
        return calls[-1][0]
    return calls


@cache
def _own(kind: str) -> Mapping[str, Property]:
    known = catalogue().handlers[kind].properties
    return completed({name: _record(name) for name in known}, known)


def _record(name: str) -> Property:
    def apply(owner: AlertHandler, args: list[Any]) -> AlertHandler:
        owner.given.setdefault(name, []).append(args)
        return owner

    return Property(apply, direct=True)


def handler_properties() -> dict[str, Property]:
    """Return the properties of an alert that add handlers."""
    return {
        name: Property(_adder(name), signature_of(handler.signature), since=handler.since)
        for name, handler in catalogue().handlers.items()
    }


def _adder(name: str) -> Callable[[Any, list[Any]], AlertHandler]:
    def apply(owner: Any, args: list[Any]) -> AlertHandler:
        handler = AlertHandler(owner, name, args)
        owner.handlers.append(handler)
        return handler

    return apply


def problem(handler: AlertHandler) -> str:
    """Return why Kapacitor would refuse a handler, or ``""``."""
    given = handler.freeze().properties
    if handler.kind == "post":
        if not handler.args and "endpoint" not in given and "uRL" not in given:
            return "either URL or endpoint must be non-empty"
        if any(key.upper() == "AUTHENTICATE" for key, _ in given.get("header", [])):
            return "cannot set 'authenticate' header"
    if handler.kind == "snmpTrap":
        if not handler.args[0]:
            return "you must supply a trap Oid"
        for oid, kind, _ in given.get("data", []):
            if kind not in ("c", "i", "n", "s", "t"):
                return f"unsupported data type '{kind}' for data entry '{oid}'"
    return ""
