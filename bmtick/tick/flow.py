"""The data between nodes: fields, tags and groups, and how each kind of node changes them.

Source for ``|eval()``: Kapacitor's ``eval.go`` and ``expr.go``. Where a later expression reads a
name that is both a field of the point and a result, the field's value is used, and it also
replaces the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bmtick import names
from bmtick.tick import ast
from bmtick.tick.graph import PipelineNode, Setting, strings
from bmtick.tick.lambda_types import NO_TYPE
from bmtick.tick.values import Value


@dataclass(frozen=True)
class Measurement:
    """The schema of a measurement: the types of its fields, and its tags."""

    fields: Mapping[str, str]
    tags: Collection[str] = ()


Schema = Mapping[str, Measurement]

KNOWN: Schema = MappingProxyType(
    {
        name: Measurement(fields, (*names.TAGS[name], *names.GLOBAL_TAGS))
        for name, fields in names.FIELDS.items()
    }
)
"""The measurements that bmtick itself collects, and those of Telegraf that it reads."""


@dataclass(frozen=True)
class Flow:
    """Fields and tags of a point. ``more_fields`` and ``more_tags`` allow unknown others.

    ``added`` are tags that nodes added. ``groups`` is None where they are unknown
    (``groupBy(*)``, a var of the template).
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    more_fields: bool = True
    more_tags: bool = True
    groups: frozenset[str] | None = frozenset()
    measurement: str = ""
    added: frozenset[str] = frozenset()

    def type_of(self, name: str) -> str:
        """Return the type of a field or tag, or NO_TYPE where it is unknown."""
        if name == "time":
            return "time"
        if name in self.fields:
            return self.fields[name]
        return "string" if name in self.tags else NO_TYPE

    def has(self, name: str) -> bool:
        """Return whether such a field or tag may exist."""
        known = name in self.fields or name in self.tags or name == "time"
        return known or self.more_fields or self.more_tags

    def with_fields(self, fields: Mapping[str, str]) -> Flow:
        """Return the flow with more fields."""
        return replace(self, fields={**self.fields, **fields})

    def with_tags(self, tags: Collection[str]) -> Flow:
        """Return the flow with the tags that a node adds."""
        return replace(self, tags=self.tags | set(tags), added=self.added | set(tags))

    def without(self, fields: Collection[str], tags: Collection[str]) -> Flow:
        """Return the flow without the given fields and tags."""
        left = {name: type_ for name, type_ in self.fields.items() if name not in fields}
        return replace(self, fields=left, tags=self.tags - frozenset(tags))

    def only(self, fields: Mapping[str, str]) -> Flow:
        """Return the flow after an aggregation: these fields, and the tags of the group."""
        return Flow(
            dict(fields),
            (self.groups or frozenset()) | self.added,
            more_fields=False,
            more_tags=self.groups is None,
            groups=self.groups,
            measurement=self.measurement,
            added=self.added,
        )


def of_measurement(schema: Schema, name: str) -> Flow:
    """Return the flow of a measurement; it is complete if the schema has the measurement."""
    known = schema.get(name)
    if known is None:
        return Flow(measurement=name)
    return Flow(
        dict(known.fields),
        frozenset(known.tags),
        more_fields=False,
        more_tags=False,
        measurement=name,
    )


TypeOf = Callable[[Value, Flow], str]


def eval_outflow(node: PipelineNode, incoming: Flow, type_of: TypeOf) -> Flow:
    """Return the data that leaves an eval; ``type_of`` is called once per expression, in order."""
    setting = node.last("as")
    names = strings(setting.args) if setting and setting.complete else None
    named = names is not None and len(names) == len(node.args)
    computed: dict[str, str] = {}
    for i, arg in enumerate(node.args):
        type_name = type_of(arg, _visible(incoming, computed))
        for read in computed.keys() & _references(arg):
            computed[read] = _raw(incoming, read, computed[read])
        if named and names:
            computed[names[i]] = type_name
    if not named:
        return Flow(groups=incoming.groups)
    return _kept(node, incoming, computed)


def lost_results(node: PipelineNode, incoming: Flow) -> Iterator[tuple[str, Value]]:
    """Yield results that are lost: a later expression reads a tag or field of the same name."""
    setting = node.last("as")
    names = strings(setting.args) if setting and setting.complete else None
    if names is None or len(names) != len(node.args):
        return
    for i, arg in enumerate(node.args):
        for name in sorted(_references(arg) & set(names[:i])):
            if name in incoming.tags or name in incoming.fields:
                yield name, arg


def _kept(node: PipelineNode, incoming: Flow, computed: dict[str, str]) -> Flow:
    setting = node.last("tags")
    tags = frozenset((strings(setting.args) or ()) if setting else ())
    keep = node.last("keep")
    kept = strings(keep.args) if keep and keep.complete else None
    everything = {**incoming.fields, **computed}
    if keep is None:
        fields = {name: type_name for name, type_name in computed.items() if name not in tags}
        flow = replace(incoming, fields=fields, more_fields=False)
    elif kept is None:
        flow = replace(incoming, fields={}, more_fields=True)
    elif kept:
        fields = {name: everything.get(name, NO_TYPE) for name in kept}
        flow = replace(incoming, fields=fields, more_fields=False)
    else:
        flow = replace(incoming, fields=everything)
    return flow.with_tags(tags)


def _visible(incoming: Flow, computed: dict[str, str]) -> Flow:
    """Return what an expression can read: earlier results, except where a tag has the name."""
    fields = {
        name: _raw(incoming, name, type_name)
        for name, type_name in computed.items()
        if name not in incoming.tags  # tags and fields of the point take precedence
    }
    return incoming.with_fields(fields)


def _raw(incoming: Flow, name: str, type_name: str) -> str:
    """Return the type of a name that is a result and perhaps also a field of the point."""
    if name in incoming.fields:
        return incoming.fields[name]
    return NO_TYPE if incoming.more_fields else type_name


def _references(value: Value) -> set[str]:
    return set(_names(value.constant)) if value.type == "lambda" and value.known else set()


def _names(expression: ast.Node) -> Iterator[str]:
    stack: list[ast.Node] = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Reference):
            yield node.name
        elif isinstance(node, ast.Binary):
            stack += [node.left, node.right]
        elif isinstance(node, ast.Unary):
            stack.append(node.operand)
        elif isinstance(node, ast.Call):
            stack += node.args
        elif isinstance(node, ast.Lambda):
            stack.append(node.expression)


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
    """Return the data that leaves a node, given the data that leaves its parents."""
    if node.name == "from":
        return _from(node, schema)
    if node.kind is None or not node.parents:
        return Flow(groups=None)
    incoming = flows[id(node.parents[0])]
    if node.name == "eval":
        return eval_outflow(node, incoming, type_of)
    if node.name in _AGGREGATES or node.name in _SELECTORS:
        return _influxql(node, incoming)
    if node.name in ("join", "combine"):
        return _prefixed(node, [flows[id(parent)] for parent in node.parents])
    if node.name == "union":
        return _union([flows[id(parent)] for parent in node.parents])
    change = _CHANGES.get(node.name)
    return change(node, incoming) if change else incoming


def dimensions(values: list[Value]) -> frozenset[str] | None:
    """Return the tags to group by, or None where some are unknown."""
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
        type_name = NO_TYPE  # the sum of an empty batch is the float 0.0
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
    """Return the flow of a join or combine: each field gets the prefix of its side."""
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
    """Return the fields of one side of a join; fill adds the names of the other sides."""
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
    # A field that may already exist may have a type other than its default's.
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
