"""The handlers that an alert may have, as data. Source: kapacitor ``pipeline/alert.go``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from bmtick.engine.arguments import Property, Signature
from bmtick.engine.builtin import Owner
from bmtick.engine.events import Handler

if TYPE_CHECKING:
    from bmtick.engine.nodes.alert import AlertNode


@dataclass(frozen=True)
class HandlerKind:
    """What a handler's method and its properties take.

    ``properties`` maps a name to Go-like types; one type is a plain field, none is a flag.
    """

    arguments: tuple[str, ...] = ()
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_S = ("string",)
_LIST = ("...string",)

KINDS: dict[str, HandlerKind] = {
    "post": HandlerKind(
        _LIST,
        {
            "uRL": _S,
            "endpoint": _S,
            "header": ("string", "string"),
            "captureResponse": (),
            "timeout": ("duration",),
            "skipSSLVerification": (),
        },
    ),
    "tcp": HandlerKind(_S, {"address": _S}),
    "email": HandlerKind(_LIST, {"to": _LIST}),
    "exec": HandlerKind(("string", "...string")),
    "log": HandlerKind(_S, {"filePath": _S, "mode": ("int",)}),
    "victorOps": HandlerKind((), {"routingKey": _S}),
    "pagerDuty": HandlerKind((), {"serviceKey": _S}),
    "pagerDuty2": HandlerKind(
        (), {"routingKey": _S, "serviceKey": _S, "link": ("string", "...string")}
    ),
    "pushover": HandlerKind(
        (),
        {"userKey": _S, "device": _S, "title": _S, "uRL": _S, "uRLTitle": _S, "sound": _S},
    ),
    "sensu": HandlerKind((), {"source": _S, "handlers": _LIST, "metadata": ("string", "any")}),
    "slack": HandlerKind((), {"workspace": _S, "channel": _S, "username": _S, "iconEmoji": _S}),
    "discord": HandlerKind(
        (), {"workspace": _S, "username": _S, "avatarURL": _S, "embedTitle": _S}
    ),
    "telegram": HandlerKind(
        (),
        {
            "chatId": _S,
            "parseMode": _S,
            "disableWebPagePreview": (),
            "disableNotification": (),
        },
    ),
    "hipChat": HandlerKind((), {"room": _S, "token": _S}),
    "alerta": HandlerKind(
        (),
        {
            "token": _S,
            "resource": _S,
            "event": _S,
            "environment": _S,
            "group": _S,
            "value": _S,
            "origin": _S,
            "services": _LIST,
            "timeout": ("duration",),
        },
    ),
    "opsGenie": HandlerKind((), {"teams": _LIST, "recipients": _LIST}),
    "opsGenie2": HandlerKind((), {"teams": _LIST, "recipients": _LIST, "recoveryAction": _S}),
    "talk": HandlerKind(),
    "mqtt": HandlerKind(
        _S, {"brokerName": _S, "topic": _S, "qos": ("int",), "retained": ("bool",)}
    ),
    "snmpTrap": HandlerKind(_S, {"trapOid": _S, "data": ("string", "string", "string")}),
    "kafka": HandlerKind((), {"cluster": _S, "kafkaTopic": _S, "template": _S}),
    "teams": HandlerKind((), {"channelURL": _S}),
    "serviceNow": HandlerKind(
        (),
        {
            "uRL": _S,
            "username": _S,
            "password": _S,
            "source": _S,
            "node": _S,
            "type": _S,
            "resource": _S,
            "metricName": _S,
            "messageKey": _S,
        },
    ),
}


class AlertHandler(Owner):
    """A handler in a script: its own properties come first, then the alert's."""

    def __init__(self, node: AlertNode, kind: str, args: list[Any]) -> None:
        self.node = node
        self.kind = kind
        self.args = args
        self.given: dict[str, list[list[Any]]] = {}

    def all_properties(self) -> Mapping[str, Property]:
        """Its own properties, then those of the alert."""
        return {**self.node.all_properties(), **_own(self.kind)}

    def set_property(self, prop: Property, args: list[Any]) -> Any:
        """Apply a property; a method of the alert's leads back to the alert."""
        own = any(prop is mine for mine in _own(self.kind).values())
        result = prop.apply(self if own else self.node, args)
        if result is not None:
            return result
        return self if prop.direct else self.node

    def freeze(self) -> Handler:
        """Return the handler as data: single values, lists or, for flags, True."""
        properties = {
            name: _plain(KINDS[self.kind].properties[name], calls)
            for name, calls in self.given.items()
        }
        return Handler(self.kind, list(self.args), properties)


def _plain(types: tuple[str, ...], calls: list[list[Any]]) -> Any:
    if not types:
        return True
    if types == _LIST:
        return [arg for args in calls for arg in args]
    if len(types) == 1:
        return calls[-1][0]
    return calls


@cache
def _own(kind: str) -> Mapping[str, Property]:
    return {name: _record(name, types) for name, types in KINDS[kind].properties.items()}


def _record(name: str, types: tuple[str, ...]) -> Property:
    def apply(owner: AlertHandler, args: list[Any]) -> AlertHandler:
        owner.given.setdefault(name, []).append(args)
        return owner

    return Property(Signature.of(*types), apply, direct=True)


def handler_properties() -> dict[str, Property]:
    """Return the properties of an alert that add a handler."""
    return {name: _adder(name, kind) for name, kind in KINDS.items()}


def _adder(name: str, kind: HandlerKind) -> Property:
    def apply(owner: AlertNode, args: list[Any]) -> AlertHandler:
        handler = AlertHandler(owner, name, args)
        owner.handlers.append(handler)
        return handler

    return Property(Signature.of(*kind.arguments), apply)


def problem(handler: AlertHandler) -> str:
    """Return why Kapacitor would refuse a handler, or nothing."""
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
