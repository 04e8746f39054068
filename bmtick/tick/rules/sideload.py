"""Where ``|sideload()`` reads from."""

from __future__ import annotations

from bmtick.tick.context import Context

_WEB = ("http://", "https://")


def check(context: Context) -> None:
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
