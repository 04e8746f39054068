"""Checks alerts: levels, handlers, templates, and ids that are unique per group."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bmtick.errors import BmtickError, Location
from bmtick.tick.ast import Position
from bmtick.tick.context import Context, TemplateUses
from bmtick.tick.flow import Flow
from bmtick.tick.graph import PipelineNode
from bmtick.tick.values import Value

_LEVELS = ("info", "warn", "crit")
_ID_NAMES = frozenset({"Name", "TaskName", "Group", "Tags", "ServerInfo"})
_NAMES = {
    "id": _ID_NAMES,
    "message": _ID_NAMES | {"ID", "Fields", "Level", "Time", "Duration"},
    "details": _ID_NAMES | {"ID", "Fields", "Level", "Time", "Duration", "Message"},
}


def check(context: Context) -> None:
    """Check every alert."""
    for node in context.nodes:
        if node.name not in ("alert", "deadman"):
            continue
        if not node.unfinished:  # a misspelt level or handler has its own finding
            _levels(context, node)
            _recipients(context, node)
        templates = {name: _template(context, node, name) for name in _NAMES}
        _id(context, node, templates["id"])
    _check_addresses(context)


def _levels(context: Context, node: PipelineNode) -> None:
    set_levels = {level for level in _LEVELS if node.value(level)}
    if not set_levels and node.name == "alert":
        message = "the alert has no level: it never fires"
        remedy = "add .crit(lambda: ...)"
        context.report.warning("alert-without-level", message, node.pos, remedy)
        return
    for level in _LEVELS:
        reset = node.value(f"{level}Reset")
        if reset and level not in set_levels and node.name == "alert":
            message = f".{level}Reset() does nothing without .{level}()"
            context.report.warning("alert-without-level", message, reset.pos)


def _recipients(context: Context, node: PipelineNode) -> None:
    if not node.handlers and not node.value("topic") and not node.children:
        message = "the alert tells nobody: it has no handler and no topic"
        context.report.warning("alert-without-handler", message, node.pos, "like .email('...')")
    _arguments(context, node)
    mails = [use for use in node.handlers if use.handler.name == "email"]
    if mails and node.value("details") is None:
        message = "without .details() the mail is a dump of JSON"
        remedy = "add .details('''...''')"
        context.report.warning("alert-details", message, mails[0].pos, remedy)


def _arguments(context: Context, node: PipelineNode) -> None:
    """Warn of one string with several arguments: no shell splits it."""
    for use in node.handlers:
        first = use.args[0] if use.args else None
        if first is None or not first.known or first.type != "string":
            continue
        text = first.constant
        if use.handler.name == "email" and re.search(r"@.*[,;].*@", text):
            parts = ", ".join(f"'{part.strip()}'" for part in re.split("[,;]", text))
            message = "one string holds several addresses: no mail server takes it"
            remedy = f"write a string for each: .email({parts})"
            context.report.warning("handler-argument", message, first.pos, remedy)
        if use.handler.name == "exec" and len(use.args) == 1 and " " in text.strip():
            program, _, rest = text.strip().partition(" ")
            message = "there is no program of this whole name, and no shell takes it apart"
            remedy = f"write each argument apart: .exec('{program}', '{rest.split()[0]}', ...)"
            context.report.warning("handler-argument", message, first.pos, remedy)


def _template(context: Context, node: PipelineNode, name: str) -> TemplateUses | None:
    value = node.value(name)
    if value is None or not value.known or value.type != "string":
        return None
    try:
        uses = context.read_template(value.constant, name == "details")
    except BmtickError as error:
        message = f"in .{name}(): {error.message}"
        position = _inside(context, value, error.location)
        remedy = _template_remedy(error.message) or error.remedy
        context.report.error("template", message, position, remedy)
        return None
    for wrong in sorted(uses.names - _NAMES[name]) if uses.exact else ():
        message = f".{name}() has no {{{{ .{wrong} }}}}: Kapacitor fails at every alert"
        remedy = _for_unknown(context.inflow(node), name, wrong)
        context.report.error("template", message, value.pos, remedy)
    _tags(context, node, uses, value)
    _fields(context, node, uses, value)
    return uses


def _for_unknown(flow: Flow, name: str, wrong: str) -> str:
    """Return the remedy for a name that a template reads and the alert does not have."""
    if wrong in (flow.groups or ()) or wrong in flow.tags:
        return f'write {{{{ index .Tags "{wrong}" }}}}'
    if wrong in flow.fields and "Fields" in _NAMES[name]:
        return f'write {{{{ index .Fields "{wrong}" }}}}'
    known = ", ".join(f".{n}" for n in sorted(_NAMES[name]))
    fields = 'a field is {{ index .Fields "NAME" }}, a tag {{ index .Tags "NAME" }}'
    return f"there are {known}; {fields}" if name != "id" else f"there are {known}"


def _template_remedy(message: str) -> str:
    """Return the remedy for an error of Go's template parser, where it is known."""
    if "unclosed action" in message or "unexpected {{end}}" in message:
        return (
            "close it with }}"
            if "unclosed action" in message
            else "each {{ if }} has one {{ end }}"
        )
    if found := re.search(r"function '?\"?(\w+)\"?'? not defined", message):
        return (
            f'write "{found[1]}" in double quotes for a tag or field; the functions are '
            "index, printf, print, len, html, js, urlquery, and, or, not, eq, ne, lt, le, gt, ge"
        )
    if "unexpected EOF" in message:
        return "each {{ if }}, {{ range }} and {{ with }} needs an {{ end }}"
    return ""


def _inside(context: Context, value: Value, at: Location | None) -> Position:
    """Return the position in a template if the script contains its text literally."""
    source = context.report.source
    written = f"'{value.constant}'"
    start = value.pos.offset + (2 if source.text.startswith("'''", value.pos.offset) else 0)
    if at is None or not source.text.startswith(written, start):
        return value.pos
    lines = value.constant.split("\n")[: max(0, at.line - 1)]
    before = sum(len(line) + 1 for line in lines)
    return source.position(start + 1 + before + max(0, at.column - 1))


def _tags(context: Context, node: PipelineNode, uses: TemplateUses, value: Value) -> None:
    flow = context.inflow(node)
    groups = flow.groups
    if groups is None:
        return
    for tag in dict.fromkeys(uses.tags):
        if tag not in groups and tag not in flow.added:
            message = f'the template reads the tag "{tag}", and the data is not grouped by it'
            remedy = f"add it: .groupBy({', '.join(repr(g) for g in sorted({*groups, tag}))})"
            context.report.warning("tag-not-grouped", message, value.pos, remedy)


def _fields(context: Context, node: PipelineNode, uses: TemplateUses, value: Value) -> None:
    flow = context.inflow(node)
    if flow.more_fields or node.name == "deadman":
        return
    for field in dict.fromkeys(uses.fields):
        if field not in flow.fields:
            message = f'the template reads the field "{field}", which does not come here'
            remedy = context.suggest(field, sorted(flow.fields))
            context.report.warning("unknown-field", message, value.pos, remedy)


def _id(context: Context, node: PipelineNode, uses: TemplateUses | None) -> None:
    groups = context.inflow(node).groups
    if uses is None or groups == frozenset() or "Group" in uses.names:
        return
    if groups is None and "Tags" in uses.names:
        return
    if groups and groups & set(uses.tags):
        return
    if context.inflow(node).added & set(uses.tags):  # computed, usually from a group's tag
        return
    value = node.value("id")
    shown = ", ".join(sorted(groups)) if groups else "the data's tags"
    message = f"all groups ({shown}) share this id, and so one alert state"
    tag = min(groups) if groups else "host"
    remedy = f'put a tag into it: {{{{ index .Tags "{tag}" }}}}, or {{{{ .Group }}}}'
    context.report.warning("id-collides", message, value.pos if value else node.pos, remedy)


def _check_addresses(context: Context) -> None:
    """Check the addresses of ``.post()`` and ``|httpPost()``."""
    for node in context.nodes:
        for address in _addresses(node):
            try:
                context.read_template(address.text(), False)
            except BmtickError as error:
                message = f"in the address: {error.message}"
                context.report.error("template", message, address.pos, error.remedy)


def _addresses(node: PipelineNode) -> Iterator[Value]:
    uses = [use for use in node.handlers if use.handler.name == "post"]
    for use in uses:
        yield from use.args[:1]
        yield from (arg for setting in use.uses("uRL") for arg in setting.args[:1])
    if node.name == "httpPost":
        yield from node.args[:1]
