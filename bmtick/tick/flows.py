"""How each kind of node changes the data: fields, tags and groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from bmtick.tick import eval_flow
from bmtick.tick.eval_flow import TypeOf
from bmtick.tick.flow import Flow, Schema, of_measurement
from bmtick.tick.graph import PipelineNode, Setting, strings
from bmtick.tick.lambda_types import NO_TYPE
from bmtick.tick.values import Value

_SELECTORS = frozenset({"first", "last", "min", "max", "percentile"})
_FLOATS = frozenset(
    {"mean", "median", "stddev", "movingAverage", "holtWinters", "holtWintersWithFit"}
)
_INTS = frozenset({"count", "elapsed"})
_SAME_TYPE = frozenset(
    {"distinct", "mode", "spread", "sum", "top", "bottom", "difference", "cumulativeSum"}
)
_AGGREGATES = _FLOATS | _INTS | _SAME_TYPE


def outflow(node: PipelineNode, flows: Mapping[int, Flow], schema: Schema, type_of: TypeOf) -> Flow:
    """Return what leaves a node, given what leaves its parents."""
    if node.name == "from":
        return _from(node, schema)
    if node.kind is None or not node.parents:
        return Flow(groups=None)
    incoming = flows[id(node.parents[0])]
    if node.name == "eval":
        return eval_flow.outflow(node, incoming, type_of)
    if node.name in _AGGREGATES or node.name in _SELECTORS:
        return _influxql(node, incoming)
    if node.name in ("join", "combine"):
        return _prefixed(node, [flows[id(parent)] for parent in node.parents])
    if node.name == "union":
        return _union([flows[id(parent)] for parent in node.parents])
    change = _CHANGES.get(node.name)
    return change(node, incoming) if change else incoming


def dimensions(values: list[Value]) -> frozenset[str] | None:
    """Return the tags to group by, or None where they are not all known."""
    if any(value.type == "star" for value in values):
        return None
    found = [v for v in values if v.type not in ("duration", "dimension")]
    texts = strings(found)
    return None if texts is None else frozenset(texts)


def _grouped(flow: Flow, setting: Setting | None) -> Flow:
    if setting is None:
        return flow
    return replace(flow, groups=dimensions(setting.args) if setting.complete else None)


def _from(node: PipelineNode, schema: Schema) -> Flow:
    measurement = node.value("measurement")
    flow = of_measurement(schema, node.text("measurement"))
    if measurement and not measurement.known:
        flow = Flow()
    return _grouped(flow, node.last("groupBy"))


def _influxql(node: PipelineNode, incoming: Flow) -> Flow:
    position = 1 if node.name in ("top", "bottom") else 0
    field = node.args[position] if len(node.args) > position else None
    if field is None or not field.text():
        return Flow(groups=incoming.groups)
    type_name = incoming.type_of(field.text())
    if node.name in _FLOATS:
        type_name = "float"
    elif node.name == "sum" and type_name == "int":
        type_name = NO_TYPE  # of an empty batch it is the float 0.0
    elif node.name in _INTS:
        type_name = "int"
    renamed = node.value("as")
    name = renamed.text() if renamed else node.name.removesuffix("WithFit")
    if not name:
        return Flow(groups=incoming.groups)
    if node.name in _SELECTORS:
        return incoming.without({field.text()}, ()).with_fields({name: type_name})
    if node.name in ("top", "bottom"):
        extra = [a.text() for a in node.args[2:] if a.text()]
        fields = {n: incoming.type_of(n) for n in extra if n not in incoming.tags}
        return replace(incoming, fields={**fields, name: type_name}, more_fields=True)
    return incoming.only({name: type_name})


def _prefixed(node: PipelineNode, flows: list[Flow]) -> Flow:
    """Return the flow of a join or combine: every field behind the name of its side."""
    setting = node.last("as")
    names = strings(setting.args) if setting and setting.complete else None
    delimiter = node.value("delimiter")
    mark = delimiter.text() if delimiter else "."
    sides = flows if node.name == "join" else flows * len(names or ())
    if names is None or len(names) != len(sides) or (delimiter and not delimiter.known):
        return Flow(groups=flows[0].groups)
    fields: dict[str, str] = {}
    for name, side in zip(names, sides, strict=True):
        fields |= {f"{name}{mark}{f}": t for f, t in _filled(node, side, sides).items()}
    tags = frozenset[str]().union(*(side.tags for side in flows))
    return Flow(
        fields,
        tags,
        added=frozenset[str]().union(*(side.added for side in flows)),
        more_fields=any(side.more_fields for side in flows) or node.name == "combine",
        more_tags=any(side.more_tags for side in flows) or node.name == "combine",
        groups=flows[0].groups,
    )


def _filled(node: PipelineNode, side: Flow, sides: list[Flow]) -> dict[str, str]:
    """Return the fields of one side of a join: a missing side is filled with the other's names."""
    fill = node.value("fill")
    if fill is None or fill.text() == "none":
        return dict(side.fields)
    names = {name for each in sides for name in each.fields}
    return {n: t if (t := side.fields.get(n, NO_TYPE)) == fill.type else NO_TYPE for n in names}


def _union(flows: list[Flow]) -> Flow:
    fields: dict[str, str] = {}
    for flow in flows:
        for name, type_name in flow.fields.items():
            fields[name] = type_name if fields.get(name, type_name) == type_name else NO_TYPE
    first = flows[0]
    same = all(flow.groups == first.groups for flow in flows)
    tags = frozenset[str]().union(*(flow.tags for flow in flows))
    groups = first.groups if same else None
    more_fields = any(flow.more_fields for flow in flows)
    more_tags = any(flow.more_tags for flow in flows)
    added = frozenset[str]().union(*(flow.added for flow in flows))
    return Flow(fields, tags, more_fields, more_tags, groups, added=added)


def _default(node: PipelineNode, flow: Flow) -> Flow:
    # Where a field may already be there, it may be of another type than its default.
    fields = {n: NO_TYPE if flow.more_fields else _type(v) for n, v in _pairs(node, "field")}
    tags = {n for n, _ in _pairs(node, "tag")}
    return flow.with_fields({**fields, **flow.fields}).with_tags(tags)


def _delete(node: PipelineNode, flow: Flow) -> Flow:
    fields = {s.args[0].text() for s in node.uses("field") if s.args}
    tags = {s.args[0].text() for s in node.uses("tag") if s.args}
    if flow.groups and tags & flow.groups:
        flow = replace(flow, groups=flow.groups - tags)
    return flow.without(fields, tags)


def _sideload(node: PipelineNode, flow: Flow) -> Flow:
    tags = {n for n, _ in _pairs(node, "tag")}
    return flow.with_fields({n: _type(v) for n, v in _pairs(node, "field")}).with_tags(tags)


def _pairs(node: PipelineNode, name: str) -> Iterator[tuple[str, Value]]:
    for setting in node.uses(name):
        if len(setting.args) == 2 and setting.args[0].text():
            yield setting.args[0].text(), setting.args[1]


def _type(value: Value) -> str:
    return value.type if value.type in ("int", "float", "string", "bool") else NO_TYPE


def _derivative(node: PipelineNode, flow: Flow) -> Flow:
    name = node.text("as") or (node.args[0].text() if node.args else "")
    return flow.with_fields({name: "float"}) if name else flow


def _state(type_name: str, default: str) -> Callable[[PipelineNode, Flow], Flow]:
    def change(node: PipelineNode, flow: Flow) -> Flow:
        value = node.value("as")
        if value and not value.text():
            return replace(flow, more_fields=True)
        return flow.with_fields({value.text() if value else default: type_name})

    return change


def _alert(node: PipelineNode, flow: Flow) -> Flow:
    fields = {node.text(n): t for n, t in _EVENT_FIELDS.items() if node.text(n)}
    tags = {node.text(n) for n in ("levelTag", "idTag") if node.text(n)}
    unknown = any(
        (v := node.value(n)) and not v.text() for n in (*_EVENT_FIELDS, "levelTag", "idTag")
    )
    return replace(
        flow.with_fields(fields).with_tags(tags),
        more_fields=flow.more_fields or unknown,
        more_tags=flow.more_tags or unknown,
    )


_EVENT_FIELDS = {
    "levelField": "string",
    "messageField": "string",
    "idField": "string",
    "durationField": "int",
}
_CHANGES: dict[str, Callable[[PipelineNode, Flow], Flow]] = {
    "groupBy": lambda node, flow: replace(
        flow, groups=dimensions(node.args) if node.complete else None
    ),
    "query": lambda node, _: _grouped(Flow(), node.last("groupBy")),
    "queryFlux": lambda _node, _flow: Flow(groups=None),
    "default": _default,
    "delete": _delete,
    "sideload": _sideload,
    "derivative": _derivative,
    "stateDuration": _state("float", "state_duration"),
    "stateCount": _state("int", "state_count"),
    "alert": _alert,
    "deadman": lambda _node, flow: Flow({"emitted": "float"}, groups=flow.groups),
    "stats": lambda _node, flow: Flow({"emitted": "int", "collected": "int"}, groups=flow.groups),
    "flatten": lambda _node, flow: replace(flow, fields={}, more_fields=True),
    "httpPost": lambda node, flow: replace(
        flow, more_fields=flow.more_fields or node.last("codeField") is not None
    ),
}
