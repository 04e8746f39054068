"""Properties whose value must be one of a few, or must be set, as Kapacitor's nodes validate."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bmtick.errors import nearest
from bmtick.tick.context import Context
from bmtick.tick.graph import PipelineNode
from bmtick.tick.values import UNKNOWN, Value, described

_FILL = {
    "join": ("null", "none"),
    "query": ("null", "none", "previous", "linear"),
}
_SNMP_TYPES = ("c", "i", "n", "s", "t")
_SCALED = {
    "k8sAutoscale": ("resourceName", "resourceNameTag"),
    "swarmAutoscale": ("serviceName", "serviceNameTag"),
    "ec2Autoscale": ("groupName", "groupNameTag"),
}
_KINDS = ("deployments", "replicasets", "replicationcontrollers")


def check(context: Context) -> None:
    """Check the values of properties."""
    for node in context.nodes:
        for rule in _RULES:
            for message, value, remedy in rule(node):
                where = value.pos if value else node.pos
                context.report.error("value", message, where, remedy)


_Found = Iterator[tuple[str, Value | None, str]]


def _empty(node: PipelineNode, name: str) -> bool:
    """Say whether a property is not set, or set to an empty text when the script is defined."""
    value = node.value(name)
    return value is None or value.at_definition() == ""


def _fill(node: PipelineNode) -> _Found:
    value = node.value("fill")
    words = _FILL.get(node.name)
    if value and words and value.text() not in ("", *words):
        remedy = nearest(value.text(), words) or f"it takes a number, {', '.join(words)}"
        yield f"no fill '{value.text()}'", value, remedy


def _loopback(node: PipelineNode) -> _Found:
    if node.name == "kapacitorLoopback":
        for name in ("database", "retentionPolicy"):
            if _empty(node, name):
                yield f"|kapacitorLoopback() needs .{name}()", node.value(name), ""


def _default(node: PipelineNode) -> _Found:
    if node.name == "default":
        for setting in node.uses("field"):
            value = setting.args[1] if len(setting.args) == 2 else None
            if value and value.type not in ("int", "float", "string", "bool", "any"):
                message = (
                    f"a field is a number, string or bool, and this is {described(value.type)}"
                )
                yield message, value, ""


def _http_post(node: PipelineNode) -> _Found:
    if node.name != "httpPost" or not node.complete:
        return
    endpoints = list(node.uses("endpoint"))
    if len(node.args) > 1:
        yield "|httpPost() takes one address", node.args[1], ""
    elif len(node.args) + len(endpoints) == 0:
        yield "|httpPost() needs an address or .endpoint()", None, "like |httpPost('http://...')"
    elif len(node.args) + len(endpoints) > 1:
        yield "|httpPost() takes one address or one .endpoint()", None, ""
    yield from _headers(node.uses("header"))


def _headers(settings: Iterator[object]) -> _Found:
    for setting in settings:
        args = getattr(setting, "args", [])
        if args and args[0].text().upper() == "AUTHENTICATE":
            yield "Kapacitor refuses the header 'Authenticate'", args[0], ""


def _handlers(node: PipelineNode) -> _Found:
    for use in node.handlers:
        if use.handler.name == "post":
            yield from _headers(use.uses("header"))
            address = use.args or [
                s.args[0] for n in ("uRL", "endpoint") for s in use.uses(n) if s.args
            ]
            if not address:
                yield ".post() needs an address or .endpoint()", Value("any", pos=use.pos), ""
        elif use.handler.name == "log":
            path = use.value("filePath") or (use.args[0] if use.args else None)
            if path and path.known and path.type == "string" and not path.text().startswith("/"):
                yield f".log() needs an absolute path, and '{path.text()}' is none", path, ""
        elif use.handler.name == "snmpTrap":
            if use.args and use.args[0].at_definition() == "":
                yield ".snmpTrap() needs an OID", use.args[0], ""
            for setting in use.uses("data"):
                kind = setting.args[1] if len(setting.args) == 3 else None
                if kind and kind.at_definition() not in (UNKNOWN, *_SNMP_TYPES):
                    remedy = f"it is one of {', '.join(_SNMP_TYPES)}"
                    yield f"no type '{kind.at_definition()}' of SNMP data", kind, remedy


def _flapping(node: PipelineNode) -> _Found:
    for setting in node.uses("flapping"):
        for arg in setting.args:
            if isinstance(arg.constant, float) and arg.constant > 1:
                yield "flapping thresholds are shares from 0.0 to 1.0", arg, "25 % is 0.25"


def _autoscale(node: PipelineNode) -> _Found:
    names = _SCALED.get(node.name)
    if not names:
        return
    if sum(not _empty(node, name) for name in names) != 1:
        yield f"{node.describe()} needs either .{names[0]}() or .{names[1]}()", None, ""
    if node.value("replicas") is None:
        yield f"{node.describe()} needs .replicas()", None, "like .replicas(lambda: ...)"
    least = node.value("min")
    if least and isinstance(number := least.at_definition(), int) and number < 1:
        yield ".min() must be at least 1", least, ""
    kind = node.value("kind")
    if kind and kind.at_definition() not in (UNKNOWN, *_KINDS):
        yield f"no kind '{kind.at_definition()}'", kind, f"it is one of {', '.join(_KINDS)}"


_RULES: tuple[Callable[[PipelineNode], _Found], ...] = (
    _fill,
    _loopback,
    _default,
    _http_post,
    _handlers,
    _flapping,
    _autoscale,
)
