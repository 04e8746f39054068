"""What data is grouped by."""

from __future__ import annotations

from bmtick.tick.ast import Position
from bmtick.tick.context import Context
from bmtick.tick.values import Value, described

_STRINGS = "a tag's name stands in single quotes"


def check(context: Context) -> None:
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
            _query(context, setting.args if setting else [])


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
    stars = [arg for arg in args if arg.type == "star"]
    if stars and len(args) > 1:
        message = "* already means all tags: no others can be named with it"
        context.report.error("group-by", message, stars[0].pos)
    if excluded and not stars:
        message = ".exclude() needs |groupBy(*)"
        context.report.error("group-by", message, position)


def _query(context: Context, args: list[Value]) -> None:
    times = [arg for arg in args if arg.type in ("duration", "dimension")]
    for arg in args:
        if arg.type not in ("string", "star", "duration", "dimension", "any"):
            message = f"a query is grouped by tags and time, and this is {described(arg.type)}"
            remedy = _STRINGS if arg.type == "reference" else ""
            context.report.error("group-by", message, arg.pos, remedy)
    if len(times) > 1:
        message = "a query is grouped by one time only"
        context.report.error("group-by", message, times[1].pos)
