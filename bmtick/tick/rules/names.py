"""Nodes that name their results: eval, join, combine."""

from __future__ import annotations

from bmtick.tick.ast import Position
from bmtick.tick.context import Context
from bmtick.tick.graph import PipelineNode, Setting
from bmtick.tick.values import UNKNOWN


def check(context: Context) -> None:
    """Check the names given with ``.as()``."""
    for node in context.nodes:
        if node.name == "eval":
            _eval(context, node)
        elif node.name == "join":
            _prefixes(context, node, len(node.parents), "node")
        elif node.name == "combine" and node.complete:
            _prefixes(context, node, len(node.args), "expression")


def _given(setting: Setting | None) -> list[object] | None:
    """Return the names, or None where their number is not known."""
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
