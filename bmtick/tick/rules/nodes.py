"""Checks each kind of node: groups, names of results, times, values."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bmtick.errors import nearest
from bmtick.tick.ast import Position
from bmtick.tick.context import Context
from bmtick.tick.findings import Fix
from bmtick.tick.graph import PipelineNode, Setting
from bmtick.tick.values import UNKNOWN, Value, described

_STRINGS = "a tag's name stands in single quotes"


def _groups(context: Context) -> None:
    """Check the dimensions of ``|groupBy()`` and ``.groupBy()``."""
    for node in context.nodes:
        if node.name == "groupBy" and node.complete:
            excluded = any(setting.args for setting in node.uses("exclude"))
            _dimensions(context, node.args, node.pos, excluded=excluded)
        elif node.name == "from":
            setting = node.last("groupBy")
            if setting and setting.complete:
                _dimensions(context, setting.args, setting.pos, excluded=False)
        elif node.name == "query":
            setting = node.last("groupBy")
            _query_groups(context, setting.args if setting else [])


def _dimensions(context: Context, args: list[Value], position: Position, *, excluded: bool) -> None:
    for arg in args:
        if arg.type not in ("string", "star", "any"):
            message = f"a stream is grouped by tags, and this is {described(arg.type)}"
            remedy = _STRINGS if arg.type == "reference" else "time belongs into |window()"
            context.report.error("group-by", message, arg.pos, remedy)
        elif arg.type == "string" and arg.at_definition() == "":
            remedy = "in a template, Kapacitor checks it with empty values: use a list"
            remedy = remedy if arg.placeholder else "name it"
            context.report.error("group-by", "a tag to group by has no name", arg.pos, remedy)
        elif arg.constant == "*" and arg.type == "string":
            _star_in_quotes(context, arg)
    stars = [arg for arg in args if arg.type == "star"]
    if stars and len(args) > 1:
        message = "* already means all tags: no others can be named with it"
        context.report.error("group-by", message, stars[0].pos, "write * alone")
    if excluded and not stars:
        message = ".exclude() needs |groupBy(*)"
        context.report.error("group-by", message, position)


def _star_in_quotes(context: Context, arg: Value) -> None:
    message = "this groups by a tag that is called *, and puts all data into one group"
    fix = Fix(arg.pos.offset, arg.pos.offset + 3, "*")
    context.report.warning("group-by", message, arg.pos, "write .groupBy(*) for all tags", fix)


def _query_groups(context: Context, args: list[Value]) -> None:
    times = [arg for arg in args if arg.type in ("duration", "dimension")]
    for arg in args:
        if arg.constant == "*" and arg.type == "string":
            _star_in_quotes(context, arg)
        if arg.type not in ("string", "star", "duration", "dimension", "any"):
            message = f"a query is grouped by tags and time, and this is {described(arg.type)}"
            remedy = _STRINGS if arg.type == "reference" else ""
            context.report.error("group-by", message, arg.pos, remedy)
    if len(times) > 1:
        message = "a query is grouped by one time only"
        context.report.error("group-by", message, times[1].pos)


def _names(context: Context) -> None:
    """Check the names given with ``.as()``."""
    for node in context.nodes:
        if node.name == "eval":
            _eval(context, node)
        elif node.name == "join":
            _prefixes(context, node, len(node.parents), "node")
        elif node.name == "combine" and node.complete:
            _prefixes(context, node, len(node.args), "expression")


def _given(setting: Setting | None) -> list[object] | None:
    """Return the names, or None where their number is unknown."""
    if setting is None:
        return []
    return [arg.at_definition() for arg in setting.args] if setting.complete else None


def _eval(context: Context, node: PipelineNode) -> None:
    setting = node.last("as")
    names = _given(setting)
    if names is None or not node.complete:
        return
    if len(names) != len(node.args):
        message = f"|eval() has {_plural(len(node.args), 'expression')}, and .as() {_plural(len(names), 'name')}"
        remedy = "give each expression a name, like .as('value')"
        context.report.error("names", message, setting.pos if setting else node.pos, remedy)
    tags = node.last("tags")
    for arg in tags.args if tags else ():
        if arg.text() and UNKNOWN not in names and arg.text() not in names:
            message = f"'{arg.text()}' cannot become a tag: .as() does not name it"
            context.report.error("names", message, arg.pos)


def _prefixes(context: Context, node: PipelineNode, number: int, what: str) -> None:
    setting = node.last("as")
    names = _given(setting)
    if names is None:
        return
    where = setting.pos if setting else node.pos
    if len(names) != number or not names:
        message = f"{node.describe()} has {_plural(number, what)}, and .as() {_plural(len(names), 'name')}"
        context.report.error("names", message, where, "give each one a name, like .as('a', 'b')")
        return
    value = node.value("delimiter")
    delimiter = value.at_definition() if value else "."
    _each_name(context, node, names, delimiter, where)


def _each_name(
    context: Context, node: PipelineNode, names: list[object], delimiter: object, where: Position
) -> None:
    known = [name for name in names if isinstance(name, str)]
    for name in known:
        if not name:
            remedy = "in a template, Kapacitor checks it with empty values: write the name out"
            context.report.error("names", f"{node.describe()} has an empty name", where, remedy)
        elif (
            isinstance(delimiter, str) and delimiter in name and (delimiter or node.name != "join")
        ):
            message = f"the name '{name}' contains the delimiter '{delimiter}'"
            context.report.error("names", message, where, "rename it, or set .delimiter()")
    if len({name for name in known if name}) < len([name for name in known if name]):
        context.report.error("names", f"{node.describe()} has two equal names", where)


def _plural(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _timing(context: Context) -> None:
    """Check windows, barriers, samples, shifts, statistics and queries."""
    for node in context.nodes:
        if rule := _TIMES.get(node.name):
            rule(context, node)


def _number(value: Value | None, *, at_definition: bool = False) -> int | None:
    """Return a number or duration; 0 where it is not set, None where it is unknown."""
    if value is None:
        return 0
    constant = value.at_definition() if at_definition else value.constant
    if constant is UNKNOWN or isinstance(constant, bool) or not isinstance(constant, int):
        return None
    return constant


def _window(context: Context, node: PipelineNode) -> None:
    report = context.report
    period, count = _number(node.value("period")), _number(node.value("periodCount"))
    every_count = _number(node.value("everyCount"), at_definition=True)
    if period == 0 and count == 0:
        message = "the window has no bounds: Kapacitor refuses it"
        remedy = "say how much it holds: .period(10m) or .periodCount(10)"
        report.error("window", message, node.pos, remedy)
    if period and count:
        message = "a window is bounded by .period() or by .periodCount(), not by both"
        report.error("window", message, node.pos)
    if count and node.last("align"):
        message = "only a window of time can be aligned, not one of a number of points"
        report.error("window", message, node.pos, "remove .align()")
    if count and every_count is not None and every_count <= 0:
        message = "a window of a number of points needs .everyCount() above 0"
        report.error("window", message, node.pos, "like .everyCount(1)")
    every = _number(node.value("every"))
    if period and every == 0 and node.value("every") is None:
        message = "without .every() the window is emitted again at every point"
        report.warning("window", message, node.pos, "add .every(10s)")
    if (period or 0) < 0 or (every or 0) < 0:
        report.warning("window", "a window of negative time holds nothing", node.pos)


def _barrier(context: Context, node: PipelineNode) -> None:
    idle = _number(node.value("idle"), at_definition=True)
    period = _number(node.value("period"), at_definition=True)
    if idle and period:
        message = "a barrier has .idle() or .period(), not both"
        context.report.error("barrier", message, node.pos)
    elif idle is not None and period is not None and max(idle, period) <= 0:
        message = "the barrier needs .idle() or .period() above 0"
        remedy = "in a template, Kapacitor checks it with 0: write the duration out"
        placeholder = any((v := node.value(n)) and v.placeholder for n in ("idle", "period"))
        remedy = remedy if placeholder else "like .idle(1m)"
        context.report.error("barrier", message, node.pos, remedy)


def _not_zero(context: Context, node: PipelineNode) -> None:
    # Kapacitor also accepts the argument as a property; the last one takes effect.
    value = node.value("shift") or node.value("duration") or node.value("n")
    value = value or (node.args[0] if node.args else None)
    if value and _number(value) == 0:
        message = f"{node.describe()} cannot take 0"
        context.report.error("timing", message, value.pos)


def _interval(context: Context, node: PipelineNode) -> None:
    at = 1 if node.name == "deadman" else 0
    value = node.value("interval") or (node.args[at] if len(node.args) > at else None)
    interval = _number(value)
    if value and interval is not None and interval <= 0:
        message = f"the interval of {node.describe()} must be above 0"
        context.report.error("timing", message, value.pos)


def _query(context: Context, node: PipelineNode) -> None:
    report = context.report
    every, cron = node.value("every"), node.value("cron")
    if every is None and cron is None:
        message = "the query does not say when it runs"
        report.error("query", message, node.pos, "add .every(1m) or .cron('...')")
    elif (number := _number(every)) and cron and cron.text():
        report.error("query", "a query has .every() or .cron(), not both", node.pos)
    elif number is not None and number <= 0 and not cron:
        report.error("query", ".every() must be above 0", node.pos)
    if node.value("period") is None or _number(node.value("period")) == 0:
        message = "the query has no period: it asks for no data at all"
        report.warning("query", message, node.pos, "add .period(5m)")


_TIMES: dict[str, Callable[[Context, PipelineNode], None]] = {
    "window": _window,
    "barrier": _barrier,
    "sample": _not_zero,
    "shift": _not_zero,
    "stats": _interval,
    "deadman": _interval,
    "query": _query,
    "queryFlux": _query,
}


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


def _values(context: Context) -> None:
    """Check the values of properties."""
    for node in context.nodes:
        for rule in _VALUES:
            for message, value, remedy in rule(node):
                where = value.pos if value else node.pos
                context.report.error("value", message, where, remedy)


_Found = Iterator[tuple[str, Value | None, str]]


def _empty(node: PipelineNode, name: str) -> bool:
    """Return whether a property is unset or empty when the script is defined."""
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
                yield (
                    ".post() needs an address or .endpoint()",
                    Value("any", pos=use.pos),
                    "like .post('http://...')",
                )
        elif use.handler.name == "log":
            path = use.value("filePath") or (use.args[0] if use.args else None)
            if path and path.known and path.type == "string" and not path.text().startswith("/"):
                yield (
                    f".log() needs an absolute path, and '{path.text()}' is none",
                    path,
                    "like .log('/var/log/kapacitor/alerts.log')",
                )
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


_VALUES: tuple[Callable[[PipelineNode], _Found], ...] = (
    _fill,
    _loopback,
    _default,
    _http_post,
    _handlers,
    _flapping,
    _autoscale,
)


_WEB = ("http://", "https://")


def _sideload(context: Context) -> None:
    """Check the source of each ``|sideload()``."""
    for node in context.nodes:
        if node.name != "sideload":
            continue
        source = node.value("source")
        if source is None:
            message, remedy = "|sideload() needs .source()", "like .source('file:///srv/tags')"
            context.report.error("value", message, node.pos, remedy)
        elif source.text().startswith(_WEB):
            context.evaluator.since("1.5.8", ".source() with http", source.pos)
        elif source.known and source.type == "string" and not source.text().startswith("file://"):
            message = f"'{source.text()}' is no source: it begins with file://, http:// or https://"
            context.report.error("value", message, source.pos)


def check(context: Context) -> None:
    """Check every node."""
    _groups(context)
    _names(context)
    _timing(context)
    _values(context)
    _sideload(context)
